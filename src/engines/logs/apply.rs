//! What happens to a batch once it is durable, live and at recovery alike.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::base::error::Result;
use crate::engines::kit::log::Lsn;
use crate::engines::kit::writer::{Apply, Payload};
use crate::engines::logs::day::{DayView, Found};
use crate::engines::logs::record;
use crate::engines::logs::schema::key_term;
use crate::model::batch::{LogBatch, LogOp};
use crate::model::log::LogRecord;
use crate::model::log_query::{LogHit, LogOutcome, LogPosition, LogReceipt};
use crate::model::reject::RejectReason;
use crate::model::resource::AttrValue;
use crate::model::time::Day;

/// Operations of one batch: the sequence of an operation is its batch's LSN times this, plus its
/// place, so that replaying the log gives every record the sequence it had.
pub(super) const MAX_OPS: usize = 1 << 20;

/// Returns the first sequence that records behind `lsn` have.
pub(super) fn first_sequence_after(lsn: Lsn) -> u64 {
    (lsn.0 + 1).saturating_mul(MAX_OPS as u64)
}

/// What the applier changes and readers read.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) state: RwLock<State>,
}

/// Where records are.
#[derive(Default)]
pub(super) struct State {
    /// What came since the last flush began.
    pub(super) active: Head,
    /// What a flush is writing.
    pub(super) flushing: Option<Arc<Flushing>>,
    /// Records of files and of `flushing` that were replaced or removed, by sequence.
    pub(super) hidden: Arc<HashMap<u64, Day>>,
    /// The files.
    pub(super) days: BTreeMap<Day, DayView>,
    /// What every answer should say besides.
    pub(super) warnings: Vec<String>,
}

/// A head on its way into files.
pub(super) struct Flushing {
    pub(super) head: Head,
    /// Everything up to here is in files or in `head`.
    pub(super) lsn: Lsn,
    /// What was hidden at `lsn`.
    pub(super) hidden: Arc<HashMap<u64, Day>>,
    /// Whether the files hold it already, and only are not shown yet.
    written: AtomicBool,
}

impl Flushing {
    /// Returns whether the files hold the head.
    pub(super) fn is_written(&self) -> bool {
        self.written.load(Ordering::Acquire)
    }

    /// Says that the files hold the head.
    pub(super) fn set_written(&self) {
        self.written.store(true, Ordering::Release);
    }
}

/// Records in memory.
#[derive(Default)]
pub(super) struct Head {
    pub(super) records: BTreeMap<LogPosition, Arc<LogHit>>,
    places: HashMap<String, LogPosition>,
    /// About how much memory they take.
    pub(super) bytes: usize,
}

impl Head {
    /// Returns the record of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Arc<LogHit>> {
        self.records.get(self.places.get(key)?)
    }

    /// Returns the days of the records, in order and repeated.
    pub(super) fn days(&self) -> impl Iterator<Item = Day> {
        self.records.keys().map(|position| Day::of_ns(position.timestamp))
    }

    fn insert(&mut self, key: String, hit: LogHit) {
        self.bytes += weight(&hit.record);
        self.places.insert(key, hit.position);
        self.records.insert(hit.position, Arc::new(hit));
    }

    fn remove(&mut self, key: &str) {
        let removed = self.places.remove(key).and_then(|place| self.records.remove(&place));
        if let Some(hit) = removed {
            self.bytes -= weight(&hit.record);
        }
    }
}

/// The living record of a key.
enum Living {
    /// In the active head.
    Active,
    /// In files, or on its way there.
    Older { sequence: u64, day: Day },
}

impl State {
    /// Takes the active head out of the way. Returns whether there is anything to write.
    pub(super) fn start_flush(&mut self, lsn: Lsn) -> bool {
        if self.active.records.is_empty() && self.hidden.is_empty() {
            return false;
        }
        let head = std::mem::take(&mut self.active);
        let (hidden, written) = (Arc::clone(&self.hidden), AtomicBool::new(false));
        self.flushing = Some(Arc::new(Flushing { head, lsn, hidden, written }));
        true
    }

    /// Finds the record of an index and id in the files.
    pub(super) fn find_in_files(&self, key: &str) -> Result<Option<(&DayView, Day, Found)>> {
        // Most replaced records are young.
        for (day, view) in self.days.iter().rev() {
            if let Some(found) = view.find(key, &self.hidden)? {
                return Ok(Some((view, *day, found)));
            }
        }
        Ok(None)
    }

