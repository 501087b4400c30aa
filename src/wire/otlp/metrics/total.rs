//! A total of deltas: a number, a histogram of explicit bounds, or an exponential one.

use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, HistogramDataPoint};

/// The most buckets of one side of a total; beyond it the resolution is halved. 160 hold all sizes
/// from a nanosecond to a day at the usual resolution.
const MAX_BUCKETS: i64 = 320;
/// The coarsest scale that has a native form.
const COARSEST_SCALE: i32 = -4;

/// What was counted so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Total {
    /// A sum.
    Number(f64),
    /// A histogram of explicit bounds.
    Explicit(Explicit),
    /// A histogram of exponential buckets.
    Exponential(Exponential),
}

/// A histogram of explicit bounds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Explicit {
    bounds: Vec<f64>,
    counts: Vec<u64>,
    count: u64,
    sum: Option<f64>,
}

/// A histogram of exponential buckets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exponential {
    scale: i32,
    zero_threshold: f64,
    zero_count: u64,
    count: u64,
    sum: Option<f64>,
    positive: Side,
    negative: Side,
}

/// Buckets of one sign, from the first to the last that is not empty.
#[derive(Debug, Clone, PartialEq, Default)]
struct Side {
    first: i64,
    counts: Vec<u64>,
}

impl Total {
    /// Adds what is new; gives it back when its layout differs, so that counting begins anew.
    pub(crate) fn add(&mut self, delta: Total) -> Result<(), Total> {
        let added = match (&mut *self, &delta) {
            (Total::Number(total), Total::Number(delta)) => {
                *total += delta;
                true
            }
            (Total::Explicit(total), Total::Explicit(delta)) => total.add(delta),
            (Total::Exponential(total), Total::Exponential(delta)) => total.add(delta),
            (Total::Number(_) | Total::Explicit(_) | Total::Exponential(_), _) => false,
        };
        if added { Ok(()) } else { Err(delta) }
    }

    /// Returns what tells one point from the next.
    pub(crate) fn print(&self) -> (u64, u64) {
        let bits = |sum: Option<f64>| sum.unwrap_or(0.0).to_bits();
        match self {
            Total::Number(number) => (0, number.to_bits()),
            Total::Explicit(histogram) => (histogram.count, bits(histogram.sum)),
            Total::Exponential(histogram) => (histogram.count, bits(histogram.sum)),
        }
    }

    /// Returns about how many bytes it takes beside itself.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Total::Number(_) => 0,
            Total::Explicit(histogram) => 8 * (histogram.bounds.len() + histogram.counts.len()),
            Total::Exponential(histogram) => {
                8 * (histogram.positive.counts.len() + histogram.negative.counts.len())
            }
        }
    }
}

impl Explicit {
    /// Takes the counts of a point.
    pub(crate) fn of(point: &HistogramDataPoint) -> Self {
        Explicit {
            bounds: point.explicit_bounds.clone(),
            counts: point.bucket_counts.clone(),
            count: point.count,
            sum: point.sum,
        }
    }

    /// Writes the counts over those of a point.
    pub(crate) fn write_to(self, point: &mut HistogramDataPoint) {
        point.explicit_bounds = self.bounds;
        point.bucket_counts = self.counts;
        point.count = self.count;
        point.sum = self.sum;
    }

    fn add(&mut self, delta: &Explicit) -> bool {
        if self.bounds != delta.bounds || self.counts.len() != delta.counts.len() {
            return false;
        }
        for (own, new) in self.counts.iter_mut().zip(&delta.counts) {
            *own = own.saturating_add(*new);
        }
        self.count = self.count.saturating_add(delta.count);
        self.sum = both(self.sum, delta.sum);
        true
    }
}

/// Adds sums; of values that may be negative there is none.
fn both(own: Option<f64>, new: Option<f64>) -> Option<f64> {
    Some(own? + new?)
}

impl Exponential {
    /// Takes the counts of a point, at a resolution that needs few buckets.
    pub(crate) fn of(point: &ExponentialHistogramDataPoint) -> Self {
        let mut taken = Exponential {
            scale: point.scale,
            zero_threshold: point.zero_threshold.max(0.0),
            zero_count: point.zero_count,
            count: point.count,
            sum: point.sum,
            positive: Side::of(point.positive.as_ref()),
            negative: Side::of(point.negative.as_ref()),
        };
        let shift = taken.positive.shift().max(taken.negative.shift());
        taken.coarsen(shift);
        taken
    }

