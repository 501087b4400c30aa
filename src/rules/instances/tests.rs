use super::*;

const MINUTE: i64 = 60_000;

fn element(instance: &str, value: f64) -> Element {
    Element {
        labels: Labels::from_pairs([("alertname", "Down"), ("instance", instance)]),
        annotations: Labels::from_pairs([("summary", format!("{instance} {value}"))]),
        value,
    }
}

/// A rule under test with its clock in minutes.
struct Watched {
    instances: Instances,
    patience: Patience,
    remembered: Remembered,
}

impl Watched {
    fn with(hold_minutes: u64, keep_minutes: u64) -> Self {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        let patience =
            Patience { hold: minutes(hold_minutes), keep_firing_for: minutes(keep_minutes) };
        let remembered = Remembered::default();
        Watched { instances: Instances::default(), patience, remembered }
    }

    /// Evaluates at a minute; returns the states of the active alerts.
    fn at(&mut self, minute: i64, elements: Vec<Element>) -> Vec<AlertState> {
        let at = TimestampMs(minute * MINUTE);
        self.instances.step(at, elements, self.patience, &self.remembered);
        self.instances.active().iter().map(|alert| alert.state).collect()
    }

    /// Returns start and end of what is said at a minute, in minutes.
    fn said(&mut self, minute: i64) -> Vec<(i64, i64)> {
        let at = TimestampMs(minute * MINUTE);
        let due = self.instances.due(at, Duration::from_secs(60));
        let ends = |alert: &Alert| alert.ends_at.map_or(-1, |end| end.0 / MINUTE);
        due.iter().map(|alert| (alert.starts_at.0 / MINUTE, ends(alert))).collect()
    }
}

#[test]
fn an_alert_waits_then_fires_then_ends() {
    let mut rule = Watched::with(2, 0);
    assert_eq!(rule.at(0, vec![element("a", 1.0)]), [AlertState::Pending]);
    assert_eq!(rule.said(0), []);
    assert_eq!(rule.at(1, vec![element("a", 2.0)]), [AlertState::Pending]);
    assert_eq!(rule.at(2, vec![element("a", 3.0)]), [AlertState::Firing]);
    assert_eq!(rule.said(2), [(2, 6)]);
    let alert = &rule.instances.active()[0];
    assert_eq!((alert.active_at.0, alert.value), (0, 3.0));
    assert_eq!(alert.annotations.get("summary"), Some("a 3"));
    assert_eq!(rule.at(3, vec![]), []);
    assert_eq!(rule.said(3), [(2, 3)]);
}

#[test]
fn a_pending_alert_whose_condition_ends_is_never_said() {
    let mut rule = Watched::with(5, 0);
    rule.at(0, vec![element("a", 1.0)]);
    assert_eq!(rule.at(1, vec![]), []);
    assert_eq!(rule.said(1), []);
    // The next time it starts anew.
    rule.at(2, vec![element("a", 1.0)]);
    assert_eq!(rule.instances.active()[0].active_at, TimestampMs(2 * MINUTE));
}

#[test]
fn without_patience_an_alert_fires_at_once() {
    let mut rule = Watched::with(0, 0);
    assert_eq!(rule.at(0, vec![element("a", 1.0)]), [AlertState::Firing]);
}

#[test]
fn an_alert_fires_on_for_as_long_as_it_is_told_to() {
    let mut rule = Watched::with(0, 3);
    rule.at(0, vec![element("a", 1.0)]);
    assert_eq!(rule.at(1, vec![]), [AlertState::Firing]);
    assert_eq!(rule.instances.active()[0].keep_firing_since, Some(TimestampMs(MINUTE)));
    // The condition comes back: the time starts over.
    assert_eq!(rule.at(2, vec![element("a", 1.0)]), [AlertState::Firing]);
    assert_eq!(rule.instances.active()[0].keep_firing_since, None);
    assert_eq!(rule.at(3, vec![]), [AlertState::Firing]);
    assert_eq!(rule.at(5, vec![]), [AlertState::Firing]);
    assert_eq!(rule.at(6, vec![]), []);
}

#[test]
fn firing_alerts_are_said_again_every_minute_and_resolved_ones_for_fifteen() {
    let mut rule = Watched::with(0, 0);
    rule.at(0, vec![element("a", 1.0)]);
    assert_eq!(rule.said(0).len(), 1);
    assert_eq!(rule.said(0).len(), 0);
    rule.at(1, vec![element("a", 1.0)]);
    assert_eq!(rule.said(1), [(0, 5)]);
    rule.at(2, vec![]);
    assert_eq!(rule.said(2), [(0, 2)]);
    rule.at(17, vec![]);
    assert_eq!(rule.said(17), [(0, 2)]);
    rule.at(18, vec![]);
    assert_eq!(rule.said(18), []);
}

#[test]
fn what_nobody_heard_is_said_again_at_once() {
    let mut rule = Watched::with(0, 0);
    rule.at(0, vec![element("a", 1.0)]);
    assert_eq!(rule.said(0).len(), 1);
    rule.instances.unsaid(TimestampMs(0));
    assert_eq!(rule.said(0).len(), 1);
}

#[test]
fn a_resolved_alert_that_returns_is_a_new_one() {
    let mut rule = Watched::with(0, 0);
    rule.at(0, vec![element("a", 1.0)]);
    rule.said(0);
    rule.at(1, vec![]);
    rule.said(1);
    assert_eq!(rule.at(2, vec![element("a", 1.0)]), [AlertState::Firing]);
    assert_eq!(rule.said(2), [(2, 6)]);
}

#[test]
fn an_alert_that_fired_before_a_restart_fires_on_with_its_first_start() {
    let mut rule = Watched::with(5, 0);
    let labels = element("a", 1.0).labels;
    rule.remembered = Remembered::of([(labels, TimestampMs(0), TimestampMs(20 * MINUTE))]);
    assert_eq!(rule.at(30, vec![element("a", 1.0)]), [AlertState::Firing]);
    assert_eq!(rule.said(30), [(5, 34)]);
    assert_eq!(rule.instances.active()[0].active_at, TimestampMs(0));
}

#[test]
fn a_restart_does_not_count_as_time_of_holding() {
    let mut rule = Watched::with(60, 0);
    let labels = element("a", 1.0).labels;
    // Pending for 20 of 60 minutes, then gone for 10.
    rule.remembered = Remembered::of([(labels, TimestampMs(0), TimestampMs(20 * MINUTE))]);
    assert_eq!(rule.at(30, vec![element("a", 1.0)]), [AlertState::Pending]);
    assert_eq!(rule.instances.active()[0].active_at, TimestampMs(10 * MINUTE));
    // Pending for 55 of 60 minutes: at least ten minutes must show that it still holds.
    let labels = element("b", 1.0).labels;
    rule.remembered = Remembered::of([(labels, TimestampMs(0), TimestampMs(55 * MINUTE))]);
    rule.at(58, vec![element("b", 1.0)]);
    assert_eq!(rule.instances.active()[0].active_at, TimestampMs(8 * MINUTE));
}
