//! Collects the points of one moment.

use std::collections::BTreeMap;

use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::sample::Sample;

/// What was measured at one moment.
pub(crate) struct Measured {
    target: Labels,
    now_ms: i64,
    series: Vec<SeriesWrite>,
    metadata: BTreeMap<String, MetricMetadata>,
}

impl Measured {
    /// Starts a measurement; every series gets `target`'s labels.
    pub(crate) fn new(target: Labels, now_ms: i64) -> Self {
        Measured { target, now_ms, series: Vec::new(), metadata: BTreeMap::new() }
    }

    /// Returns the moment in seconds since the epoch.
    pub(crate) fn now_seconds(&self) -> f64 {
        self.now_ms as f64 / 1_000.0
    }

    /// Adds a point of something that only rises.
    pub(crate) fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, MetricType::Counter, help, labels, value);
    }

    /// Adds a point of something that rises and falls.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, MetricType::Gauge, help, labels, value);
    }

    fn add(
        &mut self,
        name: &str,
        kind: MetricType,
        help: &str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        let mut builder = self.target.to_builder();
        builder.set(METRIC_NAME, name);
        for (name, value) in labels {
            builder.set(name, value);
        }
        let sample = Sample::new(self.now_ms, value);
        self.series.push(SeriesWrite::sample(builder.build(), sample));
        if !self.metadata.contains_key(name) {
            let (metric, help) = (name.to_owned(), help.to_owned());
            let metadata = MetricMetadata { metric, kind, help, unit: String::new() };
            self.metadata.insert(name.to_owned(), metadata);
        }
    }

    /// Returns the batch.
    pub(crate) fn batch(self) -> MetricBatch {
        MetricBatch { series: self.series, metadata: self.metadata.into_values().collect() }
    }

    /// Returns the value of a series, for tests.
    #[cfg(test)]
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let found = self.series.iter().find(|write| write.labels.to_string() == series);
        found.map(|write| write.samples[0].value)
    }
}
