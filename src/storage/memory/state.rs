//! Small state in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::base::error::{Error, ErrorKind, Result};
use crate::storage::state_store::{Precondition, StateOp, StateRow, StateStore};

type Table = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keeps state until the process ends.
#[derive(Debug, Default)]
pub struct MemoryStateStore {
    tables: Mutex<BTreeMap<&'static str, Table>>,
}

impl MemoryStateStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        MemoryStateStore::default()
    }
}

#[async_trait]
impl StateStore for MemoryStateStore {
    async fn transact(&self, conditions: Vec<Precondition>, ops: Vec<StateOp>) -> Result<()> {
        ops.iter().try_for_each(StateOp::check)?;
        let mut tables = self.tables.lock();
        for condition in &conditions {
            let found = tables.get(condition.table).and_then(|table| table.get(&condition.key));
            if found != condition.value.as_ref() {
                let text = format!("{}: the value was changed meanwhile", condition.table);
                return Err(Error::new(ErrorKind::Conflict, text));
            }
        }
        for op in ops {
            match op {
                StateOp::Put { table, key, value } => {
                    tables.entry(table).or_default().insert(key, value);
                }
                StateOp::Delete { table, key } => {
                    tables.entry(table).or_default().remove(&key);
                }
            }
        }
        Ok(())
    }

    async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.tables.lock().get(table).and_then(|table| table.get(key)).cloned())
    }

    async fn scan(
        &self,
        table: &'static str,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<StateRow>> {
        let tables = self.tables.lock();
        let Some(table) = tables.get(table) else { return Ok(Vec::new()) };
        let rows = table.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(rows.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::conformance::state::{Subject, run};

    struct Memory;

    #[async_trait]
    impl Subject for Memory {
        async fn empty(&self) -> Arc<dyn StateStore> {
            Arc::new(MemoryStateStore::new())
        }
    }

    #[tokio::test]
    async fn the_memory_store_keeps_every_promise_of_the_state_port() {
        run(&Memory).await;
    }
}
