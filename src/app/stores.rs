//! Opens the stores.

use std::path::Path;
use std::sync::Arc;

use crate::app::data_dir::DataDir;
use crate::base::clock::SharedClock;
use crate::base::error::{Error, Result};
use crate::config::{Config, StorageKind};
use crate::engines::kit::EngineContext;
use crate::engines::kit::disk::{Disk, RealDisk};
use crate::engines::kit::log::{Log, LogOptions};
use crate::engines::logs::LogEngine;
use crate::engines::metrics::{self, MetricOptions};
use crate::engines::state;
use crate::engines::traces::TraceEngine;
use crate::ingest::Stores;
use crate::storage::lifecycle::Lifecycle;
use crate::storage::log_store::LogStore;
use crate::storage::memory::log::MemoryLogStore;
use crate::storage::memory::metric::MemoryMetricStore;
use crate::storage::memory::state::MemoryStateStore;
use crate::storage::memory::trace::MemoryTraceStore;
use crate::storage::metric_store::MetricStore;
use crate::storage::state_store::StateStore;
use crate::storage::trace_store::TraceStore;

/// The disk budget holds at least so many segments of the log, unless they would be too small.
const SEGMENTS_IN_BUDGET: u64 = 64;
/// The smallest segment of the log.
const LEAST_SEGMENT: u64 = 1 << 20;

/// The part of the memory budget in which queries keep points of files.
const CACHE_PART: u64 = 32;

/// The open stores. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct OpenStores {
    /// Keeps metrics.
    pub(crate) metrics: Arc<dyn MetricStore>,
    /// Keeps logs.
    pub(crate) logs: Arc<dyn LogStore>,
    /// Keeps traces.
    pub(crate) traces: Arc<dyn TraceStore>,
    /// Keeps silences, alerts and messages on their way.
    pub(crate) state: Arc<dyn StateStore>,
    /// The log below the engines; `None` in memory.
    log: Option<Log>,
}

impl OpenStores {
    /// Opens the stores, recovering what an earlier life left in the log.
    ///
    /// # Errors
    /// `Corrupt`, `Unavailable`, `Unsupported` and `Internal` from log and engines.
    pub(crate) async fn open(config: &Config, dir: &DataDir, clock: SharedClock) -> Result<Self> {
        match config.storage {
            StorageKind::Memory => Ok(OpenStores::in_memory(config, clock)),
            StorageKind::Disk => {
                let (config, dir) = (config.clone(), dir.path().to_owned());
                // Recovery reads files; the runtime's threads are for those who wait.
                let opening =
                    tokio::task::spawn_blocking(move || OpenStores::on_disk(&config, &dir, clock));
                opening
                    .await
                    .map_err(|error| Error::internal(format!("opening the stores: {error}")))?
            }
        }
    }

    fn in_memory(config: &Config, clock: SharedClock) -> Self {
        OpenStores {
            metrics: Arc::new(MemoryMetricStore::new(config.metrics.out_of_order_window)),
            logs: Arc::new(MemoryLogStore::new()),
            traces: Arc::new(MemoryTraceStore::new(clock)),
            state: Arc::new(MemoryStateStore::new()),
            log: None,
        }
    }

    fn on_disk(config: &Config, dir: &Path, clock: SharedClock) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let usual = LogOptions::default();
        // A small disk budget must not be filled by reserved segments.
        let segment_bytes = (config.budget.disk.0 / SEGMENTS_IN_BUDGET)
            .clamp(LEAST_SEGMENT, usual.segment_bytes.max(LEAST_SEGMENT));
        let options = LogOptions { segment_bytes, ..usual };
        let log = Log::open(Arc::clone(&disk), &dir.join("wal"), options)?;
        for repair in log.repairs() {
            tracing::warn!(%repair, "the log was repaired");
        }
        let context = |name: &str| EngineContext {
            log: log.clone(),
            disk: Arc::clone(&disk),
            dir: dir.join(name),
            clock: Arc::clone(&clock),
        };
        let options = MetricOptions {
            out_of_order_window: config.metrics.out_of_order_window,
            max_active_series: usize::try_from(config.metrics.max_active_series)
                .unwrap_or(usize::MAX),
            cache_bytes: usize::try_from(config.budget.memory.0 / CACHE_PART).unwrap_or(usize::MAX),
        };
        Ok(OpenStores {
            metrics: Arc::new(metrics::Engine::open(context("metrics"), options)?),
            logs: Arc::new(LogEngine::open(context("logs"))?),
            traces: Arc::new(TraceEngine::open(context("traces"))?),
            state: Arc::new(state::Engine::open(&disk, &dir.join("meta.redb"))?),
            log: Some(log),
        })
    }

    /// Returns the stores as `ingest` takes them.
    pub(crate) fn for_ingest(&self) -> Stores {
        Stores {
            metrics: Arc::clone(&self.metrics),
            logs: Arc::clone(&self.logs),
            traces: Arc::clone(&self.traces),
        }
    }

    /// Returns every store by its signal.
    pub(crate) fn lifecycles(&self) -> [(&'static str, Arc<dyn Lifecycle>); 3] {
        [
            ("metrics", Arc::clone(&self.metrics) as Arc<dyn Lifecycle>),
            ("logs", Arc::clone(&self.logs) as Arc<dyn Lifecycle>),
            ("traces", Arc::clone(&self.traces) as Arc<dyn Lifecycle>),
        ]
    }

    /// Returns the allocated bytes of the log.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.log.as_ref().map_or(0, Log::disk_bytes)
    }

    /// Closes the log, after the stores.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses.
    pub(crate) async fn close_log(&self) -> Result<()> {
        let Some(log) = self.log.clone() else { return Ok(()) };
        let closing = tokio::task::spawn_blocking(move || log.close());
        closing.await.map_err(|error| Error::internal(format!("closing the log: {error}")))?
    }
}
