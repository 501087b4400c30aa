//! Metrics to Prometheus series.
//!
//! Each data point becomes one or more series writes of one sample each, which remember the point
//! they came from, so that what a store refuses is counted in data points.

mod names;
mod target;
mod total;
mod deltas;
mod points;
mod explicit;
mod exponential;
mod exemplars;

use std::collections::HashSet;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric};
use parking_lot::Mutex;

use crate::model::batch::{MetricBatch, MetricMetadata, MetricType};
use crate::model::receipt::Receipt;
use crate::model::reject::{Reject, RejectReason};
use crate::model::time::{TimeRange, TimestampMs, TimestampNs};
use crate::wire::otlp::attributes::attributes;
use crate::wire::otlp::metrics::names::{Shape, metric_name, unit_name};
use crate::wire::otlp::metrics::points::{Family, PointWriter};
use crate::wire::otlp::metrics::target::{TARGET_INFO, Target};
use crate::wire::otlp::request::{ProtoResource, ProtoScope, Sink};

pub use deltas::DeltaStreams;

/// A decoded metrics request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecodedMetrics {
    /// What is readable, as series.
    pub batch: MetricBatch,
    /// What is not, in data points.
    pub rejects: Vec<Reject>,
    /// For each series of the batch the number of its data point; `None` for `target_info`.
    origins: Vec<Option<u32>>,
    /// Data points so far, the refused ones among them.
    points: u32,
    /// Bytes of all series' labels so far.
    label_bytes: usize,
}

/// The most data points of one request.
const MAX_POINTS: u32 = 250_000;
/// The most bytes of labels that one request may become: a point's attributes are repeated for
/// each of its buckets, so that a small body can ask for very much.
const MAX_LABEL_BYTES: usize = 64 << 20;

impl DecodedMetrics {
    /// Returns how many data points a store's receipt refuses, each counted once however many of
    /// its series were refused. `origins` outlive the batch, which ingest takes.
    pub fn refused_points(origins: &[Option<u32>], receipt: &Receipt) -> u64 {
        let refused = receipt.rejected.iter().filter_map(|rejection| origins.get(rejection.index));
        refused.flatten().collect::<HashSet<_>>().len() as u64
    }

    /// Splits the request into what is written and what is needed to count refusals.
    pub fn into_parts(self) -> (MetricBatch, Vec<Option<u32>>, Vec<Reject>) {
        (self.batch, self.origins, self.rejects)
    }
}

/// Collects the metrics of a request.
pub(crate) struct MetricSink<'a> {
    deltas: &'a Mutex<DeltaStreams>,
    decoded: DecodedMetrics,
    arrival: TimestampNs,
    target: Target,
    described: HashSet<String>,
    /// The oldest and the newest point of the current resource, for `target_info`.
    span: Option<TimeRange<TimestampMs>>,
}

impl<'a> MetricSink<'a> {
    pub(crate) fn new(arrival: TimestampNs, deltas: &'a Mutex<DeltaStreams>) -> Self {
        MetricSink {
            deltas,
            decoded: DecodedMetrics::default(),
            arrival,
            target: Target::default(),
            described: HashSet::new(),
            span: None,
        }
    }

    pub(crate) fn finish(self) -> DecodedMetrics {
        self.decoded
    }

    /// Tells the family once a request, however many resources have it.
    fn describe(&mut self, name: &str, metric: &Metric, kind: MetricType) {
        if self.described.insert(name.to_owned()) {
            self.decoded.batch.metadata.push(MetricMetadata {
                metric: name.to_owned(),
                kind,
                help: metric.description.clone(),
                unit: unit_name(&metric.unit),
            });
        }
    }

    fn describe_target(&mut self) {
        if self.described.insert(TARGET_INFO.to_owned()) {
            self.decoded.batch.metadata.push(MetricMetadata {
                metric: TARGET_INFO.to_owned(),
                kind: MetricType::Gauge,
                help: "Target metadata".to_owned(),
                unit: String::new(),
            });
        }
    }

