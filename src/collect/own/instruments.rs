//! Reads the process's instruments into a batch, under Prometheus' names.

use std::sync::{Arc, Weak};
use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};

use crate::base::clock::SharedClock;
use crate::base::error::{Error, Result};
use crate::collect::own::families::Families;
use crate::collect::own::process::{self, CpuShare};
use crate::model::batch::MetricBatch;
use crate::model::labels::Labels;

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

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
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
