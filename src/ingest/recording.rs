//! Stores for tests of the doors: they remember what was written and refuse what they are told to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use parking_lot::Mutex;

use crate::base::clock::SharedClock;
use crate::base::error::{Error, Result};
use crate::ingest::{Ingest, IngestLimits, Stores};
use crate::model::batch::{LogBatch, LogOp, MetricBatch, MetricMetadata, SpanBatch};
use crate::model::labels::Labels;
use crate::model::log::LogRecord;
use crate::model::matcher::Matcher;
use crate::model::time::{TimeRange, TimestampMs, TimestampNs};
use crate::model::trace::{Trace, TraceId};
use crate::storage::lifecycle::{Dropped, Lifecycle, RetentionLimits};
use crate::storage::log_filter::LogField;
use crate::storage::log_store::{
    FieldType, IndexSummary, LogHit, LogOutcome, LogPage, LogReceipt, LogSearch, LogSelect,
    LogStore, LogVisitor,
};
use crate::storage::metric_store::{
    Deleted, LabelQuery, MetricStats, MetricStore, SelectQuery, SeriesCursor, SeriesExemplars,
};
use crate::storage::query::Cut;
use crate::storage::receipt::{Receipt, RejectReason};
use crate::storage::trace_store::{Dependency, Operation, TraceSearch, TraceStore};

/// Remembers writes of all three signals.
#[derive(Default)]
pub(crate) struct Recording {
    /// Every metric batch.
    pub(crate) metrics: Mutex<Vec<MetricBatch>>,
    /// Every log batch.
    pub(crate) logs: Mutex<Vec<LogBatch>>,
    /// Every span batch.
    pub(crate) traces: Mutex<Vec<SpanBatch>>,
    /// Items of the store's batches that are refused with `Conflict`.
    pub(crate) refuse: Mutex<Vec<usize>>,
    /// When set, every write fails with it.
    pub(crate) failure: Mutex<Option<Error>>,
}

impl Recording {
    /// Returns a door in front of a new recording.
    pub(crate) fn behind_door(
        limits: IngestLimits,
        clock: SharedClock,
    ) -> (Ingest, Arc<Recording>) {
        let recording = Arc::new(Recording::default());
        let stores = Stores {
            metrics: recording.clone(),
            logs: recording.clone(),
            traces: recording.clone(),
        };
        (Ingest::new(stores, limits, clock), recording)
    }

    /// Returns every recorded log record.
    pub(crate) fn records(&self) -> Vec<LogRecord> {
        let batches = self.logs.lock();
        let ops = batches.iter().flat_map(|batch| &batch.ops);
        ops.filter_map(|op| match op {
            LogOp::Put { record, .. } => Some((**record).clone()),
            LogOp::Delete { .. } => None,
        })
        .collect()
    }

    fn outcome(&self, counts: impl Iterator<Item = u64>) -> Result<Receipt> {
        if let Some(error) = self.failure.lock().clone() {
            return Err(error);
        }
        let mut receipt = Receipt::default();
        for (index, count) in counts.enumerate() {
            if self.refuse.lock().contains(&index) {
                receipt.reject(index, count, RejectReason::Conflict, format!("item {index}"));
            } else {
                receipt.accepted += count;
            }
        }
        Ok(receipt)
    }
}

fn not_recorded<T>() -> Result<T> {
    Err(Error::unsupported("a recording is only written to"))
}

