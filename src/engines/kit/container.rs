//! redb behind bytes in, bytes out: named tables of values by key, every value with a checksum.
//!
//! In: few, large, packed values. Out: the same, or a named error for one damaged value while the
//! rest serves. A change is durable when it returns, and happens whole or not. Writing needs few
//! calls: a commit of 100 bytes writes 32 KiB.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use redb::{
    Builder, Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageError,
    TableDefinition, WriteTransaction,
};

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::backend::Backend;
use crate::engines::kit::disk::{Disk, DiskFile};

mod copy;
mod snapshot;

pub use snapshot::{Row, Snapshot};

/// Values carry behind them the CRC32C of key and value.
pub(super) const CRC_BYTES: usize = 4;
/// A value of this many bytes less than a power of two fills its page.
pub const PAGE_SLACK: usize = 40;
/// What is said where redb cannot find its way.
const DAMAGED: &str = "the structure of the file is damaged";
/// Stands behind the name of a file that is not whole yet.
const UNFINISHED: &str = ".unfinished";
/// Page cache of an empty file.
const SMALL_CACHE_BYTES: usize = 64 << 10;
/// How long a caller whom the disk refused should wait.
const RETRY: Duration = Duration::from_secs(5);

type Table<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// One open file. Cloning is cheap and shares it.
///
/// After an error of the disk the file is opened anew for the next caller, once no reader has the
/// old handle any more: what was acknowledged is in the log, and redb goes back to its last commit.
#[derive(Clone)]
pub struct Container(Arc<Inner>);

struct Inner {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    cache_bytes: usize,
    handle: RwLock<Handle>,
    /// Commits that began, and that ended well or badly.
    begun: AtomicU64,
    ended: AtomicU64,
}

struct Handle {
    /// `None` after an error, until the file could be opened again.
    database: Option<Arc<Opened>>,
    /// Whether the disk refused something, from which a handle of redb does not recover.
    is_broken: bool,
}

impl Container {
    /// Opens a file, making it when it is missing. `cache_bytes` bounds redb's own page cache. A new
    /// file's name is durable when this returns, so that the log may let go of what is written here.
    ///
    /// # Errors
    /// `Corrupt` when the file is no container, `Unavailable` when the disk refuses, `Conflict` when
    /// somebody else has the file.
    pub fn open(disk: &Arc<dyn Disk>, path: &Path, cache_bytes: usize) -> Result<Self> {
        Self::open_before_rename(disk, path, path, cache_bytes)
    }

    /// Opens the file that is at `now` and that the caller renames to `path`: if the disk refuses
    /// the open, nothing has taken the place of what is at `path`.
    ///
    /// # Errors
    /// Those of [`Container::open`].
    pub fn open_before_rename(
        disk: &Arc<dyn Disk>,
        now: &Path,
        path: &Path,
        cache_bytes: usize,
    ) -> Result<Self> {
        let database = Some(open_database(disk.as_ref(), now, cache_bytes)?);
        let handle = RwLock::new(Handle { database, is_broken: false });
        let (disk, path) = (Arc::clone(disk), path.to_owned());
        let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Container(Arc::new(Inner { disk, path, cache_bytes, handle, begun, ended })))
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns the container as it is now; later changes do not show in it.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses, `Corrupt` when the file's own structure is damaged;
    /// likewise below.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let database = self.0.database()?;
        let ended = self.0.ended.load(Ordering::Acquire);
        let transaction =
            Arc::new(self.0.attempt(|| database.redb()?.begin_read().map_err(fault))?);
        // Whoever commits says so before and after. As many begun now as had ended before means that
        // there was no commit meanwhile.
        let version = Some(ended).filter(|ended| self.0.begun.load(Ordering::Acquire) == *ended);
        Ok(Snapshot::new(transaction, database, self.clone(), version))
    }

    /// Runs `edit` in one transaction that is durable when this returns. When `edit` fails nothing
    /// happens.
    ///
    /// # Errors
    /// Those of `edit` and of the disk.
    pub fn write<R>(&self, edit: impl FnOnce(&mut Change<'_>) -> Result<R>) -> Result<R> {
        let database = self.0.database()?;
        self.0.attempt(|| {
            let mut transaction = database.redb()?.begin_write().map_err(fault)?;
            transaction.set_durability(Durability::Immediate).map_err(fault)?;
            // The allocator's state goes with every commit, so that no open walks the whole file.
            transaction.set_quick_repair(true);
            let outcome = edit(&mut Change { transaction: &transaction })?;
            self.0.begun.fetch_add(1, Ordering::AcqRel);
            let committed = transaction.commit().map_err(fault);
            self.0.ended.fetch_add(1, Ordering::AcqRel);
            committed.map(|()| outcome)
        })
    }
}

