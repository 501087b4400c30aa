//! Questions about the appliance itself.

use std::sync::Arc;
use std::time::Duration;

use crate::access::Caller;
use crate::base::error::Result;
use crate::model::labels::Labels;
use crate::model::series::{LabelQuery, MetricStats};
use crate::model::time::{TimeRange, TimestampMs};
use crate::service::cardinality::Cardinality;
use crate::service::desk::Desk;
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
    facts: Arc<ApplianceFacts>,
    targets: Arc<dyn TargetSource>,
    desk: Desk,
}

impl StatusService {
    pub(crate) fn new(
        metrics: Arc<dyn MetricStore>,
        facts: ApplianceFacts,
        targets: Arc<dyn TargetSource>,
        desk: Desk,
    ) -> Self {
        StatusService { metrics, facts: Arc::new(facts), targets, desk }
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

    /// Returns which names and labels the series of the last hours consist of, the `top` largest
    /// each. A very large store is judged by a part of its series, and the answer says so.
    pub async fn cardinality(&self, caller: &Caller, top: usize) -> Result<Cardinality> {
        const RECENT_MS: i64 = 2 * 3_600_000;
        let now = self.desk.now();
        let query = LabelQuery {
            match_sets: Vec::new(),
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
