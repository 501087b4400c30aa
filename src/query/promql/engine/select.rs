//! Selectors: blocks of series from the store to columns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::base::error::{Error, Result};
use crate::model::answer::SampleValue;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::{HistogramSample, Sample, StartTime, start_of};
use crate::model::series::SeriesData;
use crate::model::stale::is_stale;
use crate::model::time::{TimeRange, TimestampMs};
use crate::query::promql::ast::{Edges, Matrix, Selector};
use crate::query::promql::engine::column::{Column, Grid, Mapped, Sink, histogram_cost};
use crate::query::promql::engine::context::{Evaluation, Looks};
use crate::query::promql::engine::notes::Note;
use crate::query::promql::engine::watcher::WatchedSelector;
use crate::query::promql::histogram;
use crate::query::promql::position::Span;
use crate::storage::metric_store::{SelectHints, SelectQuery, SeriesCursor};

/// What an hour takes of memory, in samples.
const HOUR_COST: u64 = 6;

/// A cursor that accounts for what it hands out.
pub(super) struct Blocks<'e> {
    evaluation: &'e Evaluation,
    cursor: Box<dyn SeriesCursor>,
    counts_only: bool,
    held: u64,
    watched: Option<WatchedSelector<'e>>,
}

impl Blocks<'_> {
    /// Returns the next block; the one before counts as given back.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<SeriesData>>> {
        self.evaluation.budget.give(std::mem::take(&mut self.held));
        let begin = self.watched.as_ref().map(|_| Instant::now());
        let next = self.cursor.next_block().await?;
        if let (Some(watched), Some(begin)) = (&mut self.watched, begin) {
            watched.read(begin, next.as_deref().unwrap_or_default());
        }
        let Some(mut block) = next else { return Ok(None) };
        if self.counts_only {
            block.iter_mut().for_each(|data| count_only(&mut data.histograms));
        }
        let cost = block.iter().map(series_cost).sum();
        self.evaluation.budget.take(cost)?;
        self.held = cost;
        Ok(Some(block))
    }
}

impl Drop for Blocks<'_> {
    /// Keeps what the store says of the selection, whether all of it was read or not.
    fn drop(&mut self) {
        let mut told = self.evaluation.told.lock();
        told.warnings.extend(self.cursor.warnings());
        let stats = self.cursor.stats();
        told.stats.add(&stats);
        if let Some(watched) = &self.watched {
            watched.told(&stats);
        }
    }
}

fn series_cost(data: &SeriesData) -> u64 {
    let histograms = data.histograms.iter().map(|sample| histogram_cost(&sample.histogram));
    data.samples.len() as u64 + data.hours.len() as u64 * HOUR_COST + histograms.sum::<u64>()
}

/// Leaves of each histogram its count and sum, and says whether it was reset since the one before
/// where the store does not say.
fn count_only(histograms: &mut [HistogramSample]) {
    let mut last: Option<Arc<Histogram>> = None;
    for sample in histograms.iter_mut().filter(|sample| !sample.histogram.is_stale()) {
        let known = Arc::clone(&sample.histogram);
        let mut hint = known.counter_reset_hint;
        if let Some(last) = last.replace(Arc::clone(&known))
            && hint == CounterResetHint::Unknown
        {
            let reset = histogram::detect_reset(&known, &last);
            hint = if reset { CounterResetHint::Reset } else { CounterResetHint::NotReset };
        }
        sample.histogram = Arc::new(Histogram {
            counter_reset_hint: hint,
            schema: known.schema,
            count: known.count,
            sum: known.sum,
            ..Histogram::default()
        });
    }
}

/// How far around each look samples are wanted: after `look - before`, up to `look + after`.
pub(super) struct Reach {
    pub before: i64,
    pub after: i64,
    /// Whether each look and what it reaches back to are full hours.
    pub whole_hours: bool,
}

impl Reach {
    /// Reaches for points, wherever they are.
    pub(super) fn points(before: i64, after: i64) -> Self {
        Reach { before, after, whole_hours: false }
    }
}

