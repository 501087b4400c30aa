//! A disk in memory that loses what was not synced, tears sectors and fails on demand.

use std::collections::BTreeMap;
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
    files: BTreeMap<PathBuf, Arc<Mutex<Bytes>>>,
    /// Operations that change something, counted; the one of this number fails.
    operations: u64,
    fail_at: Option<(u64, io::ErrorKind)>,
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

    /// Cuts the power: each unsynced sector survives or not as `random` says. The failure ends.
    pub(crate) fn cut_power(&self, mut random: impl FnMut() -> bool) {
        let mut state = self.0.lock();
        state.fail_at = None;
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
                self.0.lock().files.insert(path.to_owned(), Arc::clone(&bytes));
                bytes
            }
        };
        Ok(Arc::new(FaultyFile { disk: self.clone(), bytes }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change()?;
        let mut state = self.0.lock();
        let file = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change()?;
        self.0.lock().files.remove(path).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.0.lock();
        Ok(state.files.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.change()
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
