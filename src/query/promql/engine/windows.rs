//! Range vectors under a function: a window slides over each series, step by step.

use crate::base::error::{Error, Result};
use crate::model::answer::SampleValue;
use crate::model::labels::Labels;
use crate::model::sample::{HistogramSample, Sample, StartTime, start_of};
use crate::model::series::SeriesData;
use crate::model::time::TimestampMs;
use crate::query::promql::ast::{Edges, Kind, Node};
use crate::query::promql::engine::answer;
use crate::query::promql::engine::blocks::Reach;
use crate::query::promql::engine::column::{Column, Counts, Grid, Sink};
use crate::query::promql::engine::context::{Evaluation, Looks};
use crate::query::promql::engine::hours;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::engine::select::without_stale;
use crate::query::promql::position::Span;

/// What a range function sees at one step.
pub(super) struct Window<'a> {
    /// Those after `start` and not after `end`; wider for anchored and smoothed ranges.
    pub floats: &'a [Sample],
    /// Likewise.
    pub histograms: &'a [HistogramSample],
    /// How often the floats of the whole series fell, or began again, before each of `floats`.
    pub falls: &'a [u32],
    /// When counting began, of those samples of the whole series of which it is known.
    pub starts: &'a [StartTime],
    /// Does not belong to the range.
    pub start: i64,
    /// Belongs to the range.
    pub end: i64,
    /// The step.
    pub at: i64,
    pub edges: Edges,
    /// The scalar arguments at this step.
    pub scalars: &'a [f64],
    pub series: &'a Labels,
    /// Where the range vector stands in the query.
    pub span: Span,
    /// Where the scalar arguments stand.
    pub scalar_span: Span,
    pub notes: &'a Evaluation,
}

impl Window<'_> {
    /// Adds a note about the range vector.
    pub(super) fn note(&self, note: Note) {
        self.notes.note(self.span, note);
    }

    /// Returns the metric's name.
    pub(super) fn name(&self) -> String {
        self.series.metric_name().to_owned()
    }

    /// Returns when the counting of the sample at `at` began; 0 when nobody knows.
    pub(super) fn start_of(&self, at: TimestampMs) -> i64 {
        start_of(self.starts, at)
    }

    /// Returns whether starts say that counting began again between two samples.
    pub(super) fn began_again(&self, before: TimestampMs, at: TimestampMs) -> bool {
        began_again(self.starts, before, at)
    }

    /// Returns the width of the range in seconds.
    pub(super) fn seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }
}

/// A function over a window; `None` yields no value at this step.
pub(super) type RangeFunction = fn(&Window<'_>) -> Option<SampleValue>;

/// A range vector under a function.
pub(super) struct Ranged<'a> {
    pub name: &'static str,
    pub function: RangeFunction,
    pub argument: &'a Node,
    /// The scalar arguments, each at every step.
    pub scalars: Vec<Vec<f64>>,
    pub scalar_span: Span,
}

impl Ranged<'_> {
    /// Returns where notes about the range point; those about a subquery point nowhere, as in
    /// Prometheus.
    pub(super) fn span(&self) -> Span {
        match &self.argument.kind {
            Kind::Subquery(_) => Span::default(),
            _ => self.argument.span,
        }
    }
}

/// Where windows lie.
pub(super) struct Slide {
    pub looks: Looks,
    pub range: i64,
    pub edges: Edges,
    pub lookback: i64,
    pub grid: Grid,
}

