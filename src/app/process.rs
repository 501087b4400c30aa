//! Numbers of the process as `service` asks for them.

use std::path::PathBuf;

use crate::app::memory;
use crate::app::stores::OpenStores;
use crate::engines::kit::partitions;
use crate::ingest::{Ingest, Offenders};
use crate::service::ProcessSource;

/// This process: its open stores, its door in and its data directory.
pub(crate) struct ThisProcess {
    /// The stores.
    pub(crate) stores: OpenStores,
    /// The door in.
    pub(crate) ingest: Ingest,
    /// The directory.
    pub(crate) data_dir: PathBuf,
}

impl ProcessSource for ThisProcess {
    fn log_bytes(&self) -> u64 {
        self.stores.log_bytes()
    }

    fn data_bytes(&self) -> u64 {
        partitions::allocated(&self.data_dir).unwrap_or(0)
    }

    fn offenders(&self) -> Offenders {
        self.ingest.offenders()
    }

    fn anonymous_bytes(&self) -> Option<u64> {
        memory::anonymous_bytes()
    }
}
