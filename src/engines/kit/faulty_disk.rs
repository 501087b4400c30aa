//! A disk in memory that loses what was not synced, tears sectors and fails on demand.
//!
//! Bytes are durable after `sync_data` of their file, names after `sync_dir` of their directory. A
//! power cut lets each unsynced sector, length and name survive or not. A rename happens whole or
//! not, and never without the earlier changes of the same names, as journals have it.
//! Whoever had the disk before a cut has it no more: a program that is still running then, in
//! whatever thread, only gets errors.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::engines::kit::disk::{Disk, DiskFile};

const SECTOR: usize = 512;

/// A disk whose power can be cut. A clone belongs to the life in which it was made.
#[derive(Default)]
pub(crate) struct FaultyDisk {
    state: Arc<Mutex<State>>,
    /// How many cuts came before.
    life: AtomicU64,
}

impl Clone for FaultyDisk {
    fn clone(&self) -> Self {
        let life = AtomicU64::new(self.state.lock().life);
        FaultyDisk { state: Arc::clone(&self.state), life }
    }
}

#[derive(Default)]
struct State {
    /// The files by name, as programs see them.
    files: BTreeMap<PathBuf, Stored>,
    /// The files by name, as they are on the platter.
    durable: BTreeMap<PathBuf, Stored>,
    /// Changes of names since their directory was synced, in order.
    unsynced: Vec<NameChange>,
    /// Operations that change something, counted; those from a number on fail.
    operations: u64,
    failure: Option<Failure>,
    /// No file of this name can be made.
    refused_name: Option<PathBuf>,
    life: u64,
}

#[derive(Clone, Copy)]
struct Failure {
    from: u64,
    kind: io::ErrorKind,
    /// Whether only one operation fails, and not all behind it too.
    once: bool,
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
    dirty: BTreeSet<usize>,
    locked: bool,
}

impl Bytes {
    fn write(&mut self, written: &[u8], from: usize) {
        let to = from + written.len();
        if self.seen.len() < to {
            self.seen.resize(to, 0);
        }
        self.seen[from..to].copy_from_slice(written);
        self.dirty.extend(from / SECTOR..to.div_ceil(SECTOR));
    }

    /// Brings a sector onto the platter.
    fn settle(&mut self, sector: usize) {
        let from = (sector * SECTOR).min(self.seen.len());
        let to = (from + SECTOR).min(self.seen.len());
        if self.durable.len() < to {
            self.durable.resize(to, 0);
        }
        self.durable[from..to].copy_from_slice(&self.seen[from..to]);
    }

    fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            self.settle(sector);
        }
    }

    /// Returns what is left of the file after a cut.
    fn survive(&self, random: &mut dyn FnMut() -> bool) -> Bytes {
        let (seen, durable) = (self.seen.clone(), self.durable.clone());
        let mut left = Bytes { seen, durable, ..Bytes::default() };
        if left.durable.len() != left.seen.len() && random() {
            left.durable.resize(left.seen.len(), 0);
        }
        for sector in &self.dirty {
            if random() {
                left.settle(*sector);
            }
        }
        left.seen = left.durable.clone();
        left
    }
}

impl FaultyDisk {
    /// Lets the change number `after` from now on fail; all changes behind it fail too.
    pub(crate) fn fail_after(&self, after: u64, kind: io::ErrorKind) {
        let mut state = self.state.lock();
        state.failure = Some(Failure { from: state.operations + after, kind, once: false });
    }

    /// Lets only the change number `after` from now on fail.
    pub(crate) fn fail_once(&self, after: u64, kind: io::ErrorKind) {
        let mut state = self.state.lock();
        state.failure = Some(Failure { from: state.operations + after, kind, once: true });
    }

    /// Ends all failures.
    pub(crate) fn heal(&self) {
        self.state.lock().failure = None;
    }

    /// Returns how many changes there were.
    pub(crate) fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Lets no file of this name be made.
    pub(crate) fn refuse_name(&self, name: Option<&Path>) {
        self.state.lock().refused_name = name.map(Path::to_owned);
    }

    /// Cuts the power and gives it back: each unsynced sector, length and name survives or not as
    /// `random` says. The failure ends.
    pub(crate) fn cut_power(&self, mut random: impl FnMut() -> bool) {
        let mut state = self.state.lock();
        state.failure = None;
        state.life += 1;
        self.life.store(state.life, Ordering::Relaxed);
        let mut lost = BTreeSet::new();
        for change in std::mem::take(&mut state.unsynced) {
            if random() && !change.names().any(|name| lost.contains(name)) {
                state.settle(change);
            } else {
                lost.extend(change.names().cloned());
            }
        }
        for file in state.durable.values_mut() {
            let left = file.lock().survive(&mut random);
            *file = Arc::new(Mutex::new(left));
        }
        state.files = state.durable.clone();
    }