impl Evaluation {
    /// Opens a cursor over what the looks of `grid` can reach.
    pub(super) async fn blocks(
        &self,
        selector: &Selector,
        looks: Looks,
        grid: Grid,
        reach: Reach,
        function: &str,
    ) -> Result<Blocks<'_>> {
        let first = looks.at(grid.start).saturating_sub(reach.before).saturating_add(1);
        let last = looks.at(grid.end()).saturating_add(reach.after);
        let query = SelectQuery {
            matchers: selector.matchers.clone(),
            range: TimeRange::new(TimestampMs(first), TimestampMs(last)),
            hints: SelectHints {
                step_ms: if grid.steps > 1 { grid.step } else { 0 },
                range_ms: reach.before,
                function: function.to_owned(),
                whole_hours: reach.whole_hours,
            },
            max_samples: Some(self.budget.left()),
        };
        let begin = self.watcher.as_ref().map(|_| Instant::now());
        let cursor = self.store.select(query).await?;
        let counts_only = selector.counts_only;
        let watched = begin.and_then(|begin| WatchedSelector::opened(self, selector, begin));
        Ok(Blocks { evaluation: self, cursor, counts_only, held: 0, watched })
    }

    /// Evaluates an instant vector selector.
    pub(super) async fn select(
        &self,
        selector: &Selector,
        span: Span,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        if selector.edges == Edges::Anchored {
            return Err(Error::unsupported(
                "the anchored modifier on an instant vector selector is not supported",
            ));
        }
        let smoothed = selector.edges == Edges::Smoothed;
        self.each_sample(selector, grid, smoothed, sink, |data, look| {
            if smoothed {
                return self.smoothed(data, look, span);
            }
            latest(data, look, self.lookback()).map(|(_, value)| value)
        })
        .await
    }

    /// Evaluates `start_timestamp(selector)`: 0 where nobody knows when counting began. Samples may
    /// be `lookback` old.
    pub(super) async fn select_starts(
        &self,
        selector: &Selector,
        lookback: i64,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let mut renamed = Mapped { inner: sink, change: drop_name };
        self.each_sample(selector, grid, false, &mut renamed, |data, look| {
            let (at, _) = latest(data, look, lookback)?;
            Some(SampleValue::Float(start_of(data.starts, TimestampMs(at)) as f64 / 1000.0))
        })
        .await
    }

    /// Evaluates `timestamp(selector)`; `saw_histogram` is set when any sample is a histogram.
    /// Samples may be `lookback` old.
    pub(super) async fn select_timestamps(
        &self,
        selector: &Selector,
        lookback: i64,
        grid: Grid,
        saw_histogram: &AtomicBool,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let mut renamed = Mapped { inner: sink, change: drop_name };
        self.each_sample(selector, grid, false, &mut renamed, |data, look| {
            let (at, value) = latest(data, look, lookback)?;
            if matches!(value, SampleValue::Histogram(_)) {
                saw_histogram.store(true, Ordering::Relaxed);
            }
            Some(SampleValue::Float(at as f64 / 1000.0))
        })
        .await
    }

    pub(super) fn lookback(&self) -> i64 {
        i64::try_from(self.options.lookback.as_millis()).unwrap_or(i64::MAX)
    }

    async fn each_sample(
        &self,
        selector: &Selector,
        grid: Grid,
        ahead: bool,
        sink: &mut (dyn Sink + '_),
        pick: impl Fn(&mut Cursor<'_>, i64) -> Option<SampleValue> + Send + Sync,
    ) -> Result<()> {
        let looks = self.looks(&selector.timing)?;
        let lookback = self.lookback();
        let reach = Reach::points(lookback, if ahead { lookback } else { 0 });
        let mut blocks = self.blocks(selector, looks, grid, reach, "").await?;
        while let Some(block) = blocks.next().await? {
            let mut columns = Vec::with_capacity(block.len());
            for data in block {
                let mut column = Column::empty(data.labels.clone(), grid.steps);
                let mut cursor = Cursor::new(&data);
                let mut found = false;
                for step in 0..grid.steps {
                    if let Some(value) = pick(&mut cursor, looks.at(grid.at(step))) {
                        column.set(step, value);
                        found = true;
                    }
                }
                if found {
                    // Prometheus does not count what it interpolates.
                    if !ahead {
                        self.count_column(grid, &column);
                    }
                    self.budget.take(column.cost())?;
                    columns.push(column);
                }
            }
            self.emit(columns, sink).await?;
        }
        Ok(())
    }

    /// Evaluates a range vector selector at one instant, with the samples' own times.
    pub(super) async fn select_matrix(
        &self,
        matrix: &Matrix,
        span: Span,
        at: i64,
    ) -> Result<Vec<SeriesData>> {
        let looks = self.looks(&matrix.selector.timing)?;
        let range = self.length(&matrix.range, false)?;
        let end = looks.at(at);
        let lookback = self.lookback();
        let reach = match matrix.selector.edges {
            Edges::Plain => Reach::points(range, 0),
            Edges::Anchored => Reach::points(range + lookback, 0),
            Edges::Smoothed => Reach::points(range + lookback, lookback),
        };
        let grid = Grid::instant(at);
        let selector = &matrix.selector;
        let mut blocks = self.blocks(selector, looks, grid, reach, "").await?;
        let mut found = Vec::new();
        while let Some(block) = blocks.next().await? {
            for mut data in block {
                without_stale(&mut data);
                if selector.edges != Edges::Plain
                    && !self.extend(&mut data, matrix, span, range, end)
                {
                    continue;
                }
                if !data.samples.is_empty() || !data.histograms.is_empty() {
                    self.count_series(grid, &data);
                    self.budget.take(series_cost(&data))?;
                    found.push(data);
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(found)
    }

    /// Puts samples of a bare `anchored` or `smoothed` range at its edges; `false` when none is
    /// left.
    fn extend(
        &self,
        data: &mut SeriesData,
        matrix: &Matrix,
        span: Span,
        range: i64,
        end: i64,
    ) -> bool {
        if !data.histograms.is_empty() {
            let name = data.labels.metric_name().to_owned();
            if !data.samples.is_empty() {
                self.note(span, Note::MixedFloatsHistograms(name));
            }
            return false;
        }
        if data.samples.is_empty() {
            return false;
        }
        let smoothed = matrix.selector.edges == Edges::Smoothed;
        data.samples = crate::query::promql::engine::functions::extended::at_edges(
            &data.samples,
            end - range,
            end,
            smoothed,
        );
        !data.samples.is_empty()
    }

    /// Returns the value at `look`, interpolated between the samples around it.
    fn smoothed(&self, cursor: &mut Cursor<'_>, look: i64, span: Span) -> Option<SampleValue> {
        let lookback = self.lookback();
        let (from, to) = (look - lookback, look + lookback);
        let floats = between(cursor.floats, from, to);
        let histograms = between(cursor.histograms, from, to);
        let floats: Vec<_> = floats.iter().filter(|one| !is_stale(one.value)).collect();
        let histograms: Vec<_> =
            histograms.iter().filter(|one| !one.histogram.is_stale()).collect();
        let name = || cursor.name.to_owned();
        if !floats.is_empty() && !histograms.is_empty() {
            self.note(span, Note::MixedFloatsHistograms(name()));
            return None;
        }
        if let Some(next) = floats.iter().position(|one| one.timestamp.0 >= look) {
            let right = floats[next];
            if right.timestamp.0 == look {
                return Some(SampleValue::Float(right.value));
            }
            let left = floats.get(next.checked_sub(1)?)?;
            let value = interpolated(left, right, look, false);
            return Some(SampleValue::Float(value));
        }
        if let Some(last) = floats.last() {
            return Some(SampleValue::Float(last.value));
        }
        let Some(next) = histograms.iter().position(|one| one.timestamp.0 >= look) else {
            let last = histograms.last()?;
            let mut histogram = Histogram::clone(&last.histogram);
            histogram.counter_reset_hint = CounterResetHint::Unknown;
            return Some(SampleValue::Histogram(histogram.into()));
        };
        let right = histograms[next];
        if right.timestamp.0 == look {
            return Some(SampleValue::Histogram(Arc::clone(&right.histogram)));
        }
        let left = histograms.get(next.checked_sub(1)?)?;
        let gauge = |sample: &HistogramSample| {
            sample.histogram.counter_reset_hint == CounterResetHint::Gauge
        };
        let counter = !gauge(left) || !gauge(right);
        let report = |operation| self.note(span, Note::MismatchedBounds(operation));
        match histogram::interpolated(left, right, look, counter, report) {
            Ok(histogram) => Some(SampleValue::Histogram(histogram.into())),
            Err(histogram::Incompatible) => {
                self.note(span, Note::MixedExponentialCustom(name()));
                None
            }
        }
    }
}

/// Returns the value at `at` on the line through two samples; a counter that fell started at 0.
pub(super) fn interpolated(left: &Sample, right: &Sample, at: i64, counter: bool) -> f64 {
    let from = if counter && right.value < left.value { 0.0 } else { left.value };
    let passed = (at - left.timestamp.0) as f64;
    let whole = (right.timestamp.0 - left.timestamp.0) as f64;
    from + (right.value - from) * passed / whole
}

fn drop_name(column: &mut Column) -> Result<()> {
    column.drop_name = true;
    Ok(())
}

/// Something with a time.
trait Timed {
    fn time(&self) -> i64;
}

impl Timed for Sample {
    fn time(&self) -> i64 {
        self.timestamp.0
    }
}

impl Timed for HistogramSample {
    fn time(&self) -> i64 {
        self.timestamp.0
    }
}

/// Returns those after `from` and not after `to`.
fn between<T: Timed>(samples: &[T], from: i64, to: i64) -> &[T] {
    let start = samples.partition_point(|sample| sample.time() <= from);
    let end = samples.partition_point(|sample| sample.time() <= to);
    samples.get(start..end.max(start)).unwrap_or(&[])
}

/// Walks a series forward, look by look.
struct Cursor<'a> {
    name: &'a str,
    floats: &'a [Sample],
    histograms: &'a [HistogramSample],
    starts: &'a [StartTime],
    float_at: usize,
    histogram_at: usize,
}

impl<'a> Cursor<'a> {
    fn new(data: &'a SeriesData) -> Self {
        Cursor {
            name: data.labels.metric_name(),
            floats: &data.samples,
            histograms: &data.histograms,
            starts: &data.starts,
            float_at: 0,
            histogram_at: 0,
        }
    }
}

/// Returns the newest sample not after `look` and younger than the look-back, unless it is a stale
/// marker. Looks must not go back in time.
fn latest(cursor: &mut Cursor<'_>, look: i64, lookback: i64) -> Option<(i64, SampleValue)> {
    while cursor.floats.get(cursor.float_at).is_some_and(|one| one.timestamp.0 <= look) {
        cursor.float_at += 1;
    }
    while cursor.histograms.get(cursor.histogram_at).is_some_and(|one| one.timestamp.0 <= look) {
        cursor.histogram_at += 1;
    }
    let float = cursor.float_at.checked_sub(1).map(|at| &cursor.floats[at]);
    let histogram = cursor.histogram_at.checked_sub(1).map(|at| &cursor.histograms[at]);
    let float_time = float.map_or(i64::MIN, |one| one.timestamp.0);
    let histogram_time = histogram.map_or(i64::MIN, |one| one.timestamp.0);
    let oldest = look.saturating_sub(lookback);
    if float_time.max(histogram_time) <= oldest {
        return None;
    }
    match (float, histogram) {
        (Some(float), _) if float_time >= histogram_time => {
            let fresh = !is_stale(float.value);
            fresh.then_some((float_time, SampleValue::Float(float.value)))
        }
        (_, Some(known)) => {
            let fresh = !known.histogram.is_stale();
            fresh.then(|| (histogram_time, SampleValue::Histogram(Arc::clone(&known.histogram))))
        }
        _ => None,
    }
}

/// Removes stale markers: ranges do not see them.
pub(super) fn without_stale(data: &mut SeriesData) {
    data.samples.retain(|sample| !is_stale(sample.value));
    data.histograms.retain(|sample| !sample.histogram.is_stale());
}
