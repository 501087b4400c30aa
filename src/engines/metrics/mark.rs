//! How far the log is in a day file, as one small row that every flush rewrites.
//!
//! ```text
//! version u8 = 3, flushed LSN, complete LSN, newest time (signed), oldest and newest time of the
//! day's points (signed; oldest > newest when there is none), number of series,
//! number of sealed series and 1 (0: a live day), whether anything changed since (u8)
//! ```
//! Version 1 ends with the number of series: a live day. Before version 3 no sealed blob is cut.

use crate::base::error::{Error, Result};
use crate::engines::kit::log::Lsn;
use crate::engines::metrics::codec::bytes::{Reader, put_signed, put_varint};
use crate::engines::metrics::index::SeriesRef;
use crate::model::time::{TimeRange, TimestampMs};

const VERSION: u8 = 3;

/// How far the log is in a day file, and what time its points span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Every point of this day up to here is in this file.
    pub(super) flushed: Lsn,
    /// Every point of any day up to here is in some file; written to the newest day only, last.
    pub(super) complete: Lsn,
    /// The newest point of the whole store at `complete`; `i64::MIN` when there was none.
    pub(super) newest: i64,
    /// The oldest and newest point of this day; empty when there is none.
    pub(super) bounds: TimeRange<TimestampMs>,
    /// Series of this day: the number that the next new one gets.
    pub(super) series: SeriesRef,
    /// Of a sealed day the number of series in the sealed tables, numbered in the order of their
    /// labels; later ones and late points are in the tables of a live day.
    pub(super) sealed: Option<SeriesRef>,
    /// Whether points came or were deleted after sealing.
    pub(super) changed: bool,
}

impl Default for Mark {
    fn default() -> Self {
        let bounds = TimeRange::new(TimestampMs(i64::MAX), TimestampMs(i64::MIN));
        Mark {
            flushed: Lsn(0),
            complete: Lsn(0),
            newest: i64::MIN,
            bounds,
            series: 0,
            sealed: None,
            changed: false,
        }
    }
}

impl Mark {
    /// Encodes the row.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_varint(&mut out, self.flushed.0);
        put_varint(&mut out, self.complete.0);
        put_signed(&mut out, self.newest);
        put_signed(&mut out, self.bounds.start.0);
        put_signed(&mut out, self.bounds.end.0);
        put_varint(&mut out, u64::from(self.series));
        put_varint(&mut out, self.sealed.map_or(0, |sealed| u64::from(sealed) + 1));
        out.push(u8::from(self.changed));
        out
    }

    /// Decodes the row.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged, `Unsupported` when a newer version wrote it.
    pub(super) fn decode(row: &[u8]) -> Result<Self> {
        let mut bytes = Reader::new(row);
        let version = bytes.byte()?;
        if !(1..=VERSION).contains(&version) {
            return Err(Error::unsupported(format!("metric day file of version {version}")));
        }
        let mut mark = Mark {
            flushed: Lsn(bytes.varint()?),
            complete: Lsn(bytes.varint()?),
            newest: bytes.signed()?,
            bounds: TimeRange::new(TimestampMs(bytes.signed()?), TimestampMs(bytes.signed()?)),
            series: bytes.count(SeriesRef::MAX as usize)? as SeriesRef,
            ..Mark::default()
        };
        if version >= 2 {
            let sealed = bytes.count(mark.series as usize + 1)?;
            mark.sealed = sealed.checked_sub(1).map(|sealed| sealed as SeriesRef);
            mark.changed = bytes.byte()? != 0;
        }
        Ok(mark)
    }

    /// Returns whether the day is in its final form and nothing came since.
    pub(super) fn is_final(&self) -> bool {
        self.sealed.is_some() && !self.changed
    }

    /// Widens the bounds so that they hold `other`.
    pub(super) fn include(&mut self, other: TimeRange<TimestampMs>) {
        self.bounds.start = self.bounds.start.min(other.start);
        self.bounds.end = self.bounds.end.max(other.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_and_damage_is_an_error() {
        let mut mark =
            Mark { flushed: Lsn(900), complete: Lsn(7), newest: -5, series: 3, ..Mark::default() };
        assert!(mark.bounds.is_empty());
        mark.include(TimeRange::new(TimestampMs(10), TimestampMs(20)));
        mark.include(TimeRange::new(TimestampMs(15), TimestampMs(25)));
        assert_eq!((mark.bounds.start.0, mark.bounds.end.0), (10, 25));
        for sealed in [None, Some(0), Some(3)] {
            let mark = Mark { sealed, changed: sealed == Some(3), ..mark };
            assert_eq!(Mark::decode(&mark.encode()).unwrap(), mark);
        }
        let row = mark.encode();
        assert!(Mark::decode(&row[..3]).is_err());
        let first_version = [&[1], &row[1..row.len() - 2]].concat();
        assert_eq!(Mark::decode(&first_version).unwrap(), mark);
    }
}
