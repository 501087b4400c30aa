//! What the engines share.
//!
//! In: encoded batches and packed blobs. Out: durable records in one order, files that hold blobs
//! by key, partitions that come and go whole. Only [`log`] acknowledges a write; everything in a
//! [`container`] is derived from it and says up to which record.
//! Deliberately absent: samples, log lines, spans.

pub mod bytes;
pub mod disk;
pub mod log;
pub mod writer;
mod backend;
pub mod container;
pub mod new_container;
pub mod partitions;
pub mod lock;
pub mod cache;
#[doc(hidden)]
pub mod fuzz;
#[cfg(test)]
pub(crate) mod faulty_disk;

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::clock::SharedClock;
use crate::engines::kit::disk::Disk;
use crate::engines::kit::log::Log;

/// What an engine is opened with.
#[derive(Clone)]
pub struct EngineContext {
    /// The log of all signals.
    pub log: Log,
    /// The file system below log and containers.
    pub disk: Arc<dyn Disk>,
    /// The engine's own directory, such as `data/metrics`; made when it is missing.
    pub dir: PathBuf,
    /// Tells the time.
    pub clock: SharedClock,
}
