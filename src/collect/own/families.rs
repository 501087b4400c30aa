//! Series of one moment, as instruments and the system give them, under Prometheus' names.

use std::collections::BTreeMap;
use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, HistogramDataPoint, Metric, MetricData};

use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::labels::{Labels, LabelsBuilder, METRIC_NAME};
use crate::model::sample::Sample;

/// Collects series of one moment.
pub(crate) struct Families<'a> {
    target: &'a Labels,
    now_ms: i64,
    // Two meters may hold instruments of one name; a series counts once.
    series: BTreeMap<Labels, f64>,
    metadata: BTreeMap<String, MetricMetadata>,
}

impl<'a> Families<'a> {
    /// Starts; every series gets `target`'s labels and the time.
    pub(crate) fn new(target: &'a Labels, now_ms: i64) -> Self {
        Families { target, now_ms, series: BTreeMap::new(), metadata: BTreeMap::new() }
    }

    /// Returns what was collected.
    pub(crate) fn batch(self) -> MetricBatch {
        let now = self.now_ms;
        let write = |(labels, value)| SeriesWrite::sample(labels, Sample::new(now, value));
        MetricBatch {
            series: self.series.into_iter().map(write).collect(),
            metadata: self.metadata.into_values().collect(),
        }
    }

    /// Adds a family without labels of its own.
    pub(crate) fn single(&mut self, name: &str, kind: MetricType, help: &str, value: f64) {
        self.describe(name, kind, help);
        self.point(name, &[], None, value);
    }

    /// Adds a family of gauges that one label tells apart.
    pub(crate) fn by_label(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Iterator<Item = (&'static str, f64)>,
    ) {
        self.describe(name, MetricType::Gauge, help);
        for (value, number) in values {
            self.point(name, &[(label.to_owned(), value.to_owned())], None, number);
        }
    }

    /// Adds a family that an instrument recorded.
    pub(crate) fn metric(&mut self, metric: &Metric) {
        match metric.data() {
            AggregatedMetrics::F64(data) => self.data(metric, data, |value| value),
            AggregatedMetrics::U64(data) => self.data(metric, data, |value| value as f64),
            AggregatedMetrics::I64(data) => self.data(metric, data, |value| value as f64),
        }
    }

    fn data<T: Copy + fmt::Debug>(
        &mut self,
        metric: &Metric,
        data: &MetricData<T>,
        float: impl Fn(T) -> f64,
    ) {
        match data {
            MetricData::Gauge(gauge) => {
                let name = family_name(metric, false);
                self.describe(&name, MetricType::Gauge, metric.description());
                for point in gauge.data_points() {
                    self.point(&name, &pairs(point.attributes()), None, float(point.value()));
                }
            }
            MetricData::Sum(sum) => {
                let rising = sum.is_monotonic();
                let name = family_name(metric, rising);
                let kind = if rising { MetricType::Counter } else { MetricType::Gauge };
                self.describe(&name, kind, metric.description());
                for point in sum.data_points() {
                    self.point(&name, &pairs(point.attributes()), None, float(point.value()));
                }
            }
            MetricData::Histogram(histogram) => {
                let name = family_name(metric, false);
                self.describe(&name, MetricType::Histogram, metric.description());
                for point in histogram.data_points() {
                    self.histogram(&name, point, float(point.sum()));
                }
            }
            // No view of ours asks for exponential histograms.
            MetricData::ExponentialHistogram(_) => {}
        }
    }

    fn histogram<T>(&mut self, name: &str, point: &HistogramDataPoint<T>, sum: f64) {
        let labels = pairs(point.attributes());
        let bucket = format!("{name}_bucket");
        let mut below = 0;
        let bounds = point.bounds().map(|bound| bound.to_string());
        let bounds = bounds.chain(std::iter::once("+Inf".to_owned()));
        for (bound, count) in bounds.zip(point.bucket_counts()) {
            below += count;
            self.point(&bucket, &labels, Some(&bound), below as f64);
        }
        self.point(&format!("{name}_sum"), &labels, None, sum);
        self.point(&format!("{name}_count"), &labels, None, point.count() as f64);
    }

    fn describe(&mut self, name: &str, kind: MetricType, help: &str) {
        let metadata = MetricMetadata {
            metric: name.to_owned(),
            kind,
            help: help.to_owned(),
            unit: String::new(),
        };
        self.metadata.insert(name.to_owned(), metadata);
    }

    fn point(&mut self, name: &str, labels: &[(String, String)], le: Option<&str>, value: f64) {
        let mut builder: LabelsBuilder = self.target.to_builder();
        builder.set(METRIC_NAME, name);
        for (name, value) in labels {
            builder.set(name, value);
        }
        if let Some(bound) = le {
            builder.set("le", bound);
        }
        *self.series.entry(builder.build()).or_insert(0.0) += value;
    }
}

fn pairs<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Vec<(String, String)> {
    attributes.map(|pair| (sanitized(pair.key.as_str()), pair.value.to_string())).collect()
}

/// Returns the name as Prometheus' OTLP translation writes it.
fn family_name(metric: &Metric, rising: bool) -> String {
    let mut name = sanitized(metric.name());
    let unit = match metric.unit() {
        "s" => "_seconds",
        "ms" => "_milliseconds",
        "By" => "_bytes",
        "1" if !rising => "_ratio",
        _ => "",
    };
    let bare = name.strip_suffix("_total").unwrap_or(&name);
    if !bare.ends_with(unit) {
        name = format!("{bare}{unit}");
    }
    if rising && !name.ends_with("_total") {
        name.push_str("_total");
    }
    name
}

fn sanitized(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}
