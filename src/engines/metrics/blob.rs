//! Packed blobs: many small entries, each of one series, in few values of the container.
//!
//! ```text
//! version u8 = 1, entry count, directory of (series less the one before, entry length), entries
//! version u8 = 2, tail length, entry count, directory, tail, entries
//! ```
//! Numbers are LEB128. A blob's key ends with its first series; blobs of one window do not overlap.
//! The container checks the bytes.
//!
//! Blobs of version 2 are full to the last byte: the last entry is cut where the blob ends, and what
//! it lacks is the tail of the next one, or of the next few. Such a blob is named by the series of
//! its tail, and by how many parts of that entry came before.

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_varint};
use crate::engines::metrics::index::SeriesRef;

const WHOLE: u8 = 1;
const CUT: u8 = 2;

/// No entry is longer: 4 GiB of a series and a day.
const MAX_ENTRY: usize = u32::MAX as usize;

/// Bytes of a full blob.
pub(super) struct Limit(pub(super) usize);

/// A blob that is being read.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    bytes: Vec<u8>,
    /// Where the entries begin, and before them the tail.
    tail: (usize, usize),
    /// Series, start and end of each entry, rising by series; the last may end behind the bytes.
    directory: Vec<(SeriesRef, usize, usize)>,
}

impl Blob {
    /// Reads the directory.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are no blob, `Unsupported` when a newer version wrote them.
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self> {
        let mut reader = Reader::new(&bytes);
        let version = reader.byte()?;
        let tail = match version {
            WHOLE => 0,
            CUT => reader.count(bytes.len())?,
            other => return Err(Error::unsupported(format!("packed blob of version {other}"))),
        };
        let count = reader.count(bytes.len())?;
        let mut lengths = Vec::with_capacity(count);
        let mut series = 0_u64;
        for _ in 0..count {
            series = series.saturating_add(reader.varint()?);
            let number = SeriesRef::try_from(series)
                .map_err(|_| Error::corrupt("a packed series number is too large"))?;
            lengths.push((number, reader.count(MAX_ENTRY)?));
        }
        let begin = bytes.len() - reader.rest().len();
        let tail = (begin, begin + tail);
        let mut start = tail.1;
        let mut last = start;
        let mut directory = Vec::with_capacity(count);
        for (series, length) in lengths {
            directory.push((series, start, start + length));
            last = start;
            start += length;
        }
        let is_cut = version == CUT && last < bytes.len() && bytes.len() < start;
        if start != bytes.len() && !is_cut {
            return Err(Error::corrupt("a packed blob does not end where its directory says"));
        }
        Ok(Blob { bytes, tail, directory })
    }

    /// Returns how much memory the blob takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + size_of_val(self.directory.as_slice())
    }

    /// Returns the number of bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the entry of a series, if it is here, as far as it is.
    pub(super) fn entry(&self, series: SeriesRef) -> Option<&[u8]> {
        let (start, end) = self.place(series)?;
        self.bytes.get(start..end.min(self.bytes.len()))
    }

    /// Returns how many bytes of a series' entry are in the blobs behind this one.
    pub(super) fn lacks(&self, series: SeriesRef) -> usize {
        self.place(series).map_or(0, |(_, end)| end.saturating_sub(self.bytes.len()))
    }

    fn place(&self, series: SeriesRef) -> Option<(usize, usize)> {
        let place = self.directory.binary_search_by_key(&series, |(own, ..)| *own).ok()?;
        let (_, start, end) = self.directory[place];
        Some((start, end))
    }

    /// Returns what the blob holds of an entry that begins before it.
    pub(super) fn tail(&self) -> &[u8] {
        self.bytes.get(self.tail.0..self.tail.1).unwrap_or_default()
    }

    /// Iterates over the entries, rising by series; only those of whole blobs are all of it.
    pub(super) fn entries(&self) -> impl Iterator<Item = (SeriesRef, &[u8])> {
        let within = |end: usize| end.min(self.bytes.len());
        self.directory
            .iter()
            .map(move |(series, start, end)| (*series, &self.bytes[*start..within(*end)]))
    }

    /// Returns the last series of the blob.
    pub(super) fn last(&self) -> Option<SeriesRef> {
        self.directory.last().map(|(series, ..)| *series)
    }
}

/// A blob that was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// The first series; with a part, the one whose entry began in a blob before.
    pub(super) first: SeriesRef,
    /// How many parts of that entry came before; 0 when it begins here.
    pub(super) part: u16,
    /// What is stored.
    pub(super) bytes: Vec<u8>,
}

/// Packs entries, which come rising by series, into blobs.
pub(super) struct Packer {
    limit: usize,
    /// Whether entries are cut, so that blobs are full.
    cuts: bool,
    /// The series of the tail, and its parts before.
    cut: (SeriesRef, u16),
    tail: Vec<u8>,
    /// Series, length of the whole entry, and what is here of it.
    entries: Vec<(SeriesRef, usize, Vec<u8>)>,
    bytes: usize,
    blobs: Vec<Packed>,
}

/// The most that a directory entry and its share of the header take.
const ENTRY_HEAD: usize = 10;

/// The most that the length of a tail and its version's byte take.
const TAIL_HEAD: usize = 4;

/// The fewest bytes that an entry leaves in a blob that cannot hold it.
const MIN_PART: usize = 256;

impl Packer {
    /// Starts without entries; every blob will hold whole ones.
    pub(super) fn new(limit: Limit) -> Self {
        Packer {
            limit: limit.0,
            cuts: false,
            cut: (0, 0),
            tail: Vec::new(),
            entries: Vec::new(),
            bytes: 0,
            blobs: Vec::new(),
        }
    }

