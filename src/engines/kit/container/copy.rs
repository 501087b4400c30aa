//! A copy of a container at one moment.

use std::path::Path;

use redb::{Durability, TableDefinition, TableHandle};

use crate::base::error::Result;
use crate::engines::kit::container::{Snapshot, fault, guarded, open_database};

impl Snapshot {
    /// Copies all tables into the new file `to`; damaged values stay damaged. Durable when this
    /// returns.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses, `Corrupt` when the file's own structure is damaged.
    pub fn copy_to(&self, to: &Path, cache_bytes: usize) -> Result<()> {
        let copy = open_database(self.container.0.disk.as_ref(), to, cache_bytes)?;
        guarded(|| {
            let mut change = copy.redb()?.begin_write().map_err(fault)?;
            change.set_durability(Durability::Immediate).map_err(fault)?;
            change.set_quick_repair(true);
            for handle in self.transaction.list_tables().map_err(fault)? {
                let table = TableDefinition::<&[u8], &[u8]>::new(handle.name());
                let from = self.transaction.open_table(table).map_err(fault)?;
                let mut into = change.open_table(table).map_err(fault)?;
                for row in from.range::<&[u8]>(..).map_err(fault)? {
                    let (key, value) = row.map_err(fault)?;
                    into.insert(key.value(), value.value()).map_err(fault)?;
                }
            }
            change.commit().map_err(fault)
        })
    }
}
