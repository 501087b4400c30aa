//! The engine: opening, writing, flushing, closing, and the port.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::RwLock;

use crate::base::clock::SharedClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::EngineContext;
use crate::engines::kit::log::{Log, Lsn, Signal};
use crate::engines::kit::writer::{self, Writer};
use crate::engines::metrics::apply::{Families, Shared, Write};
use crate::engines::metrics::damage::Quarantine;
use crate::engines::metrics::facts;
use crate::engines::metrics::files::Files;
use crate::engines::metrics::flush::{DayPlan, Progress, plan, write_day};
use crate::engines::metrics::head::Head;
use crate::engines::metrics::places::Places;
use crate::engines::metrics::questions;
use crate::engines::metrics::select;
use crate::engines::metrics::upkeep::Pace;
use crate::model::batch::{MetricBatch, MetricMetadata};
use crate::model::cut::Cut;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::receipt::Receipt;
use crate::model::series::{Deleted, LabelQuery, MetricStats, SeriesExemplars};
use crate::model::store::StoreFacts;
use crate::model::time::{Day, TimeRange, TimestampMs};
use crate::storage::changes::ChangeMark;
use crate::storage::lifecycle::{Dropped, Lifecycle, RetentionLimits};
use crate::storage::metric_store::{MetricStore, SelectQuery, SeriesCursor};

/// What the engine is told besides its place.
#[derive(Debug, Clone, Copy)]
pub struct MetricOptions {
    /// How much older than the newest point of the store a point may be.
    pub out_of_order_window: Duration,
    /// New series are refused while memory holds this many.
    pub max_active_series: usize,
    /// Bytes of files that queries keep in memory for the next ones.
    pub cache_bytes: usize,
}

impl Default for MetricOptions {
    fn default() -> Self {
        let out_of_order_window = Duration::from_secs(3_600);
        MetricOptions { out_of_order_window, max_active_series: 1_000_000, cache_bytes: 16 << 20 }
    }
}

/// The time-series store in files.
pub struct Engine {
    pub(super) shared: Arc<Shared>,
    pub(super) files: Arc<Files>,
    log: Log,
    writer: Writer<Shared>,
    pub(super) clock: SharedClock,
    /// One change of the days at a time: flush, deletion, retention, a sealed day put in place.
    pub(super) upkeep: Arc<tokio::sync::Mutex<()>>,
    /// One run of sealing, deletion or copying at a time; taken before `upkeep`.
    pub(super) sealing: tokio::sync::Mutex<()>,
    closed: AtomicBool,
}

impl Engine {
    /// Opens the files of the context's directory, replays what only the log holds, and serves.
    ///
    /// # Errors
    /// `Unavailable` and `Internal` from the disk; `Unsupported` when a newer version wrote a file.
    pub fn open(context: EngineContext, options: MetricOptions) -> Result<Self> {
        let quarantine = Quarantine::new();
        let (files, days) =
            Files::open(context.disk, &context.dir, &quarantine, options.cache_bytes)?;
        let places = Places::new(days);
        let mut families = Families::default();
        let mut notes = quarantine.notes();
        for file in places.all_days().rev() {
            if let Some(known) = file.families(&mut notes)? {
                let named = known.into_iter().map(|family| (family.metric.clone(), family));
                families.by_name.extend(named);
                break;
            }
        }
        let marks = places.all_days().map(|file| file.mark().complete);
        let complete = marks.max().unwrap_or(Lsn(0));
        let window = i64::try_from(options.out_of_order_window.as_millis()).unwrap_or(i64::MAX);
        let max_series = options.max_active_series;
        let shared = Arc::new(Shared::new(window, max_series, places, families, quarantine));
        let log = context.log;
        let (records, last) = writer::recover(&log, Signal::Metrics, complete, &*shared)?;
        shared.end_recovery(log.next());
        log.checkpoint(Signal::Metrics, complete);
        let samples = shared.places.read().active().read().samples();
        tracing::info!(records, samples, after = complete.0, "metrics recovered");
        let writer = Writer::start(log.clone(), Signal::Metrics, Arc::clone(&shared), last)?;
        Ok(Engine {
            shared,
            files: Arc::new(files),
            log,
            writer,
            clock: context.clock,
            upkeep: Arc::default(),
            sealing: tokio::sync::Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// Ends the applying thread as a crash would: what is in memory only is left to the log.
    #[cfg(test)]
    pub(super) async fn abandon(&self) {
        self.writer.stop().await;
    }

    /// Returns how many damaged blocks were met.
    #[cfg(test)]
    pub(super) fn damaged_blocks(&self) -> usize {
        self.shared.quarantine.len()
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Unavailable, "the metric store is closed"));
        }
        Ok(())
    }

