//! The desk every batch passes: weigh, admit, write, count, answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::metrics::Meter;
use parking_lot::Mutex;

use crate::base::clock::SharedClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::gate::{self, Gate};
use crate::ingest::admission::{Admitted, Now};
use crate::ingest::cardinality::Cardinality;
use crate::ingest::document_id::DocumentIds;
use crate::ingest::door::{Door, Stores};
use crate::ingest::limits::IngestLimits;
use crate::ingest::metrics::KnownSeries;
use crate::ingest::offenders::Offenders;
use crate::ingest::tally::Tally;
use crate::ingest::{logs, metrics, traces};
use crate::model::batch::{LogBatch, MetricBatch, SpanBatch};
use crate::model::receipt::{Receipt, Rejection};
use crate::model::reject::RejectReason;
use crate::model::time::TimestampNs;
use crate::storage::log_store::{LogOutcome, LogReceipt};
use crate::telemetry::instruments::meter;

/// How long a sender that met a full appliance should wait.
const OVERLOAD_WAIT: Duration = Duration::from_secs(2);

/// How long a sender should wait while memory is short.
const MEMORY_WAIT: Duration = Duration::from_secs(10);

/// How long a sender should wait while the disk is full: the oldest data goes every few seconds.
const DISK_WAIT: Duration = Duration::from_secs(30);

/// What the appliance has run short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// `budget.memory` is nearly used up.
    Memory,
    /// `budget.disk` is used up, and nothing older is left to drop.
    Disk,
}

/// Takes batches from the doors, lets in what the limits allow and writes it. Cloning is cheap and
/// shares everything.
#[derive(Clone)]
pub struct Ingest(Arc<Desk>);

struct Desk {
    stores: Stores,
    limits: IngestLimits,
    clock: SharedClock,
    in_flight: Gate,
    disk_full: AtomicBool,
    ids: DocumentIds,
    tally: Tally,
    known: KnownSeries,
}

impl Ingest {
    /// Creates the door in front of `stores`. It counts on the meter that is installed now.
    pub fn new(stores: Stores, limits: IngestLimits, clock: SharedClock) -> Self {
        Ingest::counting_on(&meter(), stores, limits, clock)
    }

    fn counting_on(
        meter: &Meter,
        stores: Stores,
        limits: IngestLimits,
        clock: SharedClock,
    ) -> Self {
        let in_flight = Gate::new(limits.in_flight.0);
        let ids = DocumentIds::new(Arc::clone(&clock));
        let tally = Tally::new(meter);
        // What the store holds already is not new, though nothing of it came by here yet.
        let stored = stores.metrics.stats().active_series;
        let known = KnownSeries {
            cardinality: Mutex::new(Cardinality::new(limits.series, stored)),
            refused: Mutex::default(),
        };
        Ingest(Arc::new(Desk {
            stores,
            limits,
            clock,
            in_flight,
            disk_full: AtomicBool::new(false),
            ids,
            tally,
            known,
        }))
    }

    /// Returns the time of arrival, for codecs that stamp what came without a time.
    pub fn arrival(&self) -> TimestampNs {
        TimestampNs(self.0.clock.now_ns())
    }

    /// Returns a new document id, for doors that tell the sender which one its record got.
    pub fn document_id(&self) -> String {
        self.0.ids.next()
    }

    /// Returns whose points were refused at the door since the start, and which metrics are largest.
    pub fn offenders(&self) -> Offenders {
        let known = &self.0.known;
        let largest = known.cardinality.lock().largest();
        Offenders { largest, ..known.refused.lock().told() }
    }

    /// Reserves memory for decoding a body of `bytes`; the reservation ends when it is dropped.
    ///
    /// # Errors
    /// `Unavailable` with a retry hint when too much is in flight, `LimitExceeded` for what will
    /// never fit.
    pub fn reserve(
        &self,
        door: Door,
        signal: &'static str,
        bytes: usize,
    ) -> Result<gate::Admitted> {
        self.reserve_for(door, signal, bytes, 1)
    }

    /// Refuses every batch for want of something, or ends that.
    pub fn refuse_all(&self, short_of: Shortage, refuse: bool) {
        match short_of {
            Shortage::Memory => self.0.in_flight.shut(refuse),
            Shortage::Disk => self.0.disk_full.store(refuse, Ordering::Release),
        }
    }

    /// Reserves memory for `points`, which are counted as refused when there is none.
    fn reserve_for(
        &self,
        door: Door,
        signal: &'static str,
        bytes: usize,
        points: usize,
    ) -> Result<gate::Admitted> {
        let bytes = bytes as u64;
        let disk_full = self.0.disk_full.load(Ordering::Acquire);
        if !disk_full && let Some(admitted) = self.0.in_flight.admit(bytes) {
            return Ok(admitted);
        }
        let limit = self.0.limits.in_flight;
        let error = if disk_full {
            let text = "the disk budget is used up (budget.disk); send it again later";
            Error::unavailable(text, DISK_WAIT)
        } else if self.0.in_flight.is_shut() {
            let text = "the memory budget is used up (budget.memory); send it again later";
            Error::unavailable(text, MEMORY_WAIT)
        } else if bytes > limit.0 {
            let text = format!("the batch takes more than {limit} of memory; send smaller batches");
            Error::new(ErrorKind::LimitExceeded, text)
        } else {
            Error::unavailable("too much is being written just now; send it again", OVERLOAD_WAIT)
        };
        self.0.tally.failed(door, signal, &error, points as u64);
        Err(error)
    }

