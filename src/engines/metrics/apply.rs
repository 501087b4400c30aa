//! What happens to a batch once it is durable, live and at recovery alike.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::base::error::Result;
use crate::engines::kit::log::Lsn;
use crate::engines::kit::writer::Apply;
use crate::engines::metrics::damage::Quarantine;
use crate::engines::metrics::flush::Progress;
use crate::engines::metrics::head::Limits;
use crate::engines::metrics::places::Places;
use crate::engines::metrics::record;
use crate::model::batch::{MetricBatch, MetricMetadata};
use crate::model::receipt::Receipt;
use crate::model::time::{Day, TimestampMs};
use crate::storage::metric_store::KEEPABLE;

/// The most metric families that are remembered; further ones are ignored.
const MAX_FAMILIES: usize = 100_000;

/// What the applier changes and readers read.
pub(super) struct Shared {
    out_of_order_window_ms: i64,
    max_series: usize,
    /// The newest point of the store, `i64::MIN` while there is none. Only the applier writes it.
    newest: AtomicI64,
    pub(super) places: RwLock<Places>,
    pub(super) families: Mutex<Families>,
    pub(super) quarantine: Quarantine,
    /// Days whose files are ahead of the others, because a flush was cut short: until when.
    ahead: Vec<(Day, Lsn)>,
}

/// What is known of metric families.
#[derive(Default)]
pub(super) struct Families {
    pub(super) by_name: BTreeMap<String, MetricMetadata>,
    /// Whether the files do not know all of it yet.
    pub(super) changed: bool,
}

impl Shared {
    /// Starts from what the files hold.
    pub(super) fn new(
        out_of_order_window_ms: i64,
        max_series: usize,
        places: Places,
        families: Families,
        quarantine: Quarantine,
    ) -> Self {
        let marks = || places.all_days().map(|file| (file.day(), file.mark()));
        let complete = marks().map(|(_, mark)| mark).max_by_key(|mark| mark.complete);
        let complete = complete.unwrap_or_default();
        let ahead = marks().filter(|(_, mark)| mark.flushed > complete.complete);
        Shared {
            out_of_order_window_ms,
            max_series,
            newest: AtomicI64::new(complete.newest),
            ahead: ahead.map(|(day, mark)| (day, mark.flushed)).collect(),
            places: RwLock::new(places),
            families: Mutex::new(families),
            quarantine,
        }
    }

    /// Returns the newest point of the store.
    pub(super) fn newest(&self) -> Option<TimestampMs> {
        Some(self.newest.load(Ordering::Acquire)).filter(|at| *at != i64::MIN).map(TimestampMs)
    }

    /// Takes the head out of the way, on the applier's thread. Returns whether there is anything to
    /// write.
    pub(super) fn start_flush(&self, lsn: Lsn) -> bool {
        let mut places = self.places.write();
        if places.active().read().is_empty() && !self.families.lock().changed {
            return false;
        }
        places.start_flush(Progress { lsn, newest: self.newest.load(Ordering::Acquire) });
        true
    }

    fn write(&self, batch: &MetricBatch) -> Result<Receipt> {
        let head = self.places.read().active().clone();
        let mut head = head.write();
        let newest = self.newest.load(Ordering::Acquire);
        // An empty store has no window yet.
        let horizon = newest.saturating_sub(self.out_of_order_window_ms).max(KEEPABLE.start.0);
        let limits = Limits { horizon: TimestampMs(horizon), max_series: self.max_series };
        let mut receipt = Receipt::default();
        for (index, write) in batch.series.iter().enumerate() {
            head.write(index, write, limits, &mut receipt)?;
        }
        Ok(receipt)
    }

    fn learn(&self, metadata: Vec<MetricMetadata>) {
        if metadata.is_empty() {
            return;
        }
        let mut families = self.families.lock();
        for family in metadata {
            let known = families.by_name.get(&family.metric);
            if known == Some(&family) || (known.is_none() && families.by_name.len() >= MAX_FAMILIES)
            {
                continue;
            }
            families.changed = true;
            families.by_name.insert(family.metric.clone(), family);
        }
    }

    /// Drops what the file of its day holds already.
    fn without_flushed(&self, lsn: Lsn, mut batch: MetricBatch) -> MetricBatch {
        let flushed = |at: TimestampMs| {
            let day = Day::of_ms(at);
            self.ahead.iter().any(|(ahead, until)| *ahead == day && lsn <= *until)
        };
        for series in &mut batch.series {
            series.samples.retain(|sample| !flushed(sample.timestamp));
            series.histograms.retain(|sample| !flushed(sample.timestamp));
            series.exemplars.retain(|exemplar| !flushed(exemplar.timestamp));
        }
        batch
    }
}

/// Returns the newest time of a batch that can be kept, `i64::MIN` when it has none.
fn newest_of(batch: &MetricBatch) -> i64 {
    let floats = batch.series.iter().flat_map(|series| &series.samples).map(|one| one.timestamp.0);
    let histograms =
        batch.series.iter().flat_map(|series| &series.histograms).map(|one| one.timestamp.0);
    floats.chain(histograms).filter(|at| *at <= KEEPABLE.end.0).max().unwrap_or(i64::MIN)
}

impl Apply for Shared {
    type Batch = MetricBatch;
    type Outcome = Result<Receipt>;

    fn encode(batch: &MetricBatch) -> Vec<u8> {
        record::encode(batch)
    }

    fn decode(payload: &[u8]) -> Result<MetricBatch> {
        record::decode(payload)
    }

    fn apply(&self, lsn: Lsn, batch: MetricBatch) -> Result<Receipt> {
        // Refused points count too: they are older than a known one, or beyond the series limit.
        let newest = newest_of(&batch);
        let mut batch = batch;
        if self.ahead.iter().any(|(_, until)| lsn <= *until) {
            batch = self.without_flushed(lsn, batch);
        }
        let outcome = self.write(&batch);
        self.newest.fetch_max(newest, Ordering::AcqRel);
        self.learn(batch.metadata);
        outcome
    }
}