    fn places(&self) -> Result<Places> {
        self.check_open()?;
        let places = self.shared.places.read().clone();
        Ok(places)
    }

    /// Moves memory into files. What an earlier flush could not write is written first.
    pub(super) async fn flush_all(&self) -> Result<()> {
        let _one = self.upkeep.lock().await;
        // A flush whose caller went away may wait for its last batches still.
        self.writer.exclusive(|_| ()).await?;
        self.write_flushing().await?;
        let shared = Arc::clone(&self.shared);
        let started = Arc::new(AtomicBool::new(false));
        let divided = Arc::clone(&started);
        let settled = self.writer.divide(
            || started.store(self.shared.start_flush(self.log.next()), Ordering::Release),
            move |lsn| {
                if divided.load(Ordering::Acquire) {
                    shared.settle_flush(lsn);
                }
                lsn
            },
        );
        let lsn = settled.await?;
        if started.load(Ordering::Acquire) {
            self.write_flushing().await?;
        } else {
            // Nothing of what was applied needs the log any more.
            self.log.checkpoint(Signal::Metrics, lsn);
        }
        self.shared.places.read().trim();
        Ok(())
    }

    async fn write_flushing(&self) -> Result<()> {
        let Some(flushing) = self.shared.places.read().flushing().cloned() else { return Ok(()) };
        let Some(progress) = flushing.progress else {
            return Err(Error::internal("a flush began before its last batch was applied"));
        };
        let (shared, files) = (Arc::clone(&self.shared), Arc::clone(&self.files));
        let today = Day::of_ms(TimestampMs(self.clock.now_ms()));
        let written = tokio::task::spawn_blocking(move || {
            write_head(&shared, &files, &flushing.head, progress, today)
        });
        written.await.map_err(|error| Error::internal(format!("metric flush: {error}")))??;
        self.shared.places.write().end_flush();
        self.log.checkpoint(Signal::Metrics, progress.lsn);
        Ok(())
    }
}

/// Writes a head into the files of its days, the newest day of all last.
fn write_head(
    shared: &Shared,
    files: &Files,
    head: &RwLock<Head>,
    progress: Progress,
    today: Day,
) -> Result<()> {
    let head = head.read();
    let mut plans = plan(&head)?;
    let newest_file = shared.places.read().all_days().next_back().map(|file| file.day());
    let newest = newest_file.max(plans.keys().next_back().copied()).unwrap_or(today);
    let last_plan = plans.remove(&newest).unwrap_or_else(DayPlan::default);
    let mut damage = shared.quarantine.notes();
    for (day, plan) in plans {
        let file = files.of_day(shared, day)?;
        // An earlier try of this flush may have come this far.
        if file.mark().flushed < progress.lsn {
            files.rescuing(shared, &file, |file| {
                write_day(file, &head, &plan, progress, None, &mut damage)
            })?;
        }
    }
    let families: Vec<MetricMetadata> = {
        let mut families = shared.families.lock();
        families.changed = false;
        families.by_name.values().cloned().collect()
    };
    let file = files.of_day(shared, newest)?;
    let last = Some(families.as_slice());
    let written = files.rescuing(shared, &file, |file| {
        write_day(file, &head, &last_plan, progress, last, &mut damage)
    });
    if written.is_err() {
        shared.families.lock().changed = true;
    }
    written
}

