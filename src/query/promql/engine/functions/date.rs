//! Parts of a date, in UTC.

use crate::base::error::Result;
use crate::model::labels::Labels;
use crate::model::time::civil;
use crate::query::promql::ast::Call;
use crate::query::promql::engine::column::{Column, Grid, Mapped, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::functions::math::each_float;

/// Days from the first day that Go's calendar knows to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 292_277_022_400 / 400 * 146_097 + 306 + 719_162;

const DAY_SECONDS: u64 = 86_400;

/// A moment as Go's calendar sees it, which wraps around at both ends of 64 bits.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// Days since 1970-01-01.
    day: i64,
    second_of_day: u64,
}

impl Moment {
    /// Returns the moment that is `seconds` after the epoch; what does not fit 64 bits, NaN too, is
    /// the smallest number that does, as on the machines that Prometheus mostly runs on.
    fn of(seconds: f64) -> Self {
        let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&seconds);
        Self::of_whole(if fits { seconds as i64 } else { i64::MIN })
    }

    fn of_whole(seconds: i64) -> Self {
        let before = DAYS_BEFORE_EPOCH.wrapping_mul(DAY_SECONDS as i64);
        let absolute = seconds.wrapping_add(before) as u64;
        let day = (absolute / DAY_SECONDS) as i64 - DAYS_BEFORE_EPOCH;
        Moment { day, second_of_day: absolute % DAY_SECONDS }
    }
}

/// Returns the part of a date that a function of this name gives.
pub(super) fn function(name: &str) -> Option<fn(Moment) -> f64> {
    Some(match name {
        "minute" => |at| (at.second_of_day / 60 % 60) as f64,
        "hour" => |at| (at.second_of_day / 3600) as f64,
        // 1970-01-01 was a Thursday, which has the number 4.
        "day_of_week" => |at| (at.day + 4).rem_euclid(7) as f64,
        "day_of_month" => |at| f64::from(civil(at.day).2),
        "day_of_year" => |at| {
            let (year, month, day) = civil(at.day);
            let before: u32 = (1..month).map(|month| days_in(year, month)).sum();
            f64::from(before + day)
        },
        "days_in_month" => |at| {
            let (year, month, _) = civil(at.day);
            f64::from(days_in(year, month))
        },
        "month" => |at| f64::from(civil(at.day).1),
        "year" => |at| civil(at.day).0 as f64,
        _ => return None,
    })
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
        part: fn(Moment) -> f64,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        if let Some(argument) = call.arguments.first() {
            let change = each_float(move |seconds| part(Moment::of(seconds)));
            return self.vector(argument, grid, &mut Mapped { inner: sink, change }).await;
        }
        let mut column = Column::empty(Labels::empty(), 0);
        let moment = |step| Moment::of_whole(grid.at(step).div_euclid(1000));
        column.floats = (0..grid.steps).map(|step| part(moment(step))).collect();
        self.emit(vec![column], sink).await
    }
}
