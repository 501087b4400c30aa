//! What a packed blob holds of one series in one window.
//!
//! ```text
//! float chunk count, each chunk: first time (signed), last time less first, bytes behind length
//! histogram chunk count, likewise
//! start chunk count, likewise; nothing when no start is known
//! ```
//! A chunk holds up to 4,096 points.

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_bytes, put_signed, put_varint};
use crate::engines::metrics::codec::point::{
    LastTimes, MAX_CHUNK_POINTS, Point, decode_within, encode,
};
use crate::engines::metrics::merge::Points;
use crate::model::time::{TimeRange, TimestampMs};

/// Encodes the points of one series in one window.
pub(super) fn put_points(points: &Points) -> Vec<u8> {
    let mut out = Vec::new();
    put_chunks(&points.floats, &mut out);
    put_chunks(&points.histograms, &mut out);
    if !points.starts.is_empty() {
        put_chunks(&points.starts, &mut out);
    }
    out
}

/// Decodes the points inside `range`.
///
/// # Errors
/// `Corrupt` when the bytes are no entry.
pub(super) fn read_points(entry: &[u8], range: TimeRange<TimestampMs>) -> Result<Points> {
    let mut points = Points::default();
    add_points(entry, range, &mut LastTimes::default(), &mut points)?;
    Ok(points)
}

/// Decodes the points inside `range` and adds them to those of earlier places; `last` are the times
/// of an entry like this one.
///
/// # Errors
/// `Corrupt` when the bytes are no entry; nothing is added then.
pub(super) fn add_points(
    entry: &[u8],
    range: TimeRange<TimestampMs>,
    last: &mut LastTimes,
    points: &mut Points,
) -> Result<()> {
    let mut own = Points::default();
    // Floats that follow in time need no merging: they go straight behind the others.
    let straight = points.bounds().is_none_or(|all| starts_behind(entry, all.end));
    let known = points.floats.len();
    if straight {
        own.floats = std::mem::take(&mut points.floats);
    }
    let read = read_entry(entry, range, last, &mut own);
    if straight {
        if read.is_err() {
            own.floats.truncate(known);
        }
        points.floats = std::mem::take(&mut own.floats);
    }
    read?;
    points.add(own);
    Ok(())
}

/// Returns whether all floats of an entry are later than `end`.
fn starts_behind(entry: &[u8], end: TimestampMs) -> bool {
    let mut bytes = Reader::new(entry);
    bytes.varint().is_ok_and(|count| count > 0) && bytes.signed().is_ok_and(|first| first > end.0)
}

/// Decodes what is inside `range` behind the points of `own`.
fn read_entry(
    entry: &[u8],
    range: TimeRange<TimestampMs>,
    last: &mut LastTimes,
    own: &mut Points,
) -> Result<()> {
    let mut bytes = Reader::new(entry);
    read_chunks(&mut bytes, range, last, &mut own.floats)?;
    let mut times = LastTimes::default();
    read_chunks(&mut bytes, range, &mut times, &mut own.histograms)?;
    if !bytes.rest().is_empty() {
        read_chunks(&mut bytes, range, &mut times, &mut own.starts)?;
    }
    match bytes.rest().is_empty() {
        true => Ok(()),
        false => Err(Error::corrupt("an entry has bytes behind its end")),
    }
}

fn put_chunks<P: Point>(points: &[P], out: &mut Vec<u8>) {
    put_varint(out, points.len().div_ceil(MAX_CHUNK_POINTS) as u64);
    for piece in points.chunks(MAX_CHUNK_POINTS) {
        let first = piece.first().map_or(0, Point::at);
        let last = piece.last().map_or(0, Point::at);
        put_signed(out, first);
        put_varint(out, last.wrapping_sub(first) as u64);
        let mut chunk = Vec::new();
        encode(piece, &mut chunk);
        put_bytes(out, &chunk);
    }
}

fn read_chunks<P: Point>(
    bytes: &mut Reader<'_>,
    range: TimeRange<TimestampMs>,
    times: &mut LastTimes,
    found: &mut Vec<P>,
) -> Result<()> {
    for _ in 0..bytes.count(bytes.rest().len())? {
        let first = bytes.signed()?;
        let last = first.wrapping_add(bytes.varint()? as i64);
        let chunk = bytes.bytes()?;
        let own = TimeRange::new(TimestampMs(first), TimestampMs(last));
        if own.overlaps(&range) {
            decode_within(chunk, range, times, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::{Sample, StartTime};

    #[test]
    fn only_the_range_is_read_back() {
        let floats: Vec<_> = (0..10_000).map(|i| Sample::new(i * 10, i as f64)).collect();
        let start = |at| StartTime { timestamp: TimestampMs(at), start: TimestampMs(at - 7) };
        let starts = vec![start(0), start(50_010), start(60_000)];
        let points = Points { floats, starts, ..Points::default() };
        let entry = put_points(&points);
        let all = read_points(&entry, TimeRange::<TimestampMs>::ALL).unwrap();
        assert_eq!(all, points);
        let some = TimeRange::new(TimestampMs(50_000), TimestampMs(50_020));
        let found = read_points(&entry, some).unwrap();
        assert_eq!(found.floats, points.floats[5_000..5_003]);
        assert_eq!(found.starts, points.starts[1..2]);
        assert!(read_points(&entry[..entry.len() - 1], some).is_err());
    }
}
