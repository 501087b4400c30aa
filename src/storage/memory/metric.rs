//! Metrics in two maps: series by labels, points by time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::RwLock;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::batch::{MetricBatch, MetricMetadata, SeriesWrite};
use crate::model::cut::Cut;
use crate::model::exemplar::Exemplar;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::receipt::Receipt;
use crate::model::reject::RejectReason;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::series::{
    Deleted, LabelQuery, MetricStats, SelectStats, SeriesData, SeriesExemplars,
};
use crate::model::time::{Day, TimeRange, TimestampMs, TimestampNs};
use crate::storage::changes::{ChangeMark, Changes};
use crate::storage::lifecycle::{Dropped, Lifecycle, RetentionLimits};
use crate::storage::metric_store::{KEEPABLE, MetricStore, SelectQuery, SeriesBlock, SeriesCursor};

/// Series of one block of a cursor.
const BLOCK_SERIES: usize = 64;

/// A [`MetricStore`] that keeps everything in memory until the process ends or retention drops it.
pub struct MemoryMetricStore {
    out_of_order_window_ms: i64,
    state: RwLock<State>,
}

impl MemoryMetricStore {
    /// Creates an empty store that takes points up to `out_of_order_window` older than its newest.
    pub fn new(out_of_order_window: Duration) -> Self {
        let window = i64::try_from(out_of_order_window.as_millis()).unwrap_or(i64::MAX);
        MemoryMetricStore { out_of_order_window_ms: window, state: RwLock::default() }
    }
}

#[derive(Default)]
struct State {
    closed: bool,
    newest: Option<TimestampMs>,
    series: BTreeMap<Labels, Series>,
    metadata: BTreeMap<String, MetricMetadata>,
    changes: Changes,
}

#[derive(Default)]
struct Series {
    points: BTreeMap<TimestampMs, Point>,
    starts: BTreeMap<TimestampMs, TimestampMs>,
    exemplars: Vec<Exemplar>,
}

/// What a series holds at one instant.
#[derive(Clone)]
enum Point {
    Float(f64),
    Histogram(Arc<Histogram>),
}

impl Point {
    fn same(&self, other: &Point) -> bool {
        match (self, other) {
            (Point::Float(own), Point::Float(other)) => own.to_bits() == other.to_bits(),
            (Point::Histogram(own), Point::Histogram(other)) => own.same_counts(other),
            (Point::Float(_), Point::Histogram(_)) | (Point::Histogram(_), Point::Float(_)) => {
                false
            }
        }
    }
}

impl State {
    fn check_open(&self) -> Result<()> {
        if self.closed {
            return Err(Error::new(ErrorKind::Unavailable, "the metric store is closed"));
        }
        Ok(())
    }

    /// Writes one series; points before `horizon` are too old.
    fn write(&mut self, index: usize, write: SeriesWrite, horizon: i64, receipt: &mut Receipt) {
        let floats =
            write.samples.iter().map(|sample| (sample.timestamp, Point::Float(sample.value)));
        let histograms = write
            .histograms
            .iter()
            .map(|sample| (sample.timestamp, Point::Histogram(Arc::clone(&sample.histogram))));
        let (known_time, late): (Vec<_>, Vec<_>) =
            floats.chain(histograms).partition(|(at, _)| *at <= KEEPABLE.end);
        let (fresh, old): (Vec<_>, Vec<_>) =
            known_time.into_iter().partition(|(at, _)| at.0 >= horizon);
        if !late.is_empty() {
            let message = format!("out of bounds for series {}", write.labels);
            receipt.reject(index, late.len() as u64, RejectReason::TooFarInFuture, message);
        }
        if !old.is_empty() {
            let message = format!("too old sample for series {}", write.labels);
            receipt.reject(index, old.len() as u64, RejectReason::TooOld, message);
        }
        let exemplars: Vec<_> = write
            .exemplars
            .into_iter()
            .filter(|one| one.timestamp.0 >= horizon && one.timestamp <= KEEPABLE.end)
            .collect();
        if fresh.is_empty() && exemplars.is_empty() {
            return;
        }
        let series = self.series.entry(write.labels.clone()).or_default();
        let new = fresh.iter().map(|(at, _)| *at).filter(|at| !series.points.contains_key(at));
        let new = new.chain(write.starts.iter().map(|one| one.timestamp));
        new.min().into_iter().for_each(|earliest| self.changes.note(earliest));
        let mut duplicates = 0;
        for (at, point) in fresh {
            let is_histogram = matches!(point, Point::Histogram(_));
            if series.insert(at, point) {
                receipt.accepted += 1;
                receipt.histograms += u64::from(is_histogram);
                self.newest = self.newest.max(Some(at));
            } else {
                duplicates += 1;
            }
        }
        if duplicates > 0 {
            let message = format!("duplicate sample for timestamp for series {}", write.labels);
            receipt.reject(index, duplicates, RejectReason::DuplicateTimestamp, message);
        }
        for one in write.starts.into_iter().filter(|one| one.timestamp.0 >= horizon) {
            if series.points.contains_key(&one.timestamp) {
                series.starts.entry(one.timestamp).or_insert(one.start);
            }
        }
        for exemplar in exemplars {
            receipt.exemplars += 1;
            if !series.exemplars.iter().any(|known| known.same_bits(&exemplar)) {
                series.exemplars.push(exemplar);
            }
        }
        series.exemplars.sort_by_key(|exemplar| exemplar.timestamp);
    }