impl Inner {
    /// Returns the open file, opened again when the disk refused something before.
    fn database(&self) -> Result<Arc<Opened>> {
        {
            let handle = self.handle.read();
            if let Some(database) = handle.database.as_ref().filter(|_| !handle.is_broken) {
                return Ok(Arc::clone(database));
            }
        }
        let mut handle = self.handle.write();
        if handle.is_broken {
            // Two handles of one file would write over what the readers of the first one read.
            if handle.database.as_ref().is_some_and(|database| Arc::strong_count(database) > 1) {
                let text = "an error of the disk closed the file, and somebody still reads it";
                return Err(Error::unavailable(text, RETRY).context(self.path.display()));
            }
            handle.database = None;
            handle.is_broken = false;
        }
        if let Some(database) = &handle.database {
            return Ok(Arc::clone(database));
        }
        let database = open_database(self.disk.as_ref(), &self.path, self.cache_bytes)?;
        tracing::info!(path = %self.path.display(), "opened again after an error of the disk");
        handle.database = Some(Arc::clone(&database));
        Ok(database)
    }

    /// Does something with redb, and remembers when the handle is of no use any more: because the disk
    /// refused, or because redb panicked on damage and left its locks poisoned.
    fn attempt<R>(&self, work: impl FnOnce() -> Result<R>) -> Result<R> {
        let (outcome, panicked) = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(outcome) => (outcome, false),
            Err(_) => (Err(Error::corrupt(DAMAGED)), true),
        };
        let refused = |error: &Error| error.kind() == ErrorKind::Unavailable;
        if panicked || outcome.as_ref().err().is_some_and(refused) {
            self.handle.write().is_broken = true;
        }
        outcome
    }
}

/// redb's handle, whose closing panics on some damage.
struct Opened(Option<Database>);

impl Opened {
    fn redb(&self) -> Result<&Database> {
        self.0.as_ref().ok_or_else(|| Error::internal("a container is closed"))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let redb = self.0.take();
        // What was written is durable since its commit.
        let _ = guarded(|| {
            drop(redb);
            Ok(())
        });
    }
}

fn open_database(disk: &dyn Disk, path: &Path, cache_bytes: usize) -> Result<Arc<Opened>> {
    let named = |error: Error| error.context(path.display());
    let file = match disk.open(path, false) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            make(disk, path).map_err(named)?;
            disk.open(path, false)
        }
        file => file,
    };
    let file = file.map_err(|error| named(refused(error)))?;
    redb_of(file, cache_bytes).map(|redb| Arc::new(Opened(Some(redb)))).map_err(named)
}

/// Makes an empty file, which gets its name when it is whole: a file that the disk refused half way
/// would be no container, and in everybody's way.
fn make(disk: &dyn Disk, path: &Path) -> Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(UNFINISHED);
    let new = Path::new(&new);
    match disk.remove(new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    let file = disk.open(new, true).map_err(refused)?;
    drop(redb_of(Arc::clone(&file), SMALL_CACHE_BYTES)?);
    file.sync_data().map_err(refused)?;
    disk.rename(new, path).map_err(refused)?;
    path.parent().map_or(Ok(()), |directory| disk.sync_dir(directory)).map_err(refused)
}

