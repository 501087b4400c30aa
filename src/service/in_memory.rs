//! Use cases in front of stores in memory, for tests of the doors.

use std::sync::Arc;
use std::time::Duration;

use crate::alerting::{Alerting, AlertingConfig};
use crate::base::clock::SharedClock;
use crate::base::task::TaskGroup;
use crate::ingest::recording::Recording;
use crate::ingest::{Door, Ingest, IngestLimits, Offenders, Stores};
use crate::model::batch::{LogBatch, LogOp, MetricBatch, SpanBatch};
use crate::model::labels::Labels;
use crate::model::log::LogRecord;
use crate::model::time::TimestampMs;
use crate::model::trace::Span;
use crate::service::limits::QueryLimits;
use crate::service::rules::{
    ActiveAlert, AlertState, GroupStatus, RuleHealth, RuleKind, RuleSource, RuleStatus,
};
use crate::service::services::{ServiceParts, Services};
use crate::service::status::{ApplianceFacts, ProcessSource, TargetSource};
use crate::storage::log_store::LogStore;
use crate::storage::memory::log::MemoryLogStore;
use crate::storage::memory::metric::MemoryMetricStore;
use crate::storage::memory::trace::MemoryTraceStore;
use crate::storage::metric_store::MetricStore;
use crate::storage::trace_store::TraceStore;

/// Services and the door in, on the same stores: metrics are kept, logs and traces only recorded.
pub(crate) struct InMemory {
    /// Answers questions.
    pub(crate) services: Services,
    /// Takes what is written.
    pub(crate) ingest: Ingest,
    metrics: Arc<MemoryMetricStore>,
    logs: Arc<dyn LogStore>,
}

impl InMemory {
    /// Starts empty; metrics may be an hour out of order.
    pub(crate) fn new(clock: SharedClock, targets: Arc<dyn TargetSource>) -> Self {
        let metrics = Arc::new(MemoryMetricStore::new(Duration::from_secs(3_600)));
        let others = Arc::new(Recording::default());
        InMemory::over(clock, targets, metrics, others.clone(), others)
    }

    /// Starts empty with stores for all signals.
    pub(crate) fn whole(clock: SharedClock, targets: Arc<dyn TargetSource>) -> Self {
        let metrics = Arc::new(MemoryMetricStore::new(Duration::from_secs(3_600)));
        let logs = Arc::new(MemoryLogStore::default());
        let traces = Arc::new(MemoryTraceStore::new(Arc::clone(&clock)));
        InMemory::over(clock, targets, metrics, logs, traces)
    }

    fn over(
        clock: SharedClock,
        targets: Arc<dyn TargetSource>,
        metrics: Arc<MemoryMetricStore>,
        logs: Arc<dyn LogStore>,
        traces: Arc<dyn TraceStore>,
    ) -> Self {
        let stores =
            Stores { metrics: metrics.clone(), logs: logs.clone(), traces: traces.clone() };
        let ingest = Ingest::new(stores, IngestLimits::default(), Arc::clone(&clock));
        let services = Services::new(ServiceParts {
            metrics: metrics.clone(),
            logs: logs.clone(),
            traces,
            limits: QueryLimits::default(),
            facts: facts(TimestampMs(clock.now_ms())),
            clock: Arc::clone(&clock),
            targets,
            process: Arc::new(NoLog(ingest.clone())),
            rules: Arc::new(OneGroup),
            alerting: Alerting::in_memory(AlertingConfig::default(), Arc::clone(&clock)),
            snapshots: None,
            tasks: TaskGroup::new(),
        });
        InMemory { services, ingest, metrics, logs }
    }

    /// Stores a log record that must be taken.
    pub(crate) async fn log(&self, record: LogRecord) {
        let ops = vec![LogOp::Put { record: Box::new(record), replace: false }];
        let receipt = self.logs.append(LogBatch { ops }).await.unwrap();
        assert_eq!(receipt.receipt.rejected, Vec::new());
    }

