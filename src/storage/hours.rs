//! When hours of a series tell as much as its points.
//!
//! A float sum depends on the order of its addends, and a range function must not depend on how a
//! store keeps points. So hours stand for points only where every intermediate result is exact.

use crate::model::series::SeriesHour;

/// Whole numbers up to here are exact floats.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// Returns whether `function` over ranges of whole hours can be told from hours of some series.
pub fn may_do(function: &str) -> bool {
    matches!(
        function,
        "count_over_time"
            | "min_over_time"
            | "max_over_time"
            | "first_over_time"
            | "last_over_time"
            | "sum_over_time"
            | "avg_over_time"
            | "rate"
            | "increase"
    )
}

/// Returns whether these hours of one series tell the values of `function` bit by bit.
pub fn will_do(function: &str, hours: &[SeriesHour]) -> bool {
    match function {
        "count_over_time" | "min_over_time" | "max_over_time" | "first_over_time"
        | "last_over_time" => true,
        // Sums of whole numbers are exact in any order while they stay small.
        "sum_over_time" | "avg_over_time" => {
            let bound = |hour: &SeriesHour| hour.count as f64 * hour.min.abs().max(hour.max.abs());
            let largest: f64 = hours.iter().map(bound).sum();
            hours.iter().all(|hour| hour.whole) && largest < LARGEST_WHOLE
        }
        // Without resets inside the hours there is nothing between their ends to be summed.
        "rate" | "increase" => {
            hours.iter().all(|hour| hour.resets == 0.0 && hour.min >= 0.0 && hour.sum.is_finite())
        }
        _ => false,
    }
}