/// Opens redb on an open file.
pub(super) fn redb_of(file: Arc<dyn DiskFile>, cache_bytes: usize) -> Result<Database> {
    guarded(|| {
        let backend = Backend::new(file);
        Builder::new().set_cache_size(cache_bytes).create_with_backend(backend).map_err(unopened)
    })
}

/// A change that has not happened yet.
pub struct Change<'a> {
    pub(super) transaction: &'a WriteTransaction,
}

impl Change<'_> {
    /// Sets a value.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses, `Corrupt` when the file's own structure is damaged;
    /// likewise below.
    pub fn put(&mut self, table: &'static str, key: &[u8], value: &[u8]) -> Result<()> {
        let stored = stored(key, value);
        let mut open = self.transaction.open_table(Table::new(table)).map_err(fault)?;
        open.insert(key, stored.as_slice()).map_err(fault)?;
        Ok(())
    }

    /// Sets many values whose keys rise and follow every key of the table, in half the time.
    pub fn load<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        table: &'static str,
        rows: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        let mut open = self.transaction.open_table(Table::new(table)).map_err(fault)?;
        let mut end = open.upper_bound_mut(Bound::<&[u8]>::Unbounded).map_err(fault)?;
        for (key, value) in rows {
            let (key, value) = (key.as_ref(), value.as_ref());
            end.insert_before(key, stored(key, value).as_slice()).map_err(fault)?;
        }
        end.close().map_err(fault)
    }

    /// Removes a key; a missing one is fine.
    pub fn delete(&mut self, table: &'static str, key: &[u8]) -> Result<()> {
        let mut open = self.transaction.open_table(Table::new(table)).map_err(fault)?;
        open.remove(key).map_err(fault)?;
        Ok(())
    }

    /// Returns a value as this change has it.
    ///
    /// # Errors
    /// `Corrupt` also when the value is damaged.
    pub fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let open = self.transaction.open_table(Table::new(table)).map_err(fault)?;
        let value = open.get(key).map_err(fault)?;
        value.map(|value| checked(table, key, value.value())).transpose()
    }
}

fn stored(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(value.len() + CRC_BYTES);
    stored.extend_from_slice(value);
    stored.extend_from_slice(&checksum(key, value).to_le_bytes());
    stored
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), value)
}

fn checked(table: &str, key: &[u8], stored: &[u8]) -> Result<Vec<u8>> {
    let damaged = || {
        let key: String = key.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
        Error::corrupt(format!("the value of {table}/{key} is damaged"))
    };
    let (value, crc) = stored.split_last_chunk::<CRC_BYTES>().ok_or_else(damaged)?;
    if checksum(key, value) != u32::from_le_bytes(*crc) {
        return Err(damaged());
    }
    Ok(value.to_vec())
}

/// redb panics on some damage of its own structure; for us that is damage like any other.
pub(super) fn guarded<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::corrupt(DAMAGED)))
}

pub(super) fn refused(error: std::io::Error) -> Error {
    Error::unavailable(error.to_string(), RETRY)
}

/// Says whose fault an error of redb is: the bytes' or the disk's.
pub(super) fn fault(error: impl Into<redb::Error>) -> Error {
    match error.into() {
        redb::Error::Corrupted(text) => Error::corrupt(text),
        redb::Error::TableTypeMismatch { table, .. } | redb::Error::TableIsMultimap(table) => {
            Error::corrupt(format!("table {table} is of another type"))
        }
        redb::Error::Io(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::corrupt("the file ends too early")
        }
        // A panic before this poisoned it, and redb panics on damage only.
        redb::Error::LockPoisoned(_) => Error::corrupt(DAMAGED),
        error @ (redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed) => {
            Error::unavailable(error.to_string(), RETRY)
        }
        error => Error::internal(format!("container: {error}")),
    }
}