    /// Writes the counts over those of a point.
    pub(crate) fn write_to(self, point: &mut ExponentialHistogramDataPoint) {
        point.scale = self.scale;
        point.zero_threshold = self.zero_threshold;
        point.zero_count = self.zero_count;
        point.count = self.count;
        point.sum = self.sum;
        point.positive = self.positive.into_wire();
        point.negative = self.negative.into_wire();
    }

    fn add(&mut self, delta: &Exponential) -> bool {
        let mut delta = delta.clone();
        let mut own = self.clone();
        let scale = own.scale.min(delta.scale);
        own.coarsen_to(scale);
        delta.coarsen_to(scale);
        let zero_threshold = own.zero_threshold.max(delta.zero_threshold);
        own.widen(zero_threshold);
        delta.widen(zero_threshold);
        let shift =
            own.positive.shift_with(&delta.positive).max(own.negative.shift_with(&delta.negative));
        if scale.saturating_sub(shift) < COARSEST_SCALE {
            return false;
        }
        own.coarsen(shift);
        delta.coarsen(shift);
        own.positive.add(&delta.positive);
        own.negative.add(&delta.negative);
        own.zero_count = own.zero_count.saturating_add(delta.zero_count);
        own.count = own.count.saturating_add(delta.count);
        own.sum = both(own.sum, delta.sum);
        *self = own;
        true
    }

    fn coarsen_to(&mut self, scale: i32) {
        self.coarsen(self.scale.saturating_sub(scale));
    }

    /// Merges 2^`shift` neighbours into one.
    fn coarsen(&mut self, shift: i32) {
        if shift > 0 {
            self.scale = self.scale.saturating_sub(shift);
            self.positive.coarsen(shift);
            self.negative.coarsen(shift);
        }
    }

    /// Counts what lies within a wider zero bucket there.
    fn widen(&mut self, threshold: f64) {
        if threshold > self.zero_threshold {
            self.zero_threshold = threshold;
            let moved =
                self.positive.cut(self.scale, threshold) + self.negative.cut(self.scale, threshold);
            self.zero_count = self.zero_count.saturating_add(moved);
        }
    }
}

impl Side {
    fn of(wire: Option<&Buckets>) -> Self {
        let Some(wire) = wire else { return Side::default() };
        let filled = |count: &u64| *count > 0;
        let Some(begin) = wire.bucket_counts.iter().position(filled) else {
            return Side::default();
        };
        let end = wire.bucket_counts.iter().rposition(filled).unwrap_or(begin);
        Side {
            first: i64::from(wire.offset) + begin as i64,
            counts: wire.bucket_counts[begin..=end].to_vec(),
        }
    }

    fn into_wire(self) -> Option<Buckets> {
        // Indexes come from 32 bits and only ever get smaller.
        let offset = i32::try_from(self.first).ok()?;
        Some(Buckets { offset, bucket_counts: self.counts })
    }

    fn last(&self) -> i64 {
        self.first + self.counts.len() as i64 - 1
    }

    /// Returns by how much the resolution must be lowered to hold few buckets.
    fn shift(&self) -> i32 {
        if self.counts.is_empty() { 0 } else { shift_for(self.first, self.last()) }
    }

    /// As [`Side::shift`], with the buckets of another.
    fn shift_with(&self, other: &Side) -> i32 {
        match (self.counts.is_empty(), other.counts.is_empty()) {
            (true, _) => other.shift(),
            (false, true) => self.shift(),
            (false, false) => shift_for(self.first.min(other.first), self.last().max(other.last())),
        }
    }

    fn coarsen(&mut self, shift: i32) {
        if self.counts.is_empty() {
            return;
        }
        let shift = shift.clamp(0, 63);
        let (first, last) = (self.first >> shift, self.last() >> shift);
        let mut merged = vec![0_u64; (last - first + 1) as usize];
        for (place, count) in self.counts.iter().enumerate() {
            let index = ((self.first + place as i64) >> shift) - first;
            merged[index as usize] = merged[index as usize].saturating_add(*count);
        }
        (self.first, self.counts) = (first, merged);
    }

    fn add(&mut self, other: &Side) {
        if other.counts.is_empty() {
            return;
        }
        if self.counts.is_empty() {
            return self.clone_from(other);
        }
        let first = self.first.min(other.first);
        let last = self.last().max(other.last());
        let mut sum = vec![0_u64; (last - first + 1) as usize];
        for side in [&*self, other] {
            for (place, count) in side.counts.iter().enumerate() {
                let place = (side.first - first) as usize + place;
                sum[place] = sum[place].saturating_add(*count);
            }
        }
        (self.first, self.counts) = (first, sum);
    }

