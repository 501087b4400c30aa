//! Columns: one series with its values at all steps.

use std::sync::Arc;

use crate::model::answer::SampleValue;
use crate::model::histogram::Histogram;
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::stale::{is_stale, stale_nan};

/// The instants of an evaluation: `steps` of them from `start`, `step` milliseconds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    pub start: i64,
    pub step: i64,
    pub steps: usize,
    /// Whether it was asked for as one instant, not as a range that holds but one.
    pub instant: bool,
    /// Which step of the query a sample counts for that was looked at here.
    pub counts: Counts,
}

/// Which step of the query the samples count for that selectors look at, as in Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// The one they were looked at for: the grid is that of the query.
    EachStep,
    /// The first: the grid is that of a subquery which is the answer itself.
    FirstStep,
    /// None: the function around the subquery counts what it sees of the subquery.
    Nowhere,
}

impl Grid {
    /// Builds the grid of one instant.
    pub(super) fn instant(at: i64) -> Self {
        Grid { start: at, step: 1, steps: 1, instant: true, counts: Counts::EachStep }
    }

    /// Builds the grid from `start` to at most `end`; empty when `start` is later.
    pub(super) fn range(start: i64, end: i64, step: i64) -> Self {
        let span = end.saturating_sub(start);
        let steps = if span < 0 { 0 } else { span / step.max(1) + 1 };
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        Grid { start, step: step.max(1), steps, instant: start == end, counts: Counts::EachStep }
    }

    /// Returns the instant of step `index`.
    pub(super) fn at(&self, index: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(index as i64))
    }

    /// Returns the instant of the last step.
    pub(super) fn end(&self) -> i64 {
        self.at(self.steps.saturating_sub(1))
    }
}

/// One series with its values at all steps of a grid.
///
/// A missing value is the stale marker: selectors never let one through, so nothing else means it.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub labels: Labels,
    /// Whether name, type and unit vanish when the answer is made.
    pub drop_name: bool,
    /// One a step.
    pub floats: Vec<f64>,
    /// None at all, or one a step; where there is one, the float is missing.
    pub histograms: Vec<Option<Arc<Histogram>>>,
}

impl Column {
    /// Builds a column without values.
    pub(super) fn empty(labels: Labels, steps: usize) -> Self {
        Column {
            labels,
            drop_name: false,
            floats: vec![stale_nan(); steps],
            histograms: Vec::new(),
        }
    }

    /// Returns the float at a step; `None` when there is none.
    #[inline]
    pub(super) fn float(&self, step: usize) -> Option<f64> {
        self.floats.get(step).copied().filter(|value| !is_stale(*value))
    }

    /// Returns the histogram at a step; `None` when there is none.
    pub(super) fn histogram(&self, step: usize) -> Option<&Arc<Histogram>> {
        self.histograms.get(step).and_then(Option::as_ref)
    }

    /// Returns the value at a step; `None` when there is none.
    pub(super) fn value(&self, step: usize) -> Option<SampleValue> {
        match self.float(step) {
            Some(float) => Some(SampleValue::Float(float)),
            None => self.histogram(step).map(|known| SampleValue::Histogram(Arc::clone(known))),
        }
    }

    /// Returns whether there is a value at a step.
    pub(super) fn present(&self, step: usize) -> bool {
        self.float(step).is_some() || self.histogram(step).is_some()
    }

    /// Returns whether there is no value at all.
    pub(super) fn is_empty(&self) -> bool {
        self.floats.iter().all(|value| is_stale(*value))
            && self.histograms.iter().all(Option::is_none)
    }

    /// Puts a value at a step.
    pub(super) fn set(&mut self, step: usize, value: SampleValue) {
        match value {
            SampleValue::Float(float) => self.floats[step] = float,
            SampleValue::Histogram(histogram) => {
                if self.histograms.is_empty() {
                    self.histograms = vec![None; self.floats.len()];
                }
                self.histograms[step] = Some(histogram);
            }
        }
    }

    /// Removes the value at a step.
    pub(super) fn clear(&mut self, step: usize) {
        self.floats[step] = stale_nan();
        if let Some(histogram) = self.histograms.get_mut(step) {
            *histogram = None;
        }
    }

    /// Returns how much of a query's budget the column takes.
    pub(super) fn cost(&self) -> u64 {
        let histograms = self.histograms.iter().flatten().map(|known| histogram_cost(known));
        self.floats.len() as u64 + histograms.sum::<u64>()
    }
}

/// Returns how many float samples a histogram counts as.
pub(super) fn histogram_cost(histogram: &Histogram) -> u64 {
    let buckets = histogram.positive_buckets.len() + histogram.negative_buckets.len();
    (buckets + 24) as u64 / 2
}

/// Returns whether a label says what a metric is rather than whose it is.
pub(in crate::query::promql) fn is_metadata_label(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

/// Returns the labels without name, type and unit.
pub(super) fn without_metadata(labels: &Labels) -> Labels {
    labels.without(is_metadata_label)
}

/// Returns whether a label may bear this name. A replacement character stands for bytes that were no
/// UTF-8 when the query was read.
pub(super) fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('\u{fffd}')
}

/// Takes columns block by block.
pub(super) trait Sink: Send {
    /// Takes a block; no column of it comes again.
    fn push(&mut self, block: Vec<Column>) -> crate::base::error::Result<()>;
}

/// Keeps all columns.
impl Sink for Vec<Column> {
    fn push(&mut self, block: Vec<Column>) -> crate::base::error::Result<()> {
        self.extend(block);
        Ok(())
    }
}

/// Changes every column on its way to another sink and drops those that become empty.
pub(super) struct Mapped<'s, F> {
    pub inner: &'s mut (dyn Sink + 's),
    pub change: F,
}

impl<F: FnMut(&mut Column) -> crate::base::error::Result<()> + Send> Sink for Mapped<'_, F> {
    fn push(&mut self, mut block: Vec<Column>) -> crate::base::error::Result<()> {
        for column in &mut block {
            (self.change)(column)?;
        }
        block.retain(|column| !column.is_empty());
        self.inner.push(block)
    }
}