    /// Writes spans as a client would.
    pub(crate) async fn store_spans(&self, spans: Vec<Span>) {
        let receipt = self.ingest.traces(Door::OtlpHttp, SpanBatch { spans }).await;
        assert!(receipt.is_ok_and(|receipt| receipt.rejected.is_empty()), "spans were refused");
    }

    /// Writes metrics as a client would and returns how many points were taken.
    pub(crate) async fn write(&self, batch: MetricBatch) -> u64 {
        self.ingest.metrics(Door::RemoteWrite, batch).await.unwrap().accepted
    }

    /// Stores metrics that must all be taken.
    pub(crate) async fn store(&self, batch: MetricBatch) {
        let receipt = self.metrics.append(batch).await.unwrap();
        assert_eq!(receipt.rejected, Vec::new());
    }
}

fn facts(started: TimestampMs) -> ApplianceFacts {
    ApplianceFacts {
        version: "0.1.0".to_owned(),
        revision: String::new(),
        started,
        config: "listen:\n  http: \"x\"\n".to_owned(),
        flags: vec![("storage".to_owned(), "memory".to_owned())],
        retention: "30d".to_owned(),
        memory_budget: 1 << 30,
        working_directory: "/srv".to_owned(),
        kept: [30, 14, 7].map(|days| Duration::from_secs(days * 86_400)),
        disk_budget: 10 << 30,
        max_active_series: 1_000_000,
    }
}

/// A process without a log and of a known size.
struct NoLog(Ingest);

impl ProcessSource for NoLog {
    fn log_bytes(&self) -> u64 {
        0
    }

    fn data_bytes(&self) -> u64 {
        0
    }

    fn offenders(&self) -> Offenders {
        self.0.offenders()
    }

    fn anonymous_bytes(&self) -> Option<u64> {
        Some(64 << 20)
    }
}

/// One group with an alerting rule that fires and a recording rule that never ran.
struct OneGroup;

impl RuleSource for OneGroup {
    fn groups(&self) -> Vec<Arc<GroupStatus>> {
        let at = |seconds: i64| TimestampMs(1_795_392_000_000 + seconds * 1_000);
        let alert = ActiveAlert {
            labels: Labels::from_pairs([("alertname", "Down"), ("instance", "a")]),
            annotations: Labels::from_pairs([("summary", "a is down")]),
            state: AlertState::Firing,
            active_at: at(-60),
            keep_firing_since: None,
            value: 0.5,
        };
        let rule = |name: &str, kind| RuleStatus {
            name: name.to_owned(),
            query: "up == 0".to_owned(),
            labels: Labels::empty(),
            health: RuleHealth::Unknown,
            last_error: String::new(),
            evaluation_time: Duration::ZERO,
            last_evaluation: None,
            kind,
        };
        let alerting = RuleKind::Alerting {
            hold: Duration::from_secs(60),
            keep_firing_for: Duration::ZERO,
            annotations: Labels::from_pairs([("summary", "{{ $labels.instance }} is down")]),
            alerts: vec![alert],
        };
        let alerting = RuleStatus {
            labels: Labels::from_pairs([("severity", "page")]),
            health: RuleHealth::Ok,
            evaluation_time: Duration::from_millis(2),
            last_evaluation: Some(at(0)),
            ..rule("Down", alerting)
        };
        let group = |name: &str, rules| {
            Arc::new(GroupStatus {
                name: name.to_owned(),
                file: "r.yml".to_owned(),
                interval: Duration::from_secs(15),
                limit: 0,
                evaluation_time: Duration::from_millis(3),
                last_evaluation: Some(at(0)),
                rules,
            })
        };
        let recording = rule("job:up:sum", RuleKind::Recording);
        vec![group("second", vec![recording.clone()]), group("first", vec![alerting, recording])]
    }
}
