//! A disk in memory that loses what was not synced, tears sectors and fails on demand.
//!
//! Bytes are durable after `sync_data` of their file, names after `sync_dir` of their directory. A
//! power cut lets each unsynced sector and each unsynced name survive or not. A rename happens whole
//! or not, and never without the earlier changes of the same names, as journals have it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::engines::kit::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

/// A disk whose power can be cut.
#[derive(Clone, Default)]
pub(crate) struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The files by name, as programs see them.
    files: BTreeMap<PathBuf, Stored>,
    /// The files by name, as they are on the platter.
    durable: BTreeMap<PathBuf, Stored>,
    /// Changes of names since their directory was synced, in order.
    unsynced: Vec<NameChange>,
    /// Operations that change something, counted; the one of this number fails.
    operations: u64,
    fail_at: Option<(u64, io::ErrorKind)>,
}

type Stored = Arc<Mutex<Bytes>>;

/// A file lost a name, won one, or both at once.
struct NameChange {
    file: Stored,
    old: Option<PathBuf>,
    new: Option<PathBuf>,
}

impl NameChange {
    fn names(&self) -> impl Iterator<Item = &PathBuf> {
        self.old.iter().chain(&self.new)
    }
}

impl State {
    /// Makes a change of names durable.
    fn settle(&mut self, change: NameChange) {
        if let Some(old) = &change.old
            && self.durable.get(old).is_some_and(|file| Arc::ptr_eq(file, &change.file))
        {
            self.durable.remove(old);
        }
        if let Some(new) = change.new {
            self.durable.insert(new, change.file);
        }
    }
}

/// A file's bytes as programs see them and as they are on the platter.
#[derive(Default)]
struct Bytes {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that were written since the last sync.
    dirty: Vec<usize>,
}

impl FaultyDisk {
    /// Lets the change number `after` from now on fail; all changes behind it fail too.
    pub(crate) fn fail_after(&self, after: u64, kind: io::ErrorKind) {
        let mut state = self.0.lock();
        state.fail_at = Some((state.operations + after, kind));
    }

    /// Cuts the power: each unsynced sector and name survives or not as `random` says. The failure
    /// ends.
    pub(crate) fn cut_power(&self, mut random: impl FnMut() -> bool) {
        let mut state = self.0.lock();
        state.fail_at = None;
        let mut lost = BTreeSet::new();
        for change in std::mem::take(&mut state.unsynced) {
            if random() && !change.names().any(|name| lost.contains(name)) {
                state.settle(change);
            } else {
                lost.extend(change.names().cloned());
            }
        }
        state.files = state.durable.clone();
        for file in state.files.values() {
            let mut bytes = file.lock();
            let dirty = std::mem::take(&mut bytes.dirty);
            for sector in dirty.into_iter().filter(|_| random()) {
                let from = (sector * SECTOR).min(bytes.seen.len());
                let to = (from + SECTOR).min(bytes.seen.len());
                if bytes.durable.len() < to {
                    bytes.durable.resize(to, 0);
                }
                let copy = bytes.seen[from..to].to_vec();
                bytes.durable[from..to].copy_from_slice(&copy);
            }
            bytes.seen = bytes.durable.clone();
        }
    }

    /// Flips a bit of a file's durable bytes.
    pub(crate) fn flip_bit(&self, path: &Path, offset: usize) {
        if let Some(file) = self.0.lock().files.get(path) {
            let mut bytes = file.lock();
            bytes.seen[offset] ^= 1;
            bytes.durable[offset] ^= 1;
        }
    }

