//! The filled buckets of a native histogram with their bounds, in rising order.

use crate::model::bounds::exponential_bound;
use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, Histogram, Span};

/// A bucket with observations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    /// Where it begins.
    pub(crate) lower: f64,
    /// Where it ends.
    pub(crate) upper: f64,
    /// Whether the beginning belongs to it.
    pub(crate) lower_inclusive: bool,
    /// Whether the end belongs to it.
    pub(crate) upper_inclusive: bool,
    /// Its observations.
    pub(crate) count: f64,
}

impl Bucket {
    /// Returns Prometheus' code: 0 open left, 1 open right, 2 open both, 3 closed both.
    pub(crate) fn boundaries(&self) -> u8 {
        match (self.lower_inclusive, self.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        }
    }
}

/// Returns the buckets that hold observations.
pub(crate) fn filled(histogram: &Histogram) -> Vec<Bucket> {
    let custom = histogram.schema == CUSTOM_BUCKETS_SCHEMA;
    let bound = |index: i32| match custom {
        true => custom_bound(&histogram.custom_values, index),
        false => exponential_bound(index, histogram.schema),
    };
    let negative = indexed(&histogram.negative_spans, &histogram.negative_buckets);
    let mut buckets: Vec<Bucket> = negative
        .map(|(index, count)| Bucket {
            lower: -bound(index),
            upper: -bound(index - 1),
            lower_inclusive: true,
            upper_inclusive: false,
            count,
        })
        .collect();
    buckets.reverse();
    // Prometheus shows the zero bucket only while it counts something, not what is owed to it.
    if histogram.zero_count > 0.0 {
        buckets.push(Bucket {
            lower: -histogram.zero_threshold,
            upper: histogram.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: histogram.zero_count,
        });
    }
    let positive = indexed(&histogram.positive_spans, &histogram.positive_buckets);
    buckets.extend(positive.map(|(index, count)| Bucket {
        lower: bound(index - 1),
        upper: bound(index),
        lower_inclusive: custom && index == 0,
        upper_inclusive: true,
        count,
    }));
    buckets.retain(|bucket| bucket.count != 0.0);
    buckets
}

/// Pairs each bucket with its index, which spans tell by gaps and lengths.
fn indexed<'a>(spans: &'a [Span], counts: &'a [f64]) -> impl Iterator<Item = (i32, f64)> + 'a {
    let mut next = 0_i32;
    let indices = spans.iter().flat_map(move |span| {
        let begin = next.saturating_add(span.offset);
        next = begin.saturating_add(i32::try_from(span.length).unwrap_or(i32::MAX));
        begin..next
    });
    indices.zip(counts.iter().copied())
}

fn custom_bound(bounds: &[f64], index: i32) -> f64 {
    match usize::try_from(index) {
        Err(_) => f64::NEG_INFINITY,
        Ok(index) => bounds.get(index).copied().unwrap_or(f64::INFINITY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_rise_from_the_negative_over_zero_to_the_positive_without_empty_ones() {
        let histogram = Histogram {
            schema: 0,
            zero_threshold: 0.001,
            zero_count: 2.0,
            positive_spans: vec![Span { offset: 0, length: 2 }, Span { offset: 1, length: 1 }],
            positive_buckets: vec![1.0, 0.0, 4.0],
            negative_spans: vec![Span { offset: 1, length: 2 }],
            negative_buckets: vec![5.0, 6.0],
            ..Histogram::default()
        };
        let found: Vec<_> = filled(&histogram)
            .iter()
            .map(|bucket| (bucket.boundaries(), bucket.lower, bucket.upper, bucket.count))
            .collect();
        let expected = [
            (1, -4.0, -2.0, 6.0),
            (1, -2.0, -1.0, 5.0),
            (3, -0.001, 0.001, 2.0),
            (0, 0.5, 1.0, 1.0),
            (0, 4.0, 8.0, 4.0),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn custom_bounds_reach_from_minus_to_plus_infinity() {
        let histogram = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            custom_values: vec![1.0, 2.0],
            positive_spans: vec![Span { offset: 0, length: 3 }],
            positive_buckets: vec![1.0, 2.0, 3.0],
            ..Histogram::default()
        };
        let found = filled(&histogram);
        assert_eq!((found[0].lower, found[0].upper), (f64::NEG_INFINITY, 1.0));
        assert_eq!((found[2].lower, found[2].upper), (2.0, f64::INFINITY));
        assert_eq!(found.iter().map(Bucket::boundaries).collect::<Vec<_>>(), [3, 0, 0]);
    }
}
