//! The one log of all three signals: the only thing that acknowledges a write.
//!
//! In: payloads of the engines' writers. Out: an LSN at once, and word when the record is durable.
//! One thread writes: it takes everything that waits, writes it in one piece, syncs once and wakes
//! everybody, so that an idle log syncs at once and a busy one batches by itself. Records are never
//! changed; a segment is used again when every signal's files hold all that is in it.
//! See [`format`] for the bytes.
//!
//! An error of a write or a sync closes the log for good: what reached the disk is unknown then,
//! and trying again could acknowledge what is not there.

mod format;
mod segment;
mod commit;
#[doc(hidden)]
pub mod fuzz;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::disk::Disk;
use crate::engines::kit::log::commit::Committer;
use crate::engines::kit::log::format::{Header, MAX_PAYLOAD};
use crate::engines::kit::log::segment::{Sealed, number_of, read_all, scan};

pub use crate::engines::kit::log::commit::Pending;
pub(crate) use crate::engines::kit::log::format::Packed;
pub use crate::engines::kit::log::segment::Repair;

/// How long a writer that met a full or closed log should wait.
const RETRY: Duration = Duration::from_secs(5);

/// Whose record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Metrics.
    Metrics = 1,
    /// Logs.
    Logs = 2,
    /// Traces.
    Traces = 3,
}

impl Signal {
    /// All signals.
    pub const ALL: [Signal; 3] = [Signal::Metrics, Signal::Logs, Signal::Traces];

    /// Returns the lower-case word.
    pub fn word(self) -> &'static str {
        match self {
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
            Signal::Traces => "traces",
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Signal::ALL.into_iter().find(|signal| *signal as u8 == byte)
    }
}

/// The number of a record, from 1 on, rising by one over all signals; 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

/// How the log works.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The size of one segment file.
    pub segment_bytes: u64,
    /// Bytes that may wait for the disk; more is refused.
    pub max_pending_bytes: u64,
    /// The share of the disk that must stay free, 0 to 1; below it writes are refused.
    pub min_free: f64,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions { segment_bytes: 64 << 20, max_pending_bytes: 64 << 20, min_free: 0.05 }
    }
}

/// The log. Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    disk: Arc<dyn Disk>,
    committer: Committer,
    /// What stood in the log when it was opened.
    found: Vec<Sealed>,
    /// The damage of both the opening and the replays.
    repairs: Mutex<Vec<Repair>>,
    checkpoints: Mutex<[Option<Lsn>; 3]>,
}

