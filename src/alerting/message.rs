//! A message to one receiver: a snapshot of a group, the same however often it is tried.

use crate::model::alert::Alert;
use crate::model::labels::{Labels, LabelsBuilder};

/// What one receiver is told at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// The receiver's name.
    pub(crate) receiver: String,
    /// Which of its integrations.
    pub(crate) integration: String,
    /// The group in Alertmanager's form.
    pub(crate) group_key: String,
    /// The labels the group has in common by definition.
    pub(crate) group_labels: Labels,
    /// The alerts, sorted as Alertmanager does; never none.
    pub(crate) alerts: Vec<NotifiedAlert>,
}

/// An alert as it was when the message was decided.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NotifiedAlert {
    /// Its identity.
    pub(crate) fingerprint: u64,
    /// Whether it had ended.
    pub(crate) resolved: bool,
    /// The alert.
    pub(crate) alert: Alert,
}

impl Message {
    /// Returns whether any alert fires.
    pub(crate) fn is_firing(&self) -> bool {
        self.alerts.iter().any(|alert| !alert.resolved)
    }

    /// Returns the labels in which all alerts agree.
    pub(crate) fn common_labels(&self) -> Labels {
        common(self.alerts.iter().map(|alert| &alert.alert.labels))
    }

    /// Returns the annotations in which all alerts agree.
    pub(crate) fn common_annotations(&self) -> Labels {
        common(self.alerts.iter().map(|alert| &alert.alert.annotations))
    }

    /// Returns the alerts' fingerprints.
    pub(crate) fn fingerprints(&self) -> Vec<u64> {
        self.alerts.iter().map(|alert| alert.fingerprint).collect()
    }

    /// Takes over what only the older message `earlier` tells, so that it can replace that one.
    pub(crate) fn absorb(&mut self, earlier: Message) {
        for alert in earlier.alerts {
            if !self.alerts.iter().any(|own| own.fingerprint == alert.fingerprint) {
                self.alerts.push(alert);
            }
        }
        sort(&mut self.alerts);
    }
}

/// Sorts by `job`, `instance`, then all labels; alerts without the first two come last.
pub(crate) fn sort(alerts: &mut [NotifiedAlert]) {
    alerts.sort_by(|left, right| {
        let key = |alert: &NotifiedAlert, name: &str| {
            let value = alert.alert.labels.get(name).map(str::to_owned);
            (value.is_none(), value)
        };
        key(left, "job")
            .cmp(&key(right, "job"))
            .then_with(|| key(left, "instance").cmp(&key(right, "instance")))
            .then_with(|| left.alert.labels.cmp(&right.alert.labels))
    });
}

fn common<'a>(mut sets: impl Iterator<Item = &'a Labels>) -> Labels {
    let Some(first) = sets.next() else { return Labels::empty() };
    let mut common: LabelsBuilder = first.to_builder();
    for set in sets {
        let differing: Vec<String> = common
            .iter()
            .filter(|(name, value)| set.get(name) != Some(value))
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in differing {
            common.remove(&name);
        }
    }
    common.build()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::alerting::fingerprint::fingerprint;
    use crate::model::time::TimestampMs;

    /// A message of alerts by name and whether they ended.
    pub(crate) fn message(alerts: &[(&str, bool)]) -> Message {
        let mut alerts: Vec<NotifiedAlert> = alerts
            .iter()
            .map(|(name, resolved)| {
                let labels = Labels::from_pairs([("alertname", *name), ("job", "x")]);
                let alert = Alert {
                    labels: labels.clone(),
                    annotations: Labels::from_pairs([("summary", "sum<mary>")]),
                    starts_at: TimestampMs(1_000),
                    ends_at: Some(TimestampMs(60_000)),
                    updated_at: TimestampMs(1_000),
                    generator_url: "http://b/graph".to_owned(),
                };
                NotifiedAlert { fingerprint: fingerprint(&labels), resolved: *resolved, alert }
            })
            .collect();
        sort(&mut alerts);
        Message {
            receiver: "team".to_owned(),
            integration: "webhook[0]".to_owned(),
            group_key: "{}:{job=\"x\"}".to_owned(),
            group_labels: Labels::from_pairs([("job", "x")]),
            alerts,
        }
    }

    #[test]
    fn a_newer_message_takes_over_what_only_the_older_one_tells() {
        let older = message(&[("A", true), ("B", false)]);
        let mut newer = message(&[("B", true), ("C", false)]);
        newer.absorb(older);
        let told: Vec<_> =
            newer.alerts.iter().map(|alert| (alert.alert.name(), alert.resolved)).collect();
        assert_eq!(told, [("A", true), ("B", true), ("C", false)]);
    }

    #[test]
    fn alerts_without_job_come_last() {
        let mut alerts = message(&[("A", false), ("B", false)]).alerts;
        alerts[0].alert.labels = Labels::from_pairs([("alertname", "A")]);
        sort(&mut alerts);
        assert_eq!(alerts[0].alert.name(), "B");
    }
}
