//! Reading of a container as it was at one moment.

use std::sync::Arc;

use redb::{ReadTransaction, TableError};

use crate::base::error::{ErrorKind, Result};
use crate::engines::kit::container::{Container, Opened, Table, checked, fault};

/// A key with its value, or with what is wrong with the value.
pub type Row = (Vec<u8>, Result<Vec<u8>>);

/// A container at one moment.
#[derive(Clone)]
pub struct Snapshot {
    pub(super) transaction: Arc<ReadTransaction>,
    _database: Arc<Opened>,
    pub(super) container: Container,
    version: Option<u64>,
}

impl Snapshot {
    /// Keeps `database` open below a transaction, which could not read without it.
    pub(super) fn new(
        transaction: Arc<ReadTransaction>,
        database: Arc<Opened>,
        container: Container,
        version: Option<u64>,
    ) -> Self {
        Snapshot { transaction, _database: database, container, version }
    }

    /// Returns a number that snapshots of one open file share only when they show the same rows;
    /// `None` when something was written while this one was taken.
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// Returns a value.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged, or the file's own structure on the way to it; `Unavailable`
    /// when the disk refuses; likewise below.
    pub fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.read(|| {
            let Some(open) = self.table(table)? else { return Ok(None) };
            let value = open.get(key).map_err(fault)?;
            value.map(|value| checked(table, key, value.value())).transpose()
        })
    }

    /// Returns the rows from `from` up to but without `to` (`None`: to the end), in key order. A
    /// damaged value costs only its own row. Where the structure is damaged no later row is found,
    /// which a last row with an error and no key tells.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses; likewise below.
    pub fn scan(&self, table: &'static str, from: &[u8], to: Option<&[u8]>) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        self.each(table, from, to, |key, value| {
            rows.push((key.to_vec(), value));
            Ok(())
        })?;
        Ok(rows)
    }

    /// Returns the row with the greatest key from `from` to `to`, both included; a damaged one with
    /// the key `to` where the structure on the way to it is damaged.
    pub fn last_in(&self, table: &'static str, from: &[u8], to: &[u8]) -> Result<Option<Row>> {
        let found = self.read(|| {
            let Some(open) = self.table(table)? else { return Ok(None) };
            let row = open.range(from..=to).map_err(fault)?.next_back();
            let Some(row) = row else { return Ok(None) };
            let (key, value) = row.map_err(fault)?;
            Ok(Some((key.value().to_vec(), checked(table, key.value(), value.value()))))
        });
        match found {
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Some((to.to_vec(), Err(error)))),
            found => found,
        }
    }

    /// Shows every row of a table as [`Snapshot::scan`] does, without holding more than one.
    ///
    /// # Errors
    /// Those of `see` too, which end the round.
    pub fn visit(
        &self,
        table: &'static str,
        see: impl FnMut(&[u8], Result<Vec<u8>>) -> Result<()>,
    ) -> Result<()> {
        self.each(table, &[], None, see)
    }

    fn each(
        &self,
        table: &'static str,
        from: &[u8],
        to: Option<&[u8]>,
        mut see: impl FnMut(&[u8], Result<Vec<u8>>) -> Result<()>,
    ) -> Result<()> {
        let mut refused = None;
        let read = self.read(|| {
            let Some(open) = self.table(table)? else { return Ok(()) };
            let range = match to {
                Some(to) => open.range(from..to),
                None => open.range(from..),
            };
            for row in range.map_err(fault)? {
                let (key, value) = row.map_err(fault)?;
                let seen = see(key.value(), checked(table, key.value(), value.value()));
                if let Err(error) = seen {
                    refused = Some(error);
                    break;
                }
            }
            Ok(())
        });
        match (refused, read) {
            (Some(error), _) => Err(error),
            (None, Err(error)) if error.kind() == ErrorKind::Corrupt => see(&[], Err(error)),
            (None, read) => read,
        }
    }

    fn read<R>(&self, read: impl FnOnce() -> Result<R>) -> Result<R> {
        self.container.0.attempt(read)
    }

    fn table(
        &self,
        name: &'static str,
    ) -> Result<Option<redb::ReadOnlyTable<&'static [u8], &'static [u8]>>> {
        match self.transaction.open_table(Table::new(name)) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }
}
