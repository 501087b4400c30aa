//! Logs in two maps: records by place, places by index and id.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use parking_lot::RwLock;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::batch::{LogBatch, LogOp};
use crate::model::cut::Cut;
use crate::model::log::LogRecord;
use crate::model::log_filter::LogField;
use crate::model::reject::RejectReason;
use crate::model::time::{Day, TimestampNs};
use crate::storage::lifecycle::{Dropped, Lifecycle, RetentionLimits};
use crate::storage::log_eval::CompiledFilter;
use crate::storage::log_fields::FieldTypes;
use crate::storage::log_store::{
    Direction, FieldType, IndexSummary, LogHit, LogOutcome, LogPage, LogPosition, LogReceipt,
    LogSearch, LogSelect, LogStore, LogVisitor, index_matches,
};

/// A [`LogStore`] that keeps everything in memory until the process ends or retention drops it.
#[derive(Default)]
pub struct MemoryLogStore {
    state: RwLock<State>,
}

impl MemoryLogStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        MemoryLogStore::default()
    }

    fn hits(&self, select: &LogSelect) -> Result<Vec<LogHit>> {
        let filter = CompiledFilter::new(&select.filter)?;
        let state = self.state.read();
        state.check_open()?;
        let chosen = |hit: &&LogHit| {
            select.range.contains(hit.position.timestamp)
                && index_matches(&select.indices, &hit.record.index)
                && filter.matches(&hit.record)
        };
        Ok(state.records.values().filter(chosen).cloned().collect())
    }
}

#[derive(Default)]
struct State {
    closed: bool,
    sequence: u64,
    records: BTreeMap<LogPosition, LogHit>,
    places: HashMap<(String, String), LogPosition>,
}

impl State {
    fn check_open(&self) -> Result<()> {
        if self.closed {
            return Err(Error::new(ErrorKind::Unavailable, "the log store is closed"));
        }
        Ok(())
    }

    fn apply(&mut self, op: LogOp) -> std::result::Result<LogOutcome, (RejectReason, String)> {
        match op {
            LogOp::Put { record, replace } => self.put(*record, replace),
            LogOp::Delete { index, id } => {
                let Some(old) = self.places.remove(&(index, id.clone())) else {
                    let message = format!("{id}: there is no such document");
                    return Err((RejectReason::Missing, message));
                };
                let version = self.records.remove(&old).map_or(1, |hit| hit.version + 1);
                self.sequence += 1;
                Ok(LogOutcome::Deleted(self.sequence, version))
            }
        }
    }

    fn put(
        &mut self,
        record: LogRecord,
        replace: bool,
    ) -> std::result::Result<LogOutcome, (RejectReason, String)> {
        let key = (record.index.clone(), record.id.clone());
        let old = self.places.get(&key).copied();
        if old.is_some() && !replace {
            let message = format!("{}: the document exists already", record.id);
            return Err((RejectReason::Conflict, message));
        }
        self.sequence += 1;
        let position = LogPosition { timestamp: record.timestamp, sequence: self.sequence };
        let replaced = old.and_then(|old| self.records.remove(&old));
        let version = replaced.map_or(1, |hit| hit.version + 1);
        self.records.insert(position, LogHit { position, version, record });
        self.places.insert(key, position);
        Ok(match version {
            1 => LogOutcome::Created(self.sequence),
            version => LogOutcome::Updated(self.sequence, version),
        })
    }
}

#[async_trait]
impl LogStore for MemoryLogStore {
    async fn append(&self, batch: LogBatch) -> Result<LogReceipt> {
        let mut state = self.state.write();
        state.check_open()?;
        let mut answer = LogReceipt::default();
        for (index, op) in batch.ops.into_iter().enumerate() {
            answer.outcomes.push(match state.apply(op) {
                Ok(outcome) => {
                    answer.receipt.accepted += 1;
                    outcome
                }
                Err((reason, message)) => {
                    answer.receipt.reject(index, 1, reason, message);
                    LogOutcome::Rejected
                }
            });
        }
        Ok(answer)
    }