impl Log {
    /// Opens the log in `dir`, making it when it is missing. Records that were written but never
    /// synced may be missing at its end; everything acknowledged is there.
    ///
    /// # Errors
    /// `Unsupported` for a newer format, and those of the disk.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: LogOptions) -> Result<Log> {
        disk.create_dir(dir)?;
        let (mut found, mut spares, mut repairs) = (Vec::new(), Vec::new(), Vec::new());
        let mut last = Lsn(0);
        let mut last_number = 0;
        for path in disk.list(dir)? {
            let Some(number) = number_of(&path) else { continue };
            last_number = last_number.max(number);
            match inspect(disk.as_ref(), &path)? {
                Some((sealed, mut damage)) => {
                    last = last.max(sealed.last);
                    found.push(sealed);
                    repairs.append(&mut damage);
                }
                None => spares.push(path),
            }
        }
        let header =
            Header { number: last_number + 1, first: Lsn(last.0 + 1), epoch: rand::random() };
        let committer =
            Committer::start(Arc::clone(&disk), dir, options, header, found.clone(), spares)?;
        let (checkpoints, repairs) = (Mutex::default(), Mutex::new(repairs));
        Ok(Log(Arc::new(Inner { disk, committer, found, repairs, checkpoints })))
    }

    /// Returns the damage that was found and passed over when the log was opened and replayed.
    pub fn repairs(&self) -> Vec<Repair> {
        self.0.repairs.lock().clone()
    }

    /// Puts a record in order. It is durable once the returned [`Pending`] says so.
    ///
    /// # Errors
    /// `Unavailable` when too much waits, the disk is nearly full or the log was closed;
    /// `LimitExceeded` for a payload over 512 MiB. Nothing was written then.
    pub fn append(&self, signal: Signal, payload: &[u8]) -> Result<Pending> {
        if payload.len() > MAX_PAYLOAD {
            return Err(too_large());
        }
        self.append_packed(Packed::of(signal, payload))
    }

    /// Puts a record in order whose payload was packed before.
    ///
    /// # Errors
    /// Those of [`Log::append`].
    pub(crate) fn append_packed(&self, packed: Packed) -> Result<Pending> {
        if packed.payload_len() > MAX_PAYLOAD {
            return Err(too_large());
        }
        self.0.committer.append(packed)
    }

    /// Shows `visit` the records of a signal behind `after`, in order, as they were when the log
    /// was opened. A record that does not decompress, or that `visit` calls `Corrupt`, is noted in
    /// [`Log::repairs`] and passed over: it must not keep the others away.
    ///
    /// # Errors
    /// Every other error of `visit`, such as `Unsupported` for a newer encoding, and those of the
    /// disk.
    pub fn replay(
        &self,
        signal: Signal,
        after: Lsn,
        visit: &mut dyn FnMut(Lsn, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.0.committer.ensure_after(after);
        for sealed in self.0.found.iter().filter(|sealed| sealed.last > after) {
            let bytes = read_all(self.0.disk.as_ref(), &sealed.path)?;
            scan("", &bytes, &sealed.header, &mut |offset, record| {
                if record.signal != signal || record.lsn <= after {
                    return Ok(());
                }
                match record.payload().and_then(|payload| visit(record.lsn, &payload)) {
                    Err(error) if error.kind() == ErrorKind::Corrupt => {
                        let (bytes, unreadable) = (record.len() as u64, Some(record.lsn));
                        let segment = file_name(&sealed.path);
                        self.pass_over(Repair { segment, offset, bytes, unreadable }, &error);
                        Ok(())
                    }
                    outcome => outcome,
                }
            })?;
        }
        Ok(())
    }

    fn pass_over(&self, repair: Repair, error: &Error) {
        let mut repairs = self.0.repairs.lock();
        if !repairs.contains(&repair) {
            tracing::warn!(%repair, %error, "a record of the log was passed over");
            repairs.push(repair);
        }
    }

    /// Tells that the files of `signal` hold all of its records up to `lsn`. Segments that no
    /// signal needs are used again.
    pub fn checkpoint(&self, signal: Signal, lsn: Lsn) {
        let mut checkpoints = self.0.checkpoints.lock();
        let own = &mut checkpoints[signal as usize - 1];
        *own = Some(own.map_or(lsn, |before| before.max(lsn)));
        if let [Some(metrics), Some(logs), Some(traces)] = *checkpoints {
            self.0.committer.release(metrics.min(logs).min(traces));
        }
    }

    /// Returns the number that the next record of any signal gets at the earliest.
    pub(crate) fn next(&self) -> Lsn {
        self.0.committer.next()
    }

    /// Returns the last record that is durable.
    pub fn durable(&self) -> Lsn {
        self.0.committer.durable()
    }

    /// Returns the bytes that the log's segments have allocated.
    pub fn disk_bytes(&self) -> u64 {
        let paths = self.0.committer.paths();
        paths.iter().filter_map(|path| self.0.disk.allocated(path).ok()).sum()
    }

    /// Writes what waits and closes the log; later appends are refused.
    ///
    /// # Errors
    /// `Unavailable` when the log was closed by an error before.
    pub fn close(&self) -> Result<()> {
        self.0.committer.close()
    }
}

/// Reads a segment's header and finds its last record; `None` for a file without a header.
fn inspect(disk: &dyn Disk, path: &Path) -> Result<Option<(Sealed, Vec<Repair>)>> {
    let bytes = read_all(disk, path)?;
    let Some(header) = Header::decode(&bytes)? else { return Ok(None) };
    let mut last = Lsn(header.first.0.saturating_sub(1));
    let repairs = scan(&file_name(path), &bytes, &header, &mut |_, record| {
        last = record.lsn;
        Ok(())
    })?;
    Ok(Some((Sealed { path: path.to_owned(), header, last }, repairs)))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn too_large() -> Error {
    let kind = ErrorKind::LimitExceeded;
    Error::new(kind, "the batch is too large for the log; send smaller ones")
}

fn closed(reason: &str) -> Error {
    Error::unavailable(reason, RETRY)
}

#[cfg(test)]
mod tests;
