//! Logs in a map by position, with an index by id.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use parking_lot::RwLock;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::batch::{LogBatch, LogOp};
use crate::model::cut::Cut;
use crate::model::log::LogRecord;
use crate::model::log_filter::LogField;
use crate::model::log_query::{
    Direction, FieldKind, FieldType, IndexSummary, LogHit, LogOutcome, LogPage, LogPosition,
    LogReceipt, LogSearch, LogSelect, index_matches,
};
use crate::model::reject::RejectReason;
use crate::model::resource::AttrValue;
use crate::model::time::{Day, TimestampNs};
use crate::storage::lifecycle::{Dropped, Lifecycle, RetentionLimits};
use crate::storage::log_store::{LogStore, LogVisitor};
use crate::storage::memory::log_match::LogMatcher;

/// A [`LogStore`] that keeps everything in memory until the process ends or retention drops it.
#[derive(Default)]
pub struct MemoryLogStore {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    sequence: u64,
    records: BTreeMap<LogPosition, Stored>,
    ids: HashMap<(String, String), LogPosition>,
}

struct Stored {
    version: u64,
    record: LogRecord,
}

impl MemoryLogStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        MemoryLogStore::default()
    }

    fn read<T>(&self, answer: impl FnOnce(&State) -> T) -> Result<T> {
        let state = self.state.read();
        if state.closed { Err(closed()) } else { Ok(answer(&state)) }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Unavailable, "the log store is closed")
}

impl State {
    fn put(&mut self, record: LogRecord, replace: bool) -> std::result::Result<LogOutcome, String> {
        let key = (record.index.clone(), record.id.clone());
        let known = self.ids.get(&key).copied();
        if known.is_some() && !replace {
            return Err(format!("[{}]: version conflict, document already exists", record.id));
        }
        self.sequence += 1;
        let sequence = self.sequence;
        let older = known.and_then(|position| self.records.remove(&position));
        let version = older.map_or(1, |stored| stored.version + 1);
        let position = LogPosition { timestamp: record.timestamp, sequence };
        self.ids.insert(key, position);
        self.records.insert(position, Stored { version, record });
        Ok(match version {
            1 => LogOutcome::Created(sequence),
            version => LogOutcome::Updated(sequence, version),
        })
    }

    fn delete(&mut self, index: String, id: String) -> Option<LogOutcome> {
        let position = self.ids.remove(&(index, id))?;
        let removed = self.records.remove(&position)?;
        self.sequence += 1;
        Some(LogOutcome::Deleted(self.sequence, removed.version + 1))
    }

    fn matching<'a>(
        &'a self,
        select: &'a LogSelect,
        matcher: &'a LogMatcher,
    ) -> impl DoubleEndedIterator<Item = (&'a LogPosition, &'a Stored)> {
        let range = select.range;
        let first = LogPosition { timestamp: range.start, sequence: 0 };
        let last = LogPosition { timestamp: range.end, sequence: u64::MAX };
        let all = (first <= last).then(|| self.records.range(first..=last));
        all.into_iter().flatten().filter(move |(_, stored)| {
            index_matches(&select.indices, &stored.record.index) && matcher.matches(&stored.record)
        })
    }
}

fn hit(position: LogPosition, stored: &Stored) -> LogHit {
    LogHit { position, version: stored.version, record: stored.record.clone() }
}

#[async_trait]
impl LogStore for MemoryLogStore {
    async fn append(&self, batch: LogBatch) -> Result<LogReceipt> {
        let mut state = self.state.write();
        if state.closed {
            return Err(closed());
        }
        let mut receipt = LogReceipt::default();
        for (index, op) in batch.ops.into_iter().enumerate() {
            let (reason, done) = match op {
                LogOp::Put { record, replace } => {
                    (RejectReason::Conflict, state.put(*record, replace))
                }
                LogOp::Delete { index, id } => {
                    let missing = format!("[{id}]: not found");
                    (RejectReason::Missing, state.delete(index, id).ok_or(missing))
                }
            };
            match done {
                Ok(outcome) => {
                    receipt.receipt.accepted += 1;
                    receipt.outcomes.push(outcome);
                }
                Err(message) => {
                    receipt.receipt.reject(index, 1, reason, message);
                    receipt.outcomes.push(LogOutcome::Rejected);
                }
            }
        }
        Ok(receipt)
    }

    async fn search(&self, search: LogSearch) -> Result<LogPage> {
        let matcher = LogMatcher::new(&search.select.filter)?;
        self.read(|state| {
            let mut page = LogPage::default();
            let mut see = |(position, stored): (&LogPosition, &Stored)| {
                page.total += 1;
                let behind = search.after.is_none_or(|after| match search.direction {
                    Direction::Forward => *position > after,
                    Direction::Backward => *position < after,
                });
                if behind && page.hits.len() < search.limit {
                    page.hits.push(hit(*position, stored));
                }
            };
            let matching = state.matching(&search.select, &matcher);
            match search.direction {
                Direction::Forward => matching.for_each(&mut see),
                Direction::Backward => matching.rev().for_each(&mut see),
            }
            page
        })
    }