#[async_trait]
impl MetricStore for Engine {
    async fn append(&self, batch: MetricBatch) -> Result<Receipt> {
        self.check_open()?;
        if batch.series.is_empty() && batch.metadata.is_empty() {
            return Ok(Receipt::default());
        }
        self.writer.write(Write::new(batch, false)).await?
    }

    async fn backfill(&self, batch: MetricBatch) -> Result<Receipt> {
        self.check_open()?;
        self.writer.write(Write::new(batch, true)).await?
    }

    async fn delete(
        &self,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Deleted> {
        self.check_open()?;
        self.delete_series(match_sets, range).await
    }

    async fn purge_deleted(&self) -> Result<()> {
        self.check_open()?;
        self.purge_days().await
    }

    async fn select(&self, query: SelectQuery) -> Result<Box<dyn SeriesCursor>> {
        let places = self.places()?;
        let damage = self.shared.quarantine.notes();
        select::open(&places, &query, damage).await
    }

    async fn label_names(&self, query: LabelQuery) -> Result<Cut<String>> {
        questions::label_names(&self.places()?, &query, self.shared.quarantine.notes())
    }

    async fn label_values(&self, name: &str, query: LabelQuery) -> Result<Cut<String>> {
        questions::label_values(&self.places()?, name, &query, self.shared.quarantine.notes())
    }

    async fn series(&self, query: LabelQuery) -> Result<Cut<Labels>> {
        questions::series(&self.places()?, &query, self.shared.quarantine.notes())
    }

    async fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetricMetadata>> {
        self.check_open()?;
        let families = self.shared.families.lock();
        Ok(match metric {
            Some(metric) => families.by_name.get(metric).cloned().into_iter().collect(),
            None => families.by_name.values().cloned().collect(),
        })
    }

    async fn exemplars(
        &self,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Vec<SeriesExemplars>> {
        let damage = self.shared.quarantine.notes();
        questions::exemplars(&self.places()?, &match_sets, range, damage)
    }

    fn stats(&self) -> MetricStats {
        let places = self.shared.places.read().clone();
        let heads = || places.heads().map(|head| head.read());
        MetricStats {
            active_series: heads().map(|head| head.index().len() as u64).max().unwrap_or(0),
            head_samples: heads().map(|head| head.samples()).sum(),
            min_time: places.oldest(),
            max_time: self.shared.newest(),
        }
    }

    fn changes(&self) -> Option<ChangeMark> {
        self.check_open().ok()?;
        self.shared.changes.mark()
    }

    fn unchanged_before(&self, mark: ChangeMark) -> Option<TimestampMs> {
        self.check_open().ok()?;
        self.shared.changes.unchanged_before(mark)
    }
}

#[async_trait]
impl Lifecycle for Engine {
    async fn flush(&self) -> Result<()> {
        self.check_open()?;
        self.flush_all().await
    }

    async fn enforce_retention(&self, limits: RetentionLimits) -> Result<Dropped> {
        self.check_open()?;
        let _one = self.upkeep.lock().await;
        self.files.enforce_retention(&self.shared, limits)
    }

    fn facts(&self) -> StoreFacts {
        facts::of(&self.shared.places.read().clone(), &self.files, &self.shared.quarantine)
    }

    async fn seal(&self, through: Day) -> Result<usize> {
        self.check_open()?;
        self.seal_days(through, Pace::Full).await
    }

    async fn seal_at_leisure(&self, through: Day) -> Result<usize> {
        self.check_open()?;
        self.seal_days(through, Pace::Third).await
    }

    async fn snapshot(&self, to: &Path) -> Result<()> {
        self.check_open()?;
        self.copy_days(to).await
    }

    fn disk_bytes(&self) -> u64 {
        self.files.allocated()
    }

    fn shed_caches(&self) {
        self.shared.places.read().shed();
    }

    async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let flushed = self.flush_all().await;
        self.writer.stop().await;
        flushed
    }
}
