//! Arithmetic of native histograms: what the engine does to them, without knowing of series.
//!
//! In: histograms as the store gives them. Out: new ones, always compact: no empty bucket, no two
//! spans that touch.

mod buckets;
mod flat;
mod mean;
mod reset;
mod estimate;
mod trim;

use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram};
use crate::model::sample::HistogramSample;

pub(super) use crate::query::promql::histogram::buckets::describe;
pub(super) use crate::query::promql::histogram::estimate::{
    Estimate, fraction, quantile, variance,
};
pub(super) use crate::query::promql::histogram::flat::{Added, HistogramSum};
pub(super) use crate::query::promql::histogram::mean::HistogramMean;
pub(super) use crate::query::promql::histogram::reset::detect_reset;
pub(super) use crate::query::promql::histogram::trim::trimmed;

/// Exponential and custom buckets cannot be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Incompatible;

/// Returns whether the bounds are given one by one.
pub(super) fn uses_custom_buckets(histogram: &Histogram) -> bool {
    histogram.schema == CUSTOM_BUCKETS_SCHEMA
}

/// Returns the histogram with all counts multiplied.
pub(super) fn scaled(histogram: &Histogram, factor: f64) -> Histogram {
    let mut result = histogram.clone();
    result.zero_count *= factor;
    result.count *= factor;
    result.sum *= factor;
    result.positive_buckets.iter_mut().for_each(|count| *count *= factor);
    result.negative_buckets.iter_mut().for_each(|count| *count *= factor);
    if factor < 0.0 {
        result.counter_reset_hint = CounterResetHint::Gauge;
    }
    result
}

/// Returns the histogram with all counts divided; division by zero leaves no buckets.
pub(super) fn divided(histogram: &Histogram, divisor: f64) -> Histogram {
    let mut result = histogram.clone();
    result.zero_count /= divisor;
    result.count /= divisor;
    result.sum /= divisor;
    if divisor == 0.0 {
        result.positive_buckets.clear();
        result.positive_spans.clear();
        result.negative_buckets.clear();
        result.negative_spans.clear();
        return result;
    }
    result.positive_buckets.iter_mut().for_each(|count| *count /= divisor);
    result.negative_buckets.iter_mut().for_each(|count| *count /= divisor);
    if divisor < 0.0 {
        result.counter_reset_hint = CounterResetHint::Gauge;
    }
    result
}

/// Returns the histogram without empty buckets.
pub(super) fn compacted(histogram: &Histogram) -> Histogram {
    HistogramSum::of(histogram).finish()
}

/// Returns the sum of two histograms and what happened on the way.
pub(super) fn added(
    left: &Histogram,
    right: &Histogram,
) -> Result<(Histogram, Added), Incompatible> {
    let mut sum = HistogramSum::plain(left);
    let added = sum.add(right)?;
    Ok((sum.finish(), added))
}

/// Returns `left` minus `right` and what happened on the way.
pub(super) fn subtracted(
    left: &Histogram,
    right: &Histogram,
) -> Result<(Histogram, Added), Incompatible> {
    let mut sum = HistogramSum::plain(left);
    let added = sum.subtract(right)?;
    Ok((sum.finish(), added))
}

/// Returns whether two histograms are equal in all but the reset hint, NaN equal to itself.
pub(super) fn equal(left: &Histogram, right: &Histogram) -> bool {
    let hint = CounterResetHint::Unknown;
    let left = Histogram { counter_reset_hint: hint, ..left.clone() };
    let right = Histogram { counter_reset_hint: hint, ..right.clone() };
    left.same_bits(&right)
}

/// Returns the histogram at `at` between two samples; a counter that was reset started at zero.
/// `reconciled` is told the operation in which custom bounds had to be matched.
pub(super) fn interpolated(
    left: &HistogramSample,
    right: &HistogramSample,
    at: i64,
    counter: bool,
    reconciled: impl Fn(&'static str),
) -> Result<Histogram, Incompatible> {
    if uses_custom_buckets(&left.histogram) != uses_custom_buckets(&right.histogram) {
        return Err(Incompatible);
    }
    if at == left.timestamp.0 {
        return Ok(Histogram::clone(&left.histogram));
    }
    if at == right.timestamp.0 {
        return Ok(Histogram::clone(&right.histogram));
    }
    let passed = (at - left.timestamp.0) as f64;
    let part = passed / (right.timestamp.0 - left.timestamp.0) as f64;
    if counter && detect_reset(&right.histogram, &left.histogram) {
        return Ok(scaled(&right.histogram, part));
    }
    let (difference, first) = subtracted(&right.histogram, &left.histogram)?;
    if first.bounds_reconciled {
        reconciled("subtraction");
    }
    let (result, second) = added(&scaled(&difference, part), &left.histogram)?;
    if second.bounds_reconciled {
        reconciled("addition");
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::histogram::Span;

    fn histogram(schema: i32, offset: i32, buckets: &[f64]) -> Histogram {
        Histogram {
            schema,
            count: buckets.iter().sum(),
            positive_spans: vec![Span { offset, length: buckets.len() as u32 }],
            positive_buckets: buckets.to_vec(),
            ..Histogram::default()
        }
    }

    #[test]
    fn a_sum_has_the_coarser_schema() {
        let (sum, _) = added(&histogram(1, 1, &[1.0, 2.0]), &histogram(0, 1, &[4.0])).unwrap();
        assert_eq!(sum.schema, 0);
        assert_eq!(sum.positive_spans, [Span { offset: 1, length: 1 }]);
        assert_eq!(sum.positive_buckets, [7.0]);
    }

    #[test]
    fn a_difference_leaves_no_empty_bucket() {
        let whole = histogram(0, 0, &[1.0, 2.0, 3.0]);
        let (rest, _) = subtracted(&whole, &histogram(0, 0, &[1.0, 2.0, 1.0])).unwrap();
        assert_eq!(rest.positive_spans, [Span { offset: 2, length: 1 }]);
        assert_eq!(rest.positive_buckets, [2.0]);
    }

    #[test]
    fn custom_bounds_that_differ_meet_in_those_they_share() {
        let custom = |bounds: &[f64], buckets: &[f64]| Histogram {
            custom_values: bounds.to_vec(),
            ..histogram(CUSTOM_BUCKETS_SCHEMA, 0, buckets)
        };
        let left = custom(&[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0, 4.0]);
        let right = custom(&[2.0, 4.0], &[10.0, 20.0, 30.0]);
        let (sum, how) = added(&left, &right).unwrap();
        assert!(how.bounds_reconciled);
        assert_eq!(sum.custom_values, [2.0, 4.0]);
        assert_eq!(sum.positive_buckets, [13.0, 23.0, 34.0]);
        assert_eq!(added(&left, &histogram(0, 0, &[1.0])), Err(Incompatible));
    }

    #[test]
    fn a_bucket_that_shrinks_is_a_reset() {
        let before = histogram(0, 0, &[1.0, 2.0]);
        assert!(!detect_reset(&histogram(0, 0, &[1.0, 3.0]), &before));
        assert!(detect_reset(&histogram(0, 0, &[4.0, 1.0]), &before));
        let fell = histogram(0, 0, &[-3.0, -2.0]);
        assert!(!detect_reset(&histogram(0, 0, &[-2.0, 0.0]), &fell));
        assert!(detect_reset(&histogram(0, 0, &[-2.0]), &fell), "a bucket is gone");
    }
}