    /// Finds the record of an index and id in memory.
    pub(super) fn find_in_memory(&self, key: &str) -> Option<&Arc<LogHit>> {
        let flushing = || {
            let hit = self.flushing.as_ref()?.head.get(key)?;
            (!self.hidden.contains_key(&hit.position.sequence)).then_some(hit)
        };
        self.active.get(key).or_else(flushing)
    }

    fn living(&self, key: &str) -> Result<Option<(Living, u64)>> {
        if let Some(hit) = self.active.get(key) {
            return Ok(Some((Living::Active, hit.version)));
        }
        if let Some(hit) = self.find_in_memory(key) {
            let day = Day::of_ns(hit.position.timestamp);
            let living = Living::Older { sequence: hit.position.sequence, day };
            return Ok(Some((living, hit.version)));
        }
        let found = self.find_in_files(key)?;
        Ok(found.map(|(_, day, found)| {
            (Living::Older { sequence: found.sequence, day }, found.version)
        }))
    }

    fn remove(&mut self, key: &str, living: &Living) {
        match living {
            Living::Active => self.active.remove(key),
            Living::Older { sequence, day } => {
                Arc::make_mut(&mut self.hidden).insert(*sequence, *day);
            }
        }
    }
}

impl Shared {
    fn apply_op(
        &self,
        sequence: u64,
        op: LogOp,
    ) -> Result<std::result::Result<LogOutcome, (RejectReason, String)>> {
        match op {
            LogOp::Put { record, replace } => self.put(sequence, *record, replace),
            LogOp::Delete { index, id } => {
                let key = key_term(&index, &id);
                // Only the applier removes records, so what is found here stays until below.
                let Some((living, version)) = self.state.read().living(&key)? else {
                    let message = format!("{id}: there is no such document");
                    return Ok(Err((RejectReason::Missing, message)));
                };
                self.state.write().remove(&key, &living);
                Ok(Ok(LogOutcome::Deleted(sequence, version + 1)))
            }
        }
    }

    fn put(
        &self,
        sequence: u64,
        record: LogRecord,
        replace: bool,
    ) -> Result<std::result::Result<LogOutcome, (RejectReason, String)>> {
        let key = key_term(&record.index, &record.id);
        let old = self.state.read().living(&key)?;
        if old.is_some() && !replace {
            let message = format!("{}: the document exists already", record.id);
            return Ok(Err((RejectReason::Conflict, message)));
        }
        let version = old.as_ref().map_or(1, |(_, version)| version + 1);
        let position = LogPosition { timestamp: record.timestamp, sequence };
        let mut state = self.state.write();
        if let Some((living, _)) = &old {
            state.remove(&key, living);
        }
        state.active.insert(key, LogHit { position, version, record });
        Ok(Ok(match version {
            1 => LogOutcome::Created(sequence),
            version => LogOutcome::Updated(sequence, version),
        }))
    }
}

impl Apply for Shared {
    type Batch = LogBatch;
    type Outcome = Result<LogReceipt>;

    fn encode(&self, batch: &mut LogBatch) -> Payload {
        Payload::compressible(record::encode_batch(batch))
    }

    fn replay(&self, lsn: Lsn, payload: &[u8]) -> Result<()> {
        // What went wrong now went wrong in the earlier life as well; nobody waits for it.
        let _ = self.apply(lsn, record::decode_batch(payload)?);
        Ok(())
    }

    fn apply(&self, lsn: Lsn, batch: LogBatch) -> Result<LogReceipt> {
        let mut answer = LogReceipt::default();
        let first = lsn.0.saturating_mul(MAX_OPS as u64);
        for (index, op) in batch.ops.into_iter().enumerate() {
            answer.outcomes.push(match self.apply_op(first + index as u64, op)? {
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
}

/// Returns about how many bytes a record takes in memory.
fn weight(record: &LogRecord) -> usize {
    let texts = record.severity_text.len() + record.index.len() * 2 + record.id.len() * 2;
    let source = record.source.as_ref().map_or(0, |source| source.len());
    let attributes: usize = record.attributes.0.iter().map(entry_weight).sum();
    400 + texts + source + attributes + value_weight(&record.body)
}

fn entry_weight((key, value): &(String, AttrValue)) -> usize {
    48 + key.len() + value_weight(value)
}

fn value_weight(value: &AttrValue) -> usize {
    match value {
        AttrValue::Str(text) => text.len(),
        AttrValue::Bytes(bytes) => bytes.len(),
        AttrValue::Array(items) => items.iter().map(|item| 32 + value_weight(item)).sum(),
        AttrValue::Map(entries) => entries.iter().map(entry_weight).sum(),
        AttrValue::Bool(_) | AttrValue::Int(_) | AttrValue::Double(_) | AttrValue::Empty => 0,
    }
}
