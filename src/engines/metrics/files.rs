//! The directory of day files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::error::{ErrorKind, Result};
use crate::engines::kit::container::Container;
use crate::engines::kit::disk::Disk;
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
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl Files {
    /// Opens every day file of `dir`, making the directory when it is missing. A file that is
    /// damaged as a whole is put aside and counted.
    ///
    /// # Errors
    /// `Internal` from the file system; `Unsupported` when a newer version wrote a file.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        quarantine: &Quarantine,
    ) -> Result<(Self, Vec<DayFile>)> {
        disk.create_dir(dir)?;
        let found = partitions::files(disk.as_ref(), dir, SUFFIX)?;
        let mut days = Vec::with_capacity(found.len());
        for (place, partition) in found.iter().enumerate() {
            let newest = place + 1 == found.len();
            let cache = if newest { LIVE_CACHE_BYTES } else { OLD_CACHE_BYTES };
            match open_day(&disk, &partition.path, partition.day, cache) {
                Ok(day) => days.push(day),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    put_aside(disk.as_ref(), &partition.path)?;
                    quarantine.meet_file(partition.day, &error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok((Files { disk, dir: dir.to_owned() }, days))
    }

    /// Returns the file of a day, making it when it is missing.
    ///
    /// # Errors
    /// Those of the container.
    pub(super) fn of_day(&self, shared: &Shared, day: Day) -> Result<Arc<DayFile>> {
        if let Some(file) = shared.places.read().day(day) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(open_day(&self.disk, &self.path(day), day, LIVE_CACHE_BYTES)?);
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
        let all = partitions::files(self.disk.as_ref(), &self.dir, SUFFIX)?;
        let gone = partitions::expired(&all, limits, live);
        for partition in &gone {
            // Queries that read the file go on; new ones do not find it.
            shared.places.write().remove_day(partition.day);
        }
        partitions::unlink(self.disk.as_ref(), &gone)
    }

    /// Returns the bytes that all files have allocated.
    pub(super) fn allocated(&self) -> u64 {
        self.on_disk().iter().map(|partition| partition.bytes).sum()
    }

    /// Returns the files of days, oldest first; none when the directory cannot be read.
    pub(super) fn on_disk(&self) -> Vec<Partition> {
        partitions::files(self.disk.as_ref(), &self.dir, SUFFIX).unwrap_or_default()
    }

    /// Returns the names of files that were put aside because they are damaged as a whole, sorted.
    pub(super) fn put_aside(&self) -> Vec<String> {
        let paths = self.disk.list(&self.dir).unwrap_or_default();
        let name = |path: PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        paths.into_iter().filter_map(name).filter(|name| name.ends_with(ASIDE)).collect()
    }

    fn path(&self, day: Day) -> PathBuf {
        self.dir.join(format!("{day}{SUFFIX}"))
    }
}

fn open_day(disk: &Arc<dyn Disk>, path: &Path, day: Day, cache_bytes: usize) -> Result<DayFile> {
    let container = Container::open(disk, path, cache_bytes)?;
    DayFile::open(container, day).map_err(|error| error.context(path.display()))
}

fn put_aside(disk: &dyn Disk, path: &Path) -> Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(ASIDE);
    disk.rename(path, Path::new(&aside))?;
    Ok(disk.sync_dir(path.parent().unwrap_or(path))?)
}