/// The same at an open, where redb also says in other ways that a file is none of its own.
fn unopened(error: DatabaseError) -> Error {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            Error::new(ErrorKind::Conflict, "somebody else has the file open")
        }
        DatabaseError::UpgradeRequired(version) => {
            Error::unsupported(format!("a container of format version {version}"))
        }
        DatabaseError::Storage(StorageError::Io(cause))
            // So redb calls a file that does not start as one of its own.
            if cause.kind() == std::io::ErrorKind::InvalidData =>
        {
            Error::corrupt(cause.to_string())
        }
        DatabaseError::RepairAborted => Error::corrupt("the file cannot be repaired"),
        error => fault(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::kit::disk::RealDisk;
    use crate::engines::kit::faulty_disk::FaultyDisk;

    fn real() -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }

    #[test]
    fn values_come_back_in_key_order_and_a_failed_change_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let container = Container::open(&real(), &dir.path().join("a.redb"), 1 << 20).unwrap();
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
        let version = || container.snapshot().unwrap().version();
        assert!(version().is_some() && version() == version() && version() != before.version());
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
    fn after_an_error_of_the_disk_the_next_caller_finds_the_last_commit_and_goes_on() {
        for once in [true, false] {
            for after in 1..40 {
                let disk = FaultyDisk::default();
                let shared: Arc<dyn Disk> = Arc::new(disk.clone());
                let container = Container::open(&shared, Path::new("/c.redb"), 1 << 20).unwrap();
                container.write(|change| change.put("t", b"a", b"1")).unwrap();
                let reader = container.snapshot().unwrap();
                match once {
                    true => disk.fail_once(after, std::io::ErrorKind::StorageFull),
                    false => disk.fail_after(after, std::io::ErrorKind::Other),
                }
                let value = vec![7; 50_000];
                let written = container.write(|change| change.put("t", b"b", &value));
                disk.heal();
                drop(reader);
                if let Err(error) = &written {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{after}: {error}");
                }
                let now = container.snapshot().unwrap();
                assert_eq!(now.get("t", b"a"), Ok(Some(b"1".to_vec())), "operation {after}");
                let found = now.get("t", b"b").unwrap();
                // A commit whose last sync failed may still have happened, whole.
                assert!(found.is_none_or(|found| found == value));
                assert!(written.is_err() || now.get("t", b"b").unwrap().is_some());
                drop(now);
                container.write(|change| change.put("t", b"c", b"3")).unwrap();
                assert_eq!(container.snapshot().unwrap().get("t", b"c"), Ok(Some(b"3".to_vec())));
            }
        }
    }

    #[test]
    fn a_reader_goes_on_when_everybody_else_let_go_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let container = Container::open(&real(), &path, 1 << 20).unwrap();
        container.write(|change| change.put("t", b"a", &[1; 50_000])).unwrap();
        let reader = container.snapshot().unwrap();
        drop(container);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(reader.get("t", b"a").unwrap().map(|value| value.len()), Some(50_000));
    }

    #[test]
    fn a_file_belongs_to_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let first = Container::open(&real(), &path, 1 << 20).unwrap();
        let second = Container::open(&real(), &path, 1 << 20).err().unwrap();
        assert_eq!(second.kind(), ErrorKind::Conflict);
        drop(first);
        assert!(Container::open(&real(), &path, 1 << 20).is_ok());
    }

    #[test]
    fn a_damaged_value_is_named_and_its_neighbours_serve() {
        let good = {
            let mut stored = b"value".to_vec();
            stored.extend_from_slice(&checksum(b"k", b"value").to_le_bytes());
            stored
        };
        assert_eq!(checked("t", b"k", &good), Ok(b"value".to_vec()));
        let mut bad = good.clone();
        bad[0] ^= 1;
        assert!(checked("t", b"k", &bad).unwrap_err().message().contains("t/6b"));
        assert!(checked("t", b"k", b"x").is_err());
        assert!(checked("t", b"j", &good).is_err(), "a value belongs to its key");
    }
}
