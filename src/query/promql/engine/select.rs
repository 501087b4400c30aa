//! Selectors: blocks of series from the store to columns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::error::{Error, Result};
use crate::model::answer::SampleValue;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::{HistogramSample, Sample, StartTime, start_of};
use crate::model::series::SeriesData;
use crate::model::stale::is_stale;
use crate::model::time::TimestampMs;
use crate::query::promql::ast::{Edges, Matrix, Selector};
use crate::query::promql::engine::blocks::{Reach, series_cost};
use crate::query::promql::engine::column::{Column, Grid, Mapped, Sink};
use crate::query::promql::engine::context::{Evaluation, Looks};
use crate::query::promql::engine::notes::Note;
use crate::query::promql::histogram;
use crate::query::promql::position::Span;

impl Evaluation {
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
        let lookback = self.lookback();
        if selector.edges == Edges::Smoothed {
            return self
                .each_series(selector, grid, lookback, sink, |column, cursor, looks| {
                    each_look(column, grid, looks, |look| self.smoothed(cursor, look, span))
                })
                .await;
        }
        self.each_series(selector, grid, 0, sink, |column, cursor, looks| {
            if cursor.histograms.is_empty() {
                return latest_floats(column, cursor.floats, grid, looks, lookback);
            }
            each_look(column, grid, looks, |look| {
                latest(cursor, look, lookback).map(|(_, value)| value)
            })
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
        self.each_series(selector, grid, 0, &mut renamed, |column, cursor, looks| {
            each_look(column, grid, looks, |look| {
                let (at, _) = latest(cursor, look, lookback)?;
                Some(SampleValue::Float(start_of(cursor.starts, TimestampMs(at)) as f64 / 1000.0))
            })
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
        self.each_series(selector, grid, 0, &mut renamed, |column, cursor, looks| {
            each_look(column, grid, looks, |look| {
                let (at, value) = latest(cursor, look, lookback)?;
                if matches!(value, SampleValue::Histogram(_)) {
                    saw_histogram.store(true, Ordering::Relaxed);
                }
                Some(SampleValue::Float(at as f64 / 1000.0))
            })
        })
        .await
    }

    pub(super) fn lookback(&self) -> i64 {
        i64::try_from(self.options.lookback.as_millis()).unwrap_or(i64::MAX)
    }

    /// Fills a column of each series by `fill`, which returns whether there is anything in it;
    /// samples up to `ahead` behind a look are there.
    async fn each_series(
        &self,
        selector: &Selector,
        grid: Grid,
        ahead: i64,
        sink: &mut (dyn Sink + '_),
        fill: impl Fn(&mut Column, &mut Cursor<'_>, Looks) -> bool + Send + Sync,
    ) -> Result<()> {
        let looks = self.looks(&selector.timing)?;
        let reach = Reach::points(self.lookback(), ahead);
        let mut blocks = self.blocks(selector, looks, grid, reach, "").await?;
        while let Some(block) = blocks.next().await? {
            let mut columns = Vec::with_capacity(block.len());
            for data in block {
                let mut column = Column::empty(data.labels.clone(), grid.steps);
                if fill(&mut column, &mut Cursor::new(&data), looks) {
                    // Prometheus does not count what it interpolates.
                    if ahead == 0 {
                        self.count_column(grid, &column);
                    }
                    self.budget.take_column(column.cost())?;
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

/// Sets what `pick` finds at each look; returns whether it found anything.
fn each_look(
    column: &mut Column,
    grid: Grid,
    looks: Looks,
    mut pick: impl FnMut(i64) -> Option<SampleValue>,
) -> bool {
    let mut found = false;
    for step in 0..grid.steps {
        if let Some(value) = pick(looks.at(grid.at(step))) {
            column.set(step, value);
            found = true;
        }
    }
    found
}

/// Does what [`each_look`] does with [`latest`], for a series without histograms.
fn latest_floats(
    column: &mut Column,
    floats: &[Sample],
    grid: Grid,
    looks: Looks,
    lookback: i64,
) -> bool {
    let is_seen = |sample: &Sample, look| sample.timestamp.0 <= look;
    // How many samples were seen, and how many of them for the first time at the step before: mostly
    // as many come with each step.
    let (mut seen, mut stride, mut found) = (0_usize, 0, false);
    for (step, value) in column.floats.iter_mut().enumerate() {
        let look = looks.at(grid.at(step));
        let (known, guess) = (seen, seen + stride);
        let not_less =
            guess == known || floats.get(guess - 1).is_some_and(|one| is_seen(one, look));
        if not_less {
            seen = guess;
        }
        while floats.get(seen).is_some_and(|one| is_seen(one, look)) {
            seen += 1;
        }
        stride = seen - known;
        if let Some(sample) = seen.checked_sub(1).and_then(|last| floats.get(last))
            && sample.timestamp.0 > look.saturating_sub(lookback)
            && !is_stale(sample.value)
        {
            *value = sample.value;
            found = true;
        }
    }
    found
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
