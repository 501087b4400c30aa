//! redb behind bytes in, bytes out: named tables of values by key, every value with a checksum.
//!
//! In: few, large, packed values. Out: the same, or a named error for one damaged value while the
//! rest serves. A change is durable when it returns, and happens whole or not. Writing needs few
//! calls: a commit of 100 bytes writes 32 KiB.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    Builder, Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable,
    TableDefinition, TableError, WriteTransaction,
};

use crate::base::error::{Error, Result};

/// Values carry their CRC32C behind them.
const CRC_BYTES: usize = 4;
/// A value of this many bytes less than a power of two fills its page.
pub const PAGE_SLACK: usize = 40;

/// A key with its value, or with what is wrong with the value.
pub type Row = (Vec<u8>, Result<Vec<u8>>);

type Table<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// One open file.
#[derive(Clone)]
pub struct Container {
    database: Arc<Database>,
    path: Arc<PathBuf>,
}

impl Container {
    /// Opens a file, making it when it is missing. `cache_bytes` bounds redb's own page cache. A new
    /// file's name is durable when this returns, so that the log may let go of what is written here.
    ///
    /// # Errors
    /// `Corrupt` when the file is no container, `Unavailable` when it cannot be opened.
    pub fn open(path: &Path, cache_bytes: usize) -> Result<Self> {
        let is_new = !path.exists();
        let opened = Builder::new().set_cache_size(cache_bytes).create(path);
        let database = opened.map_err(|error| {
            let text = format!("{}: {error}", path.display());
            match error {
                redb::DatabaseError::Storage(redb::StorageError::Io(cause))
                    // So redb calls a file that does not start as one of its own.
                    if cause.kind() != std::io::ErrorKind::InvalidData =>
                {
                    Error::internal(text)
                }
                _ => Error::corrupt(text),
            }
        })?;
        if let Some(directory) = path.parent().filter(|_| is_new) {
            std::fs::File::open(directory)?.sync_all()?;
        }
        Ok(Container { database: Arc::new(database), path: Arc::new(path.to_owned()) })
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the container as it is now; later changes do not show in it.
    ///
    /// # Errors
    /// `Internal` from redb; likewise below.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let transaction = self.database.begin_read().map_err(internal)?;
        Ok(Snapshot { transaction: Arc::new(transaction) })
    }

    /// Runs `edit` in one transaction that is durable when this returns. When `edit` fails nothing
    /// happens.
    ///
    /// # Errors
    /// Those of `edit`; `Internal` from redb.
    pub fn write<R>(&self, edit: impl FnOnce(&mut Change<'_>) -> Result<R>) -> Result<R> {
        let mut transaction = self.database.begin_write().map_err(internal)?;
        transaction.set_durability(Durability::Immediate).map_err(internal)?;
        // The allocator's state goes with every commit, so that no open walks the whole file.
        transaction.set_quick_repair(true);
        let outcome = edit(&mut Change { transaction: &transaction })?;
        transaction.commit().map_err(internal)?;
        Ok(outcome)
    }
}

/// A container at one moment.
#[derive(Clone)]
pub struct Snapshot {
    transaction: Arc<ReadTransaction>,
}

impl Snapshot {
    /// Returns a value.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged; `Internal` from redb; likewise below.
    pub fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(open) = self.table(table)? else { return Ok(None) };
        let value = open.get(key).map_err(internal)?;
        value.map(|value| checked(table, key, value.value())).transpose()
    }

    /// Returns the rows from `from` up to but without `to` (`None`: to the end), in key order. A
    /// damaged value costs only its own row.
    pub fn scan(&self, table: &'static str, from: &[u8], to: Option<&[u8]>) -> Result<Vec<Row>> {
        let Some(open) = self.table(table)? else { return Ok(Vec::new()) };
        let range = match to {
            Some(to) => open.range(from..to),
            None => open.range(from..),
        };
        let mut rows = Vec::new();
        for row in range.map_err(internal)? {
            let (key, value) = row.map_err(internal)?;
            rows.push((key.value().to_vec(), checked(table, key.value(), value.value())));
        }
        Ok(rows)
    }

    /// Returns the row with the greatest key from `from` to `to`, both included.
    pub fn last_in(&self, table: &'static str, from: &[u8], to: &[u8]) -> Result<Option<Row>> {
        let Some(open) = self.table(table)? else { return Ok(None) };
        let row = open.range(from..=to).map_err(internal)?.next_back();
        let Some(row) = row else { return Ok(None) };
        let (key, value) = row.map_err(internal)?;
        Ok(Some((key.value().to_vec(), checked(table, key.value(), value.value()))))
    }

