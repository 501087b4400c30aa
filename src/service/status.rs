//! Questions about the appliance itself.

use std::sync::Arc;
use std::time::Duration;

use crate::access::Caller;
use crate::base::error::Result;
use crate::ingest::Offenders;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::series::{LabelQuery, MetricStats};
use crate::model::store::StoreFacts;
use crate::model::time::{TimeRange, TimestampMs};
use crate::service::cardinality::Cardinality;
use crate::service::desk::Desk;
use crate::service::upkeep::Lifecycles;
use crate::storage::metric_store::MetricStore;

/// What the appliance knows of itself from its start on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplianceFacts {
    /// The version, three numbers.
    pub version: String,
    /// The commit it was built from; may be empty.
    pub revision: String,
    /// When it started.
    pub started: TimestampMs,
    /// The effective configuration as YAML, secrets masked.
    pub config: String,
    /// Command line flags with their values, secrets masked.
    pub flags: Vec<(String, String)>,
    /// How long and how much is kept, such as `30d or 10GiB`.
    pub retention: String,
    /// Anonymous memory that the process may use, in bytes.
    pub memory_budget: u64,
    /// The working directory.
    pub working_directory: String,
    /// How long metrics, logs and traces are kept.
    pub kept: [Duration; 3],
    /// Bytes that everything may allocate on disk.
    pub disk_budget: u64,
    /// New series are refused while memory holds this many.
    pub max_active_series: u64,
}

/// Whether a target's last scrape succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetHealth {
    /// Not scraped yet.
    Unknown,
    /// It did.
    Up,
    /// It did not.
    Down,
}

/// A scraped target.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The scrape job.
    pub job: String,
    /// Labels before relabelling, `__address__` and the like.
    pub discovered_labels: Labels,
    /// Labels that its series get.
    pub labels: Labels,
    /// The URL that is scraped.
    pub url: String,
    /// How the last scrape went.
    pub health: TargetHealth,
    /// Why the last scrape failed; empty when it did not.
    pub last_error: String,
    /// When it was last scraped; `None` before the first time.
    pub last_scrape: Option<TimestampMs>,
    /// How long the last scrape took.
    pub last_duration: Duration,
    /// The time between scrapes.
    pub interval: Duration,
    /// How long a scrape may take.
    pub timeout: Duration,
}

/// Knows what is scraped; `app` joins it to the scrape loop.
pub trait TargetSource: Send + Sync {
    /// Returns the active targets.
    fn targets(&self) -> Vec<Target>;
}

/// Numbers that only the process knows; `app` joins it to the log, the doors and the system.
pub trait ProcessSource: Send + Sync {
    /// Returns the allocated bytes of the log below the stores.
    fn log_bytes(&self) -> u64;

    /// Returns what the data directory has allocated, snapshots and the log among it.
    fn data_bytes(&self) -> u64;

    /// Returns whose points the doors refused.
    fn offenders(&self) -> Offenders;

    /// Returns the anonymous memory in bytes, where the system tells it.
    fn anonymous_bytes(&self) -> Option<u64>;
}

/// What one store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreReport {
    /// `metrics`, `logs` or `traces`.
    pub signal: &'static str,
    /// Allocated bytes on disk.
    pub disk_bytes: u64,
    /// How long data is kept.
    pub kept: Duration,
    /// Its partitions and what is damaged.
    pub facts: StoreFacts,
}

/// What is kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageReport {
    /// The stores of all signals.
    pub stores: Vec<StoreReport>,
    /// Allocated bytes of the log below them.
    pub log_bytes: u64,
    /// Anonymous memory of the process in bytes; `None` where the system does not tell.
    pub anonymous_bytes: Option<u64>,
    /// What the metric store has in memory.
    pub head: MetricStats,
}

/// A source without targets.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTargets;

impl TargetSource for NoTargets {
    fn targets(&self) -> Vec<Target> {
        Vec::new()
    }
}

