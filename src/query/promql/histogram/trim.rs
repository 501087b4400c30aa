//! `</` and `>/`: observations above or below a value cut off.

use crate::model::histogram::Histogram;
use crate::query::promql::histogram::buckets::{Bucket, negative, positive, zero};
use crate::query::promql::histogram::{compacted, uses_custom_buckets};

/// Returns the histogram with what lies above (`upper`) or below `limit` cut off. When anything was
/// cut, the sum is estimated from the middles of the buckets.
pub(in crate::query::promql) fn trimmed(
    histogram: &Histogram,
    limit: f64,
    upper: bool,
) -> Histogram {
    let mut result = histogram.clone();
    let cut = Cut { limit, upper, linear: uses_custom_buckets(histogram) };
    let mut kept = Kept::default();
    let has = |buckets: &[Bucket]| buckets.iter().any(|bucket| bucket.count != 0.0);
    let (above, below) = (positive(histogram), negative(histogram));
    for (bucket, count) in above.iter().zip(&mut result.positive_buckets) {
        cut.bucket(bucket, count, true, &mut kept);
    }
    for (bucket, count) in below.iter().zip(&mut result.negative_buckets) {
        cut.bucket(bucket, count, false, &mut kept);
    }
    if histogram.zero_count > 0.0 {
        let (count, middle) = cut.zero_bucket(zero(histogram), has(&below), has(&above));
        kept.changed |= count != histogram.zero_count;
        result.zero_count = count;
        kept.sum += middle * count;
        kept.count += count;
    }
    if !kept.changed {
        return result;
    }
    result.count = kept.count;
    result.sum = kept.sum;
    compacted(&result)
}

#[derive(Default)]
struct Kept {
    count: f64,
    sum: f64,
    changed: bool,
}

struct Cut {
    limit: f64,
    upper: bool,
    linear: bool,
}

impl Cut {
    fn bucket(&self, bucket: &Bucket, count: &mut f64, positive: bool, kept: &mut Kept) {
        if bucket.count == 0.0 {
            return;
        }
        let (whole, partly) = if self.upper {
            (bucket.upper <= self.limit, bucket.lower < self.limit)
        } else {
            (bucket.lower >= self.limit, bucket.upper > self.limit)
        };
        if whole {
            kept.count += bucket.count;
            kept.sum += self.middle(bucket.lower, bucket.upper, positive) * bucket.count;
            return;
        }
        if !partly {
            *count = 0.0;
            kept.changed = true;
            return;
        }
        let (left, middle) = self.partly(bucket, positive);
        kept.count += left;
        kept.sum += middle * left;
        if *count != left {
            *count = left;
            kept.changed = true;
        }
    }

    /// Returns how much of a bucket that the limit cuts is kept, and where its middle lies.
    fn partly(&self, bucket: &Bucket, positive: bool) -> (f64, f64) {
        if bucket.lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
            return self.endless(bucket);
        }
        let under = if self.limit <= bucket.lower {
            0.0
        } else if self.limit >= bucket.upper {
            bucket.count
        } else {
            bucket.count * bucket.part_below(self.limit, self.linear)
        };
        if self.upper {
            return (under, self.middle(bucket.lower, self.limit, positive));
        }
        (bucket.count - under, self.middle(self.limit, bucket.upper, positive))
    }

    fn endless(&self, bucket: &Bucket) -> (f64, f64) {
        let limit = self.limit;
        let finite = |value: f64| if value.is_infinite() { 0.0 } else { value };
        if bucket.lower == f64::NEG_INFINITY {
            let bounded = bucket.upper != f64::INFINITY;
            if self.upper {
                if limit >= bucket.upper {
                    return (bucket.count, 0.0);
                }
                if limit > 0.0 && bucket.upper > 0.0 && bounded {
                    return (bucket.count * limit / bucket.upper, limit / 2.0);
                }
                if bucket.upper <= 0.0 {
                    return (bucket.count, limit);
                }
                return (0.0, finite(bucket.upper));
            }
            if limit <= bucket.lower {
                return (bucket.count, 0.0);
            }
            if limit >= 0.0 && bucket.upper > limit && bounded {
                let kept = bucket.count * (1.0 - limit / bucket.upper);
                return (kept, f64::midpoint(limit, bucket.upper));
            }
            return (0.0, finite(bucket.upper));
        }
        if !self.upper && limit >= bucket.lower {
            return (bucket.count, limit);
        }
        (0.0, finite(bucket.lower))
    }

    fn zero_bucket(&self, bucket: Bucket, negative: bool, positive: bool) -> (f64, f64) {
        let lower = if positive && !negative { 0.0 } else { bucket.lower };
        let upper = if negative && !positive { 0.0 } else { bucket.upper };
        let whole = (bucket.count, f64::midpoint(lower, upper));
        let limit = self.limit;
        if self.upper {
            if limit <= lower {
                return (0.0, 0.0);
            }
            if limit >= upper {
                return whole;
            }
            let part = (limit - lower) / (upper - lower);
            return (bucket.count * part, f64::midpoint(lower, limit));
        }
        if limit <= lower {
            return whole;
        }
        if limit >= upper {
            return (0.0, 0.0);
        }
        let part = (upper - limit) / (upper - lower);
        (bucket.count * part, f64::midpoint(limit, upper))
    }

    fn middle(&self, lower: f64, upper: f64, positive: bool) -> f64 {
        if lower.is_infinite() {
            if upper.is_infinite() {
                return 0.0;
            }
            return if upper > 0.0 { upper / 2.0 } else { upper };
        }
        if upper.is_infinite() {
            return lower;
        }
        if self.linear {
            return f64::midpoint(lower, upper);
        }
        let middle = (lower * upper).abs().sqrt();
        if positive { middle } else { -middle }
    }
}
