//! What is known of rules, as plain data.

use std::time::Duration;

use crate::model::labels::Labels;
use crate::model::time::TimestampMs;

/// A group and how its last evaluation went.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// Where it is defined.
    pub file: String,
    /// The time between evaluations.
    pub interval: Duration,
    /// The most series or alerts of one rule; 0 means any number.
    pub limit: u64,
    /// How long the last evaluation took.
    pub evaluation_time: Duration,
    /// When it was last evaluated; `None` before the first time.
    pub last_evaluation: Option<TimestampMs>,
    /// Its rules in their order.
    pub rules: Vec<RuleStatus>,
}

/// A rule and how its last evaluation went.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleStatus {
    /// The name of the series or alert.
    pub name: String,
    /// The expression.
    pub query: String,
    /// The labels as defined.
    pub labels: Labels,
    /// How the last evaluation went.
    pub health: RuleHealth,
    /// Why it failed; empty when it did not.
    pub last_error: String,
    /// How long it took.
    pub evaluation_time: Duration,
    /// When it was last evaluated; `None` before the first time.
    pub last_evaluation: Option<TimestampMs>,
    /// What only one kind of rule has.
    pub kind: RuleKind,
}

/// What only one kind of rule has.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// A rule that writes series.
    Recording,
    /// A rule that raises alerts.
    Alerting {
        /// How long an element must be there before its alert fires.
        hold: Duration,
        /// How long an alert fires on after its element is gone.
        keep_firing_for: Duration,
        /// The annotations as defined.
        annotations: Labels,
        /// Pending and firing alerts, sorted by labels.
        alerts: Vec<ActiveAlert>,
    },
}

impl RuleStatus {
    /// Returns the highest state of the rule's alerts; `None` before the first evaluation.
    pub fn state(&self) -> Option<AlertState> {
        self.last_evaluation?;
        let RuleKind::Alerting { alerts, .. } = &self.kind else { return None };
        alerts.iter().map(|alert| alert.state).max().or(Some(AlertState::Inactive))
    }
}

/// How the last evaluation of a rule went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleHealth {
    /// There was none yet.
    Unknown,
    /// It succeeded.
    Ok,
    /// It failed.
    Err,
}

impl RuleHealth {
    /// Returns Prometheus' word.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleHealth::Unknown => "unknown",
            RuleHealth::Ok => "ok",
            RuleHealth::Err => "err",
        }
    }
}

/// How far an alert has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// Its condition does not hold.
    Inactive,
    /// Its condition holds, but not long enough yet.
    Pending,
    /// People are told.
    Firing,
}

impl AlertState {
    /// Returns Prometheus' word.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Inactive => "inactive",
            AlertState::Pending => "pending",
            AlertState::Firing => "firing",
        }
    }
}

/// An alert that is pending or fires.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveAlert {
    /// Its identity, `alertname` among them.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// How far it has come.
    pub state: AlertState,
    /// Since when its condition holds.
    pub active_at: TimestampMs,
    /// Since when it fires on without its condition; `None` while the condition holds.
    pub keep_firing_since: Option<TimestampMs>,
    /// The value of its element when it was last there.
    pub value: f64,
}
