//! A group while it runs: its loop, one evaluation, and what is known of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, ErrorKind, Result};
use crate::ingest::Door;
use crate::model::alert::Alert;
use crate::model::batch::MetricBatch;
use crate::model::time::TimestampMs;
use crate::rules::counters::GroupRound;
use crate::rules::definition::{GroupDefinition, RuleDefinition};
use crate::rules::evaluation::Evaluation;
use crate::rules::instances::signed;
use crate::rules::restore::Remembered;
use crate::rules::rule::Rule;
use crate::rules::ruler::Shared;
use crate::rules::status::GroupStatus;

/// The longest that handing on alerts may take.
const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// A group that runs.
pub(crate) struct Group {
    pub(crate) definition: GroupDefinition,
    key: String,
    shared: Arc<Shared>,
    rules: Arc<Mutex<Vec<Rule>>>,
    status: RwLock<Arc<GroupStatus>>,
}

impl Group {
    pub(crate) fn new(definition: GroupDefinition, shared: Arc<Shared>) -> Self {
        let rules: Vec<Rule> = definition.rules.iter().cloned().map(Rule::new).collect();
        shared.counters.group(&definition.key(), definition.interval, rules.len());
        let status = GroupStatus {
            name: definition.name.clone(),
            file: definition.file.clone(),
            interval: definition.interval,
            limit: definition.limit,
            evaluation_time: Duration::ZERO,
            last_evaluation: None,
            rules: rules.iter().map(Rule::status).collect(),
        };
        Group {
            key: definition.key(),
            definition,
            shared,
            rules: Arc::new(Mutex::new(rules)),
            status: RwLock::new(Arc::new(status)),
        }
    }

    /// Returns what is known of the group.
    pub(crate) fn status(&self) -> Arc<GroupStatus> {
        Arc::clone(&self.status.read())
    }

    /// Takes the rules until they have what they begin with, so that whoever comes next waits;
    /// `None` when the group runs already.
    pub(crate) fn claim(&self) -> Option<OwnedMutexGuard<Vec<Rule>>> {
        Arc::clone(&self.rules).try_lock_owned().ok()
    }

    /// Evaluates the group at every slot until `stop` or `removed`. Begins where `before`, which
    /// must be stopping, has come to, or else where an earlier life left its alerts.
    pub(crate) async fn run(
        self: Arc<Self>,
        mut rules: OwnedMutexGuard<Vec<Rule>>,
        before: Option<Arc<Group>>,
        stop: CancellationToken,
        removed: CancellationToken,
    ) {
        match before {
            Some(before) => self.inherit(&mut rules, &before).await,
            None => self.remember(&mut rules).await,
        }
        drop(rules);
        let mut slot = self.slot_after(self.now());
        loop {
            let wait = u64::try_from(slot.0 - self.now().0).unwrap_or(0);
            tokio::select! {
                () = stop.cancelled() => return,
                () = removed.cancelled() => return,
                () = self.shared.clock.sleep(Duration::from_millis(wait)) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = removed.cancelled() => return,
                () = self.evaluate_in_lane(slot) => {}
            }
            let next = self.slot_after(self.now());
            let missed = (next.0 - slot.0) / self.interval_ms() - 1;
            if missed > 0 {
                self.shared.counters.missed(&self.key, missed.unsigned_abs());
            }
            slot = next;
        }
    }

    fn now(&self) -> TimestampMs {
        TimestampMs(self.shared.clock.now_ms())
    }

    fn interval_ms(&self) -> i64 {
        signed(self.definition.interval).max(1)
    }

    /// Returns the next slot after `now`: slots lie a whole number of intervals after a place that
    /// spreads groups over the interval.
    fn slot_after(&self, now: TimestampMs) -> TimestampMs {
        let interval = self.interval_ms();
        let hash = xxhash_rust::xxh3::xxh3_64(self.key.as_bytes());
        let place = i64::try_from(hash % interval.unsigned_abs()).unwrap_or(0);
        let past = (now.0 - place).rem_euclid(interval);
        TimestampMs(now.0 - past + interval)
    }

    /// Takes over from `before`; what it had and we have not ends.
    async fn inherit(&self, rules: &mut [Rule], before: &Group) {
        let mut old: VecDeque<Rule> = std::mem::take(&mut *before.rules.lock().await).into();
        for rule in rules.iter_mut() {
            if let Some(place) = old.iter().position(|old| old.continues(rule))
                && let Some(old) = old.remove(place)
            {
                rule.inherit(old);
            }
        }
        let at = self.now();
        let gone = old.iter().flat_map(|rule| rule.end(at)).collect();
        self.write(MetricBatch { series: gone, metadata: Vec::new() }).await;
    }

