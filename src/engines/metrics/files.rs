//! The directory of day files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::container::Container;
use crate::engines::kit::partitions::{self, Partition};
use crate::engines::metrics::apply::Shared;
use crate::engines::metrics::damage::Quarantine;
use crate::engines::metrics::day::DayFile;
use crate::model::time::Day;
use crate::storage::lifecycle::{Dropped, RetentionLimits};

const SUFFIX: &str = ".redb";

/// What follows the name of a file that is damaged as a whole.
const ASIDE: &str = ".damaged";

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
        self.on_disk().iter().map(|partition| partition.bytes).sum()
    }

    /// Returns the files of days, oldest first; none when the directory cannot be read.
    pub(super) fn on_disk(&self) -> Vec<Partition> {
        partitions::list(&self.dir, SUFFIX).unwrap_or_default()
    }

    /// Returns the names of files that were put aside because they are damaged as a whole, sorted.
    pub(super) fn put_aside(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(ASIDE)).collect();
        names.sort();
        names
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
    aside.push(ASIDE);
    std::fs::rename(path, aside).map_err(Error::from)
}
