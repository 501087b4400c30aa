//! The alerts of one rule, from pending over firing to resolved: Prometheus' state machine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::alert::Alert;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::rules::restore::Remembered;
use crate::rules::status::{ActiveAlert, AlertState};

/// How long a resolved alert is said again.
const RESOLVED_RETENTION: Duration = Duration::from_secs(15 * 60);
/// How often a firing alert is said again.
pub(crate) const RESEND_DELAY: Duration = Duration::from_secs(60);

/// An element of a rule's result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Element {
    /// The alert's labels, templates filled.
    pub(crate) labels: Labels,
    /// Its texts, templates filled.
    pub(crate) annotations: Labels,
    pub(crate) value: f64,
}

/// How long is long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    pub(crate) hold: Duration,
    pub(crate) keep_firing_for: Duration,
}

#[derive(Debug, Clone)]
struct Instance {
    annotations: Labels,
    value: f64,
    state: AlertState,
    active_at: TimestampMs,
    fired_at: Option<TimestampMs>,
    resolved_at: Option<TimestampMs>,
    last_sent_at: Option<TimestampMs>,
    keep_firing_since: Option<TimestampMs>,
}

/// The alerts of one rule by their labels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Instances {
    by_labels: BTreeMap<Labels, Instance>,
}

impl Instances {
    /// Takes the elements of the evaluation at `at`. New alerts begin where `remembered` says they
    /// had come to in an earlier life.
    pub(crate) fn step(
        &mut self,
        at: TimestampMs,
        elements: Vec<Element>,
        patience: Patience,
        remembered: &Remembered,
    ) {
        let mut seen = BTreeSet::new();
        for element in elements {
            seen.insert(element.labels.clone());
            self.take(at, element, patience, remembered);
        }
        self.by_labels.retain(|labels, instance| {
            if seen.contains(labels) {
                instance.keep_firing_since = None;
                instance.ripen(at, patience.hold);
                return true;
            }
            instance.fade(at, patience.keep_firing_for)
        });
    }

    fn take(
        &mut self,
        at: TimestampMs,
        element: Element,
        patience: Patience,
        remembered: &Remembered,
    ) {
        let Element { labels, annotations, value } = element;
        if let Some(known) = self.by_labels.get_mut(&labels)
            && known.state != AlertState::Inactive
        {
            known.value = value;
            known.annotations = annotations;
            return;
        }
        let begun = remembered.resume(&labels, at, patience.hold);
        let instance = Instance {
            annotations,
            value,
            state: AlertState::Pending,
            active_at: begun.map_or(at, |begun| begun.active_at),
            fired_at: begun.and_then(|begun| begun.fired_at),
            resolved_at: None,
            last_sent_at: None,
            keep_firing_since: None,
        };
        self.by_labels.insert(labels, instance);
    }

    /// Forgets every alert.
    pub(crate) fn clear(&mut self) {
        self.by_labels.clear();
    }

    /// Returns the pending and firing alerts, sorted by labels.
    pub(crate) fn active(&self) -> Vec<ActiveAlert> {
        let active =
            self.by_labels.iter().filter(|(_, instance)| instance.state != AlertState::Inactive);
        let plain = |(labels, instance): (&Labels, &Instance)| ActiveAlert {
            labels: labels.clone(),
            annotations: instance.annotations.clone(),
            state: instance.state,
            active_at: instance.active_at,
            keep_firing_since: instance.keep_firing_since,
            value: instance.value,
        };
        active.map(plain).collect()
    }

    /// Returns the alerts that are to be said at `at`, and notes that they were.
    pub(crate) fn due(&mut self, at: TimestampMs, interval: Duration) -> Vec<Alert> {
        // Two evaluations or deliveries may fail before the alert ends by itself.
        let valid = later(at, 4 * interval.max(RESEND_DELAY));
        let mut alerts = Vec::new();
        for (labels, instance) in &mut self.by_labels {
            if !instance.is_due(at) {
                continue;
            }
            instance.last_sent_at = Some(at);
            alerts.push(Alert {
                labels: labels.clone(),
                annotations: instance.annotations.clone(),
                starts_at: instance.fired_at.unwrap_or(instance.active_at),
                ends_at: Some(instance.resolved_at.unwrap_or(valid)),
                updated_at: at,
                generator_url: String::new(),
            });
        }
        alerts
    }

    /// Takes back that alerts were said at `at`: nobody heard them.
    pub(crate) fn unsaid(&mut self, at: TimestampMs) {
        for instance in self.by_labels.values_mut() {
            if instance.last_sent_at == Some(at) {
                instance.last_sent_at = None;
            }
        }
    }
}

impl Instance {
    /// Fires when the condition has held long enough.
    fn ripen(&mut self, at: TimestampMs, hold: Duration) {
        if self.state == AlertState::Pending && age(self.active_at, at) >= signed(hold) {
            self.state = AlertState::Firing;
            // A restored alert has fired before.
            self.fired_at.get_or_insert(at);
        }
    }

    /// The condition does not hold any more; returns whether the alert is still of interest.
    fn fade(&mut self, at: TimestampMs, keep_firing_for: Duration) -> bool {
        if self.state == AlertState::Firing && !keep_firing_for.is_zero() {
            let since = *self.keep_firing_since.get_or_insert(at);
            if age(since, at) < signed(keep_firing_for) {
                return true;
            }
        }
        match self.state {
            AlertState::Pending => false,
            AlertState::Firing => {
                self.state = AlertState::Inactive;
                self.resolved_at = Some(at);
                true
            }
            AlertState::Inactive => {
                let old = |resolved| age(resolved, at) > signed(RESOLVED_RETENTION);
                !self.resolved_at.is_some_and(old)
            }
        }
    }

    fn is_due(&self, at: TimestampMs) -> bool {
        if self.state == AlertState::Pending {
            return false;
        }
        let Some(sent) = self.last_sent_at else { return true };
        if self.resolved_at.is_some_and(|resolved| resolved > sent) {
            return true;
        }
        age(sent, at) >= signed(RESEND_DELAY)
    }
}

/// Returns the milliseconds from `from` to `to`.
fn age(from: TimestampMs, to: TimestampMs) -> i64 {
    to.0.saturating_sub(from.0)
}

/// Returns a duration in milliseconds.
pub(crate) fn signed(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Returns the instant `duration` after `at`.
pub(crate) fn later(at: TimestampMs, duration: Duration) -> TimestampMs {
    TimestampMs(at.0.saturating_add(signed(duration)))
}

#[cfg(test)]
mod tests;
