//! Estimates from native histograms: quantiles, fractions, variance.

use crate::model::histogram::Histogram;
use crate::query::promql::engine::Sum;
use crate::query::promql::histogram::buckets::{Bucket, all};
use crate::query::promql::histogram::uses_custom_buckets;

/// What to know of an estimate when NaN was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::query::promql) enum Estimate {
    /// Nothing.
    Sound,
    /// The result is NaN because of them.
    Nan,
    /// They pull the result up, or are left out.
    Skewed,
}

/// Returns the `q` quantile.
pub(in crate::query::promql) fn quantile(q: f64, histogram: &Histogram) -> (f64, Estimate) {
    if q < 0.0 {
        return (f64::NEG_INFINITY, Estimate::Sound);
    }
    if q > 1.0 {
        return (f64::INFINITY, Estimate::Sound);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return (f64::NAN, Estimate::Sound);
    }
    let saw_nan = histogram.sum.is_nan();
    let upwards = saw_nan || q < 0.5;
    let mut buckets = all(histogram);
    let mut rank = if upwards { q } else { 1.0 - q } * histogram.count;
    if !upwards {
        buckets.reverse();
    }
    let (mut count, mut found) = (0.0, None);
    let mut rest = buckets.iter();
    for bucket in rest.by_ref().filter(|bucket| bucket.count != 0.0) {
        count += bucket.count;
        found = Some(*bucket);
        if count >= rank {
            break;
        }
    }
    let mut bucket = found.unwrap_or(Bucket { lower: 0.0, upper: 0.0, count: 0.0 });
    let custom = uses_custom_buckets(histogram);
    if !custom && bucket.lower < 0.0 && bucket.upper > 0.0 {
        clip_zero_bucket(histogram, &mut bucket);
    } else if custom {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return (bucket.upper, Estimate::Sound);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return (bucket.lower, Estimate::Sound);
        }
    }
    count = count.min(histogram.count);
    if count < rank {
        if saw_nan {
            return (f64::NAN, Estimate::Nan);
        }
        return (bucket.upper, Estimate::Sound);
    }
    rank = if upwards { rank - (count - bucket.count) } else { count - rank };
    let mut estimate = Estimate::Sound;
    if saw_nan {
        count += rest.map(|bucket| bucket.count).sum::<f64>();
        if count < histogram.count {
            estimate = Estimate::Skewed;
        }
    }
    let part = rank / bucket.count;
    if custom || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return (bucket.lower + (bucket.upper - bucket.lower) * part, estimate);
    }
    let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    let value = if bucket.lower > 0.0 {
        (lower + (upper - lower) * part).exp2()
    } else {
        -(upper + (lower - upper) * (1.0 - part)).exp2()
    };
    (value, estimate)
}

/// Takes the side of the zero bucket away on which nothing was observed.
fn clip_zero_bucket(histogram: &Histogram, bucket: &mut Bucket) {
    let positive = !histogram.positive_buckets.is_empty();
    let negative = !histogram.negative_buckets.is_empty();
    if positive && !negative {
        bucket.lower = 0.0;
    } else if negative && !positive {
        bucket.upper = 0.0;
    }
}

/// Returns the fraction of observations between `lower` and `upper`.
pub(in crate::query::promql) fn fraction(
    lower: f64,
    upper: f64,
    histogram: &Histogram,
) -> (f64, Estimate) {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, Estimate::Sound);
    }
    if lower >= upper {
        return (0.0, Estimate::Sound);
    }
    let buckets = all(histogram);
    let mut estimate = Estimate::Sound;
    let mut count = histogram.count;
    if histogram.sum.is_nan() {
        count = buckets.iter().map(|bucket| bucket.count).sum();
        if count < histogram.count {
            estimate = Estimate::Skewed;
        }
    }
    let below = |limit: f64| rank_of(limit, &buckets, histogram).filter(|rank| *rank <= count);
    let (low, high) = (below(lower).unwrap_or(count), below(upper).unwrap_or(count));
    ((high - low) / histogram.count, estimate)
}

/// Returns how many observations lie below `limit`; `None` when it is beyond all buckets.
fn rank_of(limit: f64, buckets: &[Bucket], histogram: &Histogram) -> Option<f64> {
    let custom = uses_custom_buckets(histogram);
    let mut rank = 0.0;
    for bucket in buckets {
        let mut bucket = *bucket;
        let zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if zero {
            clip_zero_bucket(histogram, &mut bucket);
        }
        if bucket.lower >= limit {
            return Some(rank);
        }
        if bucket.upper > limit {
            if (custom || zero) && bucket.lower == f64::NEG_INFINITY {
                return Some(bucket.count);
            }
            return Some(rank + bucket.count * bucket.part_below(limit, custom || zero));
        }
        rank += bucket.count;
    }
    None
}

/// Returns the variance of the observations.
pub(in crate::query::promql) fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut sum = Sum::default();
    for bucket in all(histogram).iter().filter(|bucket| bucket.count != 0.0) {
        let middle = if uses_custom_buckets(histogram) {
            f64::midpoint(bucket.upper, bucket.lower)
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
        };
        let distance = middle - mean;
        sum.add(bucket.count * distance * distance);
    }
    (sum.value + sum.compensation) / histogram.count
}
