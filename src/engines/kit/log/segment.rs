//! Segment files: found, read, made, used again.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::kit::disk::{Disk, DiskFile};
use crate::engines::kit::log::Lsn;
use crate::engines::kit::log::format::{HEADER_BYTES, Header, RECORD_BYTES, Record};

/// A segment whose records all stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    /// The last record in it; one less than the first when it is empty.
    pub(crate) last: Lsn,
}

/// The segment that is written to.
pub(crate) struct Open {
    pub(crate) sealed: Sealed,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Where the next record goes.
    pub(crate) end: u64,
}

/// What a scan of the log found besides good records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The segment's file name.
    pub segment: String,
    /// Where the damage begins, in bytes.
    pub offset: u64,
    /// How many bytes were passed over.
    pub bytes: u64,
    /// The record that stands there whole and cannot be read; `None` when no record is found.
    pub unreadable: Option<Lsn>,
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Repair { segment, offset, bytes, unreadable } = self;
        write!(f, "{bytes} bytes of {segment} at {offset} ")?;
        match unreadable {
            Some(lsn) => {
                write!(f, "are record {}, which cannot be read, and were passed over", lsn.0)
            }
            None => write!(f, "hold no record and were passed over"),
        }
    }
}

pub(crate) fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.seg"))
}

/// Returns the number that a segment's file name tells.
pub(crate) fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".seg")?.parse().ok()
}

/// Reads a whole file.
pub(crate) fn read_all(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>> {
    let file = disk.open(path, false)?;
    let length =
        usize::try_from(file.len()?).map_err(|_| Error::corrupt("a segment is too long"))?;
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Shows `visit` every good record with its offset, in order, and returns what had to be passed over between them.
/// What follows the last good record is the torn or unused end, and no damage.
pub(crate) fn scan(
    name: &str,
    bytes: &[u8],
    header: &Header,
    visit: &mut dyn FnMut(u64, Record<'_>) -> Result<()>,
) -> Result<Vec<Repair>> {
    let mut repairs = Vec::new();
    let mut at = HEADER_BYTES;
    let mut next = header.first;
    // Zeros behind what was written may be the end of the last record: only the search leaves them out.
    let searched = without_zero_pages(bytes).len();
    loop {
        match Record::at(bytes.get(at..).unwrap_or_default(), header.epoch) {
            Some(record) if record.lsn >= next => {
                let offset = at as u64;
                next = Lsn(record.lsn.0 + 1);
                at += record.len();
                visit(offset, record)?;
            }
            _ => match next_record(bytes, at + 1..searched, header, next) {
                Some(found) => {
                    let (offset, skipped) = (at as u64, (found - at) as u64);
                    repairs.push(Repair {
                        segment: name.to_owned(),
                        offset,
                        bytes: skipped,
                        unreadable: None,
                    });
                    at = found;
                }
                None => return Ok(repairs),
            },
        }
    }
}

/// Cuts the part that was reserved and never written, or that is zeros, so that nothing is searched
/// in it.
fn without_zero_pages(mut bytes: &[u8]) -> &[u8] {
    const PAGE: usize = 4096;
    while let Some((rest, page)) = bytes.split_last_chunk::<PAGE>() {
        if *page != [0; PAGE] {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// Looks for a later record behind damage. Checksums are only computed where the length, the kind
/// and the LSN could be true, so that a whole segment is searched quickly.
fn next_record(bytes: &[u8], within: Range<usize>, header: &Header, next: Lsn) -> Option<usize> {
    let end = within.end.min(bytes.len().checked_sub(RECORD_BYTES)? + 1);
    // More records than this cannot have been lost in one segment.
    let highest = next.0.saturating_add(bytes.len() as u64 / RECORD_BYTES as u64 + 1);
    (within.start..end).find(|&at| {
        let lsn = bytes[at + 9..].first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        bytes[at + 8] != 0
            && (next.0..=highest).contains(&lsn)
            && Record::at(&bytes[at..], header.epoch).is_some()
    })
}

/// Makes a segment ready for writing: a spare file is renamed, else a new one is reserved whole.
pub(crate) fn create(
    disk: &dyn Disk,
    dir: &Path,
    spare: Option<&Path>,
    header: Header,
    bytes: u64,
) -> Result<Open> {
    let path = path_of(dir, header.number);
    if let Some(spare) = spare {
        disk.rename(spare, &path)?;
    }
    let file = disk.open(&path, true)?;
    if file.len()? < bytes {
        file.allocate(bytes)?;
    }
    file.write_at(&header.encode(), 0)?;
    file.sync_data()?;
    disk.sync_dir(dir)?;
    let last = Lsn(header.first.0 - 1);
    Ok(Open { sealed: Sealed { path, header, last }, file, end: HEADER_BYTES as u64 })
}
