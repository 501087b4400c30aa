//! A bound on work in flight, counted in bytes: what does not fit is refused, never queued.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Admits work until its bytes reach the limit.
#[derive(Debug, Clone)]
pub struct Gate {
    in_flight: Arc<AtomicU64>,
    shut: Arc<AtomicBool>,
    limit: u64,
}

/// Holds admitted bytes until dropped.
#[derive(Debug)]
pub struct Admitted {
    in_flight: Arc<AtomicU64>,
    bytes: u64,
}

impl Gate {
    /// Creates a gate for `limit` bytes in flight.
    pub fn new(limit: u64) -> Self {
        Gate { in_flight: Arc::default(), shut: Arc::default(), limit }
    }

    /// Admits `bytes`, or returns `None` when they do not fit now.
    pub fn admit(&self, bytes: u64) -> Option<Admitted> {
        if self.is_shut() {
            return None;
        }
        let before = self.in_flight.fetch_add(bytes, Ordering::AcqRel);
        let admitted = Admitted { in_flight: Arc::clone(&self.in_flight), bytes };
        if before.saturating_add(bytes) > self.limit { None } else { Some(admitted) }
    }

    /// Refuses everything from now on, or ends that.
    pub fn shut(&self, shut: bool) {
        self.shut.store(shut, Ordering::Release);
    }

    /// Returns whether everything is refused.
    pub fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    /// Returns the bytes in flight.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Acquire)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_work_leaves_no_trace_and_finished_work_makes_room() {
        let gate = Gate::new(10);
        let first = gate.admit(8);
        assert!(first.is_some());
        assert!(gate.admit(3).is_none());
        assert_eq!(gate.in_flight(), 8);
        drop(first);
        assert!(gate.admit(10).is_some());
        gate.shut(true);
        assert!(gate.clone().admit(1).is_none());
        gate.shut(false);
        assert!(gate.admit(1).is_some());
    }
}