    /// Removes the buckets that end at or below `threshold` and returns their count.
    fn cut(&mut self, scale: i32, threshold: f64) -> u64 {
        let upper = |index: i64| ((index + 1) as f64 * (-f64::from(scale)).exp2()).exp2();
        let inside = self.counts.len();
        let inside = (0..inside).take_while(|place| upper(self.first + *place as i64) <= threshold);
        let moved = inside.count();
        self.first += moved as i64;
        self.counts.drain(..moved).fold(0_u64, u64::saturating_add)
    }
}

/// Returns how often the resolution must be halved until few buckets hold indexes `first` to `last`.
fn shift_for(first: i64, last: i64) -> i32 {
    let few = |shift: &i32| (last >> shift) - (first >> shift) < MAX_BUCKETS;
    (0..=63).find(few).unwrap_or(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponential(scale: i32, offset: i32, counts: &[u64]) -> ExponentialHistogramDataPoint {
        ExponentialHistogramDataPoint {
            scale,
            count: counts.iter().sum(),
            sum: Some(1.0),
            positive: Some(Buckets { offset, bucket_counts: counts.to_vec() }),
            ..ExponentialHistogramDataPoint::default()
        }
    }

    fn added(
        first: &ExponentialHistogramDataPoint,
        second: &ExponentialHistogramDataPoint,
    ) -> Exponential {
        let mut total = Total::Exponential(Exponential::of(first));
        total.add(Total::Exponential(Exponential::of(second))).unwrap();
        let Total::Exponential(total) = total else { panic!("{total:?}") };
        total
    }

    #[test]
    fn histograms_of_two_scales_meet_at_the_coarser() {
        // Buckets 3 to 6 at scale 1 are 1, 2, 2 and 3 at scale 0.
        let total = added(&exponential(1, 3, &[1, 2, 3, 4]), &exponential(0, 0, &[10]));
        assert_eq!((total.scale, total.count, total.sum), (0, 20, Some(2.0)));
        assert_eq!(total.positive, Side { first: 0, counts: vec![10, 1, 5, 4] });
    }

    #[test]
    fn a_wider_zero_bucket_takes_what_lies_within() {
        let mut wide = exponential(0, 5, &[1]);
        wide.zero_threshold = 2.0;
        // At scale 0 bucket 0 ends at 2, bucket 1 at 4.
        let total = added(&exponential(0, -1, &[1, 2, 3]), &wide);
        assert_eq!((total.zero_count, total.zero_threshold), (3, 2.0));
        assert_eq!(total.positive, Side { first: 1, counts: vec![3, 0, 0, 0, 1] });
    }

    #[test]
    fn far_buckets_lower_the_resolution_rather_than_filling_memory() {
        let total = added(&exponential(8, -40_000, &[1]), &exponential(8, 40_000, &[1]));
        assert!(total.scale < 1 && total.scale >= COARSEST_SCALE, "{}", total.scale);
        assert!(total.positive.counts.len() as i64 <= MAX_BUCKETS);
        assert_eq!(total.positive.counts.iter().sum::<u64>(), 2);
        let hostile = exponential(8, i32::MIN, &[1]);
        let mut total = Total::Exponential(Exponential::of(&hostile));
        let other = Total::Exponential(Exponential::of(&exponential(8, i32::MAX, &[1])));
        assert!(total.add(other).is_err());
    }

    #[test]
    fn other_bounds_and_other_kinds_begin_anew() {
        let point = |bounds: &[f64], counts: &[u64]| HistogramDataPoint {
            explicit_bounds: bounds.to_vec(),
            bucket_counts: counts.to_vec(),
            count: counts.iter().sum(),
            ..HistogramDataPoint::default()
        };
        let explicit =
            |bounds: &[f64], counts: &[u64]| Total::Explicit(Explicit::of(&point(bounds, counts)));
        let mut total = explicit(&[1.0], &[1, 2]);
        total.add(explicit(&[1.0], &[3, 4])).unwrap();
        assert_eq!(total, explicit(&[1.0], &[4, 6]));
        assert!(total.add(explicit(&[2.0], &[3, 4])).is_err());
        assert!(total.add(Total::Number(1.0)).is_err());
    }
}