    fn write(&mut self, name: &str, data: Data, is_delta: bool) {
        let family = Family { name, target: &self.target, arrival: self.arrival };
        let mut totals = is_delta.then(|| self.deltas.lock());
        let mut writer = PointWriter::new(&mut self.decoded, family, totals.as_deref_mut());
        match data {
            Data::Gauge(gauge) => {
                gauge.data_points.into_iter().for_each(|point| writer.number(point));
            }
            Data::Sum(sum) => sum.data_points.into_iter().for_each(|point| writer.number(point)),
            Data::Histogram(histogram) => {
                histogram.data_points.into_iter().for_each(|point| writer.explicit(point));
            }
            Data::ExponentialHistogram(histogram) => {
                histogram.data_points.into_iter().for_each(|point| writer.exponential(point));
            }
            Data::Summary(summary) => {
                summary.data_points.into_iter().for_each(|point| writer.summary(point));
            }
        }
        self.span = match (self.span, writer.span()) {
            (Some(own), Some(new)) => {
                Some(TimeRange::new(own.start.min(new.start), own.end.max(new.end)))
            }
            (own, new) => own.or(new),
        };
    }
}

impl Sink for MetricSink<'_> {
    type Item = Metric;

    fn resource(&mut self, wire: ProtoResource) {
        self.target = Target::of(attributes(wire.attributes));
        self.span = None;
    }

    fn scope(&mut self, _: ProtoScope) {}

    fn item(&mut self, mut metric: Metric) {
        let Some(data) = metric.data.take() else { return };
        let (shape, kind, temporality) = kind_of(&data);
        let count = point_count(&data);
        let shown: String = metric.name.chars().take(128).collect();
        let Some(is_delta) = is_delta(temporality) else {
            let message = format!("invalid temporality and type combination for metric {shown:?}");
            return self.refuse(Reject { count, reason: RejectReason::Malformed, message });
        };
        let Some(name) = metric_name(&metric.name, &metric.unit, shape) else {
            let message = format!("metric name {shown:?} has no letter or digit");
            return self.refuse(Reject { count, reason: RejectReason::InvalidLabels, message });
        };
        let points = u64::from(self.decoded.points) + count;
        if points > u64::from(MAX_POINTS) || self.decoded.label_bytes > MAX_LABEL_BYTES {
            let message = format!("metric {shown:?}: {}", points::TOO_MUCH);
            return self.refuse(Reject { count, reason: RejectReason::LimitExceeded, message });
        }
        if count > 0 {
            self.describe(&name, &metric, kind);
            self.write(&name, data, is_delta);
        }
    }

    fn refuse(&mut self, reject: Reject) {
        if reject.count > 0 {
            self.decoded.rejects.push(reject);
        }
    }

    fn resource_ends(&mut self) {
        let Some(span) = self.span else { return };
        if let Some(write) = self.target.info(span) {
            self.decoded.batch.series.push(write);
            self.decoded.origins.push(None);
            self.describe_target();
        }
    }
}

/// Returns how a metric is named, its Prometheus type, and its temporality where it has one.
fn kind_of(data: &Data) -> (Shape, MetricType, Option<i32>) {
    match data {
        Data::Gauge(_) => (Shape::Gauge, MetricType::Gauge, None),
        Data::Sum(sum) if sum.is_monotonic => {
            (Shape::Counter, MetricType::Counter, Some(sum.aggregation_temporality))
        }
        Data::Sum(sum) => (Shape::Other, MetricType::Gauge, Some(sum.aggregation_temporality)),
        Data::Histogram(histogram) => {
            (Shape::Other, MetricType::Histogram, Some(histogram.aggregation_temporality))
        }
        Data::ExponentialHistogram(histogram) => {
            (Shape::Other, MetricType::Histogram, Some(histogram.aggregation_temporality))
        }
        Data::Summary(_) => (Shape::Other, MetricType::Summary, None),
    }
}

fn point_count(data: &Data) -> u64 {
    let count = match data {
        Data::Gauge(gauge) => gauge.data_points.len(),
        Data::Sum(sum) => sum.data_points.len(),
        Data::Histogram(histogram) => histogram.data_points.len(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
        Data::Summary(summary) => summary.data_points.len(),
    };
    count as u64
}

/// Returns whether points tell only what is new; `None` when nobody knows what they tell.
fn is_delta(temporality: Option<i32>) -> Option<bool> {
    let Some(number) = temporality else { return Some(false) };
    match AggregationTemporality::try_from(number) {
        Ok(AggregationTemporality::Cumulative) => Some(false),
        Ok(AggregationTemporality::Delta) => Some(true),
        Ok(AggregationTemporality::Unspecified) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
