//! What a sealed blob holds of one series: its whole day.
//!
//! ```text
//! float chunk count, each chunk: stream of times, values behind their length
//! histogram chunk count, likewise
//! start chunk count, likewise; nothing when no start is known
//! ```
//! A chunk holds up to 16,384 points. Values are encoded as in a live day, or better.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::Effort;
use crate::engines::metrics::codec::bytes::{Reader, put_bytes, put_varint};
use crate::engines::metrics::codec::point::{Point, inside};
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::times::{MAX_STREAM_TIMES, StreamRef};
use crate::model::time::{TimeRange, TimestampMs};

/// Encodes the points of one series in one day; `stream` gives the number of a stream of times.
///
/// # Errors
/// Those of `stream`.
pub(super) fn put_points(
    points: &Points,
    mut stream: impl FnMut(&[i64]) -> Result<StreamRef>,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    put_chunks(&points.floats, &mut stream, &mut out)?;
    put_chunks(&points.histograms, &mut stream, &mut out)?;
    if !points.starts.is_empty() {
        put_chunks(&points.starts, &mut stream, &mut out)?;
    }
    Ok(out)
}

/// Decodes the points inside `range` into `points`, of which only the room is used; `stream` gives the
/// times of a stream.
///
/// # Errors
/// `Corrupt` when the bytes are no entry, and there are no points then; those of `stream`.
pub(super) fn read_points(
    entry: &[u8],
    range: TimeRange<TimestampMs>,
    stream: impl FnMut(StreamRef) -> Result<Arc<Vec<i64>>>,
    points: &mut Points,
) -> Result<()> {
    points.clear();
    let read = read_entry(entry, range, stream, points);
    if read.is_err() {
        points.clear();
    }
    read
}

fn read_entry(
    entry: &[u8],
    range: TimeRange<TimestampMs>,
    mut stream: impl FnMut(StreamRef) -> Result<Arc<Vec<i64>>>,
    points: &mut Points,
) -> Result<()> {
    let mut bytes = Reader::new(entry);
    read_chunks(&mut bytes, range, &mut stream, &mut points.floats)?;
    read_chunks(&mut bytes, range, &mut stream, &mut points.histograms)?;
    if !bytes.rest().is_empty() {
        read_chunks(&mut bytes, range, &mut stream, &mut points.starts)?;
    }
    match bytes.rest().is_empty() {
        true => Ok(()),
        false => Err(Error::corrupt("a sealed entry has bytes behind its end")),
    }
}

fn put_chunks<P: Point>(
    points: &[P],
    stream: &mut impl FnMut(&[i64]) -> Result<StreamRef>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let pieces = points.len().div_ceil(MAX_STREAM_TIMES);
    put_varint(out, pieces as u64);
    for piece in points.chunks(points.len().div_ceil(pieces.max(1)).max(1)) {
        let times: Vec<_> = piece.iter().map(Point::at).collect();
        put_varint(out, u64::from(stream(&times)?));
        let mut values = Vec::new();
        P::put_values(piece, Effort::Best, &mut values);
        put_bytes(out, &values);
    }
    Ok(())
}

fn read_chunks<P: Point>(
    bytes: &mut Reader<'_>,
    range: TimeRange<TimestampMs>,
    stream: &mut impl FnMut(StreamRef) -> Result<Arc<Vec<i64>>>,
    found: &mut Vec<P>,
) -> Result<()> {
    for _ in 0..bytes.count(bytes.rest().len())? {
        let number = bytes.count(StreamRef::MAX as usize)? as StreamRef;
        let values = bytes.bytes()?;
        let times = stream(number)?;
        let wanted = inside(&times, range);
        if wanted.is_empty() {
            continue;
        }
        let is_whole = wanted.end == times.len();
        let mut values = Reader::new(values);
        P::read_values(&mut values, &times, wanted, found)?;
        if is_whole && !values.rest().is_empty() {
            return Err(Error::corrupt("a sealed chunk has bytes behind its end"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::metrics::times::{self, Streams};
    use crate::model::sample::{Sample, StartTime};
    use proptest::prelude::*;

    /// Encodes, and decodes what lies inside `range`.
    fn again(points: &Points, range: TimeRange<TimestampMs>) -> Points {
        let mut streams = Streams::default();
        let mut rows = Vec::new();
        let entry = put_points(points, |times| {
            let (number, row) = streams.number(times)?;
            rows.extend(row);
            Ok(number)
        });
        let entry = entry.unwrap();
        let whole = |number: u32| {
            let times = times::decode(&rows[number as usize], |of| {
                Ok(Arc::new(times::decode(&rows[of as usize], |_| unreachable!())?))
            });
            times.map(Arc::new)
        };
        let mut points = Points { floats: vec![Sample::new(1, 1.0)], ..Points::default() };
        assert!(read_points(&entry[..entry.len() - 1], range, whole, &mut points).is_err());
        assert_eq!(points, Points::default());
        read_points(&entry, range, whole, &mut points).unwrap();
        points
    }

    #[test]
    fn only_the_range_is_read_back_and_a_long_day_is_split() {
        let floats: Vec<_> = (0..40_000).map(|i| Sample::new(i * 10, (i % 77) as f64)).collect();
        let start = |at| StartTime { timestamp: TimestampMs(at), start: TimestampMs(at - 7) };
        let starts = vec![start(0), start(50_010), start(60_000)];
        let points = Points { floats, starts, ..Points::default() };
        assert_eq!(again(&points, TimeRange::<TimestampMs>::ALL), points);
        let some = TimeRange::new(TimestampMs(50_000), TimestampMs(50_020));
        let found = again(&points, some);
        assert_eq!(found.floats, points.floats[5_000..5_003]);
        assert_eq!(found.starts, points.starts[1..2]);
    }

    proptest! {
        #[test]
        fn any_values_come_back(steps in prop::collection::vec((1_i64..100_000, any::<u64>()), 1..500)) {
            let mut at = 0;
            let floats = steps.into_iter().map(|(step, bits)| {
                at += step;
                Sample::new(at, f64::from_bits(bits))
            });
            let points = Points { floats: floats.collect(), ..Points::default() };
            prop_assert_eq!(again(&points, TimeRange::<TimestampMs>::ALL), points);
        }
    }
}
