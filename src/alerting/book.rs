//! What is known of every alert, merged from all that was said of it.

use std::collections::BTreeMap;

use crate::alerting::fingerprint::fingerprint;
use crate::model::alert::Alert;
use crate::model::time::TimestampMs;

/// The most alerts that are kept.
pub(crate) const MAX_ALERTS: usize = 50_000;

/// Every alert by its fingerprint.
#[derive(Debug, Default)]
pub(crate) struct AlertBook {
    alerts: BTreeMap<u64, Known>,
}

/// An alert, and whether its end is a guess because nobody named one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    pub(crate) alert: Alert,
    pub(crate) end_is_guessed: bool,
}

impl AlertBook {
    /// Returns what is known once `said` is, without keeping it yet.
    pub(crate) fn merged(&self, said: Known) -> (u64, Known) {
        let fingerprint = fingerprint(&said.alert.labels);
        let merged = match self.alerts.get(&fingerprint) {
            Some(known) if overlap(&known.alert, &said.alert) => merge(known, said),
            _ => said,
        };
        (fingerprint, merged)
    }

    /// Keeps an alert.
    pub(crate) fn keep(&mut self, fingerprint: u64, known: Known) {
        self.alerts.insert(fingerprint, known);
    }

    /// Forgets an alert.
    pub(crate) fn forget(&mut self, fingerprint: u64) {
        self.alerts.remove(&fingerprint);
    }

    /// Returns whether the alert is known.
    pub(crate) fn knows(&self, fingerprint: u64) -> bool {
        self.alerts.contains_key(&fingerprint)
    }

    /// Returns the number of alerts.
    pub(crate) fn len(&self) -> usize {
        self.alerts.len()
    }

    /// Iterates over all alerts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Alert)> + Clone {
        self.alerts.iter().map(|(fingerprint, known)| (*fingerprint, &known.alert))
    }
}

fn end_of(alert: &Alert) -> TimestampMs {
    alert.ends_at.unwrap_or(TimestampMs(i64::MAX))
}

/// Whether the two tell of one stretch of time, rather than of one that ended before the other.
fn overlap(known: &Alert, said: &Alert) -> bool {
    let (start, end) = (known.starts_at, end_of(known));
    let within = |at: TimestampMs| start < at && at < end;
    within(end_of(said)) || within(said.starts_at) || said.starts_at == start
}

/// The younger word counts, but the earliest start stays, and a guessed end gives way to a named one.
fn merge(known: &Known, said: Known) -> Known {
    let (older, newer) = match said.alert.updated_at < known.alert.updated_at {
        true => (&said, known.clone()),
        false => (known, said.clone()),
    };
    let mut merged = newer;
    merged.alert.starts_at = merged.alert.starts_at.min(older.alert.starts_at);
    let now = merged.alert.updated_at;
    let later_end = end_of(&older.alert) > end_of(&merged.alert);
    let keeps_older_end = match merged.alert.is_resolved_at(now) {
        true => older.alert.is_resolved_at(now) && later_end,
        false => later_end && !older.end_is_guessed,
    };
    if keeps_older_end {
        merged.alert.ends_at = older.alert.ends_at;
        merged.end_is_guessed = older.end_is_guessed;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::labels::Labels;

    fn known(start: i64, end: i64, updated: i64, end_is_guessed: bool) -> Known {
        let alert = Alert {
            labels: Labels::from_pairs([("alertname", "A")]),
            annotations: Labels::empty(),
            starts_at: TimestampMs(start),
            ends_at: Some(TimestampMs(end)),
            updated_at: TimestampMs(updated),
            generator_url: String::new(),
        };
        Known { alert, end_is_guessed }
    }

    fn after(first: Known, second: Known) -> (i64, i64, bool) {
        let mut book = AlertBook::default();
        let (fingerprint, first) = book.merged(first);
        book.keep(fingerprint, first);
        let merged = book.merged(second).1;
        (merged.alert.starts_at.0, merged.alert.ends_at.unwrap().0, merged.end_is_guessed)
    }

    #[test]
    fn saying_an_alert_again_keeps_its_start_and_moves_its_guessed_end() {
        assert_eq!(after(known(10, 100, 10, true), known(50, 150, 50, true)), (10, 150, true));
    }

    #[test]
    fn a_named_end_rules_over_a_guess_that_comes_earlier() {
        assert_eq!(after(known(10, 200, 10, false), known(50, 150, 50, true)), (10, 200, false));
        assert_eq!(after(known(10, 200, 10, true), known(50, 150, 50, false)), (10, 150, false));
    }

    #[test]
    fn a_resolution_ends_the_alert() {
        assert_eq!(after(known(10, 200, 10, true), known(10, 60, 60, false)), (10, 60, false));
    }

    #[test]
    fn an_alert_that_fires_again_after_its_end_starts_anew() {
        assert_eq!(after(known(10, 60, 60, false), known(100, 200, 100, true)), (100, 200, true));
    }

    #[test]
    fn an_older_word_that_comes_late_changes_only_the_start() {
        assert_eq!(after(known(50, 150, 50, true), known(10, 100, 20, true)), (10, 150, true));
    }
}
