//! What each receiver was told of each group, so that nobody is told twice or never.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::alerting::group::later;
use crate::alerting::message::NotifiedAlert;
use crate::model::time::TimestampMs;

/// What one integration was told of one group last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// The group.
    pub(crate) group_key: String,
    /// The alerts that were told as firing.
    pub(crate) firing: BTreeSet<u64>,
    /// The alerts that were told as ended.
    pub(crate) resolved: BTreeSet<u64>,
    /// When.
    pub(crate) at: TimestampMs,
    /// When nobody needs to know it any more.
    pub(crate) expires_at: TimestampMs,
}

/// The name of what one integration was told of one group; short, whatever the group's labels are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ToldKey(pub(crate) String);

impl ToldKey {
    /// Returns the key.
    pub(crate) fn new(group_key: &str, receiver: &str, integration: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [group_key, receiver, integration] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        ToldKey(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Why a group is told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Something is new.
    News,
    /// It was told long ago and is still so.
    Reminder,
}

impl Told {
    /// Returns what is noted once `alerts` are told at `now`.
    pub(crate) fn of(
        group_key: &str,
        alerts: &[NotifiedAlert],
        now: TimestampMs,
        repeat_interval: Duration,
    ) -> Self {
        let chosen = |resolved: bool| {
            let chosen = alerts.iter().filter(move |alert| alert.resolved == resolved);
            chosen.map(|alert| alert.fingerprint).collect()
        };
        Told {
            group_key: group_key.to_owned(),
            firing: chosen(false),
            resolved: chosen(true),
            at: now,
            expires_at: later(now, repeat_interval.saturating_mul(2)),
        }
    }

    /// Returns why `next` must be told after `last`, or `None` when it need not be.
    pub(crate) fn why(
        last: Option<&Told>,
        next: &Told,
        send_resolved: bool,
        repeat_interval: Duration,
    ) -> Option<Reason> {
        let Some(last) = last else { return (!next.firing.is_empty()).then_some(Reason::News) };
        if !next.firing.is_subset(&last.firing) {
            return Some(Reason::News);
        }
        if next.firing.is_empty() {
            return (!last.firing.is_empty()).then_some(Reason::News);
        }
        if send_resolved && !next.resolved.is_subset(&last.resolved) {
            return Some(Reason::News);
        }
        (later(last.at, repeat_interval) <= next.at).then_some(Reason::Reminder)
    }
}

/// What everybody was told last.
#[derive(Debug, Default)]
pub(crate) struct ToldLog {
    entries: BTreeMap<ToldKey, Told>,
}

impl ToldLog {
    /// Returns what was told last.
    pub(crate) fn get(&self, key: &ToldKey) -> Option<&Told> {
        self.entries.get(key)
    }

    /// Notes what is told.
    pub(crate) fn note(&mut self, key: ToldKey, told: Told) {
        self.entries.insert(key, told);
    }

    /// Forgets what was told.
    pub(crate) fn forget(&mut self, key: &ToldKey) {
        self.entries.remove(key);
    }

    /// Returns the keys of what nobody needs to know any more; `lives` names groups that exist.
    pub(crate) fn outlived(&self, now: TimestampMs, lives: impl Fn(&str) -> bool) -> Vec<ToldKey> {
        let old = self.entries.iter().filter(|(_, told)| told.expires_at <= now);
        old.filter(|(_, told)| !lives(&told.group_key)).map(|(key, _)| key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn told(firing: &[u64], resolved: &[u64], at_ms: i64) -> Told {
        Told {
            group_key: "g".to_owned(),
            firing: firing.iter().copied().collect(),
            resolved: resolved.iter().copied().collect(),
            at: TimestampMs(at_ms),
            expires_at: TimestampMs(at_ms),
        }
    }

    fn why(last: Option<Told>, next: Told, send_resolved: bool) -> Option<Reason> {
        Told::why(last.as_ref(), &next, send_resolved, HOUR)
    }

    #[test]
    fn news_are_told_at_once_and_the_rest_only_after_the_repeat_interval() {
        let first = || Some(told(&[1, 2], &[], 0));
        assert_eq!(why(None, told(&[1], &[], 0), true), Some(Reason::News));
        assert_eq!(why(None, told(&[], &[1], 0), true), None, "never fired here");
        assert_eq!(why(first(), told(&[1, 2, 3], &[], 1), true), Some(Reason::News));
        assert_eq!(why(first(), told(&[1], &[], 1), true), None);
        assert_eq!(why(first(), told(&[1], &[2], 1), true), Some(Reason::News));
        assert_eq!(why(first(), told(&[1], &[2], 1), false), None);
        assert_eq!(why(first(), told(&[], &[1, 2], 1), false), Some(Reason::News));
        assert_eq!(why(first(), told(&[1, 2], &[], 3_599_999), true), None);
        assert_eq!(why(first(), told(&[1, 2], &[], 3_600_000), true), Some(Reason::Reminder));
        assert_eq!(why(Some(told(&[], &[1], 0)), told(&[], &[1], 9_999_999), true), None);
    }

    #[test]
    fn keys_tell_groups_receivers_and_integrations_apart() {
        let key = ToldKey::new("a", "bc", "d");
        assert_ne!(key, ToldKey::new("ab", "c", "d"));
        assert_eq!(key.0.len(), 64);
    }
}