    /// Returns a file's bytes.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        self.state.lock().files.get(path).map(|file| file.lock().seen.clone()).unwrap_or_default()
    }

    /// Puts a whole file in place, durably.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        let (seen, durable) = (bytes.to_vec(), bytes.to_vec());
        let file = Arc::new(Mutex::new(Bytes { seen, durable, ..Bytes::default() }));
        let mut state = self.state.lock();
        state.files.insert(path.to_owned(), Arc::clone(&file));
        state.durable.insert(path.to_owned(), file);
    }

    /// Flips a bit of a file's durable bytes.
    pub(crate) fn flip_bit(&self, path: &Path, offset: usize) {
        if let Some(file) = self.state.lock().files.get(path) {
            let mut bytes = file.lock();
            bytes.seen[offset] ^= 1;
            bytes.durable[offset] ^= 1;
        }
    }

    /// Fails when the power of this handle's life was cut.
    fn powered(&self) -> io::Result<()> {
        let ended = self.state.lock().life != self.life.load(Ordering::Relaxed);
        if ended { Err(io::Error::other("the power was cut")) } else { Ok(()) }
    }

    fn change(&self) -> io::Result<()> {
        self.powered()?;
        let mut state = self.state.lock();
        state.operations += 1;
        match state.failure {
            Some(failure) if state.operations == failure.from => Err(failure.kind.into()),
            Some(failure) if state.operations > failure.from && !failure.once => {
                Err(failure.kind.into())
            }
            _ => Ok(()),
        }
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        self.powered()?;
        let known = self.state.lock().files.get(path).cloned();
        let bytes = match known {
            Some(bytes) => bytes,
            None if !create => return Err(io::ErrorKind::NotFound.into()),
            None => {
                self.change()?;
                let bytes = Arc::new(Mutex::new(Bytes::default()));
                let mut state = self.state.lock();
                if state.refused_name.as_deref() == Some(path) {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                state.files.insert(path.to_owned(), Arc::clone(&bytes));
                let new = Some(path.to_owned());
                state.unsynced.push(NameChange { file: Arc::clone(&bytes), old: None, new });
                bytes
            }
        };
        let life = AtomicU64::new(self.life.load(Ordering::Relaxed));
        let disk = FaultyDisk { state: Arc::clone(&self.state), life };
        Ok(Arc::new(FaultyFile { disk, bytes, locks: AtomicBool::new(false) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        let mut state = self.state.lock();
        if state.refused_name.as_deref() == Some(to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let file = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), Arc::clone(&file));
        let (old, new) = (Some(from.to_owned()), Some(to.to_owned()));
        state.unsynced.push(NameChange { file, old, new });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        let mut state = self.state.lock();
        let file = state.files.remove(path).ok_or(io::ErrorKind::NotFound)?;
        state.unsynced.push(NameChange { file, old: Some(path.to_owned()), new: None });
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.powered()?;
        let state = self.state.lock();
        Ok(state.files.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change()?;
        let mut state = self.state.lock();
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
        self.powered()?;
        let state = self.state.lock();
        let file = state.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(file.lock().seen.len() as u64)
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    bytes: Arc<Mutex<Bytes>>,
    locks: AtomicBool,
}

impl Drop for FaultyFile {
    fn drop(&mut self) {
        if self.locks.load(Ordering::Relaxed) {
            self.bytes.lock().locked = false;
        }
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.powered()?;
        let bytes = self.bytes.lock();
        let from = offset as usize;
        let to = from.saturating_add(buffer.len());
        let part = bytes.seen.get(from..to).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(part);
        Ok(())
    }

    fn write_at(&self, written: &[u8], offset: u64) -> io::Result<()> {
        self.disk.powered()?;
        let outcome = self.disk.change();
        // A failing write may have reached some sectors: let its first half through.
        let written = if outcome.is_ok() { written } else { &written[..written.len() / 2] };
        self.bytes.lock().write(written, offset as usize);
        outcome
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.change()?;
        self.bytes.lock().sync();
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.powered()?;
        Ok(self.bytes.lock().seen.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.change()?;
        self.bytes.lock().seen.resize(len as usize, 0);
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn try_lock(&self) -> io::Result<bool> {
        let mut bytes = self.bytes.lock();
        if bytes.locked && !self.locks.load(Ordering::Relaxed) {
            return Ok(false);
        }
        bytes.locked = true;
        self.locks.store(true, Ordering::Relaxed);
        Ok(true)
    }

    fn unlock(&self) -> io::Result<()> {
        if self.locks.swap(false, Ordering::Relaxed) {
            self.bytes.lock().locked = false;
        }
        Ok(())
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
    fn who_had_the_disk_before_a_cut_cannot_change_it_any_more() {
        let disk = FaultyDisk::default();
        let path = Path::new("/d/a");
        let program = disk.clone();
        let file = program.open(path, true).unwrap();
        file.write_at(b"old", 0).unwrap();
        file.sync_data().unwrap();
        program.sync_dir(Path::new("/d")).unwrap();
        disk.cut_power(|| false);
        assert!(file.write_at(b"new", 0).is_err() && file.sync_data().is_err());
        assert!(program.remove(path).is_err() && program.open(path, false).is_err());
        assert_eq!(disk.bytes(path), b"old");
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
