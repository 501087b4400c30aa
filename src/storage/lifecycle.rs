//! What every store can be asked besides reading and writing.

use async_trait::async_trait;

use crate::base::error::Result;

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

    /// Returns the allocated bytes on disk (`st_blocks`), 0 for memory stores.
    fn disk_bytes(&self) -> u64;

    /// Flushes and closes; later calls fail with `Unavailable`.
    ///
    /// # Errors
    /// Those of [`Lifecycle::flush`].
    async fn close(&self) -> Result<()>;
}
