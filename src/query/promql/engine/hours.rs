//! Range functions over whole hours, told from hours instead of points, bit by bit the same.

use crate::base::error::Result;
use crate::model::answer::SampleValue;
use crate::model::series::{SeriesData, SeriesHour};
use crate::query::promql::engine::column::{Column, Grid};
use crate::query::promql::engine::context::{Evaluation, Looks};
use crate::query::promql::engine::functions::rate;
use crate::query::promql::engine::sums::Sum;
use crate::query::promql::engine::windows::{Ranged, Slide};
use crate::storage::hours;

const HOUR_MS: i64 = 3_600_000;

/// Returns whether a function may be told from hours and all its ranges start and end at full ones.
pub(super) fn may_do(function: &str, looks: Looks, range: i64, grid: Grid) -> bool {
    let full = |length: i64| length.rem_euclid(HOUR_MS) == 0;
    let steps = grid.steps <= 1 || looks.fixed.is_some() || full(grid.step);
    hours::may_do(function) && full(range) && full(looks.at(grid.start)) && steps
}

impl Evaluation {
    /// Slides the window over the hours of one series; `None` when no step has a value.
    pub(super) fn hours_column(
        &self,
        ranged: &Ranged<'_>,
        slide: &Slide,
        data: &SeriesData,
    ) -> Result<Option<Column>> {
        let grid = slide.grid;
        let mut column = Column::empty(data.labels.clone(), grid.steps);
        column.drop_name = !matches!(ranged.name, "last_over_time" | "first_over_time");
        let mut found = false;
        for step in 0..grid.steps {
            let end = slide.looks.at(grid.at(step));
            let start = end.saturating_sub(slide.range);
            let from = data.hours.partition_point(|hour| hour.first.timestamp.0 <= start);
            let to = data.hours.partition_point(|hour| hour.last.timestamp.0 <= end);
            let hours = data.hours.get(from..to).unwrap_or_default();
            self.count_hours(grid, step, hours);
            if let Some(value) = value(ranged.name, hours, (start, end)) {
                column.set(step, SampleValue::Float(value));
                found = true;
            }
        }
        if !found {
            return Ok(None);
        }
        if matches!(ranged.name, "rate" | "increase") {
            self.doubt_counter(data, ranged.span());
        }
        self.budget.take_column(column.cost())?;
        Ok(Some(column))
    }
}

/// Returns what a function says of a range that holds these hours and no other point.
fn value(function: &str, hours: &[SeriesHour], edges: (i64, i64)) -> Option<f64> {
    let (first, last) = (hours.first()?, hours.last()?);
    let count = || hours.iter().map(|hour| hour.count).sum::<u64>() as f64;
    match function {
        "count_over_time" => Some(count()),
        "first_over_time" => Some(first.first.value),
        "last_over_time" => Some(last.last.value),
        "min_over_time" => Some(extreme(hours, |hour| hour.min, |new, known| new < known)),
        "max_over_time" => Some(extreme(hours, |hour| hour.max, |new, known| new > known)),
        "sum_over_time" => Some(sum(hours).total()),
        "avg_over_time" => Some(sum(hours).total() / count()),
        "rate" => rate::of_hours(hours, edges, true),
        "increase" => rate::of_hours(hours, edges, false),
        _ => None,
    }
}

/// Adds the sums of hours, which are whole and small enough to be exact.
fn sum(hours: &[SeriesHour]) -> Sum {
    let mut all = Sum::default();
    hours.iter().for_each(|hour| all.add(hour.sum));
    all
}

/// Returns the most extreme value, of equal ones the first, as the function over points does.
fn extreme(hours: &[SeriesHour], of: fn(&SeriesHour) -> f64, better: fn(f64, f64) -> bool) -> f64 {
    let mut known = hours.first().map_or(f64::NAN, of);
    for value in hours.iter().map(of) {
        if better(value, known) || known.is_nan() {
            known = value;
        }
    }
    known
}
