//! What every store can be asked besides reading and writing.

use std::path::Path;

use async_trait::async_trait;

use crate::base::error::{Error, Result};
use crate::model::store::StoreFacts;
use crate::model::time::Day;

/// How long data is kept; both limits hold, the stricter one wins. The live partition stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionLimits {
    /// Drop partitions that end before this instant, nanoseconds since the epoch.
    pub oldest_ns: i64,
    /// Drop the oldest partitions until at most this many bytes are allocated; `None` for no limit.
    pub max_bytes: Option<u64>,
}

/// What retention did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Names of the dropped partitions, oldest first.
    pub partitions: Vec<String>,
    /// Bytes they had allocated.
    pub bytes: u64,
}

/// Upkeep and end of a store.
#[async_trait]
pub trait Lifecycle: Send + Sync {
    /// Moves what is in memory into files and advances the store's checkpoint in the log.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses; the data stays in memory and in the log.
    async fn flush(&self) -> Result<()>;

    /// Drops whole partitions by the limits, never the live one.
    ///
    /// # Errors
    /// `Internal` when a file cannot be removed; the rest was tried.
    async fn enforce_retention(&self, limits: RetentionLimits) -> Result<Dropped>;

    /// Rewrites the partitions up to and including the day `through` into their final, smaller form
    /// and returns how many were rewritten. A store without a second form does nothing.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses; then every partition holds what it held before.
    async fn seal(&self, through: Day) -> Result<usize> {
        let _ = through;
        Ok(0)
    }

    /// As [`Lifecycle::seal`], with at most a third of a core, and without what is in memory.
    ///
    /// # Errors
    /// Those of [`Lifecycle::seal`].
    async fn seal_at_leisure(&self, through: Day) -> Result<usize> {
        self.seal(through).await
    }

    /// Writes a copy of everything that was acknowledged before the call into the new directory
    /// `to`, which a store of this kind can be opened with. Writes go on meanwhile.
    ///
    /// # Errors
    /// `Unsupported` when the store has no files; `Unavailable` when the disk refuses.
    async fn snapshot(&self, to: &Path) -> Result<()> {
        let _ = to;
        Err(Error::unsupported("this store keeps nothing on disk that could be copied"))
    }

    /// Returns what is on disk by partition, and what is damaged there. Reads directories.
    fn facts(&self) -> StoreFacts {
        StoreFacts::default()
    }

    /// Returns the allocated bytes on disk (`st_blocks`), 0 for memory stores.
    fn disk_bytes(&self) -> u64;

    /// Gives memory back that only makes reading faster and can be filled again, because the
    /// appliance runs short of it.
    fn shed_caches(&self) {}

    /// Flushes and closes; later calls fail with `Unavailable`.
    ///
    /// # Errors
    /// Those of [`Lifecycle::flush`].
    async fn close(&self) -> Result<()>;
}
