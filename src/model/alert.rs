//! An alert as rules raise it, clients post it and receivers are told of it.

use std::time::Duration;

use crate::model::labels::Labels;
use crate::model::time::TimestampMs;

/// One alert: its labels are its identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Labels, `alertname` among them.
    pub labels: Labels,
    /// Texts for people: summary, description, runbook.
    pub annotations: Labels,
    /// When the condition became true.
    pub starts_at: TimestampMs,
    /// When it ended, or until when it counts as firing without another word; `None` is "not said".
    pub ends_at: Option<TimestampMs>,
    /// When this was last said.
    pub updated_at: TimestampMs,
    /// Page of the expression that raised it; empty if unknown.
    pub generator_url: String,
}

impl Alert {
    /// Value of `alertname`; empty if the alert has none.
    pub fn name(&self) -> &str {
        self.labels.get("alertname").unwrap_or_default()
    }

    /// Whether the alert has ended at `now`.
    pub fn is_resolved_at(&self, now: TimestampMs) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }

    /// How long the condition has been true at `now`; zero before its start.
    pub fn age_at(&self, now: TimestampMs) -> Duration {
        Duration::from_millis(u64::try_from(now.0.saturating_sub(self.starts_at.0)).unwrap_or(0))
    }
}
