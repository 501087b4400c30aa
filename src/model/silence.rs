//! A silence: who decided that which alerts tell nobody for how long.

use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::time::TimestampMs;

/// Keeps alerts quiet between two instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its name for machines, a UUID.
    pub id: String,
    /// An alert is silenced when its labels fulfil all of these; never none.
    pub matchers: Vec<Matcher>,
    /// The first instant of quiet.
    pub starts_at: TimestampMs,
    /// The first instant after it.
    pub ends_at: TimestampMs,
    /// When it was last changed.
    pub updated_at: TimestampMs,
    /// Who asked for it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Where a silence stands in its life. Orders as lists show them: active, pending, expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceState {
    /// It silences.
    Active,
    /// It will.
    Pending,
    /// It did.
    Expired,
}

impl SilenceState {
    /// Returns the state as Alertmanager writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            SilenceState::Active => "active",
            SilenceState::Pending => "pending",
            SilenceState::Expired => "expired",
        }
    }
}

impl Silence {
    /// Returns the state at `now`.
    pub fn state_at(&self, now: TimestampMs) -> SilenceState {
        if now >= self.ends_at {
            SilenceState::Expired
        } else if now < self.starts_at {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }

    /// Returns whether it silences an alert with these labels while it is active.
    pub fn covers(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches_labels(labels))
    }
}
