//! What became of alerts: whom they concern, what keeps them quiet, which messages went out.

use std::time::Duration;

use crate::model::alert::Alert;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;

/// An alert with what delivery knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    /// The alert.
    pub alert: Alert,
    /// Its identity: a hash of its labels, the same as Alertmanager's.
    pub fingerprint: u64,
    /// Whom the routes lead to, sorted.
    pub receivers: Vec<String>,
    /// What keeps it quiet.
    pub quiet: Quiet,
}

/// Why nobody is told of an alert; all empty when somebody is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quiet {
    /// Ids of the silences.
    pub silenced_by: Vec<String>,
    /// Fingerprints of the alerts that inhibit it.
    pub inhibited_by: Vec<u64>,
    /// Names of time intervals.
    pub muted_by: Vec<String>,
}

impl Quiet {
    /// Returns whether somebody is told.
    pub fn is_active(&self) -> bool {
        self.silenced_by.is_empty() && self.inhibited_by.is_empty() && self.muted_by.is_empty()
    }
}

/// Alerts that are told of together.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertGroup {
    /// The labels they were grouped by.
    pub labels: Labels,
    /// Whom they are told.
    pub receiver: String,
    /// The alerts, sorted by labels.
    pub alerts: Vec<AlertView>,
}

/// How the delivery of a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver took it.
    Delivered,
    /// The receiver refused it, or could not be reached until nobody would want it any more.
    Failed,
}

impl DeliveryOutcome {
    /// Returns the outcome as a word, fit for a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryOutcome::Delivered => "delivered",
            DeliveryOutcome::Failed => "failed",
        }
    }
}

/// The proof of what happened to one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReceipt {
    /// Rises with every message.
    pub id: u64,
    /// The receiver's name in the configuration.
    pub receiver: String,
    /// Which of its integrations, such as `slack[0]`.
    pub integration: String,
    /// The group, in Alertmanager's form.
    pub group_key: String,
    /// Whether an alert of the message was firing.
    pub firing: bool,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// Tries, at least 1 unless the receiver is gone from the configuration.
    pub attempts: u32,
    /// What the receiver answered last, shortened, or why it could not.
    pub answer: String,
    /// When the message was decided.
    pub queued_at: TimestampMs,
    /// When it ended.
    pub finished_at: TimestampMs,
    /// How long the last try took.
    pub latency: Duration,
    /// The alerts' fingerprints.
    pub alerts: Vec<u64>,
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingDelivery {
    /// Rises with every message.
    pub id: u64,
    /// The receiver's name in the configuration.
    pub receiver: String,
    /// Which of its integrations.
    pub integration: String,
    /// The group, in Alertmanager's form.
    pub group_key: String,
    /// When the message was decided.
    pub queued_at: TimestampMs,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next.
    pub next_try: TimestampMs,
    /// Why the last try failed; empty before.
    pub last_error: String,
    /// The alerts' fingerprints.
    pub alerts: Vec<u64>,
}
