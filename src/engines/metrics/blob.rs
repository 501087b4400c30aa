//! Packed blobs: many small entries, each of one series, in few values of the container.
//!
//! ```text
//! version u8 = 1, entry count, directory of (series less the one before, entry length), entries
//! ```
//! Numbers are LEB128. A blob's key ends with its first series; blobs of one window do not overlap.
//! The container checks the bytes.

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_varint};
use crate::engines::metrics::index::SeriesRef;

const VERSION: u8 = 1;

/// Bytes of a full blob.
pub(super) struct Limit(pub(super) usize);

/// A blob that is being read.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    bytes: Vec<u8>,
    /// Series, start and end of each entry, rising by series.
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
        if version != VERSION {
            return Err(Error::unsupported(format!("packed blob of version {version}")));
        }
        let count = reader.count(bytes.len())?;
        let mut lengths = Vec::with_capacity(count);
        let mut series = 0_u64;
        for _ in 0..count {
            series = series.saturating_add(reader.varint()?);
            let number = SeriesRef::try_from(series)
                .map_err(|_| Error::corrupt("a packed series number is too large"))?;
            lengths.push((number, reader.count(bytes.len())?));
        }
        let mut start = bytes.len() - reader.rest().len();
        let mut directory = Vec::with_capacity(count);
        for (series, length) in lengths {
            directory.push((series, start, start + length));
            start += length;
        }
        if start != bytes.len() {
            return Err(Error::corrupt("a packed blob does not end where its directory says"));
        }
        Ok(Blob { bytes, directory })
    }

    /// Returns the number of bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the entry of a series, if it is here.
    pub(super) fn entry(&self, series: SeriesRef) -> Option<&[u8]> {
        let place = self.directory.binary_search_by_key(&series, |(own, ..)| *own).ok()?;
        let (_, start, end) = self.directory[place];
        self.bytes.get(start..end)
    }

    /// Iterates over the entries, rising by series.
    pub(super) fn entries(&self) -> impl Iterator<Item = (SeriesRef, &[u8])> {
        self.directory.iter().map(|(series, start, end)| (*series, &self.bytes[*start..*end]))
    }

    /// Returns the last series of the blob.
    pub(super) fn last(&self) -> Option<SeriesRef> {
        self.directory.last().map(|(series, ..)| *series)
    }
}

/// Packs entries, which come rising by series, into blobs.
pub(super) struct Packer {
    limit: usize,
    entries: Vec<(SeriesRef, Vec<u8>)>,
    bytes: usize,
    blobs: Vec<(SeriesRef, Vec<u8>)>,
}

/// The most that a directory entry and its share of the header take.
const ENTRY_HEAD: usize = 10;

impl Packer {
    /// Starts without entries.
    pub(super) fn new(limit: Limit) -> Self {
        Packer { limit: limit.0, entries: Vec::new(), bytes: 0, blobs: Vec::new() }
    }

    /// Adds an entry; a blob that would pass the limit is closed first.
    pub(super) fn push(&mut self, series: SeriesRef, entry: Vec<u8>) {
        let size = entry.len() + ENTRY_HEAD;
        if self.bytes + size > self.limit {
            self.close();
        }
        self.bytes += size;
        self.entries.push((series, entry));
    }

    /// Closes the current blob, because the next entry belongs behind another one.
    pub(super) fn close(&mut self) {
        let Some((first, _)) = self.entries.first() else { return };
        let first = *first;
        let mut out = Vec::with_capacity(self.bytes + ENTRY_HEAD);
        out.push(VERSION);
        put_varint(&mut out, self.entries.len() as u64);
        let mut last = 0;
        for (series, entry) in &self.entries {
            put_varint(&mut out, u64::from(series - last));
            put_varint(&mut out, entry.len() as u64);
            last = *series;
        }
        self.entries.drain(..).for_each(|(_, entry)| out.extend_from_slice(&entry));
        self.bytes = 0;
        self.blobs.push((first, out));
    }

    /// Returns the blobs that are closed by now, each with its first series.
    pub(super) fn take(&mut self) -> Vec<(SeriesRef, Vec<u8>)> {
        std::mem::take(&mut self.blobs)
    }

    /// Returns the blobs, each with its first series.
    pub(super) fn finish(mut self) -> Vec<(SeriesRef, Vec<u8>)> {
        self.close();
        self.blobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_in_the_blob_that_starts_before_them() {
        let mut packer = Packer::new(Limit(1_000));
        for series in 0..100 {
            packer.push(series * 3, vec![series as u8; 40]);
        }
        let blobs = packer.finish();
        assert!(blobs.len() > 4 && blobs.iter().all(|(_, blob)| blob.len() <= 1_000));
        for series in 0..300 {
            let (_, bytes) = blobs.iter().rfind(|(first, _)| *first <= series).unwrap();
            let blob = Blob::open(bytes.clone()).unwrap();
            let wanted = (series % 3 == 0).then(|| vec![(series / 3) as u8; 40]);
            assert_eq!(blob.entry(series).map(<[u8]>::to_vec), wanted);
        }
    }

    #[test]
    fn damaged_blobs_are_an_error() {
        let mut packer = Packer::new(Limit(1_000));
        packer.push(7, vec![1; 40]);
        let (_, bytes) = packer.finish().remove(0);
        assert!(Blob::open(bytes[..20].to_vec()).is_err());
        assert!(Blob::open(vec![9, 0]).is_err());
        for place in 0..4 {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x7f;
            let _ = Blob::open(damaged).map(|blob| blob.entries().count());
        }
    }
}
