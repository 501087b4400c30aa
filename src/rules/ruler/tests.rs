use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::base::clock::ManualClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::ingest::recording::Recording;
use crate::ingest::{IngestLimits, Stores};
use crate::model::alert::Alert;
use crate::model::answer::Value;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::time::TimestampMs;
use crate::query::promql;
use crate::rules::read::{RuleDefaults, read};
use crate::rules::status::{AlertState, RuleHealth};
use crate::storage::memory::metric::MemoryMetricStore;

const START: i64 = 1_700_000_000_000;

/// Remembers alerts, and fails when told to.
#[derive(Default)]
struct Inbox {
    alerts: Mutex<Vec<Alert>>,
    refuses: Mutex<bool>,
}

#[async_trait]
impl AlertSink for Inbox {
    async fn send(&self, alerts: Vec<Alert>) -> Result<()> {
        if *self.refuses.lock() {
            return Err(Error::new(ErrorKind::Unavailable, "nobody is there"));
        }
        self.alerts.lock().extend(alerts);
        Ok(())
    }
}

/// A ruler over a store in memory.
struct House {
    store: Arc<MemoryMetricStore>,
    clock: Arc<ManualClock>,
    inbox: Arc<Inbox>,
    ruler: Ruler,
}

fn groups(text: &str) -> Vec<GroupDefinition> {
    let defaults = RuleDefaults { interval: Duration::from_secs(60), query_offset: Duration::ZERO };
    read("r.yml", text, defaults).unwrap_or_else(|faults| panic!("{faults}"))
}

impl House {
    fn new() -> Self {
        let store = Arc::new(MemoryMetricStore::new(Duration::from_secs(3_600)));
        House::over(store, ManualClock::at_ms(START))
    }

    fn over(store: Arc<MemoryMetricStore>, clock: Arc<ManualClock>) -> Self {
        let others = Arc::new(Recording::default());
        let stores = Stores { metrics: store.clone(), logs: others.clone(), traces: others };
        let inbox = Arc::new(Inbox::default());
        let ruler = Ruler::new(RulerParts {
            store: store.clone(),
            ingest: Ingest::new(stores, IngestLimits::default(), clock.clone()),
            sink: inbox.clone(),
            clock: clock.clone(),
            options: EngineOptions::default(),
            external: External {
                url: "http://x".to_owned(),
                labels: Labels::from_pairs([("cluster", "eu"), ("job", "external")]),
            },
            tasks: TaskGroup::new(),
        });
        House { store, clock, inbox, ruler }
    }

    fn group(&self, text: &str) -> Arc<Group> {
        Arc::new(self.ruler.group(groups(text).remove(0)))
    }

    async fn put(&self, seconds: i64, pairs: &[(&str, &str)], value: f64) {
        let sample = Sample::new(START + seconds * 1_000, value);
        let labels = Labels::from_pairs(pairs.iter().copied());
        let series = vec![SeriesWrite::sample(labels, sample)];
        let receipt =
            self.store.append(MetricBatch { series, metadata: Vec::new() }).await.unwrap();
        assert_eq!(receipt.rejected, []);
    }

    /// Moves the clock to `seconds` after the start and evaluates there.
    async fn evaluate(&self, group: &Group, seconds: i64) {
        let ahead = START + seconds * 1_000 - crate::base::clock::Clock::now_ms(&*self.clock);
        self.clock.advance(Duration::from_millis(u64::try_from(ahead).unwrap()));
        group.evaluate(TimestampMs(START + seconds * 1_000)).await;
    }

    /// Returns the rows of a query as text.
    async fn ask(&self, query: &str, seconds: i64) -> Vec<String> {
        let at = TimestampMs(START + seconds * 1_000);
        let engine = Engine::new(self.store.clone(), EngineOptions::default());
        let answer = engine.instant(&promql::parse(query).unwrap(), at).await.unwrap();
        let Value::Vector(samples) = answer.value else { panic!("a vector") };
        let row = |sample: &crate::model::answer::VectorSample| {
            format!("{} {}", sample.labels, crate::rules::evaluation::number(&sample.value))
        };
        samples.iter().map(row).collect()
    }
}

const RECORDING: &str = "
groups:
- name: g
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {kind: test}
  - record: chained
    expr: job:up:sum * 2
";

