//! Binary operators.

mod element;
mod matched;
mod set;
mod signature;

use futures_util::future::BoxFuture;

use crate::base::error::{Error, Result};
use crate::model::answer::SampleValue;
use crate::model::stale::is_stale;
use crate::query::promql::ast::{Binary, BinaryOp, Cardinality, Node};
use crate::query::promql::engine::binary::element::{Outcome, element, float_operation};
use crate::query::promql::engine::column::{Column, Grid, Mapped, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::position::Span;
use crate::query::promql::value_type::ValueType;

pub(super) use crate::query::promql::engine::binary::element::{go_max, go_min, scalar_operation};

/// Returns whether the result is another metric than the operands, so that the name goes.
fn changes_metric(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Mod
            | BinaryOp::Pow
            | BinaryOp::Atan2
    )
}

impl Evaluation {
    /// Evaluates a binary operator of which at least one operand is a vector.
    pub(super) fn binary<'a>(
        &'a self,
        binary: &'a Binary,
        span: Span,
        grid: Grid,
        sink: &'a mut (dyn Sink + 'a),
    ) -> BoxFuture<'a, Result<()>> {
        let scalar = |node: &Node| node.value_type() == ValueType::Scalar;
        if scalar(&binary.left) || scalar(&binary.right) {
            return Box::pin(self.binary_scalar(binary, span, grid, sink));
        }
        Box::pin(self.binary_vectors(binary, span, grid, sink))
    }

    async fn binary_scalar(
        &self,
        binary: &Binary,
        span: Span,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let left_scalar = binary.left.value_type() == ValueType::Scalar;
        let (scalar, vector) =
            if left_scalar { (&binary.left, &binary.right) } else { (&binary.right, &binary.left) };
        let scalars = self.scalar(scalar, grid).await?;
        let change = |column: &mut Column| {
            self.with_scalar(binary, column, &scalars, left_scalar, span);
            Ok(())
        };
        self.vector(vector, grid, &mut Mapped { inner: sink, change }).await
    }

    async fn binary_vectors(
        &self,
        binary: &Binary,
        span: Span,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let Some(matching) = &binary.matching else {
            return Err(Error::internal("two vectors without matching"));
        };
        let left = self.gather(&binary.left, grid).await?;
        let right = self.gather(&binary.right, grid).await?;
        let made = if matching.cardinality == Cardinality::ManyToMany {
            set::combine(binary.op, left, &right, matching, grid)
        } else {
            self.matched(binary, matching, &left, &right, grid, span)?
        };
        self.emit(made, sink).await
    }

    /// Combines every value of a column with the scalar of its step.
    fn with_scalar(
        &self,
        binary: &Binary,
        column: &mut Column,
        scalars: &[f64],
        scalar_left: bool,
        span: Span,
    ) {
        let op = binary.op;
        if changes_metric(op) || binary.return_bool {
            column.drop_name = true;
        }
        if column.histograms.is_empty() && changes_metric(op) {
            for (value, scalar) in column.floats.iter_mut().zip(scalars) {
                if !is_stale(*value) {
                    *value = if scalar_left {
                        float_operation(op, *scalar, *value)
                    } else {
                        float_operation(op, *value, *scalar)
                    };
                }
            }
            return;
        }
        for (step, scalar) in scalars.iter().enumerate() {
            let Some(value) = column.value(step) else { continue };
            column.clear(step);
            let scalar = SampleValue::Float(*scalar);
            let outcome = if scalar_left {
                element(op, &scalar, &value)
            } else {
                element(op, &value, &scalar)
            };
            let (made, note) = judged(outcome, op);
            if let Some(note) = note {
                self.note(span, note);
            }
            let Some((made, keep)) = made else { continue };
            if binary.return_bool {
                column.set(step, SampleValue::Float(f64::from(u8::from(keep))));
            } else if keep {
                let vector_value = op.is_comparison() && scalar_left;
                column.set(step, if vector_value { value } else { made });
            }
        }
    }
}

/// Returns the result with whether a comparison holds, and what is to be noted.
fn judged(outcome: Outcome, op: BinaryOp) -> (Option<(SampleValue, bool)>, Option<Note>) {
    match outcome {
        Outcome::Value { value, keep, added, subtraction } => {
            let operation = if subtraction { "subtraction" } else { "addition" };
            // Prometheus drops what contradicts itself.
            if added.resets_collide {
                return (None, Some(Note::ResetCollision(operation)));
            }
            let note = added.bounds_reconciled.then_some(Note::MismatchedBounds(operation));
            (Some((value, keep)), note)
        }
        Outcome::Types { left, right } => {
            (None, Some(Note::IncompatibleTypes { left, op: op.as_str(), right }))
        }
        Outcome::Layout => (None, Some(Note::IncompatibleLayout(op.as_str()))),
    }
}
