//! The directory of day files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::container::Container;
use crate::engines::kit::disk::Disk;
use crate::engines::kit::new_container::NewContainer;
use crate::engines::kit::partitions::{self, Partition};
use crate::engines::metrics::apply::Shared;
use crate::engines::metrics::damage::{Damage, Quarantine};
use crate::engines::metrics::day::{DayCache, DayFile};
use crate::model::time::{Day, TimestampMs};
use crate::storage::lifecycle::{Dropped, RetentionLimits};

const SUFFIX: &str = ".redb";

/// What follows the name of a file that is damaged as a whole.
const ASIDE: &str = ".damaged";

/// What a day's file that is damaged as a whole is called.
const ASIDE_SUFFIX: &str = ".redb.damaged";

/// Files that are not complete yet; emptied at every start.
const NEW: &str = "tmp";

/// Page cache of a file; the operating system caches as well.
const CACHE_BYTES: usize = 1 << 20;

/// Makes, finds and drops day files.
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// What queries keep in memory of all days.
    cache: DayCache,
}

impl Files {
    /// Opens every day file of `dir`, making the directory when it is missing. A file that is
    /// damaged as a whole is put aside and counted. Queries keep up to `cache_bytes` of points in memory.
    ///
    /// # Errors
    /// `Internal` from the file system; `Unsupported` when a newer version wrote a file.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        quarantine: &Quarantine,
        cache_bytes: usize,
    ) -> Result<(Self, Vec<DayFile>)> {
        let new = dir.join(NEW);
        disk.create_dir(&new)?;
        for leftover in disk.list(&new)? {
            disk.remove(&leftover)?;
        }
        let found = partitions::files(disk.as_ref(), dir, SUFFIX)?;
        let mut days = Vec::with_capacity(found.len());
        let files = Files { disk, dir: dir.to_owned(), cache: DayCache::new(cache_bytes) };
        for partition in &found {
            match files.open_day(&partition.path, partition.day) {
                Ok(day) => days.push(day),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    put_aside(files.disk.as_ref(), &partition.path)?;
                    quarantine.meet_file(partition.day, &error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok((files, days))
    }

    /// Returns the file of a day, making it when it is missing.
    ///
    /// # Errors
    /// Those of the container.
    pub(super) fn of_day(&self, shared: &Shared, day: Day) -> Result<Arc<DayFile>> {
        if let Some(file) = shared.places.read().day(day) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.open_day(&self.path(day), day)?);
        shared.places.write().add_day(Arc::clone(&file));
        Ok(file)
    }

    /// Starts a new container at a path.
    ///
    /// # Errors
    /// Those of the container.
    pub(super) fn create(&self, path: &Path, cache_bytes: usize) -> Result<NewContainer> {
        NewContainer::create(&self.disk, path, cache_bytes)
    }

    /// Returns where the next form of a day is built.
    pub(super) fn new_path(&self, day: Day) -> PathBuf {
        self.dir.join(NEW).join(format!("{day}{SUFFIX}"))
    }

    /// Gives up what was built of a day.
    pub(super) fn drop_new(&self, day: Day) {
        // What cannot be removed now goes at the next start.
        let _ = self.disk.remove(&self.new_path(day));
    }

    /// Puts the built form of a day in place of the old one. Queries that read that one go on.
    ///
    /// # Errors
    /// `Internal` from the file system and those of the container. The day's file is the old or the
    /// new one.
    pub(super) fn replace(&self, shared: &Shared, day: Day) -> Result<()> {
        let (new, path) = (self.new_path(day), self.path(day));
        self.disk.open(&new, false)?.sync_data()?;
        // A power cut must not show the name without what it names.
        self.disk.sync_dir(&self.dir.join(NEW))?;
        // Whatever the disk refuses up to the rename leaves the old file in place.
        let container = Container::open_before_rename(&self.disk, &new, &path, CACHE_BYTES)?;
        let file = DayFile::open(container, day, &self.cache)?;
        self.disk.rename(&new, &path)?;
        shared.places.write().add_day(Arc::new(file));
        Ok(self.disk.sync_dir(&self.dir)?)
    }

    /// Does something to a day's file. When that shows that the structure of the file is damaged, what
    /// can be read is saved into a new one first, and the damaged one is put aside.
    ///
    /// # Errors
    /// Those of `work`, of the file system and of the containers.
    pub(super) fn rescuing<R>(
        &self,
        shared: &Shared,
        file: &Arc<DayFile>,
        mut work: impl FnMut(&Arc<DayFile>) -> Result<R>,
    ) -> Result<R> {
        match work(file) {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                work(&self.rescue(shared, file, &error)?)
            }
            done => done,
        }
    }

    fn rescue(&self, shared: &Shared, old: &Arc<DayFile>, error: &Error) -> Result<Arc<DayFile>> {
        let day = old.day();
        // What cannot be saved is missing as soon as the new file is in place.
        let _changing = shared.changes.begin(TimestampMs(i64::MIN));
        shared.quarantine.meet_file(day, error);
        let new = self.create(&self.new_path(day), CACHE_BYTES)?;
        old.copy_rows(&mut new.change(), &mut shared.quarantine.notes())?;
        old.copy_memory(&mut new.change())?;
        new.finish()?;
        let aside = put_aside(self.disk.as_ref(), &self.path(day))?;
        let replaced = self.replace(shared, day);
        if replaced.is_err() && shared.places.read().holds(old) {
            // The next try finds the file where it was; if this fails too, the next start goes without it.
            let _ = self.disk.rename(&aside, &self.path(day));
        }
        replaced?;
        let files = shared.places.read();
        let file = files.day(day).ok_or_else(|| Error::internal("a saved day is missing"))?;
        Ok(Arc::clone(file))
    }

    /// Writes copies of days into a new directory.
    ///
    /// # Errors
    /// `Conflict` when the directory has files; those of the file system and the containers.
    pub(super) fn copy<'a>(
        &self,
        days: impl Iterator<Item = &'a Arc<DayFile>>,
        to: &Path,
        damage: &mut Damage,
    ) -> Result<()> {
        if !self.disk.list(to)?.is_empty() {
            let text = format!("{} holds files already", to.display());
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        self.disk.create_dir(to)?;
        for file in days {
            let path = to.join(format!("{}{SUFFIX}", file.day()));
            let new = self.create(&path, CACHE_BYTES)?;
            file.copy_rows(&mut new.change(), damage)?;
            new.finish()?;
        }
        Ok(self.disk.sync_dir(to)?)
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
        let mut all = partitions::files(self.disk.as_ref(), &self.dir, SUFFIX)?;
        all.extend(partitions::files(self.disk.as_ref(), &self.dir, ASIDE_SUFFIX)?);
        all.sort_by(|one, other| (one.day, &one.path).cmp(&(other.day, &other.path)));
        let known: u64 = all.iter().map(|partition| partition.bytes).sum();
        // What is being built takes room from the rest.
        let building = self.allocated().saturating_sub(known);
        let max_bytes = limits.max_bytes.map(|most| most.saturating_sub(building));
        let gone = partitions::expired(&all, RetentionLimits { max_bytes, ..limits }, live);
        for partition in gone.iter().filter(|partition| partition.path == self.path(partition.day))
        {
            // Queries that read the file go on; new ones do not find it.
            let mut places = shared.places.write();
            places.remove_day(partition.day);
            // Under the lock: who finds the day missing shall see that it was noted.
            shared.changes.note(partition.day.range_ms().start);
        }
        partitions::unlink(self.disk.as_ref(), &gone)
    }

    /// Returns the bytes that all files have allocated, damaged and new ones too.
    pub(super) fn allocated(&self) -> u64 {
        let files = |dir: &Path, suffix| partitions::files(self.disk.as_ref(), dir, suffix);
        let aside = files(&self.dir, ASIDE_SUFFIX).unwrap_or_default();
        let new = files(&self.dir.join(NEW), SUFFIX).unwrap_or_default();
        self.on_disk().iter().chain(&aside).chain(&new).map(|partition| partition.bytes).sum()
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

    fn open_day(&self, path: &Path, day: Day) -> Result<DayFile> {
        let container = Container::open(&self.disk, path, CACHE_BYTES)?;
        DayFile::open(container, day, &self.cache).map_err(|error| error.context(path.display()))
    }
}

/// Gives a damaged file another name, which it returns.
fn put_aside(disk: &dyn Disk, path: &Path) -> Result<PathBuf> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(ASIDE);
    let aside = PathBuf::from(aside);
    disk.rename(path, &aside)?;
    disk.sync_dir(path.parent().unwrap_or(path))?;
    Ok(aside)
}