    fn matching<'a>(
        &'a self,
        match_sets: &'a [Vec<Matcher>],
    ) -> impl Iterator<Item = (&'a Labels, &'a Series)> {
        self.series.iter().filter(move |(labels, _)| matches_any(match_sets, labels))
    }

    /// Returns the labels of the series that a label query means.
    fn queried<'a>(&'a self, query: &'a LabelQuery) -> impl Iterator<Item = &'a Labels> {
        let inside = |series: &Series| {
            !query.range.is_empty() && series.within(query.range).next().is_some()
        };
        self.matching(&query.match_sets).filter(move |(_, series)| inside(series)).map(|(l, _)| l)
    }
}

impl Series {
    /// Adds a point unless its time is taken; tells whether the time holds these very bits now.
    fn insert(&mut self, at: TimestampMs, mut point: Point) -> bool {
        if let Some(known) = self.points.get(&at) {
            return known.same(&point);
        }
        if let Point::Histogram(new) = &mut point {
            let previous = self.points.range(..at).next_back();
            let previous = previous.and_then(|(_, point)| match point {
                Point::Histogram(histogram) => Some(&**histogram),
                Point::Float(_) => None,
            });
            let is_newest = self.points.range(at..).next().is_none();
            let previous = previous.filter(|_| is_newest);
            let hint = new.settled_hint(previous);
            Arc::make_mut(new).counter_reset_hint = hint;
        }
        self.doubt(at);
        self.points.insert(at, point);
        true
    }

    /// Forgets what the next point from `at` on says of the one that came before it until now.
    fn doubt(&mut self, at: TimestampMs) {
        if let Some((_, Point::Histogram(next))) = self.points.range_mut(at..).next()
            && next.counter_reset_hint == CounterResetHint::NotReset
        {
            Arc::make_mut(next).counter_reset_hint = CounterResetHint::Unknown;
        }
    }

    fn within(&self, range: TimeRange<TimestampMs>) -> impl Iterator<Item = (TimestampMs, &Point)> {
        self.points.range(range.start..=range.end).map(|(at, point)| (*at, point))
    }

    /// Returns the points inside the range, which is not empty, as a selection shows them.
    fn select(&self, labels: &Labels, range: TimeRange<TimestampMs>) -> SeriesData {
        let mut data = SeriesData { labels: labels.clone(), ..SeriesData::default() };
        let starts = self.starts.range(range.start..=range.end);
        data.starts = starts
            .map(|(timestamp, start)| StartTime { timestamp: *timestamp, start: *start })
            .collect();
        for (timestamp, point) in self.within(range) {
            match point {
                Point::Float(value) => data.samples.push(Sample { timestamp, value: *value }),
                Point::Histogram(histogram) => {
                    let histogram = Arc::clone(histogram);
                    data.histograms.push(HistogramSample { timestamp, histogram });
                }
            }
        }
        data
    }
}

