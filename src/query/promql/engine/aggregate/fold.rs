//! Aggregations that see one value at a time.

use crate::base::error::Result;
use crate::model::answer::SampleValue;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::stale::is_stale;
use crate::query::promql::ast::AggregateOp;
use crate::query::promql::engine::column::Column;
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::engine::sums::{Mean, Sum, quantile};
use crate::query::promql::histogram::{self, HistogramMean, HistogramSum};
use crate::query::promql::position::Span;

/// What was seen of a group at one step.
#[derive(Clone, Default)]
pub(super) struct Fold {
    state: State,
    histograms: Option<Box<Histograms>>,
}

#[derive(Clone, Default)]
enum State {
    #[default]
    Nothing,
    Sum(Sum),
    Mean(Mean),
    /// Smallest, largest, or how many.
    Number(f64),
    Variance {
        count: f64,
        mean: f64,
        squares: f64,
    },
    Values(Vec<f64>),
}

/// Histograms of a group at one step, under `sum` and `avg`.
#[derive(Clone)]
struct Histograms {
    total: Total,
    reset: bool,
    not_reset: bool,
    incompatible: bool,
}

#[derive(Clone)]
enum Total {
    Sum(HistogramSum),
    Mean(HistogramMean),
}

impl Histograms {
    fn of(known: &Histogram, op: AggregateOp) -> Self {
        let total = if op == AggregateOp::Avg {
            Total::Mean(HistogramMean::of(known))
        } else {
            Total::Sum(HistogramSum::of(known))
        };
        let mut histograms =
            Histograms { total, reset: false, not_reset: false, incompatible: false };
        histograms.track(known);
        histograms
    }

    fn track(&mut self, known: &Histogram) {
        self.reset |= known.counter_reset_hint == CounterResetHint::Reset;
        self.not_reset |= known.counter_reset_hint == CounterResetHint::NotReset;
    }
}

/// How values are folded.
pub(super) struct Folding<'a> {
    pub evaluation: &'a Evaluation,
    pub op: AggregateOp,
    /// Where the operand stands.
    pub span: Span,
}

impl Folding<'_> {
    /// Folds a column into the cells of its group.
    pub(super) fn fold(&self, cells: &mut [Fold], column: &Column) -> Result<()> {
        for (cell, value) in cells.iter_mut().zip(&column.floats) {
            if !is_stale(*value) {
                self.add_float(&mut cell.state, *value);
            }
        }
        for (step, known) in column.histograms.iter().enumerate() {
            if let (Some(cell), Some(known)) = (cells.get_mut(step), known) {
                self.add_histogram(cell, known, column)?;
            }
        }
        if self.op == AggregateOp::Quantile {
            self.evaluation.budget.take(column.floats.len() as u64)?;
        }
        Ok(())
    }

    #[inline]
    fn add_float(&self, state: &mut State, value: f64) {
        match (self.op, &mut *state) {
            (AggregateOp::Sum, State::Sum(sum)) => sum.add(value),
            (AggregateOp::Sum, _) => *state = State::Sum(Sum::of(value)),
            (AggregateOp::Avg, State::Mean(mean)) => mean.add(value),
            (AggregateOp::Avg, _) => {
                let mut mean = Mean::default();
                mean.add(value);
                *state = State::Mean(mean);
            }
            (AggregateOp::Min, State::Number(known)) => {
                if value < *known || known.is_nan() {
                    *known = value;
                }
            }
            (AggregateOp::Max, State::Number(known)) => {
                if value > *known || known.is_nan() {
                    *known = value;
                }
            }
            (AggregateOp::Min | AggregateOp::Max, _) => *state = State::Number(value),
            (AggregateOp::Count, State::Number(count)) => *count += 1.0,
            (AggregateOp::Count | AggregateOp::Group, _) => *state = State::Number(1.0),
            (_, State::Variance { count, mean, squares }) => {
                *count += 1.0;
                let delta = value - *mean;
                *mean += delta / *count;
                *squares += delta * (value - *mean);
            }
            (AggregateOp::Stddev | AggregateOp::Stdvar, _) => {
                let squares = if value.is_finite() { 0.0 } else { f64::NAN };
                *state = State::Variance { count: 1.0, mean: value, squares };
            }
            (_, State::Values(values)) => values.push(value),
            _ => *state = State::Values(vec![value]),
        }
    }

    fn add_histogram(&self, cell: &mut Fold, known: &Histogram, column: &Column) -> Result<()> {
        match self.op {
            AggregateOp::Count | AggregateOp::Group => {
                self.add_float(&mut cell.state, 1.0);
                return Ok(());
            }
            AggregateOp::Sum | AggregateOp::Avg => {}
            op => {
                let note = Note::IgnoredInAggregation(op.as_str());
                self.evaluation.note(self.span, note);
                return Ok(());
            }
        }
        let Some(histograms) = &mut cell.histograms else {
            cell.histograms = Some(Box::new(Histograms::of(known, self.op)));
            return self.evaluation.budget.take(24);
        };
        if histograms.incompatible {
            return Ok(());
        }
        histograms.track(known);
        let added = match &mut histograms.total {
            Total::Sum(sum) => sum.add(known),
            Total::Mean(mean) => mean.add(known),
        };
        match added {
            Err(histogram::Incompatible) => {
                histograms.incompatible = true;
                let name = column.labels.metric_name().to_owned();
                self.evaluation.note(self.span, Note::MixedExponentialCustom(name));
            }
            Ok(added) => {
                if added.bounds_reconciled {
                    self.evaluation.note(self.span, Note::MismatchedBounds("aggregation"));
                }
            }
        }
        Ok(())
    }

    /// Returns the value of a group at one step.
    pub(super) fn finish(&self, cell: Fold, q: f64) -> Option<SampleValue> {
        let float = match cell.state {
            State::Nothing => None,
            State::Sum(sum) => Some(sum.value + sum.compensation),
            State::Mean(mean) => Some(mean.result()),
            State::Number(number) => Some(number),
            State::Variance { count, squares, .. } if self.op == AggregateOp::Stdvar => {
                Some(squares / count)
            }
            State::Variance { count, squares, .. } => Some((squares / count).sqrt()),
            State::Values(mut values) => Some(quantile(q, &mut values)),
        };
        let Some(histograms) = cell.histograms else { return float.map(SampleValue::Float) };
        if float.is_some() {
            self.evaluation.note(self.span, Note::MixedFloatsHistogramsAggregation);
            return None;
        }
        if histograms.incompatible {
            return None;
        }
        if histograms.reset && histograms.not_reset {
            self.evaluation.note(self.span, Note::ResetCollision("aggregation"));
        }
        let total = match histograms.total {
            Total::Sum(sum) => sum.finish(),
            Total::Mean(mean) => mean.finish(),
        };
        Some(SampleValue::Histogram(total.into()))
    }
}
