//! A running mean of histograms that stays finite where their sum would not.

use crate::model::histogram::Histogram;
use crate::query::promql::histogram::{Added, HistogramSum, Incompatible, divided};

/// The mean of the histograms seen so far.
#[derive(Debug, Clone)]
pub(in crate::query::promql) struct HistogramMean {
    sum: HistogramSum,
    count: f64,
    /// Set once the sum overflowed and `sum` holds the mean.
    incremental: bool,
}

impl HistogramMean {
    /// Starts with a histogram.
    pub(in crate::query::promql) fn of(histogram: &Histogram) -> Self {
        HistogramMean { sum: HistogramSum::of(histogram), count: 1.0, incremental: false }
    }

    /// Takes another histogram in.
    pub(in crate::query::promql) fn add(
        &mut self,
        histogram: &Histogram,
    ) -> Result<Added, Incompatible> {
        let count = self.count + 1.0;
        let mut next = self.sum.clone();
        if !self.incremental {
            let added = next.add(histogram)?;
            if !next.overflows() {
                self.sum = next;
                self.count = count;
                return Ok(added);
            }
            self.incremental = true;
            next = self.sum.clone();
            next.divide(self.count);
        }
        next.scale(self.count / count);
        let added = next.add(&divided(histogram, count))?;
        self.sum = next;
        self.count = count;
        Ok(added)
    }

    /// Returns the mean.
    pub(in crate::query::promql) fn finish(mut self) -> Histogram {
        if !self.incremental {
            self.sum.divide(self.count);
        }
        self.sum.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_huge_histograms_is_finite() {
        let huge = Histogram { count: f64::MAX, ..Histogram::default() };
        let mut mean = HistogramMean::of(&huge);
        mean.add(&huge).unwrap();
        mean.add(&huge).unwrap();
        let result = mean.finish();
        assert!((result.count / f64::MAX - 1.0).abs() < 1e-12, "{}", result.count);
    }
}
