//! Estimates from cumulative buckets.

use crate::query::promql::engine::notes::MonotonicFix;

/// Counts that differ by less than this fraction count as equal.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// How many observations were at most `upper`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ClassicBucket {
    pub upper: f64,
    pub count: f64,
}

/// Returns the `q` quantile, and what had to be corrected so that the counts rise. `buckets` are
/// sorted.
pub(super) fn classic_quantile(
    q: f64,
    buckets: &mut Vec<ClassicBucket>,
) -> (f64, Option<MonotonicFix>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return (f64::NAN, None);
    }
    join_equal(buckets);
    let fix = make_rise(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, fix);
    }
    let mut rank = q * observations;
    // NaN counts never reach the rank, so that they end in the last bucket.
    let found = buckets[..last].iter().position(|bucket| bucket.count >= rank).unwrap_or(last);
    if found == last {
        return (buckets[last - 1].upper, fix);
    }
    let bucket = buckets[found];
    if found == 0 && bucket.upper <= 0.0 {
        return (bucket.upper, fix);
    }
    let (mut start, mut count) = (0.0, bucket.count);
    if let Some(below) = found.checked_sub(1).map(|below| buckets[below]) {
        start = below.upper;
        count -= below.count;
        rank -= below.count;
    }
    (start + (bucket.upper - start) * (rank / count), fix)
}

/// Returns the fraction of observations between `lower` and `upper`. `buckets` are sorted.
pub(super) fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return f64::NAN;
    }
    join_equal(buckets);
    let count = buckets.last().map_or(0.0, |last| last.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |limit| rank_of(limit, buckets).filter(|rank| *rank <= count).unwrap_or(count);
    (rank(upper) - rank(lower)) / count
}

/// Returns how many observations lie below `limit`; `None` when it is beyond all buckets.
fn rank_of(limit: f64, buckets: &[ClassicBucket]) -> Option<f64> {
    let mut rank = 0.0;
    let first = buckets.first()?;
    let mut start = if first.upper <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    for bucket in buckets {
        if start >= limit {
            return Some(rank);
        }
        if bucket.upper > limit {
            if start == f64::NEG_INFINITY {
                return Some(bucket.count);
            }
            let part = (limit - start) / (bucket.upper - start);
            return Some(rank + (bucket.count - rank) * part);
        }
        rank = bucket.count;
        start = bucket.upper;
    }
    None
}

/// Joins buckets of equal bound, such as `1` and `1.0`.
fn join_equal(buckets: &mut Vec<ClassicBucket>) {
    buckets.dedup_by(|next, kept| {
        let equal = next.upper == kept.upper;
        if equal {
            kept.count += next.count;
        }
        equal
    });
}

fn make_rise(buckets: &mut [ClassicBucket]) -> Option<MonotonicFix> {
    let mut fix: Option<MonotonicFix> = None;
    let mut previous = buckets.first()?.count;
    for bucket in buckets.iter_mut().skip(1) {
        let count = bucket.count;
        if count == previous {
            continue;
        }
        if nearly_equal(previous, count) {
            bucket.count = previous;
            continue;
        }
        if count < previous {
            bucket.count = previous;
            let known = fix.get_or_insert(MonotonicFix {
                first_ms: 0,
                last_ms: 0,
                lowest: f64::INFINITY,
                highest: f64::NEG_INFINITY,
                largest_difference: 0.0,
                times: 1,
            });
            known.lowest = known.lowest.min(bucket.upper);
            known.highest = known.highest.max(bucket.upper);
            known.largest_difference = known.largest_difference.max(previous - count);
            continue;
        }
        previous = count;
    }
    fix
}

fn nearly_equal(left: f64, right: f64) -> bool {
    let difference = (left - right).abs();
    let size = left.abs() + right.abs();
    if left == 0.0 || right == 0.0 || size < f64::MIN_POSITIVE {
        return difference < SMALL_DIFFERENCE * f64::MIN_POSITIVE;
    }
    difference / size.min(f64::MAX) < SMALL_DIFFERENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(counts: &[(f64, f64)]) -> Vec<ClassicBucket> {
        counts.iter().map(|(upper, count)| ClassicBucket { upper: *upper, count: *count }).collect()
    }

    #[test]
    fn a_quantile_lies_on_a_line_within_its_bucket() {
        let mut known = buckets(&[(1.0, 2.0), (3.0, 6.0), (f64::INFINITY, 6.0)]);
        assert_eq!(classic_quantile(0.5, &mut known), (1.5, None));
        assert_eq!(classic_fraction(1.0, 2.0, &mut known), 2.0 / 6.0);
    }

    #[test]
    fn falling_counts_are_lifted_and_told() {
        let mut known = buckets(&[(1.0, 5.0), (2.0, 4.0), (f64::INFINITY, 10.0)]);
        let (_, fix) = classic_quantile(0.9, &mut known);
        let fix = fix.expect("the second bucket was corrected");
        assert_eq!((fix.lowest, fix.highest, fix.largest_difference), (2.0, 2.0, 1.0));
    }

    #[test]
    fn without_an_infinite_bucket_nothing_is_known() {
        let mut known = buckets(&[(1.0, 2.0), (3.0, 6.0)]);
        assert!(classic_quantile(0.5, &mut known).0.is_nan());
    }
}