impl State {
    /// Writes points from `horizon` on, in milliseconds.
    fn write_all(&mut self, batch: MetricBatch, horizon: i64) -> Result<Receipt> {
        self.check_open()?;
        let mut receipt = Receipt::default();
        for (index, write) in batch.series.into_iter().enumerate() {
            self.write(index, write, horizon, &mut receipt);
        }
        for metadata in batch.metadata {
            self.metadata.insert(metadata.metric.clone(), metadata);
        }
        Ok(receipt)
    }
}

fn matches_all(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches_labels(labels))
}

fn matches_any(match_sets: &[Vec<Matcher>], labels: &Labels) -> bool {
    match_sets.is_empty() || match_sets.iter().any(|matchers| matches_all(matchers, labels))
}

#[async_trait]
impl MetricStore for MemoryMetricStore {
    async fn append(&self, batch: MetricBatch) -> Result<Receipt> {
        let mut state = self.state.write();
        let window = self.out_of_order_window_ms;
        let newest = state.newest.map_or(i64::MIN, |newest| newest.0);
        let horizon = newest.saturating_sub(window).max(KEEPABLE.start.0);
        state.write_all(batch, horizon)
    }

    async fn backfill(&self, batch: MetricBatch) -> Result<Receipt> {
        self.state.write().write_all(batch, KEEPABLE.start.0)
    }