#[tokio::test]
async fn a_recording_is_seen_by_the_next_rule_and_ends_with_its_source() {
    let house = House::new();
    let group = house.group(RECORDING);
    house.put(0, &[("__name__", "up"), ("job", "a")], 3.0).await;
    house.evaluate(&group, 10).await;
    let expected = vec![r#"{__name__="job:up:sum", job="a", kind="test"} 3"#.to_owned()];
    assert_eq!(house.ask("job:up:sum", 10).await, expected);
    let expected = vec![r#"{__name__="chained", job="a", kind="test"} 6"#.to_owned()];
    assert_eq!(house.ask("chained", 10).await, expected);
    // Five minutes later the source is too old; what was recorded ends at once.
    house.evaluate(&group, 310).await;
    assert_eq!(house.ask("job:up:sum", 311).await, Vec::<String>::new());
    assert_eq!(house.ask("chained", 311).await, Vec::<String>::new());
    let status = group.status();
    assert!(status.rules.iter().all(|rule| rule.health == RuleHealth::Ok));
    assert_eq!(status.last_evaluation, Some(TimestampMs(START + 310_000)));
}

const ALERTING: &str = "
groups:
- name: g
  rules:
  - alert: Down
    expr: up == 0
    for: 1m
    labels: {severity: '{{ $labels.job }}-{{ $value }}'}
    annotations:
      summary: '{{ $labels.instance }} of {{ $externalLabels.cluster }}: {{ query \"up\" | len }} targets'
      broken: '{{ .Nothing }}'
";

#[tokio::test]
async fn an_alert_is_recorded_sent_with_its_texts_and_resolved() {
    let house = House::new();
    let group = house.group(ALERTING);
    let up = [("__name__", "up"), ("instance", "x"), ("job", "web")];
    house.put(0, &up, 0.0).await;
    house.evaluate(&group, 10).await;
    let pending = r#"{__name__="ALERTS", alertname="Down", alertstate="pending", instance="x", job="web", severity="web-0"} 1"#;
    assert_eq!(house.ask("ALERTS", 10).await, [pending]);
    assert_eq!(house.inbox.alerts.lock().len(), 0);
    house.evaluate(&group, 70).await;
    assert_eq!(house.ask("ALERTS", 70).await, [pending.replace("pending", "firing")]);
    let since = (START + 10_000) / 1_000;
    let state = house.ask("ALERTS_FOR_STATE", 70).await;
    assert!(state[0].ends_with(&format!("severity=\"web-0\"}} {since}")), "{state:?}");
    {
        let alerts = house.inbox.alerts.lock();
        let alert = &alerts[0];
        let labels =
            r#"{alertname="Down", cluster="eu", instance="x", job="web", severity="web-0"}"#;
        assert_eq!(alert.labels.to_string(), labels);
        assert_eq!(alert.annotations.get("summary"), Some("x of eu: 1 targets"));
        let broken = alert.annotations.get("broken").unwrap();
        assert!(broken.starts_with("<error expanding template: error executing template"));
        assert_eq!(alert.starts_at, TimestampMs(START + 70_000));
        assert_eq!(alert.ends_at, Some(TimestampMs(START + 70_000 + 240_000)));
        assert_eq!(alert.generator_url, "http://x/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
    }
    house.put(80, &up, 1.0).await;
    house.evaluate(&group, 130).await;
    assert_eq!(house.ask("ALERTS", 130).await, Vec::<String>::new());
    let last = house.inbox.alerts.lock().last().cloned().unwrap();
    assert_eq!(last.ends_at, Some(TimestampMs(START + 130_000)));
    assert_eq!(group.status().rules[0].state(), Some(AlertState::Inactive));
}

#[tokio::test]
async fn an_alert_that_nobody_took_is_sent_again_at_the_next_evaluation() {
    let house = House::new();
    let group = house.group(&ALERTING.replace("for: 1m", "for: 0s"));
    house.put(0, &[("__name__", "up"), ("instance", "x")], 0.0).await;
    *house.inbox.refuses.lock() = true;
    house.evaluate(&group, 10).await;
    *house.inbox.refuses.lock() = false;
    house.evaluate(&group, 20).await;
    let alerts = house.inbox.alerts.lock();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].starts_at, TimestampMs(START + 10_000));
}

#[tokio::test]
async fn a_firing_alert_goes_on_after_a_restart() {
    let house = House::new();
    let group = house.group(ALERTING);
    house.put(0, &[("__name__", "up"), ("instance", "x"), ("job", "web")], 0.0).await;
    house.evaluate(&group, 10).await;
    house.evaluate(&group, 70).await;
    let reborn = House::over(house.store.clone(), house.clock.clone());
    reborn.clock.advance(Duration::from_secs(60));
    reborn.ruler.apply(&groups(ALERTING));
    assert_eq!(until_evaluated(&reborn).await, AlertState::Firing);
    let alerts = reborn.inbox.alerts.lock();
    assert_eq!(alerts[0].starts_at, TimestampMs(START + 70_000));
}

/// Lets the loops run until the next evaluation is over; returns the first rule's state.
async fn until_evaluated(house: &House) -> AlertState {
    let before = house.ruler.groups()[0].last_evaluation;
    for _ in 0..2_000 {
        house.clock.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
        let status = house.ruler.groups().remove(0);
        if status.last_evaluation != before {
            return status.rules[0].state().unwrap();
        }
        // Queries are computed on another thread.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    }
    panic!("no evaluation came");
}

#[tokio::test]
async fn a_reload_keeps_alerts_of_changed_groups_and_ends_what_is_gone() {
    let house = House::new();
    house.put(0, &[("__name__", "up"), ("instance", "x"), ("job", "web")], 0.0).await;
    house.ruler.apply(&groups(&ALERTING.replace("for: 1m", "for: 0s")));
    assert_eq!(until_evaluated(&house).await, AlertState::Firing);
    let changed = ALERTING.replace("for: 1m", "for: 1h").replace("up == 0", "up < 1");
    // Two in a row: the second must wait until the first has taken over.
    house.ruler.apply(&groups(&ALERTING.replace("for: 1m", "for: 2h")));
    house.ruler.apply(&groups(&changed));
    // With another patience it would be pending, had it begun anew.
    assert_eq!(until_evaluated(&house).await, AlertState::Firing);
    house.ruler.apply(&[]);
    assert_eq!(house.ruler.groups().len(), 0);
    let mut left = vec![String::new()];
    for _ in 0..2_000 {
        tokio::task::yield_now().await;
        let seconds = (crate::base::clock::Clock::now_ms(&*house.clock) - START) / 1_000 + 1;
        left = house.ask("ALERTS", seconds).await;
        if left.is_empty() {
            break;
        }
    }
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test]
async fn a_rule_past_its_limit_or_with_equal_series_fails_and_the_others_go_on() {
    let house = House::new();
    let text = "
groups:
- name: g
  limit: 1
  rules:
  - {record: many, expr: up}
  - {record: same, expr: 'label_replace(up, \"instance\", \"\", \"\", \"\")', labels: {instance: one}}
  - {record: good, expr: sum(up)}
  - {alert: Many, expr: up}
";
    let group = house.group(text);
    house.put(0, &[("__name__", "up"), ("instance", "x")], 1.0).await;
    house.put(0, &[("__name__", "up"), ("instance", "y")], 1.0).await;
    house.evaluate(&group, 10).await;
    let status = group.status();
    let errors: Vec<&str> = status.rules.iter().map(|rule| rule.last_error.as_str()).collect();
    assert!(errors[0].contains("exceeded limit of 1 with 2 series"), "{errors:?}");
    assert_eq!(status.rules[1].health, RuleHealth::Err);
    assert_eq!((status.rules[2].health, errors[2]), (RuleHealth::Ok, ""));
    assert!(errors[3].contains("exceeded limit of 1 with 2 alerts"), "{errors:?}");
    assert_eq!(house.ask("good", 10).await.len(), 1);
    assert_eq!(house.ask("many", 10).await.len(), 0);
}

#[tokio::test]
async fn a_store_that_refuses_makes_the_rule_sick_and_the_alert_still_goes_out() {
    let house = House::new();
    // What the rule writes lies before the store's window.
    let text = ALERTING
        .replace("for: 1m", "for: 0s")
        .replace("- name: g", "- name: g\n  query_offset: 10m");
    let group = house.group(&text);
    house.put(-700, &[("__name__", "up"), ("instance", "x")], 0.0).await;
    house.put(4_000, &[("__name__", "other")], 1.0).await;
    house.evaluate(&group, 10).await;
    let status = group.status();
    assert_eq!(status.rules[0].health, RuleHealth::Err);
    assert!(status.rules[0].last_error.contains("rejected"), "{}", status.rules[0].last_error);
    assert_eq!(house.inbox.alerts.lock().len(), 1);
}

#[tokio::test]
async fn an_offset_looks_and_writes_into_the_past() {
    let house = House::new();
    let text = RECORDING.replace("- name: g", "- name: g\n  query_offset: 1m");
    let group = house.group(&text);
    house.put(0, &[("__name__", "up"), ("job", "a")], 1.0).await;
    house.put(50, &[("__name__", "up"), ("job", "a")], 2.0).await;
    house.evaluate(&group, 100).await;
    assert_eq!(house.ask("job:up:sum", 39).await.len(), 0);
    let expected = vec![r#"{__name__="job:up:sum", job="a", kind="test"} 1"#.to_owned()];
    assert_eq!(house.ask("job:up:sum", 40).await, expected);
}