    async fn count(&self, select: LogSelect) -> Result<u64> {
        let matcher = LogMatcher::new(&select.filter)?;
        self.read(|state| state.matching(&select, &matcher).count() as u64)
    }

    async fn scan(
        &self,
        select: LogSelect,
        fields: Vec<LogField>,
        mut visitor: Box<dyn LogVisitor>,
    ) -> Result<Box<dyn LogVisitor>> {
        let matcher = LogMatcher::new(&select.filter)?;
        self.read(|state| {
            for (position, stored) in state.matching(&select, &matcher) {
                let values: Vec<_> =
                    fields.iter().map(|field| field.value_of(&stored.record)).collect();
                if !visitor.visit(*position, &values) {
                    break;
                }
            }
            visitor
        })
    }

    async fn get(&self, index: &str, id: &str) -> Result<Option<LogHit>> {
        let key = (index.to_owned(), id.to_owned());
        self.read(|state| {
            let position = state.ids.get(&key)?;
            Some(hit(*position, state.records.get(position)?))
        })
    }

    async fn fields(&self, indices: &[String]) -> Result<Cut<FieldType>> {
        self.read(|state| {
            let mut found = BTreeMap::new();
            let stored = state.records.values();
            for stored in stored.filter(|s| index_matches(indices, &s.record.index)) {
                note_fields(&stored.record, &mut found);
            }
            let field = |(field, kind)| FieldType { field, kind };
            Cut::whole(found.into_iter().map(field).collect())
        })
    }

    async fn indices(&self) -> Result<Vec<IndexSummary>> {
        self.read(|state| {
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for stored in state.records.values() {
                *counts.entry(&stored.record.index).or_default() += 1;
            }
            let summary =
                |(name, records): (&str, u64)| IndexSummary { name: name.to_owned(), records };
            counts.into_iter().map(summary).collect()
        })
    }
}

/// Notes the fields of a record with their kinds; a field of two kinds is text.
fn note_fields(record: &LogRecord, found: &mut BTreeMap<LogField, FieldKind>) {
    let mut note = |field: LogField, kind: FieldKind| {
        let known = found.entry(field).or_insert(kind);
        if *known != kind {
            *known = FieldKind::Text;
        }
    };
    note(LogField::Timestamp, FieldKind::Date);
    let own = [
        LogField::Severity,
        LogField::Body,
        LogField::Service,
        LogField::TraceId,
        LogField::SpanId,
    ];
    for field in own {
        if let Some(value) = field.value_of(record) {
            note(field, kind(&value));
        }
    }
    walk("", &record.attributes.0, &mut |key, kind| note(LogField::Attribute(key), kind));
    walk("", &record.resource.attributes.0, &mut |key, kind| note(LogField::Resource(key), kind));
}

fn walk(path: &str, entries: &[(String, AttrValue)], note: &mut dyn FnMut(String, FieldKind)) {
    for (key, value) in entries {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            AttrValue::Map(inner) => walk(&full, inner, note),
            AttrValue::Empty => {}
            AttrValue::Array(items) => {
                if let Some(first) = items.first() {
                    note(full, kind(first));
                }
            }
            value => note(full, kind(value)),
        }
    }
}

fn kind(value: &AttrValue) -> FieldKind {
    match value {
        AttrValue::Int(_) => FieldKind::Long,
        AttrValue::Double(_) => FieldKind::Double,
        AttrValue::Bool(_) => FieldKind::Boolean,
        AttrValue::Str(_)
        | AttrValue::Bytes(_)
        | AttrValue::Array(_)
        | AttrValue::Map(_)
        | AttrValue::Empty => FieldKind::Text,
    }
}

#[async_trait]
impl Lifecycle for MemoryLogStore {
    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn enforce_retention(&self, limits: RetentionLimits) -> Result<Dropped> {
        let mut state = self.state.write();
        let day = |position: &LogPosition| Day::of_ns(position.timestamp);
        let Some(live) = state.records.keys().map(day).max() else { return Ok(Dropped::default()) };
        let end = |day: Day| day.range_ms().end.to_ns();
        let over =
            |at: &LogPosition| day(at) < live && end(day(at)) < TimestampNs(limits.oldest_ns);
        let gone: BTreeSet<Day> = state.records.keys().filter(|at| over(at)).map(day).collect();
        state.records.retain(|position, _| !gone.contains(&day(position)));
        state.ids.retain(|_, position| !gone.contains(&day(position)));
        Ok(Dropped { partitions: gone.iter().map(Day::to_string).collect(), bytes: 0 })
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    async fn close(&self) -> Result<()> {
        self.state.write().closed = true;
        Ok(())
    }
}
