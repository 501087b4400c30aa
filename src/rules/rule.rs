//! One rule while it runs: what it asks, what it wrote, what its alerts have come to.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::alert::Alert;
use crate::model::answer::{SampleValue, VectorSample};
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::sample::{HistogramSample, Sample};
use crate::model::stale::stale_nan;
use crate::model::time::TimestampMs;
use crate::rules::definition::{AlertingDefinition, RecordingDefinition, RuleDefinition};
use crate::rules::evaluation::{Evaluation, number};
use crate::rules::instances::{Element, Instances, Patience};
use crate::rules::restore::{ALERTS_FOR_STATE, Remembered};
use crate::rules::status::{RuleHealth, RuleKind, RuleStatus};
use crate::rules::template::Text;

/// The series of pending and firing alerts.
const ALERTS: &str = "ALERTS";

/// After so many evaluations a new alert has nothing to do with an earlier life.
const ROUNDS_OF_MEMORY: u32 = 2;

/// A rule that runs.
pub(crate) struct Rule {
    pub(crate) definition: RuleDefinition,
    labels: Vec<(String, Text)>,
    annotations: Vec<(String, Text)>,
    instances: Instances,
    remembered: Remembered,
    rounds: u32,
    /// The series of the last evaluation, to mark as stale when they vanish.
    written: BTreeSet<Labels>,
    health: RuleHealth,
    last_error: String,
    evaluation_time: Duration,
    last_evaluation: Option<TimestampMs>,
}

impl Rule {
    pub(crate) fn new(definition: RuleDefinition) -> Self {
        let texts = |alert: &str, labels: &Labels| {
            let read = |(name, text): (&str, &str)| (name.to_owned(), Text::read(alert, text));
            labels.iter().map(read).collect()
        };
        let (labels, annotations) = match &definition {
            RuleDefinition::Recording(_) => (Vec::new(), Vec::new()),
            RuleDefinition::Alerting(rule) => {
                (texts(&rule.alert, &rule.labels), texts(&rule.alert, &rule.annotations))
            }
        };
        Rule {
            definition,
            labels,
            annotations,
            instances: Instances::default(),
            remembered: Remembered::default(),
            rounds: 0,
            written: BTreeSet::new(),
            health: RuleHealth::Unknown,
            last_error: String::new(),
            evaluation_time: Duration::ZERO,
            last_evaluation: None,
        }
    }

    /// Whether `other` is the same rule, perhaps with another expression.
    pub(crate) fn continues(&self, other: &Rule) -> bool {
        std::mem::discriminant(&self.definition) == std::mem::discriminant(&other.definition)
            && self.definition.name() == other.definition.name()
            && self.definition.labels() == other.definition.labels()
    }

    /// Goes on where `other` has come to.
    pub(crate) fn inherit(&mut self, other: Rule) {
        self.instances = other.instances;
        self.written = other.written;
        self.remembered = other.remembered;
        self.rounds = other.rounds;
    }

    /// Begins new alerts where an earlier life left them.
    pub(crate) fn remember(&mut self, remembered: Remembered) {
        self.remembered = remembered;
    }

    /// Evaluates the rule; returns what is to be written, stale markers included.
    ///
    /// # Errors
    /// Those of the query; `InvalidInput` for equal series, `LimitExceeded` past the group's limit.
    pub(crate) async fn evaluate(
        &mut self,
        evaluation: &Evaluation,
        at: TimestampMs,
        limit: u64,
    ) -> Result<MetricBatch> {
        let samples = evaluation.vector(self.definition.expr().tree()).await?;
        let mut series = match &self.definition {
            RuleDefinition::Recording(rule) => recorded(rule, samples, evaluation.at, limit)?,
            RuleDefinition::Alerting(rule) => {
                let patience = patience(rule);
                let elements = self.elements(evaluation, samples).await?;
                self.instances.step(at, elements, patience, &self.remembered);
                self.rounds = self.rounds.saturating_add(1);
                if self.rounds >= ROUNDS_OF_MEMORY {
                    self.remembered = Remembered::default();
                }
                let active = self.instances.active().len();
                if limit > 0 && active as u64 > limit {
                    self.instances.clear();
                    let text = format!("exceeded limit of {limit} with {active} alerts");
                    return Err(Error::new(ErrorKind::LimitExceeded, text));
                }
                self.alert_series(evaluation.at)
            }
        };
        let now: BTreeSet<Labels> = series.iter().map(|write| write.labels.clone()).collect();
        series.extend(stale(self.written.difference(&now), evaluation.at));
        self.written = now;
        Ok(MetricBatch { series, metadata: Vec::new() })
    }

    /// Returns stale markers for everything the rule wrote last.
    pub(crate) fn end(&self, at: TimestampMs) -> Vec<SeriesWrite> {
        stale(self.written.iter(), at)
    }

