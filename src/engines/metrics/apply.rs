//! What happens to a batch once it is durable, live and at recovery alike.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::base::error::{Error, Result};
use crate::engines::kit::log::Lsn;
use crate::engines::kit::writer::{Apply, Payload};
use crate::engines::metrics::damage::Quarantine;
use crate::engines::metrics::flush::Progress;
use crate::engines::metrics::head::{Head, Limits};
use crate::engines::metrics::places::Places;
use crate::engines::metrics::record::{self, Header, Named};
use crate::engines::metrics::replay::{Lives, Replayed};
use crate::model::batch::{MetricBatch, MetricMetadata};
use crate::model::receipt::Receipt;
use crate::model::time::{Day, TimestampMs};
use crate::storage::changes::Changes;
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
    /// What selections showed once and do not show any more, or the other way round. A flush and the
    /// sealing of a day are none: they put the same points elsewhere.
    pub(super) changes: Arc<Changes>,
    /// Everything up to here is in files, and heads whose records began by here are complete.
    complete: Lsn,
    /// Days whose files are ahead of the others, because a flush was cut short: until when.
    ahead: Vec<(Day, Lsn)>,
    /// What recovery knows of earlier heads.
    lives: Mutex<Lives>,
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
            complete: complete.complete,
            ahead: ahead.map(|(day, mark)| (day, mark.flushed)).collect(),
            places: RwLock::new(places),
            families: Mutex::new(families),
            changes: Arc::clone(quarantine.changes()),
            quarantine,
            lives: Mutex::default(),
        }
    }

    /// Returns the newest point of the store.
    pub(super) fn newest(&self) -> Option<TimestampMs> {
        Some(self.newest.load(Ordering::Acquire)).filter(|at| *at != i64::MIN).map(TimestampMs)
    }

    /// Takes the head out of the way of batches that get their record from now on. Returns whether
    /// there is anything to write.
    pub(super) fn start_flush(&self, life: Lsn) -> bool {
        let mut places = self.places.write();
        if places.active().read().is_empty() && !self.families.lock().changed {
            return false;
        }
        places.start_flush(life);
        true
    }

    /// Tells that every batch of the head on its way into files is applied, up to `lsn`.
    pub(super) fn settle_flush(&self, lsn: Lsn) {
        let newest = self.newest.load(Ordering::Acquire);
        self.places.write().settle_flush(Progress { lsn, newest });
    }

    /// Forgets what only recovery needed; records begin at `life` from now on.
    pub(super) fn end_recovery(&self, life: Lsn) {
        self.places.read().active().write().set_life(life);
        *self.lives.lock() = Lives::default();
    }

    fn limits(&self, history: bool) -> Limits {
        let newest = self.newest.load(Ordering::Acquire);
        // An empty store has no window yet.
        let horizon = match history {
            true => KEEPABLE.start.0,
            false => newest.saturating_sub(self.out_of_order_window_ms).max(KEEPABLE.start.0),
        };
        Limits { horizon: TimestampMs(horizon) }
    }

    /// Finds the number of every series of a batch, adding the new ones.
    fn name_series(&self, head: &RwLock<Head>, batch: &MetricBatch) -> Vec<Option<Named>> {
        let mut named = Vec::with_capacity(batch.series.len());
        {
            let head = head.read();
            for write in &batch.series {
                named.push(
                    head.index()
                        .get(&write.labels)
                        .map(|series| Named { series, with_labels: !head.is_logged(series) }),
                );
            }
        }
        if named.iter().all(Option::is_some) {
            return named;
        }
        let mut head = head.write();
        for (named, write) in named.iter_mut().zip(&batch.series) {
            if named.is_none() {
                let added = head.add(&write.labels, self.max_series);
                *named = added.map(|series| Named { series, with_labels: true });
            }
        }
        named
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

    /// Returns whether the file of its day holds a point at `at` of the record `lsn` already.
    pub(super) fn is_flushed(&self, lsn: Lsn, at: TimestampMs) -> bool {
        let day = Day::of_ms(at);
        self.ahead.iter().any(|(ahead, until)| *ahead == day && lsn <= *until)
    }
}