impl Evaluation {
    /// Evaluates a range function at every step.
    pub(super) async fn ranged(
        &self,
        ranged: Ranged<'_>,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        match &ranged.argument.kind {
            Kind::Paren(inner) => {
                let inner = Ranged { argument: inner, ..ranged };
                Box::pin(self.ranged(inner, grid, sink)).await
            }
            Kind::Matrix(matrix) => {
                let edges = matrix.selector.edges;
                check_edges(edges, ranged.name)?;
                let looks = self.looks(&matrix.selector.timing)?;
                let range = self.length(&matrix.range, false)?;
                let lookback = self.lookback();
                let reach = match edges {
                    Edges::Plain => Reach {
                        whole_hours: hours::may_do(ranged.name, looks, range, grid),
                        ..Reach::points(range, 0)
                    },
                    Edges::Anchored => Reach::points(range + lookback, 0),
                    Edges::Smoothed => Reach::points(range + lookback, lookback),
                };
                let slide = Slide { looks, range, edges, lookback, grid };
                let selector = &matrix.selector;
                let mut blocks = self.blocks(selector, looks, grid, reach, ranged.name).await?;
                while let Some(block) = blocks.next().await? {
                    let mut columns = Vec::with_capacity(block.len());
                    for mut data in block {
                        if !data.hours.is_empty() {
                            columns.extend(self.hours_column(&ranged, &slide, &data)?);
                            continue;
                        }
                        without_stale(&mut data);
                        columns.extend(self.column(&ranged, &slide, &data, false)?);
                    }
                    self.emit(columns, sink).await?;
                }
                Ok(())
            }
            Kind::Subquery(subquery) => {
                let looks = self.looks(&subquery.timing)?;
                let range = self.length(&subquery.range, false)?;
                let node = ranged.argument;
                let (inner, inner_grid) =
                    self.watched_subquery(node, subquery, grid, Counts::Nowhere).await?;
                let slide = Slide { looks, range, edges: Edges::Plain, lookback: 0, grid };
                let mut columns = Vec::with_capacity(inner.len());
                for column in inner {
                    let mut data = answer::points(&column, inner_grid);
                    crate::query::promql::engine::subquery::forget_resets(&mut data);
                    let made = self.column(&ranged, &slide, &data, column.drop_name)?;
                    self.budget.give_column(column.cost());
                    columns.extend(made);
                }
                self.emit(columns, sink).await
            }
            _ => Err(Error::internal("the argument is no range vector")),
        }
    }

    /// Slides the window over one series; `None` when no step has a value.
    fn column(
        &self,
        ranged: &Ranged<'_>,
        slide: &Slide,
        data: &SeriesData,
        drop_name: bool,
    ) -> Result<Option<Column>> {
        let grid = slide.grid;
        let keeps_name = matches!(ranged.name, "last_over_time" | "first_over_time");
        let mut column = Column::empty(data.labels.clone(), grid.steps);
        column.drop_name = drop_name || !keeps_name;
        self.count_windows(slide, data);
        let falls = falls(&data.samples, &data.starts);
        let mut floats = Slice::default();
        let mut histograms = Slice::default();
        let mut scalars = vec![0.0; ranged.scalars.len()];
        let (mut found, mut found_float) = (false, false);
        for step in 0..grid.steps {
            let end = slide.looks.at(grid.at(step));
            let start = end.saturating_sub(slide.range);
            let (first, last) = match slide.edges {
                Edges::Plain => (start, end),
                Edges::Anchored => (start - slide.lookback, end),
                Edges::Smoothed => (start - slide.lookback, end + slide.lookback),
            };
            floats.slide(data.samples.len(), first, last, |at| data.samples[at].timestamp.0);
            let histogram_time = |at: usize| data.histograms[at].timestamp.0;
            histograms.slide(data.histograms.len(), first, last, histogram_time);
            if floats.is_empty() && histograms.is_empty() {
                continue;
            }
            for (scalar, values) in scalars.iter_mut().zip(&ranged.scalars) {
                *scalar = values[step];
            }
            let window = Window {
                floats: &data.samples[floats.from..floats.to],
                histograms: &data.histograms[histograms.from..histograms.to],
                falls: &falls[floats.from..floats.to],
                starts: &data.starts,
                start,
                end,
                at: grid.at(step),
                edges: slide.edges,
                scalars: &scalars,
                series: &data.labels,
                span: ranged.span(),
                scalar_span: ranged.scalar_span,
                notes: self,
            };
            if let Some(value) = (ranged.function)(&window) {
                found_float |= matches!(value, SampleValue::Float(_));
                found = true;
                column.set(step, value);
            }
        }
        if found_float && matches!(ranged.name, "rate" | "increase") {
            self.doubt_counter(data, ranged.span());
        }
        if !found {
            return Ok(None);
        }
        self.budget.take_column(column.cost())?;
        Ok(Some(column))
    }

    /// Notes a metric whose name is not a counter's.
    pub(super) fn doubt_counter(&self, data: &SeriesData, span: Span) {
        let name = data.labels.metric_name();
        let counter = ["_total", "_sum", "_count", "_bucket"];
        if name.is_empty() || counter.iter().any(|ending| name.ends_with(ending)) {
            return;
        }
        self.note(span, Note::PossibleNonCounter(name.to_owned()));
    }

    /// Evaluates `absent_over_time`.
    pub(super) async fn absent_over_time(
        &self,
        argument: &Node,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let present: RangeFunction = |_| Some(SampleValue::Float(1.0));
        let ranged = Ranged {
            name: "absent_over_time",
            function: present,
            argument,
            scalars: Vec::new(),
            scalar_span: argument.span,
        };
        let mut columns: Vec<Column> = Vec::new();
        self.ranged(ranged, grid, &mut columns).await?;
        let absent = absent_column(&columns, argument, grid);
        self.emit(absent.into_iter().collect(), sink).await
    }
}

