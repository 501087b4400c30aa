//! The directory of day indices, and the way of a head into it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::disk::RealDisk;
use crate::engines::kit::log::Lsn;
use crate::engines::kit::partitions;
use crate::engines::logs::apply::{Flushing, Shared, State, first_sequence_after};
use crate::engines::logs::day::{DayIndex, DayView};
use crate::engines::logs::mark::Mark;
use crate::model::log_query::LogHit;
use crate::model::time::Day;
use crate::storage::lifecycle::{Dropped, RetentionLimits};

/// Writes the files; one at a time does.
pub(super) struct Files {
    dir: PathBuf,
    mark: Mark,
}

impl Files {
    /// Opens every index of `dir`, making the directory when it is missing, and removes what a
    /// flush that was cut short left behind. An index that is damaged is put aside and named in
    /// the warnings.
    ///
    /// # Errors
    /// `Internal` from the file system; `Unsupported` when a newer version wrote the files.
    pub(super) fn open(dir: &Path) -> Result<(Self, State)> {
        std::fs::create_dir_all(dir)?;
        let mut state = State::default();
        let mut indices = BTreeMap::new();
        for partition in partitions::directories(dir)? {
            match DayIndex::open(&partition.path).and_then(|index| Ok((index.written()?, index))) {
                Ok(index) => drop(indices.insert(partition.day, index)),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    put_aside(&partition.path)?;
                    tracing::error!(day = %partition.day, %error, "a log index is damaged");
                    let text = format!("logs of {} are damaged and left out", partition.day);
                    state.warnings.push(text);
                }
                Err(error) => return Err(error.context(partition.day)),
            }
        }
        let written = indices.values().map(|(written, _)| *written).max();
        let mark = match Mark::read(dir) {
            Ok(Some(mark)) => mark,
            Ok(None) if written.is_none() => Mark::default(),
            Err(error) if error.kind() == ErrorKind::Unsupported => return Err(error),
            lost => {
                let error = lost.err().map(|error| error.to_string());
                tracing::error!(error, "the mark of the log store is lost; its files are believed");
                let text = "replaced logs may show again: the mark of the log store was lost";
                state.warnings.push(text.to_owned());
                Mark { complete: written.unwrap_or(Lsn(0)), ..Mark::default() }
            }
        };
        for (day, (written, index)) in indices {
            let index = Arc::new(index);
            if written > mark.complete {
                let leftover = first_sequence_after(mark.complete);
                let nothing: [&LogHit; 0] = [];
                let nobody = std::iter::empty();
                index.write(Some(leftover), nobody, nothing.into_iter(), mark.complete)?;
            }
            state.days.insert(day, index.view()?);
        }
        state.hidden = Arc::new(mark.hidden.clone());
        Ok((Files { dir: dir.to_owned(), mark }, state))
    }

    /// Returns up to where the files hold every record.
    pub(super) fn complete(&self) -> Lsn {
        self.mark.complete
    }

    /// Writes the head that is out of the way, if there is one, and shows the files instead of it.
    ///
    /// # Errors
    /// `Unavailable` and `Internal` from the disk; memory and log still hold everything then, and
    /// the next call tries again.
    pub(super) fn write(&mut self, shared: &Shared) -> Result<()> {
        let Some(flushing) = shared.state.read().flushing.clone() else { return Ok(()) };
        let mut touched = BTreeSet::new();
        if !flushing.is_written() {
            touched = self.write_days(shared, &flushing)?;
            flushing.set_written();
        }
        touched.extend(flushing.head.days());
        touched.extend(flushing.hidden.values().copied());
        self.show(shared, &flushing, &touched)
    }

    fn write_days(&mut self, shared: &Shared, flushing: &Flushing) -> Result<BTreeSet<Day>> {
        let known = shared.state.read().days.clone();
        let mut added: BTreeMap<Day, Vec<&LogHit>> = BTreeMap::new();
        for hit in flushing.head.records.values() {
            added.entry(Day::of_ns(hit.position.timestamp)).or_default().push(hit.as_ref());
        }
        let mut removed: BTreeMap<Day, Vec<u64>> = BTreeMap::new();
        for (sequence, day) in &self.mark.hidden {
            if known.contains_key(day) {
                removed.entry(*day).or_default().push(*sequence);
            }
        }
        let touched: BTreeSet<Day> = added.keys().chain(removed.keys()).copied().collect();
        for day in &touched {
            let index = self.index_of(&known, *day)?;
            let cut_short = index.written()? > self.mark.complete;
            let leftover = cut_short.then(|| first_sequence_after(self.mark.complete));
            let removed = removed.remove(day).unwrap_or_default();
            let added = added.remove(day).unwrap_or_default();
            let written =
                index.write(leftover, removed.into_iter(), added.into_iter(), flushing.lsn);
            written.map_err(|error| error.context(day))?;
        }
        let mut hidden = flushing.hidden.as_ref().clone();
        hidden.retain(|sequence, day| {
            known.contains_key(day) && !self.mark.hidden.contains_key(sequence)
        });
        let mark = Mark { complete: flushing.lsn, hidden };
        mark.write(&self.dir)?;
        self.mark = mark;
        Ok(touched)
    }

    /// Puts the files in the place of the head, in one step for readers.
    fn show(&self, shared: &Shared, flushing: &Flushing, touched: &BTreeSet<Day>) -> Result<()> {
        let known = shared.state.read().days.clone();
        let mut views = Vec::new();
        for day in touched {
            if known.contains_key(day) || self.path(*day).exists() {
                views.push((*day, self.index_of(&known, *day)?.view()?));
            }
        }
        let mut state = shared.state.write();
        state.days.extend(views);
        state.flushing = None;
        let gone = |sequence: &u64| {
            flushing.hidden.contains_key(sequence) && !self.mark.hidden.contains_key(sequence)
        };
        if flushing.hidden.keys().any(gone) {
            Arc::make_mut(&mut state.hidden).retain(|sequence, _| !gone(sequence));
        }
        Ok(())
    }

    fn index_of(&self, known: &BTreeMap<Day, DayView>, day: Day) -> Result<Arc<DayIndex>> {
        if let Some(view) = known.get(&day) {
            return Ok(Arc::clone(&view.index));
        }
        let index = DayIndex::open(&self.path(day))?;
        // The directory entry is durable before the mark counts on it.
        File::open(&self.dir)?.sync_all()?;
        Ok(Arc::new(index))
    }

    fn path(&self, day: Day) -> PathBuf {
        self.dir.join(day.to_string())
    }

    /// Gives every file a second name below the new directory `to`: none is ever changed, they are
    /// only replaced. Nothing is written meanwhile, because whoever writes holds this.
    ///
    /// # Errors
    /// `Internal` from the file system.
    pub(super) fn link_to(&self, to: &Path) -> Result<()> {
        std::fs::create_dir_all(to)?;
        for partition in partitions::directories(&self.dir)? {
            let day = to.join(partition.day.to_string());
            std::fs::create_dir_all(&day)?;
            for entry in std::fs::read_dir(&partition.path)? {
                let entry = entry?;
                let is_lock = entry.file_name().to_string_lossy().ends_with(".lock");
                if !is_lock && entry.file_type()?.is_file() {
                    link(&entry.path(), &day.join(entry.file_name()))?;
                }
            }
            File::open(&day)?.sync_all()?;
        }
        self.mark.write(to)
    }

    /// Drops whole days by the limits, never the newest.
    ///
    /// # Errors
    /// `Internal` when a file cannot be removed; the rest was tried.
    pub(super) fn enforce_retention(
        &mut self,
        shared: &Shared,
        limits: RetentionLimits,
    ) -> Result<Dropped> {
        let newest = shared.state.read().days.keys().next_back().copied();
        let Some(live) = newest else { return Ok(Dropped::default()) };
        let gone = partitions::expired(&partitions::directories(&self.dir)?, limits, live);
        {
            // Searches that read the files go on; new ones do not find them.
            let mut state = shared.state.write();
            let days: BTreeSet<Day> = gone.iter().map(|partition| partition.day).collect();
            state.days.retain(|day, _| !days.contains(day));
            Arc::make_mut(&mut state.hidden).retain(|_, day| !days.contains(day));
        }
        partitions::unlink(&RealDisk, &gone)
    }
}

/// Returns the bytes that the indices below `dir` have allocated.
pub(super) fn allocated(dir: &Path) -> u64 {
    let found = partitions::directories(dir).unwrap_or_default();
    found.iter().map(|partition| partition.bytes).sum()
}

/// Links a file, or copies it where the file system cannot link.
fn link(from: &Path, to: &Path) -> Result<()> {
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to)?;
        File::open(to)?.sync_all()?;
    }
    Ok(())
}

fn put_aside(path: &Path) -> Result<()> {
    for number in 0_u32.. {
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".damaged-{number}"));
        if !Path::new(&aside).exists() {
            return std::fs::rename(path, aside).map_err(Error::from);
        }
    }
    Ok(())
}