#[async_trait]
impl Lifecycle for Recording {
    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn enforce_retention(&self, _: RetentionLimits) -> Result<Dropped> {
        Ok(Dropped::default())
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl MetricStore for Recording {
    async fn append(&self, batch: MetricBatch) -> Result<Receipt> {
        let receipt = self.outcome(
            batch.series.iter().map(|write| (write.samples.len() + write.histograms.len()) as u64),
        )?;
        self.metrics.lock().push(batch);
        Ok(receipt)
    }

    async fn backfill(&self, batch: MetricBatch) -> Result<Receipt> {
        MetricStore::append(self, batch).await
    }

    async fn delete(&self, _: Vec<Vec<Matcher>>, _: TimeRange<TimestampMs>) -> Result<Deleted> {
        not_recorded()
    }

    async fn purge_deleted(&self) -> Result<()> {
        not_recorded()
    }

    async fn select(&self, _: SelectQuery) -> Result<Box<dyn SeriesCursor>> {
        not_recorded()
    }

    async fn label_names(&self, _: LabelQuery) -> Result<Cut<String>> {
        not_recorded()
    }

    async fn label_values(&self, _: &str, _: LabelQuery) -> Result<Cut<String>> {
        not_recorded()
    }

    async fn series(&self, _: LabelQuery) -> Result<Cut<Labels>> {
        not_recorded()
    }

    async fn metadata(&self, _: Option<&str>) -> Result<Vec<MetricMetadata>> {
        not_recorded()
    }

    async fn exemplars(
        &self,
        _: Vec<Vec<Matcher>>,
        _: TimeRange<TimestampMs>,
    ) -> Result<Vec<SeriesExemplars>> {
        not_recorded()
    }

    fn stats(&self) -> MetricStats {
        MetricStats::default()
    }
}

#[async_trait]
impl LogStore for Recording {
    async fn append(&self, batch: LogBatch) -> Result<LogReceipt> {
        let receipt = self.outcome(batch.ops.iter().map(|_| 1))?;
        let mut outcomes: Vec<_> = (0..batch.ops.len() as u64).map(LogOutcome::Created).collect();
        for rejection in &receipt.rejected {
            outcomes[rejection.index] = LogOutcome::Rejected;
        }
        self.logs.lock().push(batch);
        Ok(LogReceipt { receipt, outcomes })
    }

    async fn search(&self, _: LogSearch) -> Result<LogPage> {
        not_recorded()
    }

    async fn count(&self, _: LogSelect) -> Result<u64> {
        not_recorded()
    }

    async fn scan(
        &self,
        _: LogSelect,
        _: Vec<LogField>,
        _: Box<dyn LogVisitor>,
    ) -> Result<Box<dyn LogVisitor>> {
        not_recorded()
    }

    async fn get(&self, _: &str, _: &str) -> Result<Option<LogHit>> {
        not_recorded()
    }

    async fn fields(&self, _: &[String]) -> Result<Cut<FieldType>> {
        not_recorded()
    }

    async fn indices(&self) -> Result<Vec<IndexSummary>> {
        not_recorded()
    }
}

#[async_trait]
impl TraceStore for Recording {
    async fn append(&self, batch: SpanBatch) -> Result<Receipt> {
        let receipt = self.outcome(batch.spans.iter().map(|_| 1))?;
        self.traces.lock().push(batch);
        Ok(receipt)
    }

    async fn trace(&self, _: TraceId) -> Result<Option<Trace>> {
        not_recorded()
    }

    async fn search(&self, _: TraceSearch) -> Result<Cut<Trace>> {
        not_recorded()
    }

    async fn services(&self, _: TimeRange<TimestampNs>) -> Result<Vec<String>> {
        not_recorded()
    }

    async fn operations(&self, _: &str, _: TimeRange<TimestampNs>) -> Result<Vec<Operation>> {
        not_recorded()
    }

    async fn dependencies(&self, _: TimeRange<TimestampNs>) -> Result<Vec<Dependency>> {
        not_recorded()
    }
}

/// Reads back what was counted on its meter.
pub(crate) struct Counts {
    provider: SdkMeterProvider,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Counts {
    /// Creates a meter of its own, apart from the process's.
    pub(crate) fn new() -> Self {
        let seen = Arc::default();
        let exporter = Capture(Arc::clone(&seen));
        let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
        Counts { provider, seen }
    }

    /// Returns the meter.
    pub(crate) fn meter(&self) -> Meter {
        self.provider.meter("test")
    }

    /// Returns the counters as `name{labels} value`, sorted.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.provider.force_flush().unwrap();
        self.seen.lock().clone()
    }
}

struct Capture(Arc<Mutex<Vec<String>>>);

impl PushMetricExporter for Capture {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut lines = Vec::new();
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            let AggregatedMetrics::U64(MetricData::Sum(sum)) = metric.data() else { continue };
            for point in sum.data_points() {
                let pairs = point.attributes();
                let labels = Labels::from_pairs(
                    pairs.map(|pair| (pair.key.to_string(), pair.value.to_string())),
                );
                lines.push(format!("{}{labels} {}", metric.name(), point.value()));
            }
        }
        lines.sort();
        *self.0.lock() = lines;
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