    async fn elements(
        &self,
        evaluation: &Evaluation,
        samples: Vec<VectorSample>,
    ) -> Result<Vec<Element>> {
        let mut seen = BTreeSet::new();
        let mut elements = Vec::with_capacity(samples.len());
        for sample in samples {
            let value = number(&sample.value);
            let mut builder = sample.labels.to_builder();
            builder.remove(METRIC_NAME);
            for (name, text) in evaluation.texts(&self.labels, &sample.labels, value).await {
                builder.set(&name, &text);
            }
            builder.set("alertname", self.definition.name());
            let labels = builder.build();
            if !seen.insert(labels.clone()) {
                let text = "vector contains metrics with the same labelset after applying \
                            alert labels";
                return Err(Error::invalid(text));
            }
            let annotations = evaluation.texts(&self.annotations, &sample.labels, value).await;
            elements.push(Element { labels, annotations: Labels::from_pairs(annotations), value });
        }
        Ok(elements)
    }

    fn alert_series(&self, at: TimestampMs) -> Vec<SeriesWrite> {
        let mut series = Vec::new();
        for alert in self.instances.active() {
            let mut builder = alert.labels.to_builder();
            builder.set(METRIC_NAME, ALERTS_FOR_STATE);
            let since = Sample { timestamp: at, value: alert.active_at.0 as f64 / 1_000.0 };
            series.push(SeriesWrite::sample(builder.clone().build(), since));
            builder.set(METRIC_NAME, ALERTS).set("alertstate", alert.state.as_str());
            let one = Sample { timestamp: at, value: 1.0 };
            series.push(SeriesWrite::sample(builder.build(), one));
        }
        series
    }

    /// Returns the alerts that are to be said at `at`, and notes that they were.
    pub(crate) fn due(&mut self, at: TimestampMs, interval: Duration) -> Vec<Alert> {
        self.instances.due(at, interval)
    }

    /// Takes back that alerts were said at `at`.
    pub(crate) fn unsaid(&mut self, at: TimestampMs) {
        self.instances.unsaid(at);
    }

    /// Notes how the evaluation at `at` went.
    pub(crate) fn note(&mut self, at: TimestampMs, took: Duration, failed: Option<&Error>) {
        self.health = if failed.is_some() { RuleHealth::Err } else { RuleHealth::Ok };
        self.last_error = failed.map(Error::to_string).unwrap_or_default();
        self.evaluation_time = took;
        self.last_evaluation = Some(at);
    }

    /// Returns what is known of the rule.
    pub(crate) fn status(&self) -> RuleStatus {
        let kind = match &self.definition {
            RuleDefinition::Recording(_) => RuleKind::Recording,
            RuleDefinition::Alerting(rule) => RuleKind::Alerting {
                hold: rule.hold,
                keep_firing_for: rule.keep_firing_for,
                annotations: rule.annotations.clone(),
                alerts: self.instances.active(),
            },
        };
        RuleStatus {
            name: self.definition.name().to_owned(),
            query: self.definition.expr().to_string(),
            labels: self.definition.labels().clone(),
            health: self.health,
            last_error: self.last_error.clone(),
            evaluation_time: self.evaluation_time,
            last_evaluation: self.last_evaluation,
            kind,
        }
    }
}

fn patience(rule: &AlertingDefinition) -> Patience {
    Patience { hold: rule.hold, keep_firing_for: rule.keep_firing_for }
}

fn recorded(
    rule: &RecordingDefinition,
    samples: Vec<VectorSample>,
    at: TimestampMs,
    limit: u64,
) -> Result<Vec<SeriesWrite>> {
    let count = samples.len();
    if limit > 0 && count as u64 > limit {
        let text = format!("exceeded limit of {limit} with {count} series");
        return Err(Error::new(ErrorKind::LimitExceeded, text));
    }
    let mut seen = BTreeSet::new();
    let mut series = Vec::with_capacity(count);
    for sample in samples {
        let mut builder = sample.labels.to_builder();
        builder.set(METRIC_NAME, &rule.record);
        for (name, value) in rule.labels.iter() {
            builder.set(name, value);
        }
        let labels = builder.build();
        if !seen.insert(labels.clone()) {
            let text = "vector contains metrics with the same labelset after applying rule labels";
            return Err(Error::invalid(text));
        }
        let mut write = SeriesWrite { labels, ..SeriesWrite::default() };
        match sample.value {
            SampleValue::Float(value) => write.samples.push(Sample { timestamp: at, value }),
            SampleValue::Histogram(histogram) => {
                write.histograms.push(HistogramSample { timestamp: at, histogram });
            }
        }
        series.push(write);
    }
    Ok(series)
}

fn stale<'a>(gone: impl Iterator<Item = &'a Labels>, at: TimestampMs) -> Vec<SeriesWrite> {
    let marker = Sample { timestamp: at, value: stale_nan() };
    gone.map(|labels| SeriesWrite::sample(labels.clone(), marker)).collect()
}
