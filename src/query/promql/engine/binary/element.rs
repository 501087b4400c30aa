//! One operator on two values.

use std::sync::Arc;

use crate::model::answer::SampleValue;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::query::promql::ast::BinaryOp;
use crate::query::promql::histogram::{self, Added};

/// What came of it.
pub(super) enum Outcome {
    /// A value; a comparison that does not hold does not keep it.
    Value { value: SampleValue, keep: bool, added: Added, subtraction: bool },
    /// The operator is not defined for these types.
    Types { left: &'static str, right: &'static str },
    /// The histograms' buckets cannot be combined.
    Layout,
}

impl Outcome {
    fn kept(value: SampleValue) -> Self {
        Outcome::Value { value, keep: true, added: Added::default(), subtraction: false }
    }

    fn compared(value: SampleValue, keep: bool) -> Self {
        Outcome::Value { value, keep, added: Added::default(), subtraction: false }
    }

    fn histogram(value: Histogram) -> Self {
        Outcome::kept(SampleValue::Histogram(value.into()))
    }
}

/// Returns the larger number as Go does: infinity even beside NaN, else NaN when either is, and 0
/// rather than -0.
pub(in crate::query::promql::engine) fn go_max(left: f64, right: f64) -> f64 {
    -go_min(-left, -right)
}

/// Returns the smaller number as Go does: minus infinity even beside NaN, else NaN when either is,
/// and -0 rather than 0.
pub(in crate::query::promql::engine) fn go_min(left: f64, right: f64) -> f64 {
    if left == f64::NEG_INFINITY || right == f64::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    if left.is_nan() || right.is_nan() {
        return f64::NAN;
    }
    if left == right && left == 0.0 {
        return if left.is_sign_negative() { left } else { right };
    }
    left.min(right)
}

/// Applies an arithmetic operator.
#[inline]
pub(super) fn float_operation(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        _ => f64::NAN,
    }
}

/// Returns whether a comparison of floats holds.
fn holds(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Less => left < right,
        BinaryOp::LessOrEqual => left <= right,
        BinaryOp::Greater => left > right,
        BinaryOp::GreaterOrEqual => left >= right,
        _ => false,
    }
}

/// Applies an operator to two scalars; comparisons yield 0 or 1.
pub(in crate::query::promql::engine) fn scalar_operation(
    op: BinaryOp,
    left: f64,
    right: f64,
) -> f64 {
    if op.is_comparison() {
        return f64::from(u8::from(holds(op, left, right)));
    }
    float_operation(op, left, right)
}

/// Applies an operator to two values.
pub(super) fn element(op: BinaryOp, left: &SampleValue, right: &SampleValue) -> Outcome {
    match (left, right) {
        (SampleValue::Float(left), SampleValue::Float(right)) => floats(op, *left, *right),
        (SampleValue::Float(left), SampleValue::Histogram(right)) => match op {
            BinaryOp::Mul => {
                Outcome::histogram(histogram::compacted(&histogram::scaled(right, *left)))
            }
            _ => Outcome::Types { left: "float", right: "histogram" },
        },
        (SampleValue::Histogram(left), SampleValue::Float(right)) => match op {
            BinaryOp::Mul => {
                Outcome::histogram(histogram::compacted(&histogram::scaled(left, *right)))
            }
            BinaryOp::Div => {
                Outcome::histogram(histogram::compacted(&histogram::divided(left, *right)))
            }
            BinaryOp::TrimUpper => Outcome::histogram(histogram::trimmed(left, *right, true)),
            BinaryOp::TrimLower => Outcome::histogram(histogram::trimmed(left, *right, false)),
            _ => Outcome::Types { left: "histogram", right: "float" },
        },
        (SampleValue::Histogram(left), SampleValue::Histogram(right)) => {
            histograms(op, left, right)
        }
    }
}

fn floats(op: BinaryOp, left: f64, right: f64) -> Outcome {
    match op {
        BinaryOp::TrimUpper | BinaryOp::TrimLower => {
            Outcome::Types { left: "float", right: "float" }
        }
        _ if op.is_comparison() => {
            Outcome::compared(SampleValue::Float(left), holds(op, left, right))
        }
        _ => Outcome::kept(SampleValue::Float(float_operation(op, left, right))),
    }
}

fn histograms(op: BinaryOp, left: &Arc<Histogram>, right: &Histogram) -> Outcome {
    let same = || SampleValue::Histogram(Arc::clone(left));
    match op {
        BinaryOp::Equal => Outcome::compared(same(), histogram::equal(left, right)),
        BinaryOp::NotEqual => Outcome::compared(same(), !histogram::equal(left, right)),
        BinaryOp::Add | BinaryOp::Sub => {
            let subtraction = op == BinaryOp::Sub;
            let combined = if subtraction {
                histogram::subtracted(left, right)
            } else {
                histogram::added(left, right)
            };
            let Ok((mut value, added)) = combined else { return Outcome::Layout };
            if subtraction {
                value.counter_reset_hint = CounterResetHint::Gauge;
            }
            let value = SampleValue::Histogram(value.into());
            Outcome::Value { value, keep: true, added, subtraction }
        }
        _ => Outcome::Types { left: "histogram", right: "histogram" },
    }
}
