//! Buckets with their bounds.

use crate::model::bounds::exponential_bound;
use crate::model::histogram::{Histogram, Span};
use crate::query::promql::engine::general;
use crate::query::promql::histogram::uses_custom_buckets;

/// A bucket with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub count: f64,
}

impl Bucket {
    /// Returns which part of the bucket lies at or below `value`, which is inside it.
    pub(super) fn part_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let (lower, upper) = (self.lower.abs().log2(), self.upper.abs().log2());
        let at = value.abs().log2();
        if value > 0.0 {
            (at - lower) / (upper - lower)
        } else {
            1.0 - (at - upper) / (lower - upper)
        }
    }
}

/// Returns the index of each bucket that spans name.
pub(super) fn indexes(spans: &[Span]) -> impl Iterator<Item = i32> {
    let mut next = 0_i32;
    spans.iter().flat_map(move |span| {
        let first = next.saturating_add(span.offset);
        next = first.saturating_add_unsigned(span.length);
        first..next
    })
}

/// Returns the upper bound of the positive bucket `index`.
pub(super) fn bound(index: i32, schema: i32, custom: &[f64]) -> f64 {
    if schema == crate::model::histogram::CUSTOM_BUCKETS_SCHEMA {
        let Ok(index) = usize::try_from(index) else { return f64::NEG_INFINITY };
        return custom.get(index).copied().unwrap_or(f64::INFINITY);
    }
    exponential_bound(index, schema)
}

/// Returns the positive buckets, lowest first.
pub(super) fn positive(histogram: &Histogram) -> Vec<Bucket> {
    let bound = |index| bound(index, histogram.schema, &histogram.custom_values);
    indexes(&histogram.positive_spans)
        .zip(&histogram.positive_buckets)
        .map(|(index, count)| Bucket {
            lower: bound(index.saturating_sub(1)),
            upper: bound(index),
            count: *count,
        })
        .collect()
}

/// Returns the negative buckets, those next to zero first.
pub(super) fn negative(histogram: &Histogram) -> Vec<Bucket> {
    let bound = |index| bound(index, histogram.schema, &[]);
    indexes(&histogram.negative_spans)
        .zip(&histogram.negative_buckets)
        .map(|(index, count)| Bucket {
            lower: -bound(index),
            upper: -bound(index.saturating_sub(1)),
            count: *count,
        })
        .collect()
}

/// Returns the zero bucket.
pub(super) fn zero(histogram: &Histogram) -> Bucket {
    Bucket {
        lower: -histogram.zero_threshold,
        upper: histogram.zero_threshold,
        count: histogram.zero_count,
    }
}

/// Returns all buckets, lowest first, none reaching into the zero bucket.
pub(super) fn all(histogram: &Histogram) -> Vec<Bucket> {
    let threshold = histogram.zero_threshold;
    let mut buckets = negative(histogram);
    buckets.reverse();
    if histogram.zero_count > 0.0 && !uses_custom_buckets(histogram) {
        buckets.push(zero(histogram));
    }
    buckets.extend(positive(histogram));
    for bucket in &mut buckets {
        if bucket.upper < 0.0 && bucket.upper > -threshold {
            bucket.upper = -threshold;
        } else if bucket.lower > 0.0 && bucket.lower < threshold {
            bucket.lower = threshold;
        }
    }
    buckets
}

/// Writes a histogram as Prometheus does in label values.
pub(in crate::query::promql) fn describe(histogram: &Histogram) -> String {
    let mut text = format!("{{count:{}, sum:{}", general(histogram.count), general(histogram.sum));
    let mut push = |bucket: &Bucket, open: char, close: char| {
        if bucket.count != 0.0 {
            let (lower, upper) = (general(bucket.lower), general(bucket.upper));
            text.push_str(&format!(", {open}{lower},{upper}{close}:{}", general(bucket.count)));
        }
    };
    for bucket in negative(histogram).iter().rev() {
        push(bucket, '[', ')');
    }
    if !uses_custom_buckets(histogram) {
        push(&zero(histogram), '[', ']');
    }
    for bucket in positive(histogram) {
        let open = if bucket.lower == f64::NEG_INFINITY { '[' } else { '(' };
        push(&bucket, open, ']');
    }
    text.push('}');
    text
}
