//! The entries of one table of packed blobs, of which the last few stay at hand.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::kit::container::Snapshot;
use crate::engines::metrics::blob::Blob;
use crate::engines::metrics::blob_cache::Kept;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::day::{first_whole, with_part};
use crate::engines::metrics::index::SeriesRef;
use crate::model::time::Day;

/// Blobs of one table that stay open, because series that are read one after the other came to
/// the day at different times.
const OPEN_BLOBS: usize = 2;

/// A table of packed blobs at one moment.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) day: Day,
    pub(super) table: &'static str,
    pub(super) kept: &'a Kept,
}

impl Source<'_> {
    /// Reads the blob in which the entry of a series would begin, with the first series of which that
    /// is so; `None` when no blob starts early enough, or it is damaged, which is noted.
    ///
    /// # Errors
    /// `Unavailable` and `Internal` from the container; likewise below.
    pub(super) fn blob_of(
        self,
        series: SeriesRef,
        key: impl Fn(SeriesRef) -> Vec<u8>,
        damage: &mut Damage,
    ) -> Result<Option<(SeriesRef, Arc<Blob>)>> {
        let plain = key(series);
        if let Some(known) = self.kept.holding(self.table, &plain, series) {
            return Ok(Some(known));
        }
        let row = self.snapshot.last_in(self.table, &key(0), &plain)?;
        let Some((key, bytes)) = row else { return Ok(None) };
        let first = first_whole(&key, plain.len())?;
        Ok(self.opened(&key, bytes, damage)?.map(|blob| (first, blob)))
    }

    /// Reads the blob that begins with a part of a series' entry; `None` when it is damaged or
    /// missing, which is noted.
    fn blob_with(self, key: &[u8], part: u16, damage: &mut Damage) -> Result<Option<Arc<Blob>>> {
        let key = with_part(key, part);
        if let Some(known) = self.kept.at(self.table, &key) {
            return Ok(Some(known));
        }
        let missing = || Error::corrupt("the rest of an entry is missing");
        let bytes = self.snapshot.get(self.table, &key).and_then(|row| row.ok_or_else(missing));
        self.opened(&key, bytes, damage)
    }

    fn opened(
        self,
        key: &[u8],
        bytes: Result<Vec<u8>>,
        damage: &mut Damage,
    ) -> Result<Option<Arc<Blob>>> {
        match bytes.and_then(Blob::open).map(Arc::new) {
            Ok(blob) => {
                self.kept.keep(self.table, key, &blob);
                Ok(Some(blob))
            }
            Err(error) => {
                // What is not about damaged bytes comes back from there.
                damage.note(self.day, self.table, key, &error)?;
                Ok(None)
            }
        }
    }
}

/// The blobs of one table that were read last, newest first, because the next series is mostly in
/// one of them too.
#[derive(Default)]
pub(super) struct Near {
    open: VecDeque<(SeriesRef, Arc<Blob>)>,
    /// The entry that was put together last, of parts from several blobs.
    joined: Vec<u8>,
    /// How many were read, and their bytes.
    blobs: u64,
    bytes: u64,
}

impl Near {
    /// Returns how many blobs were read, and their bytes.
    pub(super) fn touched(&self) -> (u64, u64) {
        (self.blobs, self.bytes)
    }

    /// Returns the entry of a series, if it has one.
    pub(super) fn entry(
        &mut self,
        source: Source<'_>,
        series: SeriesRef,
        key: impl Fn(SeriesRef) -> Vec<u8>,
        damage: &mut Damage,
    ) -> Result<Option<&[u8]>> {
        let holds = |(first, blob): &(SeriesRef, Arc<Blob>)| {
            *first <= series && blob.last().is_some_and(|last| series <= last)
        };
        let place = match self.open.iter().position(holds) {
            Some(place) => place,
            None => {
                let Some((first, blob)) = source.blob_of(series, &key, damage)? else {
                    return Ok(None);
                };
                self.keep(first, blob);
                0
            }
        };
        let Some((_, blob)) = self.open.get(place) else { return Ok(None) };
        match blob.lacks(series) {
            0 => Ok(self.open.get(place).and_then(|(_, blob)| blob.entry(series))),
            lacks => {
                self.joined = blob.entry(series).unwrap_or_default().to_vec();
                let whole = self.join(source, series, &key(series), lacks, damage)?;
                Ok(whole.then_some(self.joined.as_slice()))
            }
        }
    }

    /// Adds what an entry lacks from the blobs that follow. Returns whether all of it was found.
    fn join(
        &mut self,
        source: Source<'_>,
        series: SeriesRef,
        key: &[u8],
        mut lacks: usize,
        damage: &mut Damage,
    ) -> Result<bool> {
        for part in 1.. {
            let Some(blob) = source.blob_with(key, part, damage)? else { return Ok(false) };
            let Some(left) = lacks.checked_sub(blob.tail().len().max(1)) else {
                let error = Error::corrupt("an entry and its rest do not fit");
                damage.note(source.day, source.table, &with_part(key, part), &error)?;
                return Ok(false);
            };
            self.joined.extend_from_slice(blob.tail());
            lacks = left;
            self.keep(series.saturating_add(1), blob);
            if lacks == 0 {
                break;
            }
        }
        Ok(lacks == 0)
    }

    fn keep(&mut self, first: SeriesRef, blob: Arc<Blob>) {
        self.blobs += 1;
        self.bytes += blob.len() as u64;
        self.open.truncate(OPEN_BLOBS - 1);
        self.open.push_front((first, blob));
    }
}
