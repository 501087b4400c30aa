//! Chance that a seed decides.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A stream of chances; the same seed gives the same stream.
pub(crate) struct Dice(StdRng);

impl Dice {
    /// Starts the stream of `seed`.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Dice(StdRng::seed_from_u64(seed))
    }

    /// Returns true in `share` (0 to 1) of the cases.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.0.random::<f64>() < share
    }

    /// Returns a number from 0 up to but without `end`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// Returns one of `items`, each as likely as the others.
    pub(crate) fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items.get(self.below(items.len())).copied().unwrap_or_default()
    }

    /// Returns a number from `low` up to but without `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// Returns a positive number around `median`, log-normal as latencies and prices are.
    pub(crate) fn around(&mut self, median: f64, sigma: f64) -> f64 {
        // Box and Muller; 1 - x is never zero.
        let (first, second) = (1.0 - self.0.random::<f64>(), self.0.random::<f64>());
        let normal = (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos();
        median * (sigma * normal).exp()
    }

    /// Returns a duration in nanoseconds around `median` milliseconds.
    pub(crate) fn millis(&mut self, median: f64) -> i64 {
        (self.around(median, 0.45) * 1e6) as i64
    }

    /// Returns how many of events that come `mean` times on average come this time.
    pub(crate) fn arrivals(&mut self, mean: f64) -> usize {
        // Knuth's way, which suits the small means of one second.
        let (limit, mut product, mut count) = ((-mean).exp(), self.0.random::<f64>(), 0);
        while product > limit {
            product *= self.0.random::<f64>();
            count += 1;
        }
        count
    }

    /// Returns an id that is not all zero.
    pub(crate) fn id<const N: usize>(&mut self) -> [u8; N] {
        let mut id = [0; N];
        self.0.fill(&mut id[..]);
        if let Some(last) = id.last_mut() {
            *last |= 1;
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_and_latencies_have_their_mean_and_median() {
        let mut dice = Dice::of_seed(1);
        let arrivals: usize = (0..2_000).map(|_| dice.arrivals(6.0)).sum();
        assert!((11_500..12_500).contains(&arrivals), "{arrivals}");
        let mut latencies: Vec<i64> = (0..2_001).map(|_| dice.millis(10.0)).collect();
        latencies.sort_unstable();
        assert!((9_500_000..10_500_000).contains(&latencies[1_000]), "{}", latencies[1_000]);
        assert!(latencies[0] > 0);
    }
}
