//! Time is passed in: whoever waits or stamps gets a [`Clock`]; tests pass a [`ManualClock`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Tells the time and waits.
pub trait Clock: Send + Sync {
    /// Returns nanoseconds since the Unix epoch.
    fn now_ns(&self) -> i64;

    /// Completes once `duration` has passed on this clock. Dropping the future cancels the wait.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Returns milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64 {
        self.now_ns().div_euclid(1_000_000)
    }
}

/// A clock as it is passed around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that moves only when a test says so.
pub struct ManualClock {
    now_ns: watch::Sender<i64>,
    moves: Mutex<()>,
}

impl ManualClock {
    /// Starts at `now_ms`, milliseconds since the Unix epoch.
    pub fn at_ms(now_ms: i64) -> Arc<Self> {
        let (now_ns, _) = watch::channel(now_ms.saturating_mul(1_000_000));
        Arc::new(ManualClock { now_ns, moves: Mutex::new(()) })
    }

    /// Moves forward and wakes every wait that is over.
    pub fn advance(&self, duration: Duration) {
        let _one_move = self.moves.lock();
        let step = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        self.now_ns.send_modify(|now| *now = now.saturating_add(step));
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> i64 {
        *self.now_ns.borrow()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let wait = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let deadline = self.now_ns().saturating_add(wait);
        let mut moved = self.now_ns.subscribe();
        Box::pin(async move {
            // The sender lives in the clock; when it is gone nobody can end this wait any more.
            let _ = moved.wait_for(|now| *now >= deadline).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn manual_clock_wakes_a_sleeper_only_when_its_time_has_come() {
        let clock = ManualClock::at_ms(1_000);
        let mut wait = clock.sleep(Duration::from_secs(10));
        clock.advance(Duration::from_secs(9));
        assert!(futures_util::poll!(&mut wait).is_pending());
        clock.advance(Duration::from_secs(1));
        wait.await;
        assert_eq!(clock.now_ms(), 11_000);
    }
}