/// Returns a column of ones where none of `columns` has a value.
pub(super) fn absent_column(columns: &[Column], argument: &Node, grid: Grid) -> Option<Column> {
    let mut absent = Column::empty(absent_labels(argument), grid.steps);
    absent.drop_name = true;
    for step in 0..grid.steps {
        if !columns.iter().any(|column| column.present(step)) {
            absent.floats[step] = 1.0;
        }
    }
    (!absent.is_empty()).then_some(absent)
}

/// Returns the labels that a selector fixes by an equality, the first of its name, after which the name
/// is not there again; as Prometheus reads them, in the order in which its index has looked for them:
/// as they are written, but those that only take series away come last.
fn absent_labels(argument: &Node) -> Labels {
    use crate::model::labels::{LabelsBuilder, METRIC_NAME};
    use crate::model::matcher::MatchOp;
    let matchers = match &argument.kind {
        Kind::Selector(selector) => &selector.matchers,
        Kind::Matrix(matrix) => &matrix.selector.matchers,
        _ => return Labels::empty(),
    };
    let is_there =
        |name: &str| matchers.iter().any(|one| one.name == name && !one.matches_absent());
    let (lookups, others): (Vec<_>, Vec<_>) = matchers
        .iter()
        .partition(|one| is_there(&one.name) && !(one.is_negative() && one.matches_absent()));
    let mut labels = LabelsBuilder::default();
    let mut fixed = Vec::new();
    for matcher in lookups.into_iter().chain(others).filter(|one| one.name != METRIC_NAME) {
        if matcher.op == MatchOp::Equal && !fixed.contains(&&matcher.name) {
            labels.set(&matcher.name, &matcher.value);
            fixed.push(&matcher.name);
        } else {
            labels.remove(&matcher.name);
        }
    }
    labels.build()
}

/// Part of a series; its ends only move forward.
#[derive(Default)]
struct Slice {
    from: usize,
    to: usize,
}

impl Slice {
    /// Moves to those after `first` and not after `last`.
    fn slide(&mut self, count: usize, first: i64, last: i64, time: impl Fn(usize) -> i64) {
        while self.to < count && time(self.to) <= last {
            self.to += 1;
        }
        while self.from < self.to && time(self.from) <= first {
            self.from += 1;
        }
    }

    fn is_empty(&self) -> bool {
        self.from == self.to
    }
}

/// Returns how often the values fell, or began again, before each of them.
fn falls(samples: &[Sample], starts: &[StartTime]) -> Vec<u32> {
    let mut falls = Vec::with_capacity(samples.len());
    let mut count = 0;
    for (index, sample) in samples.iter().enumerate() {
        if index > 0 {
            let before = &samples[index - 1];
            let again =
                !starts.is_empty() && began_again(starts, before.timestamp, sample.timestamp);
            count += u32::from(sample.value < before.value || again);
        }
        falls.push(count);
    }
    falls
}

/// Returns whether counting began again between the samples at `before` and `at`. A start at the
/// sample before is one only if that sample's own start is known and earlier: OpenTelemetry writes
/// it for deltas, and for sums whose start it does not know.
fn began_again(starts: &[StartTime], before: TimestampMs, at: TimestampMs) -> bool {
    let start = start_of(starts, at);
    if start == 0 || start >= at.0 || start < before.0 {
        return false;
    }
    let known = start_of(starts, before);
    start > before.0 || (known != 0 && known < before.0)
}

const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

fn check_edges(edges: Edges, function: &str) -> Result<()> {
    let (word, allowed): (_, &[&str]) = match edges {
        Edges::Plain => return Ok(()),
        Edges::Anchored => ("anchored", &ANCHORED),
        Edges::Smoothed => ("smoothed", &SMOOTHED),
    };
    if allowed.contains(&function) {
        return Ok(());
    }
    let allowed = allowed.join(", ");
    let message = format!("{word} modifier can only be used with: {allowed} - not with {function}");
    Err(Error::invalid(message))
}
