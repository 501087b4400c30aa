//! Functions of one number, and those that bound it.

use crate::base::error::Result;
use crate::model::stale::is_stale;
use crate::query::promql::ast::Call;
use crate::query::promql::engine::binary::{go_max, go_min};
use crate::query::promql::engine::column::{Column, Grid, Mapped, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::functions::argument;

/// Returns the function of this name.
pub(super) fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "acos" => f64::acos,
        "acosh" => f64::acosh,
        "asin" => f64::asin,
        "asinh" => f64::asinh,
        "atan" => f64::atan,
        "atanh" => f64::atanh,
        "ceil" => f64::ceil,
        "cos" => f64::cos,
        "cosh" => f64::cosh,
        "deg" => f64::to_degrees,
        "exp" => f64::exp,
        "floor" => f64::floor,
        "ln" => f64::ln,
        "log10" => f64::log10,
        "log2" => f64::log2,
        "rad" => f64::to_radians,
        "sgn" => |value| {
            if value == 0.0 || value.is_nan() { value } else { value.signum() }
        },
        "sin" => f64::sin,
        "sinh" => f64::sinh,
        "sqrt" => f64::sqrt,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        _ => return None,
    })
}

/// Returns a change of columns: every float is mapped, histograms vanish, and so does the name.
pub(super) fn each_float(
    change: impl Fn(f64) -> f64 + Send,
) -> impl FnMut(&mut Column) -> Result<()> + Send {
    move |column| {
        column.drop_name = true;
        column.histograms = Vec::new();
        for value in column.floats.iter_mut().filter(|value| !is_stale(**value)) {
            *value = change(*value);
        }
        Ok(())
    }
}

impl Evaluation {
    /// Evaluates `clamp`, `clamp_min`, `clamp_max` and `round`.
    pub(super) async fn bounded(
        &self,
        call: &Call,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let mut bounds = Vec::new();
        for argument in call.arguments.iter().skip(1) {
            bounds.push(self.scalar(argument, grid).await?);
        }
        let name = call.function.name;
        let bound = |index: usize, step: usize| {
            bounds.get(index).and_then(|values| values.get(step)).copied()
        };
        let change = |column: &mut Column| {
            column.drop_name = true;
            column.histograms = Vec::new();
            for step in 0..grid.steps {
                let Some(value) = column.float(step) else { continue };
                let (low, high) = match name {
                    "round" => {
                        let inverse = 1.0 / bound(0, step).unwrap_or(1.0);
                        column.floats[step] = (value * inverse + 0.5).floor() / inverse;
                        continue;
                    }
                    "clamp_min" => (bound(0, step), Some(f64::INFINITY)),
                    "clamp_max" => (Some(f64::NEG_INFINITY), bound(0, step)),
                    _ => (bound(0, step), bound(1, step)),
                };
                let low = low.unwrap_or(f64::NEG_INFINITY);
                let high = high.unwrap_or(f64::INFINITY);
                if high < low {
                    column.clear(step);
                } else {
                    column.floats[step] = go_max(low, go_min(high, value));
                }
            }
            Ok(())
        };
        self.vector(argument(call, 0)?, grid, &mut Mapped { inner: sink, change }).await
    }
}
