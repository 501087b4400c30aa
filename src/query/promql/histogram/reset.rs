//! Whether a counter was reset between two histograms.

use crate::model::histogram::{CounterResetHint, Histogram};
use crate::query::promql::histogram::flat::HistogramSum;
use crate::query::promql::histogram::uses_custom_buckets;

/// Returns whether `current` cannot have grown out of `previous`.
pub(in crate::query::promql) fn detect_reset(current: &Histogram, previous: &Histogram) -> bool {
    match current.counter_reset_hint {
        CounterResetHint::Reset => return true,
        CounterResetHint::NotReset => return false,
        CounterResetHint::Unknown | CounterResetHint::Gauge => {}
    }
    if current.count < previous.count {
        return true;
    }
    if uses_custom_buckets(current) {
        if !uses_custom_buckets(previous) {
            return true;
        }
        if current.custom_values != previous.custom_values {
            return custom_counts_fell(current, previous);
        }
    }
    if current.schema > previous.schema || current.zero_threshold < previous.zero_threshold {
        return true;
    }
    let own = HistogramSum::of(current);
    let mut before = HistogramSum::of(previous);
    if current.zero_threshold != previous.zero_threshold {
        before.widen_zero(current.zero_threshold);
    }
    if before.zero_threshold() != current.zero_threshold {
        return true;
    }
    if current.zero_count < before.zero_count() {
        return true;
    }
    before.coarsen(current.schema);
    own.sides().into_iter().zip(before.sides()).any(|(own, before)| {
        before.iter().any(|(index, count)| {
            let known = own.binary_search_by_key(index, |(index, _)| *index);
            // Of what subtraction made, a bucket may be below zero, and is reset too when it is gone.
            match known.ok().and_then(|at| own.get(at)) {
                Some((_, now)) => now.total() < count.total(),
                None => count.total() != 0.0,
            }
        })
    })
}

/// Compares the counts between the bounds that both have.
fn custom_counts_fell(current: &Histogram, previous: &Histogram) -> bool {
    let shared: Vec<f64> = current
        .custom_values
        .iter()
        .copied()
        .filter(|bound| previous.custom_values.contains(bound))
        .chain([f64::INFINITY])
        .collect();
    let counts = |histogram: &Histogram| {
        let mut counts = vec![0.0; shared.len()];
        for bucket in crate::query::promql::histogram::buckets::positive(histogram) {
            let place = shared.partition_point(|bound| *bound < bucket.upper);
            if let Some(count) = counts.get_mut(place) {
                *count += bucket.count;
            }
        }
        counts
    };
    counts(current).into_iter().zip(counts(previous)).any(|(now, before)| now < before)
}
