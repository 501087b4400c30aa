//! Summation that loses no small addends: Kahan's, with Neumaier's improvement.

/// A running sum with its compensation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::query::promql) struct Sum {
    pub value: f64,
    pub compensation: f64,
}

impl Sum {
    /// Starts with a value.
    pub(in crate::query::promql) fn of(value: f64) -> Self {
        Sum { value, compensation: 0.0 }
    }

    /// Adds; an infinite sum drops its compensation.
    #[inline]
    pub(in crate::query::promql) fn add(&mut self, addend: f64) {
        let total = self.value + addend;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.value.abs() >= addend.abs() {
            self.compensation += (self.value - total) + addend;
        } else {
            self.compensation += (addend - total) + self.value;
        }
        self.value = total;
    }

    /// Adds like [`Sum::add`] as long as the sum stays finite; after that it is worthless.
    #[inline]
    pub(in crate::query::promql) fn add_finite(&mut self, addend: f64) {
        let total = self.value + addend;
        let (large, small) = if self.value.abs() >= addend.abs() {
            (self.value, addend)
        } else {
            (addend, self.value)
        };
        self.compensation += (large - total) + small;
        self.value = total;
    }

    /// Adds without compensation.
    #[inline]
    pub(in crate::query::promql) fn add_plain(&mut self, addend: f64) {
        self.value += addend;
    }

    /// Returns the sum.
    pub(in crate::query::promql) fn total(self) -> f64 {
        if self.value.is_infinite() { self.value } else { self.value + self.compensation }
    }
}

/// A running mean that stays finite where the sum would not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    sum: Sum,
    count: f64,
    incremental: bool,
}

impl Mean {
    /// Adds a value.
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.sum = Sum::of(value);
            return;
        }
        if !self.incremental {
            let mut next = self.sum;
            next.add(value);
            if !next.value.is_infinite() {
                self.sum = next;
                return;
            }
            self.incremental = true;
            self.sum.value /= self.count - 1.0;
            self.sum.compensation /= self.count - 1.0;
        }
        let kept = (self.count - 1.0) / self.count;
        self.sum.value *= kept;
        self.sum.compensation *= kept;
        self.sum.add(value / self.count);
    }

    /// Returns the mean. It does not depend on how a sum is divided into value and compensation,
    /// which the order of the values decides.
    pub(super) fn result(self) -> f64 {
        let Sum { value, compensation } = self.sum;
        let total = value + compensation;
        if self.incremental {
            return total;
        }
        if !total.is_finite() {
            return total / self.count;
        }
        let added = total - value;
        let lost = (value - (total - added)) + (compensation - added);
        total / self.count + lost / self.count
    }
}

/// Returns the `q` quantile of values in any order, interpolating linearly.
pub(super) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    // NaN goes first, as in Prometheus' heap order.
    values.sort_unstable_by(|left, right| match (left.is_nan(), right.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        (false, false) => left.total_cmp(right),
    });
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = (rank.floor() as usize).min(last);
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_addends_beside_large_ones_are_not_lost() {
        let mut sum = Sum::default();
        for value in [1.0, 1e100, 1.0, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn a_mean_of_huge_values_stays_finite() {
        let mut mean = Mean::default();
        for _ in 0..4 {
            mean.add(f64::MAX);
        }
        assert!((mean.result() / f64::MAX - 1.0).abs() < 1e-12, "{}", mean.result());
    }

    #[test]
    fn quantiles_interpolate_between_neighbours() {
        assert_eq!(quantile(0.5, &mut [3.0, 1.0, 2.0, 4.0]), 2.5);
        assert_eq!(quantile(1.5, &mut [1.0]), f64::INFINITY);
        assert!(quantile(0.5, &mut []).is_nan());
    }
}
