//! What rules count of themselves.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};

use crate::model::time::TimestampMs;
use crate::telemetry::instruments::{counter, gauge};
use crate::telemetry::names;

/// The instruments of all groups.
pub(crate) struct RuleCounters {
    evaluations: Counter<u64>,
    failures: Counter<u64>,
    iterations: Counter<u64>,
    missed: Counter<u64>,
    duration: Gauge<f64>,
    last: Gauge<f64>,
    samples: Gauge<f64>,
    interval: Gauge<f64>,
    rules: Gauge<f64>,
    sent: Counter<u64>,
    unsent: Counter<u64>,
}

/// How an evaluation of a group went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupRound {
    pub(crate) at: TimestampMs,
    pub(crate) took: Duration,
    pub(crate) evaluated: u64,
    pub(crate) failed: u64,
    pub(crate) samples: u64,
}

impl RuleCounters {
    /// Binds the instruments to the meter that is installed now.
    pub(crate) fn new() -> Self {
        RuleCounters {
            evaluations: counter(names::RULE_EVALUATIONS, "Evaluated rules, by group."),
            failures: counter(names::RULE_FAILURES, "Rules that failed, by group."),
            iterations: counter(names::RULE_GROUP_ITERATIONS, "Due evaluations, by group."),
            missed: counter(names::RULE_GROUP_MISSED, "Evaluations left out, by group."),
            duration: gauge(names::RULE_GROUP_DURATION, "Time of the last evaluation."),
            last: gauge(names::RULE_GROUP_LAST, "When a group was last evaluated."),
            samples: gauge(names::RULE_GROUP_SAMPLES, "Samples of the last evaluation."),
            interval: gauge(names::RULE_GROUP_INTERVAL, "Time between evaluations."),
            rules: gauge(names::RULE_GROUP_RULES, "Rules of a group."),
            sent: counter(names::RULE_ALERTS_SENT, "Alerts that were handed on."),
            unsent: counter(names::RULE_ALERTS_FAILED, "Alerts that nobody took."),
        }
    }

    /// Notes a group that is evaluated from now on.
    pub(crate) fn group(&self, key: &str, interval: Duration, rules: usize) {
        let labels = labels(key);
        self.interval.record(interval.as_secs_f64(), &labels);
        self.rules.record(rules as f64, &labels);
    }

    /// Notes an evaluation of a group.
    pub(crate) fn round(&self, key: &str, round: GroupRound) {
        let labels = labels(key);
        self.iterations.add(1, &labels);
        self.evaluations.add(round.evaluated, &labels);
        self.failures.add(round.failed, &labels);
        self.duration.record(round.took.as_secs_f64(), &labels);
        self.last.record(round.at.0 as f64 / 1_000.0, &labels);
        self.samples.record(round.samples as f64, &labels);
    }

    /// Notes evaluations that were due and left out.
    pub(crate) fn missed(&self, key: &str, count: u64) {
        let labels = labels(key);
        self.iterations.add(count, &labels);
        self.missed.add(count, &labels);
    }

    /// Notes alerts that were handed on, or not.
    pub(crate) fn alerts(&self, count: usize, taken: bool) {
        let counter = if taken { &self.sent } else { &self.unsent };
        counter.add(count as u64, &[]);
    }
}

fn labels(key: &str) -> [KeyValue; 1] {
    [KeyValue::new("rule_group", key.to_owned())]
}
