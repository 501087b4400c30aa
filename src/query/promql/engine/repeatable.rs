//! Whether another evaluation of the same points has the same values, bit by bit.
//!
//! A store gives series in no promised order, and which order it is changes with the range that is
//! asked for and with where the points are. A sum of floats depends on it in its last bits, unless
//! no addition loses any: then all orders give the same sum. What histograms say of resets depends on
//! where the points are, too, and so does what comes of them. Everything else goes series by series,
//! or sorts them first.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::query::promql::ast::AggregateOp;

/// What one evaluation does that another one might do differently; only seen where it is `heeded`.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    pub heeded: bool,
    found: AtomicBool,
}

impl Doubt {
    /// Starts to heed what is doubtful.
    pub(super) fn heeding() -> Self {
        Doubt { heeded: true, found: AtomicBool::new(false) }
    }

    /// Notes something doubtful.
    pub(super) fn note(&self) {
        self.found.store(true, Ordering::Relaxed);
    }

    /// Returns whether it is known that nothing was doubtful.
    pub(super) fn is_excluded(&self) -> bool {
        self.heeded && !self.found.load(Ordering::Relaxed)
    }
}

/// What floats were folded into one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    columns: f64,
    /// At least the sum of all amounts at any step.
    largest: f64,
    /// The smallest amount above zero.
    smallest: f64,
    negative_zero: bool,
}

impl Default for Spread {
    fn default() -> Self {
        Spread { columns: 0.0, largest: 0.0, smallest: f64::INFINITY, negative_zero: false }
    }
}

impl Spread {
    /// Takes the floats of a column in. What is not finite makes every sum of it NaN or infinite,
    /// whatever the order, and counts nothing here.
    pub(super) fn add(&mut self, floats: &[f64]) {
        let mut largest = 0.0_f64;
        for value in floats {
            let amount = value.abs();
            if amount.is_finite() {
                largest = largest.max(amount);
                self.smallest =
                    self.smallest.min(if amount > 0.0 { amount } else { f64::INFINITY });
                self.negative_zero |= amount == 0.0 && value.is_sign_negative();
            }
        }
        self.columns += 1.0;
        self.largest += largest;
    }

    /// Returns whether every order of the columns folds to the same bits.
    ///
    /// Of sums: all addends are multiples of the last bit of the smallest one, which is at least
    /// `smallest * 2^-53`, and so is every rounding error of a running sum. Such an error is at most
    /// `largest * 2^-52`, so that the compensation, which is a sum of no more errors than there are
    /// columns, has no more than 53 bits while `columns * largest <= smallest * 2^52`; half of that
    /// leaves room for the rounding of the running sum. Then value and compensation are together the
    /// exact sum, of which the result is a function.
    pub(super) fn is_orderless(&self, op: AggregateOp) -> bool {
        if self.columns <= 1.0 {
            return true;
        }
        match op {
            AggregateOp::Sum | AggregateOp::Avg => {
                let (reach, exact) = (self.columns * self.largest, self.smallest * 2_f64.powi(51));
                self.largest == 0.0 || (reach.is_finite() && reach <= exact)
            }
            // Of 0 and -0 the first one stays.
            AggregateOp::Min | AggregateOp::Max => !self.negative_zero,
            // Counts are small, quantiles are taken of sorted values, and the rest is not folded.
            AggregateOp::Count
            | AggregateOp::Group
            | AggregateOp::Quantile
            | AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::CountValues
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio => true,
            AggregateOp::Stddev | AggregateOp::Stdvar => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::seq::SliceRandom;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::query::promql::engine::sums::{Mean, Sum};

    fn spread(values: &[f64]) -> Spread {
        let mut spread = Spread::default();
        values.iter().for_each(|value| spread.add(&[*value]));
        spread
    }

    #[test]
    fn amounts_far_apart_make_sums_doubtful() {
        assert!(spread(&[0.1, 2e9, -3.0, 0.0]).is_orderless(AggregateOp::Sum));
        assert!(spread(&[f64::NAN, f64::INFINITY, 1.0]).is_orderless(AggregateOp::Avg));
        assert!(spread(&[1e-300]).is_orderless(AggregateOp::Stddev));
        for doubtful in [[1e100, 1.0], [f64::MAX, f64::MAX], [1.0, f64::from_bits(1)]] {
            assert!(!spread(&doubtful).is_orderless(AggregateOp::Sum), "{doubtful:?}");
        }
        assert!(!spread(&[0.0, -0.0]).is_orderless(AggregateOp::Min));
        assert!(spread(&[0.0, -1.0]).is_orderless(AggregateOp::Max));
    }

    #[test]
    fn sums_and_means_without_doubt_are_the_same_in_every_order() {
        let mut random = StdRng::seed_from_u64(1);
        let (mut certain, mut doubtful) = (0, 0);
        for _ in 0..3_000 {
            let count = random.random_range(2..60);
            let width = random.random_range(1..60);
            let value = |random: &mut StdRng| {
                let amount: f64 = random.random::<f64>() - 0.5;
                amount * 2_f64.powi(random.random_range(0..width))
            };
            let mut values: Vec<f64> = (0..count).map(|_| value(&mut random)).collect();
            if !spread(&values).is_orderless(AggregateOp::Sum) {
                doubtful += 1;
                continue;
            }
            certain += 1;
            let fold = |values: &[f64]| {
                let (mut sum, mut mean) = (Sum::of(values[0]), Mean::default());
                values[1..].iter().for_each(|value| sum.add(*value));
                values.iter().for_each(|value| mean.add(*value));
                ((sum.value + sum.compensation).to_bits(), mean.result().to_bits())
            };
            let first = fold(&values);
            for _ in 0..10 {
                values.shuffle(&mut random);
                assert_eq!(fold(&values), first, "{values:?}");
            }
        }
        assert!(certain > 1_000 && doubtful > 300, "{certain} and {doubtful}");
    }
}
