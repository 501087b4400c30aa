//! From a group whose time has come to what each integration is told: time intervals, inhibition,
//! silences, what was told before.

use crate::alerting::config::{AlertingConfig, IntegrationConfig};
use crate::alerting::group::Group;
use crate::alerting::inhibit::Inhibitors;
use crate::alerting::message::{Message, NotifiedAlert};
use crate::alerting::route::RouteOptions;
use crate::alerting::silences::Silences;
use crate::alerting::told::{Reason, Told, ToldKey, ToldLog};
use crate::model::delivery::Quiet;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;

/// What the stages look at.
pub(crate) struct Pipeline<'a> {
    pub(crate) config: &'a AlertingConfig,
    pub(crate) inhibitors: &'a Inhibitors<'a>,
    pub(crate) silences: &'a Silences,
    pub(crate) told: &'a ToldLog,
    pub(crate) now: TimestampMs,
}

/// What one integration is told, and what is noted about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    pub(crate) key: ToldKey,
    pub(crate) told: Told,
    pub(crate) reason: Reason,
    /// `None` when only the note changes, because the integration wants no resolutions.
    pub(crate) message: Option<Message>,
}

impl Pipeline<'_> {
    /// Decides what the integrations of a group's receiver are told.
    pub(crate) fn decide(&self, group: &Group) -> Vec<Decision> {
        if !muted_by(self.config, &group.options, self.now).is_empty() {
            return Vec::new();
        }
        let mut alerts = group.snapshot(self.now);
        alerts.retain(|alert| self.is_heard(&alert.alert.labels));
        if alerts.is_empty() {
            return Vec::new();
        }
        let integrations = integrations(self.config, &group.options.receiver).iter();
        integrations.filter_map(|one| self.for_integration(group, &alerts, one)).collect()
    }

    fn is_heard(&self, labels: &Labels) -> bool {
        self.inhibitors.of(labels).is_empty() && self.silences.of(labels, self.now).is_empty()
    }

    fn for_integration(
        &self,
        group: &Group,
        alerts: &[NotifiedAlert],
        integration: &IntegrationConfig,
    ) -> Option<Decision> {
        let options = &group.options;
        let key = ToldKey::new(&group.key, &options.receiver, &integration.name);
        let told = Told::of(&group.key, alerts, self.now, options.repeat_interval);
        let last = self.told.get(&key);
        let reason = Told::why(last, &told, integration.send_resolved, options.repeat_interval)?;
        let wanted = alerts.iter().filter(|alert| integration.send_resolved || !alert.resolved);
        let alerts: Vec<NotifiedAlert> = wanted.cloned().collect();
        let message = (!alerts.is_empty()).then(|| Message {
            receiver: options.receiver.clone(),
            integration: integration.name.clone(),
            group_key: group.key.clone(),
            group_labels: group.labels.clone(),
            alerts,
        });
        Some(Decision { key, told, reason, message })
    }

    /// Returns what keeps an alert of a group quiet.
    pub(crate) fn quiet(&self, labels: &Labels, options: &[&RouteOptions]) -> Quiet {
        let mut muted_by: Vec<String> = Vec::new();
        // An alert is muted when every route it ends at is.
        let all: Vec<_> =
            options.iter().map(|one| self::muted_by(self.config, one, self.now)).collect();
        if all.iter().all(|names| !names.is_empty()) {
            muted_by = all.into_iter().flatten().collect();
            muted_by.sort();
            muted_by.dedup();
        }
        Quiet {
            silenced_by: self.silences.of(labels, self.now),
            inhibited_by: self.inhibitors.of(labels),
            muted_by,
        }
    }
}

/// Returns the ways to tell a receiver.
pub(crate) fn integrations<'a>(
    config: &'a AlertingConfig,
    receiver: &str,
) -> &'a [IntegrationConfig] {
    let found = config.receivers.iter().find(|own| own.name == receiver);
    found.map_or(&[], |receiver| &receiver.integrations)
}

/// Returns the names of the time intervals because of which a route tells nobody at `now`.
pub(crate) fn muted_by(
    config: &AlertingConfig,
    options: &RouteOptions,
    now: TimestampMs,
) -> Vec<String> {
    let holds = |name: &&String| {
        let intervals = config.time_intervals.get(*name);
        intervals.is_some_and(|all| all.iter().any(|interval| interval.contains(now)))
    };
    let muting: Vec<String> = options.mute.iter().filter(holds).cloned().collect();
    if muting.is_empty() && !options.active.is_empty() && !options.active.iter().any(|n| holds(&n))
    {
        return options.active.clone();
    }
    muting
}

/// Returns whether an integration of the group's receiver still has to be told that the alert ended.
pub(crate) fn is_owed(
    config: &AlertingConfig,
    told: &ToldLog,
    group: &Group,
    fingerprint: u64,
) -> bool {
    let receiver = &group.options.receiver;
    integrations(config, receiver).iter().filter(|one| one.send_resolved).any(|one| {
        let key = ToldKey::new(&group.key, receiver, &one.name);
        told.get(&key).is_some_and(|told| told.firing.contains(&fingerprint))
    })
}