    async fn search(&self, search: LogSearch) -> Result<LogPage> {
        let mut hits = self.hits(&search.select)?;
        let total = hits.len() as u64;
        if search.direction == Direction::Backward {
            hits.reverse();
        }
        if let Some(after) = search.after {
            hits.retain(|hit| match search.direction {
                Direction::Forward => hit.position > after,
                Direction::Backward => hit.position < after,
            });
        }
        hits.truncate(search.limit);
        Ok(LogPage { hits, total, warnings: Vec::new() })
    }

    async fn count(&self, select: LogSelect) -> Result<u64> {
        Ok(self.hits(&select)?.len() as u64)
    }

    async fn scan(
        &self,
        select: LogSelect,
        fields: Vec<LogField>,
        mut visitor: Box<dyn LogVisitor>,
    ) -> Result<Box<dyn LogVisitor>> {
        for hit in self.hits(&select)? {
            let values: Vec<_> = fields.iter().map(|field| field.value_of(&hit.record)).collect();
            if !visitor.visit(hit.position, &values) {
                break;
            }
        }
        Ok(visitor)
    }

    async fn get(&self, index: &str, id: &str) -> Result<Option<LogHit>> {
        let state = self.state.read();
        state.check_open()?;
        let place = state.places.get(&(index.to_owned(), id.to_owned()));
        Ok(place.and_then(|place| state.records.get(place)).cloned())
    }

    async fn fields(&self, indices: &[String]) -> Result<Cut<FieldType>> {
        let state = self.state.read();
        state.check_open()?;
        let mut types = FieldTypes::default();
        for hit in state.records.values() {
            if index_matches(indices, &hit.record.index) {
                types.add_record(&hit.record);
            }
        }
        Ok(types.finish())
    }

    async fn indices(&self) -> Result<Vec<IndexSummary>> {
        let state = self.state.read();
        state.check_open()?;
        let mut counts = BTreeMap::<&str, u64>::new();
        for hit in state.records.values() {
            *counts.entry(&hit.record.index).or_default() += 1;
        }
        let summary =
            |(name, records): (&str, u64)| IndexSummary { name: name.to_owned(), records };
        Ok(counts.into_iter().map(summary).collect())
    }
}

#[async_trait]
impl Lifecycle for MemoryLogStore {
    async fn flush(&self) -> Result<()> {
        self.state.read().check_open()
    }

    async fn enforce_retention(&self, limits: RetentionLimits) -> Result<Dropped> {
        let mut state = self.state.write();
        state.check_open()?;
        let Some(live) = state.records.keys().next_back().map(|place| Day::of_ns(place.timestamp))
        else {
            return Ok(Dropped::default());
        };
        let outlived = |at: TimestampNs| {
            let day = Day::of_ns(at);
            day < live && day.range_ms().end.0 < limits.oldest_ns.div_euclid(1_000_000)
        };
        let gone = state.records.keys().map(|place| place.timestamp).filter(|at| outlived(*at));
        let days: BTreeSet<Day> = gone.map(Day::of_ns).collect();
        state.records.retain(|place, _| !outlived(place.timestamp));
        state.places.retain(|_, place| !outlived(place.timestamp));
        Ok(Dropped { partitions: days.iter().map(Day::to_string).collect(), bytes: 0 })
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    async fn close(&self) -> Result<()> {
        self.state.write().closed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::conformance::log::{self, Subject};

    struct Memory;

    #[async_trait]
    impl Subject for Memory {
        async fn empty(&self) -> Arc<dyn LogStore> {
            Arc::new(MemoryLogStore::new())
        }
    }

    #[tokio::test]
    async fn the_memory_store_keeps_the_contract() {
        log::run(&Memory).await;
    }
}