    fn change(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.operations += 1;
        match state.fail_at {
            Some((at, kind)) if state.operations >= at => Err(kind.into()),
            _ => Ok(()),
        }
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let known = self.0.lock().files.get(path).cloned();
        let bytes = match known {
            Some(bytes) => bytes,
            None if !create => return Err(io::ErrorKind::NotFound.into()),
            None => {
                self.change()?;
                let bytes = Arc::new(Mutex::new(Bytes::default()));
                let mut state = self.0.lock();
                state.files.insert(path.to_owned(), Arc::clone(&bytes));
                let new = Some(path.to_owned());
                state.unsynced.push(NameChange { file: Arc::clone(&bytes), old: None, new });
                bytes
            }
        };
        Ok(Arc::new(FaultyFile { disk: self.clone(), bytes }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        let mut state = self.0.lock();
        let file = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), Arc::clone(&file));
        let (old, new) = (Some(from.to_owned()), Some(to.to_owned()));
        state.unsynced.push(NameChange { file, old, new });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        let mut state = self.0.lock();
        let file = state.files.remove(path).ok_or(io::ErrorKind::NotFound)?;
        state.unsynced.push(NameChange { file, old: Some(path.to_owned()), new: None });
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.0.lock();
        Ok(state.files.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change()?;
        let mut state = self.0.lock();
        let unsynced = std::mem::take(&mut state.unsynced);
        for change in unsynced {
            if change.names().any(|name| name.parent() == Some(dir)) {
                state.settle(change);
            } else {
                state.unsynced.push(change);
            }
        }
        Ok(())
    }

    fn free_share(&self, _: &Path) -> io::Result<f64> {
        Ok(1.0)
    }

    fn allocated(&self, path: &Path) -> io::Result<u64> {
        let state = self.0.lock();
        Ok(state.files.get(path).map_or(0, |file| file.lock().seen.len() as u64))
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    bytes: Arc<Mutex<Bytes>>,
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.bytes.lock();
        let from = offset as usize;
        let part = bytes.seen.get(from..from + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(part);
        Ok(())
    }

    fn write_at(&self, written: &[u8], offset: u64) -> io::Result<()> {
        let outcome = self.disk.change();
        // A failing write may have reached some sectors: let its first half through.
        let written = if outcome.is_ok() { written } else { &written[..written.len() / 2] };
        let mut bytes = self.bytes.lock();
        let from = offset as usize;
        let to = from + written.len();
        if bytes.seen.len() < to {
            bytes.seen.resize(to, 0);
        }
        bytes.seen[from..to].copy_from_slice(written);
        bytes.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
        outcome
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.change()?;
        let mut bytes = self.bytes.lock();
        bytes.durable = bytes.seen.clone();
        bytes.dirty.clear();
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().seen.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.change()?;
        let mut bytes = self.bytes.lock();
        bytes.seen.resize(len as usize, 0);
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(disk: &FaultyDisk) -> Vec<PathBuf> {
        disk.list(Path::new("/d")).unwrap()
    }

    #[test]
    fn names_are_lost_at_a_cut_until_their_directory_is_synced() {
        let disk = FaultyDisk::default();
        let [a, b] = ["/d/a", "/d/b"].map(Path::new);
        disk.open(a, true).unwrap().sync_data().unwrap();
        disk.cut_power(|| false);
        assert_eq!(names(&disk), Vec::<PathBuf>::new());

        disk.open(a, true).unwrap();
        disk.sync_dir(Path::new("/other")).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.rename(a, b).unwrap();
        disk.cut_power(|| false);
        assert_eq!(names(&disk), [a], "the rename is undone");

        disk.rename(a, b).unwrap();
        disk.cut_power(|| true);
        assert_eq!(names(&disk), [b], "the rename happened by chance");

        disk.remove(b).unwrap();
        disk.cut_power(|| false);
        assert_eq!(names(&disk), [b], "the file is back");
        disk.remove(b).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.cut_power(|| false);
        assert_eq!(names(&disk), Vec::<PathBuf>::new());
    }

    #[test]
    fn no_change_of_a_name_survives_one_before_it_that_was_lost() {
        let disk = FaultyDisk::default();
        let [a, b] = ["/d/a", "/d/b"].map(Path::new);
        disk.open(a, true).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        disk.rename(a, b).unwrap();
        disk.open(a, true).unwrap().write_at(b"new", 0).unwrap();
        let mut first = true;
        disk.cut_power(|| !std::mem::take(&mut first));
        assert_eq!(names(&disk), [a]);
        assert_eq!(disk.open(a, false).unwrap().len().unwrap(), 0, "the old file");
    }
}
