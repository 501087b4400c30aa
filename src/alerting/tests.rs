//! The whole way of an alert, on a clock that tests move and receivers that tests answer for.

mod lives;
mod quiet;
mod way;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::alerting::config::{self, AlertingConfig};
use crate::alerting::hub::{Alerting, AlertingParts};
use crate::alerting::posting::PostedAlert;
use crate::alerting::receivers::{Delivery, Notifier, Notifiers};
use crate::base::clock::ManualClock;
use crate::base::error::{Error, Result};
use crate::base::yaml::node;
use crate::base::yaml::reader::Context;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::storage::memory::state::MemoryStateStore;

const START: i64 = 1_795_392_000_000;

const CONFIG: &str = r#"
route:
  receiver: team
  group_by: [job]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - matchers: [severity="page"]
      receiver: pager
      mute_time_intervals: [first hour]
receivers:
  - name: team
    webhook_configs: [{url: 'http://h/'}]
  - name: pager
    webhook_configs: [{url: 'http://h/', send_resolved: false}]
inhibit_rules:
  - {source_matchers: [kind="cause"], target_matchers: [kind="effect"], equal: [job]}
time_intervals:
  - name: first hour
    time_intervals: [{times: [{start_time: '08:00', end_time: '09:00'}]}]
"#;

/// What a receiver answers, once each; afterwards it takes everything.
type Answers = Arc<Mutex<VecDeque<Error>>>;

/// A receiver that remembers what it took.
struct Recorder {
    taken: Arc<Mutex<Vec<String>>>,
    answers: Answers,
}

#[async_trait]
impl Notifier for Recorder {
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<String> {
        if let Some(error) = self.answers.lock().pop_front() {
            return Err(error);
        }
        let message = delivery.message;
        let alerts: Vec<String> = message
            .alerts
            .iter()
            .map(|one| format!("{}{}", if one.resolved { "-" } else { "+" }, one.alert.name()))
            .collect();
        self.taken.lock().push(format!("{}: {}", message.receiver, alerts.join(" ")));
        Ok("200 OK".to_owned())
    }
}

/// An alerting whose store outlives it.
struct House {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStateStore>,
    taken: Arc<Mutex<Vec<String>>>,
    answers: Answers,
    config: &'static str,
    alerting: Alerting,
}

fn read(text: &str) -> AlertingConfig {
    let environment = |_: &str| None;
    let context = Context {
        place: "am.yml".to_owned(),
        folder: Path::new("."),
        environment: &environment,
        faults: RefCell::default(),
    };
    let node = node::parse(text).unwrap();
    let config = config::read(&context, "", &node);
    assert_eq!(context.faults.into_inner(), Vec::new());
    config
}

impl House {
    async fn new() -> Self {
        House::with(CONFIG).await
    }

    async fn with(config: &'static str) -> Self {
        let clock = ManualClock::at_ms(START);
        let store = Arc::new(MemoryStateStore::new());
        let (taken, answers) = (Arc::default(), Answers::default());
        let alerting = open(config, &clock, &store, &taken, &answers).await;
        House { clock, store, taken, answers, config, alerting }
    }

    /// Ends this life without a word and begins another.
    async fn restart(&mut self) {
        let House { config, clock, store, taken, answers, .. } = self;
        self.alerting = open(config, clock, store, taken, answers).await;
    }

    fn now(&self) -> TimestampMs {
        self.alerting.now()
    }

    async fn fire(&self, labels: &str) {
        self.post(labels, None, None).await;
    }

    async fn resolve(&self, labels: &str) {
        self.post(labels, Some(self.now()), Some(self.now())).await;
    }

    async fn post(
        &self,
        labels: &str,
        starts_at: Option<TimestampMs>,
        ends_at: Option<TimestampMs>,
    ) {
        let pairs = labels.split(' ').filter_map(|pair| pair.split_once('='));
        let alert = PostedAlert {
            labels: Labels::from_pairs(pairs),
            annotations: Labels::empty(),
            starts_at,
            ends_at,
            generator_url: String::new(),
        };
        assert_eq!(self.alerting.post(vec![alert]).await, Ok(Vec::new()));
    }

    /// Lets time pass, second by second near the ends of waits, and returns what was taken.
    async fn pass(&self, time: Duration) -> Vec<String> {
        let end = self.now().0 + time.as_millis() as i64;
        loop {
            let next = self.alerting.look().await;
            self.alerting.deliver_due().await;
            let retry = self.alerting.0.state.lock().await.outbox.next_try();
            let until = [next, retry].into_iter().flatten().min().map_or(end, |at| at.0.min(end));
            if until >= end {
                self.clock.advance(Duration::from_millis((end - self.now().0) as u64));
                self.alerting.look().await;
                self.alerting.deliver_due().await;
                return std::mem::take(&mut *self.taken.lock());
            }
            let step = (until - self.now().0).max(1);
            self.clock.advance(Duration::from_millis(step as u64));
        }
    }

    async fn pass_seconds(&self, seconds: u64) -> Vec<String> {
        self.pass(Duration::from_secs(seconds)).await
    }

    /// Lets the next deliveries fail.
    fn refuse(&self, errors: impl IntoIterator<Item = Error>) {
        self.answers.lock().extend(errors);
    }
}

fn recorders(
    config: &AlertingConfig,
    taken: &Arc<Mutex<Vec<String>>>,
    answers: &Answers,
) -> Notifiers {
    let mut notifiers = Notifiers::new();
    for receiver in &config.receivers {
        for integration in &receiver.integrations {
            let (taken, answers) = (Arc::clone(taken), Arc::clone(answers));
            let recorder = Arc::new(Recorder { taken, answers });
            notifiers.insert((receiver.name.clone(), integration.name.clone()), recorder);
        }
    }
    notifiers
}

async fn open(
    config: &str,
    clock: &Arc<ManualClock>,
    store: &Arc<MemoryStateStore>,
    taken: &Arc<Mutex<Vec<String>>>,
    answers: &Answers,
) -> Alerting {
    let config = read(config);
    let notifiers = recorders(&config, taken, answers);
    let parts = AlertingParts {
        config,
        store: store.clone(),
        clock: clock.clone(),
        external_url: "http://b".to_owned(),
    };
    Alerting::assemble(parts, notifiers).await.unwrap()
}
