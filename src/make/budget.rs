//! Calls a minute, spent evenly: Make.com refuses an organization that passes its plan's limit.

use std::time::Duration;

use parking_lot::Mutex;

const MINUTE_NS: f64 = 60e9;

/// A token bucket that refills over a minute and starts full.
#[derive(Debug)]
pub(crate) struct Budget {
    per_minute: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at_ns: i64,
    closed_until_ns: i64,
}

impl Budget {
    /// Creates a budget of `per_minute` calls (at least 1) at `now_ns`.
    pub(crate) fn new(per_minute: u32, now_ns: i64) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        let state = State { tokens: per_minute, at_ns: now_ns, closed_until_ns: i64::MIN };
        Budget { per_minute, state: Mutex::new(state) }
    }

    /// Spends one call, or returns how long to wait for the next.
    pub(crate) fn spend(&self, now_ns: i64) -> Result<(), Duration> {
        let mut state = self.state.lock();
        if now_ns < state.closed_until_ns {
            return Err(Duration::from_nanos(state.closed_until_ns.abs_diff(now_ns)));
        }
        let passed = now_ns.saturating_sub(state.at_ns).max(0) as f64;
        state.tokens = (state.tokens + passed / MINUTE_NS * self.per_minute).min(self.per_minute);
        state.at_ns = now_ns;
        if state.tokens < 1.0 {
            let missing = 1.0 - state.tokens;
            return Err(Duration::from_nanos((missing / self.per_minute * MINUTE_NS) as u64));
        }
        state.tokens -= 1.0;
        Ok(())
    }

    /// Closes the budget: Make.com itself said to wait.
    pub(crate) fn close_for(&self, wait: Duration, now_ns: i64) {
        let until = now_ns.saturating_add(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
        let mut state = self.state.lock();
        state.closed_until_ns = state.closed_until_ns.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_spent_budget_says_when_the_next_call_may_go() {
        let budget = Budget::new(2, 0);
        assert!(budget.spend(0).is_ok() && budget.spend(0).is_ok());
        assert_eq!(budget.spend(0), Err(Duration::from_secs(30)));
        assert!(budget.spend(30 * SECOND).is_ok());
    }

    #[test]
    fn a_closed_budget_opens_by_itself() {
        let budget = Budget::new(60, 0);
        budget.close_for(Duration::from_secs(10), 0);
        assert_eq!(budget.spend(SECOND), Err(Duration::from_secs(9)));
        assert!(budget.spend(10 * SECOND).is_ok());
    }
}