    /// Writes metrics; a rejection's index is the series' place in `batch`, its count the number
    /// of refused samples of that series.
    ///
    /// # Errors
    /// `Unavailable` when too much is in flight or the store refuses, `LimitExceeded` for a batch
    /// that will never fit; nothing was acknowledged.
    pub async fn metrics(&self, door: Door, batch: MetricBatch) -> Result<Receipt> {
        self.write_metrics(door, batch, Age::New).await
    }

    /// Writes history: as [`Ingest::metrics`], however old its points are.
    ///
    /// # Errors
    /// Those of [`Ingest::metrics`].
    pub async fn history(&self, door: Door, batch: MetricBatch) -> Result<Receipt> {
        self.write_metrics(door, batch, Age::Any).await
    }

    async fn write_metrics(&self, door: Door, batch: MetricBatch, age: Age) -> Result<Receipt> {
        let _in_flight =
            self.reserve_for(door, "metrics", metrics::weight(&batch), batch.sample_count())?;
        let now = self.now();
        let admission = metrics::admit(batch, &self.0.limits, &self.0.known, now);
        let too_large = RejectReason::TooLarge.as_str();
        self.0.tally.refused(door, "exemplars", too_large, admission.refused_exemplars);
        let Admitted { batch, kept, rejected } = admission.admitted;
        let points = batch.sample_count() as u64;
        let written = match batch.series.is_empty() && batch.metadata.is_empty() {
            true => Ok(Receipt::default()),
            false => match age {
                Age::New => self.0.stores.metrics.append(batch).await,
                Age::Any => self.0.stores.metrics.backfill(batch).await,
            },
        };
        let receipt = self.counted(door, "metrics", points, written)?;
        let receipt = point_back(receipt, &kept, rejected);
        self.0.tally.receipt(door, "metrics", &receipt);
        Ok(receipt)
    }

    /// Writes log operations in order, after filling index, id and time where a record has none.
    /// Outcomes and rejections are in the order of `batch`.
    ///
    /// # Errors
    /// `Unavailable` when too much is in flight or the store refuses, `LimitExceeded` for a batch
    /// that will never fit; nothing was acknowledged.
    pub async fn logs(&self, door: Door, batch: LogBatch) -> Result<LogReceipt> {
        let _in_flight = self.reserve_for(door, "logs", logs::weight(&batch), batch.ops.len())?;
        let count = batch.ops.len();
        let desk = &self.0;
        let Admitted { batch, kept, rejected } =
            logs::admit(batch, door, &desk.limits, &desk.ids, self.now());
        let points = batch.ops.len() as u64;
        let written = match batch.ops.is_empty() {
            true => Ok(LogReceipt::default()),
            false => desk.stores.logs.append(batch).await,
        };
        let written = self.counted(door, "logs", points, written)?;
        let mut outcomes = vec![LogOutcome::Rejected; count];
        for (outcome, index) in written.outcomes.into_iter().zip(&kept) {
            outcomes[*index] = outcome;
        }
        let receipt = point_back(written.receipt, &kept, rejected);
        desk.tally.receipt(door, "logs", &receipt);
        Ok(LogReceipt { receipt, outcomes })
    }

    /// Writes spans; a rejection's index is the span's place in `batch`.
    ///
    /// # Errors
    /// `Unavailable` when too much is in flight or the store refuses, `LimitExceeded` for a batch
    /// that will never fit; nothing was acknowledged.
    pub async fn traces(&self, door: Door, batch: SpanBatch) -> Result<Receipt> {
        let _in_flight =
            self.reserve_for(door, "traces", traces::weight(&batch), batch.spans.len())?;
        let Admitted { batch, kept, rejected } = traces::admit(batch, &self.0.limits, self.now());
        let points = batch.spans.len() as u64;
        let written = match batch.spans.is_empty() {
            true => Ok(Receipt::default()),
            false => self.0.stores.traces.append(batch).await,
        };
        let receipt = self.counted(door, "traces", points, written)?;
        let receipt = point_back(receipt, &kept, rejected);
        self.0.tally.receipt(door, "traces", &receipt);
        Ok(receipt)
    }

    /// Counts what a codec refused before a batch existed.
    pub fn reject(&self, door: Door, signal: &'static str, reason: RejectReason, count: u64) {
        self.0.tally.refused(door, signal, reason.as_str(), count);
    }

    /// Counts a request that was refused as a whole before anything of it was understood. Kinds that
    /// say nothing about what was sent, such as a full appliance, are counted where they arise.
    pub fn refuse_whole(&self, door: Door, signal: &'static str, kind: ErrorKind) {
        let reason = match kind {
            ErrorKind::InvalidInput => RejectReason::Malformed,
            ErrorKind::LimitExceeded => RejectReason::TooLarge,
            ErrorKind::Unsupported => RejectReason::Unsupported,
            _ => return,
        };
        self.reject(door, signal, reason, 1);
    }

    fn now(&self) -> Now {
        Now { ns: self.0.clock.now_ns() }
    }

    /// Counts the points of a write that failed as a whole.
    fn counted<T>(
        &self,
        door: Door,
        signal: &'static str,
        points: u64,
        written: Result<T>,
    ) -> Result<T> {
        written.inspect_err(|error| self.0.tally.failed(door, signal, error, points))
    }
}

/// How old points may be.
#[derive(Debug, Clone, Copy)]
enum Age {
    /// As old as the store takes new points.
    New,
    /// Of any age.
    Any,
}

/// Lets the store's rejections point into the caller's batch and joins them with the door's own.
fn point_back(mut receipt: Receipt, kept: &[usize], rejected: Vec<Rejection>) -> Receipt {
    for rejection in &mut receipt.rejected {
        rejection.index = kept.get(rejection.index).copied().unwrap_or(rejection.index);
    }
    receipt.rejected.extend(rejected);
    receipt.rejected.sort_by_key(|rejection| rejection.index);
    receipt
}

#[cfg(test)]
mod tests;
