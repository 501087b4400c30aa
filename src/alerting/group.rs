//! Groups: alerts that are told of together, and when they are looked at next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::alerting::message::{self, NotifiedAlert};
use crate::alerting::route::{Route, RouteOptions};
use crate::model::alert::Alert;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;

/// The place of a group: its route and the labels it is grouped by.
pub(crate) type GroupPlace = (usize, Labels);

/// Every group.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: BTreeMap<GroupPlace, Group>,
}

/// Alerts that are told of together.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) options: Arc<RouteOptions>,
    pub(crate) labels: Labels,
    pub(crate) key: String,
    alerts: BTreeMap<u64, Alert>,
    next_look: TimestampMs,
    was_looked_at: bool,
}

impl Groups {
    /// Puts an alert into the groups that the routes lead to. A new group waits for more alerts,
    /// unless this one has waited long enough elsewhere.
    pub(crate) fn insert(
        &mut self,
        route: &Route,
        fingerprint: u64,
        alert: &Alert,
        now: TimestampMs,
    ) {
        for options in route.matching(&alert.labels) {
            let labels = options.group_by.of(&alert.labels);
            let group = self.groups.entry((options.index, labels)).or_insert_with_key(|place| {
                Group::new(options, place.1.clone(), later(now, options.group_wait))
            });
            group.alerts.insert(fingerprint, alert.clone());
            if !group.was_looked_at && later(alert.starts_at, options.group_wait) < now {
                group.next_look = now;
            }
        }
    }

    /// Returns the places of the groups whose time has come.
    pub(crate) fn due(&self, now: TimestampMs) -> Vec<GroupPlace> {
        let due = self.groups.iter().filter(|(_, group)| group.next_look <= now);
        due.map(|(place, _)| place.clone()).collect()
    }

    /// Returns when the next group's time comes.
    pub(crate) fn next_look(&self) -> Option<TimestampMs> {
        self.groups.values().map(|group| group.next_look).min()
    }

    /// Returns the group at a place.
    pub(crate) fn get(&self, place: &GroupPlace) -> Option<&Group> {
        self.groups.get(place)
    }

    /// Iterates over all groups.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// Returns whether any group holds the alert.
    pub(crate) fn hold(&self, route: &Route, fingerprint: u64, labels: &Labels) -> bool {
        route.matching(labels).into_iter().any(|options| {
            let place = (options.index, options.group_by.of(labels));
            self.groups.get(&place).is_some_and(|group| group.alerts.contains_key(&fingerprint))
        })
    }

    /// Notes that a group was looked at: what ended before `now` and nobody has still to be told of
    /// (`owed`) leaves; an empty group goes.
    pub(crate) fn looked_at(
        &mut self,
        place: &GroupPlace,
        now: TimestampMs,
        owed: impl Fn(u64) -> bool,
    ) {
        let Some(group) = self.groups.get_mut(place) else { return };
        group.alerts.retain(|fingerprint, alert| !alert.is_resolved_at(now) || owed(*fingerprint));
        group.was_looked_at = true;
        group.next_look = later(now, group.options.group_interval);
        if group.alerts.is_empty() {
            self.groups.remove(place);
        }
    }

    /// Keeps the end of an alert in its groups although it was told, because that failed; the groups
    /// are looked at at their usual time.
    pub(crate) fn put_back(
        &mut self,
        route: &Route,
        fingerprint: u64,
        alert: &Alert,
        now: TimestampMs,
    ) {
        for options in route.matching(&alert.labels) {
            let place = (options.index, options.group_by.of(&alert.labels));
            if !self.groups.contains_key(&place) {
                let group =
                    Group::new(options, place.1.clone(), later(now, options.group_interval));
                self.groups.insert(place.clone(), Group { was_looked_at: true, ..group });
            }
            if let Some(group) = self.groups.get_mut(&place) {
                group.alerts.entry(fingerprint).or_insert_with(|| alert.clone());
            }
        }
    }

    /// Puts off a group that could not be looked at.
    pub(crate) fn put_off(&mut self, place: &GroupPlace, until: TimestampMs) {
        if let Some(group) = self.groups.get_mut(place) {
            group.next_look = until;
        }
    }
}

impl Group {
    fn new(options: &Arc<RouteOptions>, labels: Labels, next_look: TimestampMs) -> Self {
        Group {
            options: Arc::clone(options),
            key: options.group_key(&labels),
            labels,
            alerts: BTreeMap::new(),
            next_look,
            was_looked_at: false,
        }
    }

    /// Returns the alerts as they are at `now`, sorted.
    pub(crate) fn snapshot(&self, now: TimestampMs) -> Vec<NotifiedAlert> {
        let mut alerts: Vec<NotifiedAlert> = self
            .alerts
            .iter()
            .map(|(fingerprint, alert)| NotifiedAlert {
                fingerprint: *fingerprint,
                resolved: alert.is_resolved_at(now),
                alert: alert.clone(),
            })
            .collect();
        message::sort(&mut alerts);
        alerts
    }
}

/// Returns the instant `wait` after `at`.
pub(crate) fn later(at: TimestampMs, wait: Duration) -> TimestampMs {
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    TimestampMs(at.0.saturating_add(wait))
}
