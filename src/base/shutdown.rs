//! The phase of life every door asks about: starting, ready, draining.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Where the appliance stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Stores are opening; only `/-/healthy` answers well.
    Starting,
    /// Everything serves.
    Ready,
    /// No new work; what runs is finished.
    Draining,
}

/// Shares the [`Phase`] between the lifecycle and the doors.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    /// Starts in [`Phase::Starting`].
    pub fn new() -> Self {
        Readiness::default()
    }

    /// Moves to `phase`.
    pub fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }

    /// Returns the current phase.
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Returns whether requests may be served.
    pub fn is_ready(&self) -> bool {
        self.phase() == Phase::Ready
    }
}