    fn table(
        &self,
        name: &'static str,
    ) -> Result<Option<redb::ReadOnlyTable<&'static [u8], &'static [u8]>>> {
        match self.transaction.open_table(Table::new(name)) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(internal(error)),
        }
    }
}

/// A change that has not happened yet.
pub struct Change<'a> {
    transaction: &'a WriteTransaction,
}

impl Change<'_> {
    /// Sets a value.
    ///
    /// # Errors
    /// `Internal` from redb; likewise below.
    pub fn put(&mut self, table: &'static str, key: &[u8], value: &[u8]) -> Result<()> {
        let mut stored = Vec::with_capacity(value.len() + CRC_BYTES);
        stored.extend_from_slice(value);
        stored.extend_from_slice(&crc32c::crc32c(value).to_le_bytes());
        let mut open = self.transaction.open_table(Table::new(table)).map_err(internal)?;
        open.insert(key, stored.as_slice()).map_err(internal)?;
        Ok(())
    }

    /// Removes a key; a missing one is fine.
    pub fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<()> {
        let mut open = self.transaction.open_table(Table::new(table)).map_err(internal)?;
        open.remove(key).map_err(internal)?;
        Ok(())
    }

    /// Returns a value as this change has it.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged; `Internal` from redb.
    pub fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let open = self.transaction.open_table(Table::new(table)).map_err(internal)?;
        let value = open.get(key).map_err(internal)?;
        value.map(|value| checked(table, key, value.value())).transpose()
    }
}

fn checked(table: &str, key: &[u8], stored: &[u8]) -> Result<Vec<u8>> {
    let damaged = || {
        let key: String = key.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
        Error::corrupt(format!("the value of {table}/{key} is damaged"))
    };
    let (value, crc) = stored.split_last_chunk::<CRC_BYTES>().ok_or_else(damaged)?;
    if crc32c::crc32c(value) != u32::from_le_bytes(*crc) {
        return Err(damaged());
    }
    Ok(value.to_vec())
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("container: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn values_come_back_in_key_order_and_a_failed_change_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let container = Container::open(&dir.path().join("a.redb"), 1 << 20).unwrap();
        let before = container.snapshot().unwrap();
        container
            .write(|change| {
                change.put("t", b"b", b"2")?;
                change.put("t", b"a", b"1")?;
                change.put("t", b"c", b"3")
            })
            .unwrap();
        let failed: Result<()> = container.write(|change| {
            change.delete("t", b"a")?;
            Err(Error::invalid("no"))
        });
        assert!(failed.is_err());
        assert_eq!(before.get("t", b"a").unwrap(), None);
        let now = container.snapshot().unwrap();
        let rows = now.scan("t", b"a", Some(b"c")).unwrap();
        assert_eq!(
            rows,
            vec![(b"a".to_vec(), Ok(b"1".to_vec())), (b"b".to_vec(), Ok(b"2".to_vec()))]
        );
        let last = now.last_in("t", b"a", b"bz").unwrap().unwrap();
        assert_eq!(last, (b"b".to_vec(), Ok(b"2".to_vec())));
        assert_eq!(now.scan("none", b"", None).unwrap(), vec![]);
    }

    #[test]
    fn a_damaged_value_is_named_and_its_neighbours_serve() {
        let good = {
            let mut stored = b"value".to_vec();
            stored.extend_from_slice(&crc32c::crc32c(b"value").to_le_bytes());
            stored
        };
        assert_eq!(checked("t", b"k", &good), Ok(b"value".to_vec()));
        let mut bad = good.clone();
        bad[0] ^= 1;
        assert!(checked("t", b"k", &bad).unwrap_err().message().contains("t/6b"));
        assert!(checked("t", b"k", b"x").is_err());
    }

    #[test]
    fn values_just_under_a_page_waste_little() {
        let dir = tempfile::tempdir().unwrap();
        for page in [8 << 10, 32 << 10] {
            let path = dir.path().join(format!("{page}.redb"));
            let container = Container::open(&path, 4 << 20).unwrap();
            let value = vec![7; page - PAGE_SLACK - CRC_BYTES];
            let count = (16 << 20) / page;
            container
                .write(|change| {
                    (0..count as u64)
                        .try_for_each(|number| change.put("t", &number.to_be_bytes(), &value))
                })
                .unwrap();
            let allocated = std::fs::metadata(&path).unwrap().blocks() * 512;
            let payload = (count * value.len()) as u64;
            let overhead = allocated as f64 / payload as f64 - 1.0;
            assert!(overhead < 0.06, "page {page}: {:.1} % overhead", overhead * 100.0);
        }
    }
}