/// Tells about the appliance.
#[derive(Clone)]
pub struct StatusService {
    metrics: Arc<dyn MetricStore>,
    stores: Lifecycles,
    facts: Arc<ApplianceFacts>,
    targets: Arc<dyn TargetSource>,
    process: Arc<dyn ProcessSource>,
    desk: Desk,
}

impl StatusService {
    pub(crate) fn new(
        (metrics, stores): (Arc<dyn MetricStore>, Lifecycles),
        facts: ApplianceFacts,
        (targets, process): (Arc<dyn TargetSource>, Arc<dyn ProcessSource>),
        desk: Desk,
    ) -> Self {
        StatusService { metrics, stores, facts: Arc::new(facts), targets, process, desk }
    }

    /// Returns what the appliance knows of itself.
    ///
    /// # Errors
    /// Permission; likewise below.
    pub async fn facts(&self, caller: &Caller) -> Result<Arc<ApplianceFacts>> {
        let facts = Arc::clone(&self.facts);
        self.desk.read(caller, "status.facts", async { Ok(facts) }).await
    }

    /// Returns the scraped targets, sorted by job and URL.
    pub async fn targets(&self, caller: &Caller) -> Result<Vec<Target>> {
        let source = Arc::clone(&self.targets);
        let work = async move {
            let mut targets = source.targets();
            targets.sort_by(|a, b| (&a.job, &a.url).cmp(&(&b.job, &b.url)));
            Ok(targets)
        };
        self.desk.read(caller, "status.targets", work).await
    }

    /// Returns numbers about the metric store.
    pub async fn metric_stats(&self, caller: &Caller) -> Result<MetricStats> {
        let metrics = Arc::clone(&self.metrics);
        self.desk.read(caller, "status.metric_stats", async move { Ok(metrics.stats()) }).await
    }

    /// Returns whose points were refused at the doors since the start, and the largest metrics.
    pub async fn offenders(&self, caller: &Caller) -> Result<Offenders> {
        let process = Arc::clone(&self.process);
        let work = async move { Ok(process.offenders()) };
        self.desk.read(caller, "status.offenders", work).await
    }

    /// Returns what every store has on disk and the metric store in memory.
    pub async fn storage(&self, caller: &Caller) -> Result<StorageReport> {
        let (stores, process) = (self.stores.clone(), Arc::clone(&self.process));
        let (metrics, facts) = (Arc::clone(&self.metrics), Arc::clone(&self.facts));
        let report = async move {
            let stores = stores.iter().zip(facts.kept).map(|((signal, store), kept)| StoreReport {
                signal,
                disk_bytes: store.disk_bytes(),
                kept,
                facts: store.facts(),
            });
            Ok(StorageReport {
                stores: stores.collect(),
                log_bytes: process.log_bytes(),
                anonymous_bytes: process.anonymous_bytes(),
                head: metrics.stats(),
            })
        };
        self.desk.read(caller, "status.storage", report).await
    }

    /// Returns which names and labels the series of the last hours consist of, the `top` largest
    /// each. A very large store is judged by a part of its series, and the answer says so.
    pub async fn cardinality(&self, caller: &Caller, top: usize) -> Result<Cardinality> {
        self.cardinality_of(caller, Vec::new(), top).await
    }

    /// Does what [`StatusService::cardinality`] does for the series that fulfil one whole set.
    pub async fn cardinality_of(
        &self,
        caller: &Caller,
        match_sets: Vec<Vec<Matcher>>,
        top: usize,
    ) -> Result<Cardinality> {
        const RECENT_MS: i64 = 2 * 3_600_000;
        let now = self.desk.now();
        let query = LabelQuery {
            match_sets,
            range: TimeRange::new(TimestampMs(now.0 - RECENT_MS), TimestampMs(i64::MAX)),
            limit: Some(self.desk.limits().reported_series),
        };
        let metrics = Arc::clone(&self.metrics);
        let count = async move {
            let series = metrics.series(query).await?;
            Ok(Cardinality::of(&series, top))
        };
        self.desk.read(caller, "status.cardinality", count).await
    }
}
