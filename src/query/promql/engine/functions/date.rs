//! Parts of a date, in UTC.

use crate::base::error::Result;
use crate::model::labels::Labels;
use crate::model::time::Day;
use crate::query::promql::ast::Call;
use crate::query::promql::engine::column::{Column, Grid, Mapped, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::functions::math::each_float;

/// Returns the function of seconds since the epoch of this name.
pub(super) fn function(name: &str) -> Option<fn(i64) -> f64> {
    Some(match name {
        "minute" => |at| (at.div_euclid(60)).rem_euclid(60) as f64,
        "hour" => |at| (at.div_euclid(3600)).rem_euclid(24) as f64,
        // 1970-01-01 was a Thursday, which has the number 4.
        "day_of_week" => |at| (at.div_euclid(86_400) + 4).rem_euclid(7) as f64,
        "day_of_month" => |at| f64::from(civil(at).2),
        "day_of_year" => |at| {
            let (year, month, day) = civil(at);
            let before: u32 = (1..month).map(|month| days_in(year, month)).sum();
            f64::from(before + day)
        },
        "days_in_month" => |at| {
            let (year, month, _) = civil(at);
            f64::from(days_in(year, month))
        },
        "month" => |at| f64::from(civil(at).1),
        "year" => |at| civil(at).0 as f64,
        _ => return None,
    })
}

fn civil(seconds: i64) -> (i64, u32, u32) {
    let day = seconds.div_euclid(86_400);
    Day(i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })).civil()
}

fn days_in(year: i64, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Evaluation {
    /// Evaluates a date function; without an argument it speaks of the evaluation time.
    pub(super) async fn date(
        &self,
        call: &Call,
        part: fn(i64) -> f64,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        if let Some(argument) = call.arguments.first() {
            let change = each_float(move |seconds| part(seconds as i64));
            return self.vector(argument, grid, &mut Mapped { inner: sink, change }).await;
        }
        let mut column = Column::empty(Labels::empty(), 0);
        column.floats = (0..grid.steps).map(|step| part(grid.at(step).div_euclid(1000))).collect();
        self.emit(vec![column], sink).await
    }
}