    async fn delete(
        &self,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Deleted> {
        let mut state = self.state.write();
        state.check_open()?;
        state.changes.note(range.start);
        let mut deleted = Deleted::default();
        for (labels, series) in &mut state.series {
            if !matches_any(&match_sets, labels) {
                continue;
            }
            let before = series.points.len();
            series.points.retain(|at, _| !range.contains(*at));
            series.starts.retain(|at, _| !range.contains(*at));
            series.exemplars.retain(|one| !range.contains(one.timestamp));
            if series.points.len() < before {
                deleted.series += 1;
                series.doubt(range.end);
            }
        }
        state.series.retain(|_, series| !series.points.is_empty() || !series.exemplars.is_empty());
        Ok(deleted)
    }

    async fn purge_deleted(&self) -> Result<()> {
        self.state.read().check_open()
    }

    async fn select(&self, query: SelectQuery) -> Result<Box<dyn SeriesCursor>> {
        let state = self.state.read();
        state.check_open()?;
        let mut selected = Vec::new();
        if !query.range.is_empty() {
            for (labels, series) in &state.series {
                if matches_all(&query.matchers, labels) {
                    selected.push(series.select(labels, query.range));
                }
            }
        }
        selected.retain(|data| !data.samples.is_empty() || !data.histograms.is_empty());
        Ok(Box::new(MemoryCursor {
            series: selected.into_iter(),
            samples_left: query.max_samples.unwrap_or(u64::MAX),
            stats: SelectStats::default(),
        }))
    }

    async fn label_names(&self, query: LabelQuery) -> Result<Cut<String>> {
        let state = self.state.read();
        state.check_open()?;
        let mut names = BTreeSet::new();
        for labels in state.queried(&query) {
            names.extend(labels.iter().map(|(name, _)| name.to_owned()));
        }
        Ok(Cut::limited(names.into_iter().collect(), query.limit))
    }

    async fn label_values(&self, name: &str, query: LabelQuery) -> Result<Cut<String>> {
        let state = self.state.read();
        state.check_open()?;
        let values: BTreeSet<_> =
            state.queried(&query).filter_map(|labels| labels.get(name)).collect();
        Ok(Cut::limited(values.into_iter().map(str::to_owned).collect(), query.limit))
    }

    async fn series(&self, query: LabelQuery) -> Result<Cut<Labels>> {
        let state = self.state.read();
        state.check_open()?;
        Ok(Cut::limited(state.queried(&query).cloned().collect(), query.limit))
    }

    async fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetricMetadata>> {
        let state = self.state.read();
        state.check_open()?;
        let wanted = |name: &str| metric.is_none_or(|metric| metric == name);
        Ok(state.metadata.values().filter(|known| wanted(&known.metric)).cloned().collect())
    }

    async fn exemplars(
        &self,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Vec<SeriesExemplars>> {
        let state = self.state.read();
        state.check_open()?;
        let mut found = Vec::new();
        for (labels, series) in state.matching(&match_sets) {
            let inside = series.exemplars.iter().filter(|one| range.contains(one.timestamp));
            let exemplars: Vec<_> = inside.cloned().collect();
            if !exemplars.is_empty() {
                found.push(SeriesExemplars { labels: labels.clone(), exemplars });
            }
        }
        Ok(found)
    }

    fn stats(&self) -> MetricStats {
        let state = self.state.read();
        let points = state.series.values().map(|series| &series.points);
        MetricStats {
            active_series: points.clone().filter(|points| !points.is_empty()).count() as u64,
            head_samples: points.clone().map(|points| points.len() as u64).sum(),
            min_time: points.filter_map(|points| points.keys().next().copied()).min(),
            max_time: state.newest,
        }
    }

    fn changes(&self) -> Option<ChangeMark> {
        let state = self.state.read();
        state.changes.mark().filter(|_| !state.closed)
    }

    fn unchanged_before(&self, mark: ChangeMark) -> Option<TimestampMs> {
        let state = self.state.read();
        state.changes.unchanged_before(mark).filter(|_| !state.closed)
    }
}

struct MemoryCursor {
    series: std::vec::IntoIter<SeriesData>,
    samples_left: u64,
    stats: SelectStats,
}

#[async_trait]
impl SeriesCursor for MemoryCursor {
    async fn next_block(&mut self) -> Result<Option<SeriesBlock>> {
        let block: SeriesBlock = self.series.by_ref().take(BLOCK_SERIES).collect();
        let samples: usize =
            block.iter().map(|data| data.samples.len() + data.histograms.len()).sum();
        let Some(left) = self.samples_left.checked_sub(samples as u64) else {
            let message = "the selection holds more samples than one query may read";
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        };
        self.samples_left = left;
        self.stats.series += block.len() as u64;
        self.stats.samples += samples as u64;
        Ok(Some(block).filter(|block| !block.is_empty()))
    }

    fn stats(&self) -> SelectStats {
        self.stats
    }
}

#[async_trait]
impl Lifecycle for MemoryMetricStore {
    async fn flush(&self) -> Result<()> {
        self.state.read().check_open()
    }

    /// Drops UTC days that end before the limit, never the newest; bytes are not limited, because
    /// none are on disk.
    async fn enforce_retention(&self, limits: RetentionLimits) -> Result<Dropped> {
        let mut state = self.state.write();
        state.check_open()?;
        let Some(live) = state.newest.map(Day::of_ms) else { return Ok(Dropped::default()) };
        let oldest = TimestampNs(limits.oldest_ns);
        let outlived = |day: Day| {
            day < live && day.range_ms().end.to_ns().0.saturating_add(999_999) < oldest.0
        };
        let mut days = BTreeSet::new();
        for series in state.series.values_mut() {
            let of_series = series.points.keys().map(|at| Day::of_ms(*at));
            days.extend(of_series.filter(|day| outlived(*day)));
            series.points.retain(|at, _| !outlived(Day::of_ms(*at)));
            series.starts.retain(|at, _| !outlived(Day::of_ms(*at)));
            series.exemplars.retain(|one| !outlived(Day::of_ms(one.timestamp)));
        }
        if !days.is_empty() {
            state.changes.note(TimestampMs(i64::MIN));
        }
        state.series.retain(|_, series| !series.points.is_empty() || !series.exemplars.is_empty());
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
    use super::*;
    use crate::storage::conformance::metric::{self, OUT_OF_ORDER_WINDOW, Subject};

    struct Memory;

    #[async_trait]
    impl Subject for Memory {
        async fn empty(&self) -> Arc<dyn MetricStore> {
            Arc::new(MemoryMetricStore::new(OUT_OF_ORDER_WINDOW))
        }
    }

    #[tokio::test]
    async fn the_memory_store_keeps_the_contract() {
        metric::run(&Memory).await;
    }
}
