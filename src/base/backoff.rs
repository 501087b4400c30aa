//! Growing waits between tries, with jitter so that many clients do not return together.

use std::time::Duration;

/// Doubles from `first` to `cap`; each wait is spread by plus or minus `jitter` of itself.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    cap: Duration,
    jitter: f64,
}

impl Backoff {
    /// Creates a back-off; `jitter` lies between 0 and 1.
    pub fn new(first: Duration, cap: Duration, jitter: f64) -> Self {
        debug_assert!((0.0..=1.0).contains(&jitter));
        Backoff { next: first, cap, jitter }
    }

    /// Returns the next wait; `random` is uniform in 0..1 and passed in by the caller.
    pub fn next_wait(&mut self, random: f64) -> Duration {
        let wait = self.next.min(self.cap);
        self.next = self.next.saturating_mul(2).min(self.cap);
        wait.mul_f64(1.0 + self.jitter * (2.0 * random - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(3), 0.0);
        let waits: Vec<_> = (0..3).map(|_| backoff.next_wait(0.5).as_secs()).collect();
        assert_eq!(waits, vec![1, 2, 3]);
    }
}