    /// Ends the series of a group that is no longer configured.
    pub(crate) async fn end(&self) {
        let rules = self.rules.lock().await;
        let at = self.now();
        let series = rules.iter().flat_map(|rule| rule.end(at)).collect();
        self.write(MetricBatch { series, metadata: Vec::new() }).await;
    }

    async fn write(&self, batch: MetricBatch) {
        if batch.series.is_empty() {
            return;
        }
        if let Err(error) = self.shared.ingest.metrics(Door::Rules, batch).await {
            tracing::warn!(group = self.key, %error, "series of rules could not be ended");
        }
    }

    async fn remember(&self, rules: &mut [Rule]) {
        for rule in rules.iter_mut() {
            let RuleDefinition::Alerting(alerting) = &rule.definition else { continue };
            let store = self.shared.store.as_ref();
            match Remembered::load(store, &alerting.alert, self.now()).await {
                Ok(remembered) => rule.remember(remembered),
                Err(error) => {
                    let alert = &alerting.alert;
                    tracing::warn!(alert, %error, "the state of alerts could not be restored");
                }
            }
        }
    }

    async fn evaluate_in_lane(&self, at: TimestampMs) {
        // The lane is never closed.
        let _turn = self.shared.lane.acquire().await;
        self.evaluate(at).await;
    }

    /// Evaluates every rule at `at` and hands on what its alerts have to say.
    pub(crate) async fn evaluate(&self, at: TimestampMs) {
        let begin = self.shared.clock.now_ns();
        let mut round =
            GroupRound { at, took: Duration::ZERO, evaluated: 0, failed: 0, samples: 0 };
        let mut rules = self.rules.lock().await;
        for rule in rules.iter_mut() {
            let started = self.shared.clock.now_ns();
            let written = self.evaluate_rule(rule, at).await;
            round.evaluated += 1;
            match &written {
                Ok(samples) => round.samples += samples,
                Err(error) => {
                    round.failed += 1;
                    let (group, rule) = (&self.key, rule.definition.name());
                    tracing::warn!(group, rule, %error, "a rule could not be evaluated");
                }
            }
            rule.note(at, self.since(started), written.as_ref().err());
            self.send(rule, at).await;
        }
        round.took = self.since(begin);
        self.shared.counters.round(&self.key, round);
        let before = self.status();
        *self.status.write() = Arc::new(GroupStatus {
            evaluation_time: round.took,
            last_evaluation: Some(at),
            rules: rules.iter().map(Rule::status).collect(),
            ..GroupStatus::clone(&before)
        });
    }

    fn since(&self, start_ns: i64) -> Duration {
        let nanos = self.shared.clock.now_ns().saturating_sub(start_ns);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// Returns how many samples the rule wrote.
    async fn evaluate_rule(&self, rule: &mut Rule, at: TimestampMs) -> Result<u64> {
        let evaluation = Evaluation {
            engine: self.shared.engine.clone(),
            external: Arc::clone(&self.shared.external),
            at: TimestampMs(at.0 - signed(self.definition.query_offset)),
        };
        let batch = rule.evaluate(&evaluation, at, self.definition.limit).await?;
        let samples = batch.sample_count() as u64;
        if batch.series.is_empty() {
            return Ok(0);
        }
        let receipt = self.shared.ingest.metrics(Door::Rules, batch).await?;
        match receipt.summary(3) {
            Some(refused) => Err(Error::new(ErrorKind::Conflict, refused)),
            None => Ok(samples),
        }
    }

    async fn send(&self, rule: &mut Rule, at: TimestampMs) {
        let mut alerts = rule.due(at, self.definition.interval);
        if alerts.is_empty() {
            return;
        }
        let url = self.shared.external.generator_url(&rule.definition.expr().to_string());
        for alert in &mut alerts {
            self.complete(alert, &url);
        }
        let count = alerts.len();
        let sent = tokio::select! {
            sent = self.shared.sink.send(alerts) => sent,
            () = self.shared.clock.sleep(SEND_DEADLINE) => {
                Err(Error::new(ErrorKind::Timeout, "nobody took the alerts in time"))
            }
        };
        self.shared.counters.alerts(count, sent.is_ok());
        if let Err(error) = sent {
            rule.unsaid(at);
            let alert = rule.definition.name();
            tracing::warn!(alert, count, %error, "alerts were not taken; they are said again");
        }
    }

    fn complete(&self, alert: &mut Alert, url: &str) {
        url.clone_into(&mut alert.generator_url);
        let mut labels = alert.labels.to_builder();
        for (name, value) in self.shared.external.labels.iter() {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        }
        alert.labels = labels.build();
    }
}