/// A batch on its way into the store.
pub(super) struct Write {
    batch: MetricBatch,
    history: bool,
    /// Set when the record is encoded.
    place: Option<Place>,
}

/// The head that a record presumes, and the numbers of its series there.
struct Place {
    head: Arc<RwLock<Head>>,
    /// One a series of the batch; `None` when there was no room for it.
    named: Vec<Option<Named>>,
}

impl Write {
    /// Prepares to write points within the out-of-order window, or, as `history`, of any age.
    pub(super) fn new(batch: MetricBatch, history: bool) -> Self {
        Write { batch, history, place: None }
    }
}

/// Returns the newest time of a batch that can be kept, `i64::MIN` when it has none.
fn newest_of(batch: &MetricBatch) -> i64 {
    let floats = batch.series.iter().flat_map(|series| &series.samples).map(|one| one.timestamp.0);
    let histograms =
        batch.series.iter().flat_map(|series| &series.histograms).map(|one| one.timestamp.0);
    floats.chain(histograms).filter(|at| *at <= KEEPABLE.end.0).max().unwrap_or(i64::MIN)
}

/// Writes the points of a batch whose series have these numbers.
fn write_all(
    head: &mut Head,
    batch: &MetricBatch,
    named: Vec<Option<Named>>,
    limits: Limits,
    receipt: &mut Receipt,
) -> Result<()> {
    for (index, (write, named)) in batch.series.iter().zip(named).enumerate() {
        let series = named.map(|named| named.series);
        if let Some(Named { series, with_labels: true }) = named {
            head.set_logged(series);
        }
        head.write(index, series, write, limits, receipt)?;
    }
    Ok(())
}

impl Apply for Shared {
    type Batch = Write;
    type Outcome = Result<Receipt>;

    fn encode(&self, write: &mut Write) -> Payload {
        let head = Arc::clone(self.places.read().active());
        let named = self.name_series(&head, &write.batch);
        let header = Header { life: head.read().life(), history: write.history };
        let bytes = record::encode(&write.batch, header, &named);
        // Points are packed tightly already, labels are not.
        let compressible = named.iter().flatten().any(|named| named.with_labels);
        write.place = Some(Place { head, named });
        Payload { bytes, compressible }
    }

    fn holds(&self, write: &Write) -> bool {
        let places = self.places.read();
        write.place.as_ref().is_some_and(|place| Arc::ptr_eq(&place.head, places.active()))
    }

    fn replay(&self, lsn: Lsn, payload: &[u8]) -> Result<()> {
        let places = self.places.read().clone();
        let mut lives = self.lives.lock();
        if record::life(payload)? <= self.complete {
            // Its head is in files whole, so nobody was told that this record was written.
            return Ok(());
        }
        let replayed = record::read(payload, |header| {
            let numbers = lives.of(header.life);
            let limits = self.limits(header.history);
            Replayed::new(self, lsn, limits, numbers, places.active().write())
        });
        let (replayed, metadata) = replayed?;
        let (newest, lost) = replayed.finish();
        self.newest.fetch_max(newest, Ordering::AcqRel);
        self.learn(metadata);
        match lost {
            0 => Ok(()),
            lost => {
                Err(Error::corrupt(format!("{lost} series of a record have lost their labels")))
            }
        }
    }

    fn apply(&self, _: Lsn, write: Write) -> Result<Receipt> {
        let Write { batch, history, place } = write;
        let Some(Place { head, named }) = place else {
            return Err(Error::internal("a batch was written without a record"));
        };
        let limits = self.limits(history);
        let mut receipt = Receipt::default();
        {
            let mut head = head.write();
            let written = write_all(&mut head, &batch, named, limits, &mut receipt);
            // While nobody can read the head: who sees the points shall see that they were noted.
            head.take_touched().into_iter().for_each(|earliest| self.changes.note(earliest));
            written?;
        }
        // Refused points count too: they are older than a known one, or beyond the series limit.
        self.newest.fetch_max(newest_of(&batch), Ordering::AcqRel);
        self.learn(batch.metadata);
        Ok(receipt)
    }
}
