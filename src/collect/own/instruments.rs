//! Reads the process's instruments into a batch, under Prometheus' names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, Metric, MetricData, ResourceMetrics,
};
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};

use crate::base::clock::SharedClock;
use crate::base::error::{Error, Result};
use crate::collect::own::process::{self, CpuShare};
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::labels::{Labels, LabelsBuilder, METRIC_NAME};
use crate::model::sample::Sample;

/// The process's instruments. Cloning is cheap.
#[derive(Clone)]
pub struct OwnMetrics {
    reader: SharedReader,
    clock: SharedClock,
    cpu: Arc<CpuShare>,
    // Instruments live as long as their provider.
    provider: SdkMeterProvider,
}

impl OwnMetrics {
    /// Creates a meter provider that is read on demand.
    pub fn new(clock: SharedClock) -> Self {
        let reader = SharedReader(Arc::new(ManualReader::builder().build()));
        let provider = SdkMeterProvider::builder().with_reader(reader.clone()).build();
        OwnMetrics { reader, clock, cpu: Arc::default(), provider }
    }

    /// Returns the provider, to be made the global one.
    pub fn provider(&self) -> SdkMeterProvider {
        self.provider.clone()
    }

    /// Reads every instrument now; each series gets `target`'s labels besides its own.
    ///
    /// # Errors
    /// `Internal` when the pipeline is shut down.
    pub fn read(&self, target: &Labels) -> Result<MetricBatch> {
        let mut metrics = ResourceMetrics::default();
        self.reader
            .collect(&mut metrics)
            .map_err(|error| Error::internal(format!("cannot read own metrics: {error}")))?;
        let mut families = Families::new(target, self.clock.now_ms());
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            families.metric(metric);
        }
        process::measure(&mut families, &self.cpu, self.clock.now_ns());
        Ok(families.batch())
    }
}

/// A reader that the provider and we hold together.
#[derive(Debug, Clone)]
struct SharedReader(Arc<ManualReader>);

impl MetricReader for SharedReader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

/// Collects series of one moment.
pub(crate) struct Families<'a> {
    target: &'a Labels,
    now_ms: i64,
    // Two meters may hold instruments of one name; a series counts once.
    series: BTreeMap<Labels, f64>,
    metadata: BTreeMap<String, MetricMetadata>,
}

impl<'a> Families<'a> {
    fn new(target: &'a Labels, now_ms: i64) -> Self {
        Families { target, now_ms, series: BTreeMap::new(), metadata: BTreeMap::new() }
    }

    fn batch(self) -> MetricBatch {
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

    fn metric(&mut self, metric: &Metric) {
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

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::MeterProvider;

    use super::*;
    use crate::base::clock::ManualClock;

    fn value(batch: &MetricBatch, series: &str) -> Option<f64> {
        let found = batch.series.iter().find(|write| write.labels.to_string() == series);
        found.map(|write| write.samples[0].value)
    }

    #[test]
    fn counters_gauges_and_histograms_are_read_under_prometheus_names() {
        let own = OwnMetrics::new(ManualClock::at_ms(5_000));
        let meter = own.provider().meter("test");
        meter.u64_counter("calls_total").build().add(2, &[KeyValue::new("door", "x")]);
        meter.f64_gauge("mcp.load").build().record(0.5, &[]);
        let histogram = meter
            .f64_histogram("op.duration")
            .with_unit("s")
            .with_boundaries(vec![1.0, 2.0])
            .build();
        histogram.record(1.5, &[]);
        let target = Labels::from_pairs([("job", "belvedere")]);
        let batch = own.read(&target).unwrap();
        let calls = r#"{__name__="calls_total", door="x", job="belvedere"}"#;
        assert_eq!(value(&batch, calls), Some(2.0));
        assert_eq!(value(&batch, r#"{__name__="mcp_load", job="belvedere"}"#), Some(0.5));
        let bucket = |le: &str| {
            let name = "op_duration_seconds_bucket";
            value(&batch, &format!(r#"{{__name__="{name}", job="belvedere", le="{le}"}}"#))
        };
        assert_eq!((bucket("1"), bucket("2"), bucket("+Inf")), (Some(0.0), Some(1.0), Some(1.0)));
        assert!(batch.series.iter().all(|write| write.samples[0].timestamp.0 == 5_000));
    }
}