    /// Starts without entries, which will be cut where a blob is full.
    pub(super) fn cutting(limit: Limit) -> Self {
        Packer { cuts: true, ..Packer::new(limit) }
    }

    /// Adds an entry; a blob that would pass the limit is closed first, or where the entry is cut.
    pub(super) fn push(&mut self, series: SeriesRef, mut entry: Vec<u8>) {
        let length = entry.len();
        let room = self.room();
        if length > room && (!self.cuts || room < MIN_PART) {
            self.close();
        }
        let rest = if self.cuts { entry.split_off(self.room().min(length)) } else { Vec::new() };
        self.bytes += entry.len() + ENTRY_HEAD;
        self.entries.push((series, length, entry));
        if !rest.is_empty() {
            self.push_rest(series, rest);
        }
    }

    /// Returns how long an entry may be that still fits.
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes + ENTRY_HEAD + TAIL_HEAD)
    }

    /// Puts what did not fit in front of the next blobs.
    fn push_rest(&mut self, series: SeriesRef, mut rest: Vec<u8>) {
        for part in 1.. {
            self.close();
            self.cut = (series, part);
            self.tail = rest;
            self.bytes = 0;
            rest = self.tail.split_off(self.tail.len().min(self.room()));
            self.bytes = self.tail.len();
            if rest.is_empty() {
                return;
            }
        }
    }

    /// Closes the current blob, because the next entry belongs behind another one.
    pub(super) fn close(&mut self) {
        let (first, part) = match self.entries.first() {
            _ if !self.tail.is_empty() => self.cut,
            Some((first, ..)) => (*first, 0),
            None => return,
        };
        let mut out = Vec::with_capacity(self.bytes + ENTRY_HEAD);
        if self.cuts {
            out.push(CUT);
            put_varint(&mut out, self.tail.len() as u64);
        } else {
            out.push(WHOLE);
        }
        put_varint(&mut out, self.entries.len() as u64);
        let mut last = 0;
        for (series, length, _) in &self.entries {
            put_varint(&mut out, u64::from(series - last));
            put_varint(&mut out, *length as u64);
            last = *series;
        }
        out.append(&mut self.tail);
        self.entries.drain(..).for_each(|(_, _, entry)| out.extend_from_slice(&entry));
        self.bytes = 0;
        self.blobs.push(Packed { first, part, bytes: out });
    }

    /// Returns the blobs that are closed by now.
    pub(super) fn take(&mut self) -> Vec<Packed> {
        std::mem::take(&mut self.blobs)
    }

    /// Returns the blobs.
    pub(super) fn finish(mut self) -> Vec<Packed> {
        self.close();
        self.blobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(blobs: &[Packed], series: SeriesRef) -> Option<Vec<u8>> {
        let begins = blobs.iter().rposition(|blob| (blob.first, blob.part) <= (series, 0))?;
        let blob = Blob::open(blobs[begins].bytes.clone()).unwrap();
        let mut entry = blob.entry(series)?.to_vec();
        let mut lacks = blob.lacks(series);
        for (part, next) in (1..).zip(&blobs[begins + 1..]) {
            if lacks == 0 {
                break;
            }
            assert_eq!((next.first, next.part), (series, part));
            let next = Blob::open(next.bytes.clone()).unwrap();
            entry.extend_from_slice(next.tail());
            lacks -= next.tail().len();
        }
        assert_eq!(lacks, 0);
        Some(entry)
    }

    #[test]
    fn entries_are_found_in_the_blob_that_starts_before_them() {
        for mut packer in [Packer::new(Limit(1_000)), Packer::cutting(Limit(1_000))] {
            for series in 0..100 {
                packer.push(series * 3, vec![series as u8; 40]);
            }
            let blobs = packer.finish();
            assert!(blobs.len() > 4 && blobs.iter().all(|blob| blob.bytes.len() <= 1_000));
            for series in 0..300 {
                let wanted = (series % 3 == 0).then(|| vec![(series / 3) as u8; 40]);
                assert_eq!(entry(&blobs, series), wanted);
            }
        }
    }

    #[test]
    fn damaged_blobs_are_an_error() {
        for mut packer in [Packer::new(Limit(1_000)), Packer::cutting(Limit(1_000))] {
            packer.push(7, vec![1; 40]);
            let bytes = packer.finish().remove(0).bytes;
            assert!(Blob::open(bytes[..3].to_vec()).is_err());
            assert!(Blob::open(vec![9, 0]).is_err());
            for place in 0..5 {
                let mut damaged = bytes.clone();
                damaged[place] ^= 0x7f;
                let _ = Blob::open(damaged).map(|blob| blob.entries().count());
            }
        }
    }

    proptest! {
        #[test]
        fn cut_entries_come_back_from_full_blobs(sizes in prop::collection::vec((1_u32..3, 0_usize..9_000), 1..60)) {
            let mut packer = Packer::cutting(Limit(2_000));
            let mut wanted = Vec::new();
            let mut series = 0;
            for (step, size) in sizes {
                series += step;
                let bytes: Vec<u8> = (0..size).map(|place| (place % 251) as u8 ^ series as u8).collect();
                packer.push(series, bytes.clone());
                wanted.push((series, bytes));
            }
            let blobs = packer.finish();
            prop_assert!(blobs.iter().all(|blob| blob.bytes.len() <= 2_000));
            for (series, bytes) in wanted {
                prop_assert_eq!(entry(&blobs, series), Some(bytes));
            }
        }
    }
}
