//! What of a day was deleted: intervals of sealed series, and series with nothing left.
//!
//! ```text
//! version u8 = 1
//! count of series with nothing left, each: number less the one before
//! count of series with deleted intervals, each: number less the one before,
//!   count of intervals, each: start (signed), end less start
//! ```
//! Windows are rewritten without what is deleted; sealed tables stay as they are until the day is
//! sealed again, and readers leave out what is deleted. So points that come later stay.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_signed, put_varint};
use crate::engines::metrics::index::SeriesRef;
use crate::model::time::{TimeRange, TimestampMs};

const VERSION: u8 = 1;

/// What of one day was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tombstones {
    gone: BTreeSet<SeriesRef>,
    sealed: BTreeMap<SeriesRef, Vec<TimeRange<TimestampMs>>>,
}

impl Tombstones {
    /// Returns whether nothing was deleted.
    pub(super) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.sealed.is_empty()
    }

    /// Returns whether sealing the day again would free something.
    pub(super) fn hides_sealed(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// Returns the series with nothing left.
    pub(super) fn gone(&self) -> &BTreeSet<SeriesRef> {
        &self.gone
    }

    /// Returns what is deleted of a sealed series, in time order, apart from each other.
    pub(super) fn of(&self, series: SeriesRef) -> &[TimeRange<TimestampMs>] {
        self.sealed.get(&series).map_or(&[], Vec::as_slice)
    }

    /// Deletes a range of a sealed series.
    pub(super) fn delete(&mut self, series: SeriesRef, range: TimeRange<TimestampMs>) {
        let ranges = self.sealed.entry(series).or_default();
        let mut joined = range;
        ranges.retain(|other| {
            let apart = !other.overlaps(&joined);
            if !apart {
                joined.start = joined.start.min(other.start);
                joined.end = joined.end.max(other.end);
            }
            apart
        });
        let place = ranges.partition_point(|other| other.start < joined.start);
        ranges.insert(place, joined);
    }

    /// Notes that nothing is left of a series.
    pub(super) fn lose(&mut self, series: SeriesRef) {
        self.gone.insert(series);
    }

    /// Notes that a series has something again; returns whether it had nothing.
    pub(super) fn revive(&mut self, series: SeriesRef) -> bool {
        self.gone.remove(&series)
    }

    /// Encodes the row.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_varint(&mut out, self.gone.len() as u64);
        let mut last = 0;
        for series in &self.gone {
            put_varint(&mut out, u64::from(series - last));
            last = *series;
        }
        put_varint(&mut out, self.sealed.len() as u64);
        let mut last = 0;
        for (series, ranges) in &self.sealed {
            put_varint(&mut out, u64::from(series - last));
            last = *series;
            put_varint(&mut out, ranges.len() as u64);
            for range in ranges {
                put_signed(&mut out, range.start.0);
                put_varint(&mut out, range.end.0.wrapping_sub(range.start.0) as u64);
            }
        }
        out
    }

    /// Decodes the row.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged, `Unsupported` when a newer version wrote it.
    pub(super) fn decode(row: &[u8]) -> Result<Self> {
        let mut bytes = Reader::new(row);
        let version = bytes.byte()?;
        if version != VERSION {
            return Err(Error::unsupported(format!("deletions of version {version}")));
        }
        let mut found = Tombstones::default();
        let mut series = 0;
        for _ in 0..bytes.count(row.len())? {
            series = next(series, &mut bytes)?;
            found.gone.insert(series);
        }
        let mut series = 0;
        for _ in 0..bytes.count(row.len())? {
            series = next(series, &mut bytes)?;
            for _ in 0..bytes.count(row.len())? {
                let start = bytes.signed()?;
                let end = start.wrapping_add(bytes.varint()? as i64);
                found.delete(series, TimeRange::new(TimestampMs(start), TimestampMs(end)));
            }
        }
        Ok(found)
    }
}

fn next(last: SeriesRef, bytes: &mut Reader<'_>) -> Result<SeriesRef> {
    let distance = SeriesRef::try_from(bytes.varint()?).ok();
    let series = distance.and_then(|distance| last.checked_add(distance));
    series.ok_or_else(|| Error::corrupt("a deleted series has too large a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: i64, end: i64) -> TimeRange<TimestampMs> {
        TimeRange::new(TimestampMs(start), TimestampMs(end))
    }

    #[test]
    fn deletions_join_and_come_back() {
        let mut tombstones = Tombstones::default();
        for (start, end) in [(50, 60), (10, 20), (15, 30), (5, 9), (58, 70)] {
            tombstones.delete(7, range(start, end));
        }
        tombstones.delete(900, range(i64::MIN, i64::MAX));
        tombstones.lose(3);
        tombstones.lose(900);
        assert_eq!(tombstones.of(7), [range(5, 9), range(10, 30), range(50, 70)]);
        assert_eq!(tombstones.of(8), []);
        assert!(tombstones.revive(3) && !tombstones.revive(3));
        let row = tombstones.encode();
        assert_eq!(Tombstones::decode(&row).unwrap(), tombstones);
        assert!(Tombstones::decode(&row[..row.len() - 1]).is_err());
        assert!(Tombstones::decode(&[9]).is_err());
    }
}
