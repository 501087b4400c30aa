//! The directory of day files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::container::Container;
use crate::engines::kit::partitions;
use crate::engines::metrics::apply::Shared;
use crate::engines::metrics::damage::Quarantine;
use crate::engines::metrics::day::DayFile;
use crate::model::time::Day;
use crate::storage::lifecycle::{Dropped, RetentionLimits};

const SUFFIX: &str = ".redb";

/// Page cache of a file that is written to.
const LIVE_CACHE_BYTES: usize = 8 << 20;

/// Page cache of a file of an older day; the operating system caches as well.
const OLD_CACHE_BYTES: usize = 1 << 20;

/// Makes, finds and drops day files.
pub(super) struct Files {
    dir: PathBuf,
}

impl Files {
    /// Opens every day file of `dir`, making the directory when it is missing. A file that is
    /// damaged as a whole is put aside and counted.
    ///
    /// # Errors
    /// `Internal` from the file system; `Unsupported` when a newer version wrote a file.
    pub(super) fn open(dir: &Path, quarantine: &Quarantine) -> Result<(Self, Vec<DayFile>)> {
        std::fs::create_dir_all(dir)?;
        let found = partitions::list(dir, SUFFIX)?;
        let mut days = Vec::with_capacity(found.len());
        for (place, partition) in found.iter().enumerate() {
            let newest = place + 1 == found.len();
            let cache = if newest { LIVE_CACHE_BYTES } else { OLD_CACHE_BYTES };
            match open_day(&partition.path, partition.day, cache) {
                Ok(day) => days.push(day),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    put_aside(&partition.path)?;
                    quarantine.meet_file(partition.day, &error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok((Files { dir: dir.to_owned() }, days))
    }

    /// Returns the file of a day, making it when it is missing.
    ///
    /// # Errors
    /// Those of the container.
    pub(super) fn of_day(&self, shared: &Shared, day: Day) -> Result<Arc<DayFile>> {
        if let Some(file) = shared.places.read().day(day) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(open_day(&self.path(day), day, LIVE_CACHE_BYTES)?);
        // The directory entry is durable before any mark in the file says so.
        std::fs::File::open(&self.dir)?.sync_all()?;
        shared.places.write().add_day(Arc::clone(&file));
        Ok(file)
    }

    /// Drops whole days by the limits, never the newest file.
    ///
    /// # Errors
    /// `Internal` when a file cannot be removed; the rest was tried.
    pub(super) fn enforce_retention(
        &self,
        shared: &Shared,
        limits: RetentionLimits,
    ) -> Result<Dropped> {
        let newest = shared.places.read().all_days().next_back().map(|file| file.day());
        let Some(live) = newest else { return Ok(Dropped::default()) };
        let gone = partitions::expired(&partitions::list(&self.dir, SUFFIX)?, limits, live);
        for partition in &gone {
            // Queries that read the file go on; new ones do not find it.
            shared.places.write().remove_day(partition.day);
        }
        partitions::unlink(&gone)
    }

    /// Returns the bytes that all files have allocated.
    pub(super) fn allocated(&self) -> u64 {
        let found = partitions::list(&self.dir, SUFFIX).unwrap_or_default();
        found.iter().map(|partition| partition.bytes).sum()
    }

    fn path(&self, day: Day) -> PathBuf {
        self.dir.join(format!("{day}{SUFFIX}"))
    }
}

fn open_day(path: &Path, day: Day, cache_bytes: usize) -> Result<DayFile> {
    DayFile::open(Container::open(path, cache_bytes)?, day).map_err(|error| error.context(day))
}

fn put_aside(path: &Path) -> Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    std::fs::rename(path, aside).map_err(Error::from)
}
