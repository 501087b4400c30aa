//! What a series holds at an instant, and its chunks.

use std::ops::Range;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_varint};
use crate::engines::metrics::codec::{Effort, floats, histograms, integers};
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::time::{TimeRange, TimestampMs};

/// The most points of one chunk.
pub(in crate::engines::metrics) const MAX_CHUNK_POINTS: usize = 4_096;

/// A value at a point in time that knows its chunks.
pub(in crate::engines::metrics) trait Point:
    Clone + Send + Sync
{
    /// Returns milliseconds since the epoch.
    fn at(&self) -> i64;

    /// Returns whether both have the same value, bit by bit.
    fn same_value(&self, other: &Self) -> bool;

    /// Settles what this point may say of the one right before it in its series.
    fn settle(&mut self, _previous: Option<&Self>) {}

    /// Forgets what this point says of the one before it, because another came between them.
    fn doubt(&mut self) {}

    /// Appends the values of `points`.
    fn put_values(points: &[Self], effort: Effort, out: &mut Vec<u8>);

    /// Reads the values that belong to `times` and appends the points of the `wanted` places, which
    /// are among them. Only when these reach to the end is the reader left there.
    fn read_values(
        bytes: &mut Reader<'_>,
        times: &[i64],
        wanted: Range<usize>,
        out: &mut Vec<Self>,
    ) -> Result<()>;
}

/// The times of the chunk that was read last: the next series of the same target mostly has the
/// same, in the same bytes.
#[derive(Default)]
pub(in crate::engines::metrics) struct LastTimes {
    bytes: Vec<u8>,
    times: Vec<i64>,
}

impl LastTimes {
    fn read(&mut self, bytes: &mut Reader<'_>, count: usize) -> Result<&[i64]> {
        let rest = bytes.rest();
        if self.times.len() == count && rest.starts_with(&self.bytes) {
            bytes.take(self.bytes.len())?;
        } else {
            self.times = integers::decode(bytes, count)?;
            self.bytes.clear();
            self.bytes.extend_from_slice(&rest[..rest.len() - bytes.rest().len()]);
        }
        Ok(&self.times)
    }
}

/// Encodes 1 to [`MAX_CHUNK_POINTS`] points in time order as one chunk.
pub(in crate::engines::metrics) fn encode<P: Point>(points: &[P], out: &mut Vec<u8>) {
    debug_assert!((1..=MAX_CHUNK_POINTS).contains(&points.len()));
    put_varint(out, points.len() as u64);
    let times: Vec<_> = points.iter().map(Point::at).collect();
    integers::encode(&times, out);
    P::put_values(points, Effort::Quick, out);
}

/// Decodes one chunk.
///
/// # Errors
/// `Corrupt` when the bytes are no chunk.
pub(in crate::engines::metrics) fn decode<P: Point>(chunk: &[u8]) -> Result<Vec<P>> {
    let mut points = Vec::new();
    let all = TimeRange::<TimestampMs>::ALL;
    decode_within(chunk, all, &mut LastTimes::default(), &mut points)?;
    Ok(points)
}

/// Decodes the points of one chunk inside `range` and appends them.
///
/// # Errors
/// `Corrupt` when the bytes are no chunk; nothing is appended then.
pub(in crate::engines::metrics) fn decode_within<P: Point>(
    chunk: &[u8],
    range: TimeRange<TimestampMs>,
    last: &mut LastTimes,
    out: &mut Vec<P>,
) -> Result<()> {
    let mut bytes = Reader::new(chunk);
    let count = bytes.count(MAX_CHUNK_POINTS)?;
    if count == 0 {
        return Err(Error::corrupt("an empty chunk"));
    }
    let times = last.read(&mut bytes, count)?;
    let wanted = inside(times, range);
    let (before, is_whole) = (out.len(), wanted.end == count);
    if !wanted.is_empty() {
        P::read_values(&mut bytes, times, wanted, out)?;
        if is_whole && !bytes.rest().is_empty() {
            out.truncate(before);
            return Err(Error::corrupt("a chunk has bytes behind its end"));
        }
    }
    Ok(())
}

/// Returns the places of rising times that are inside `range`.
pub(in crate::engines::metrics) fn inside(
    times: &[i64],
    range: TimeRange<TimestampMs>,
) -> Range<usize> {
    let from = times.partition_point(|at| *at < range.start.0);
    let to = times.partition_point(|at| *at <= range.end.0);
    from..to.max(from)
}

/// Appends a point for each of the `wanted` places.
fn join<V: Clone, P>(
    times: &[i64],
    values: &[V],
    wanted: Range<usize>,
    point: impl Fn(i64, V) -> P,
    out: &mut Vec<P>,
) {
    let times = times.get(wanted.clone()).unwrap_or_default();
    let values = values.get(wanted).unwrap_or_default();
    out.extend(times.iter().zip(values).map(|(at, value)| point(*at, value.clone())));
}

impl Point for Sample {
    fn at(&self) -> i64 {
        self.timestamp.0
    }

    fn same_value(&self, other: &Self) -> bool {
        self.value.to_bits() == other.value.to_bits()
    }

    fn put_values(points: &[Self], effort: Effort, out: &mut Vec<u8>) {
        let values: Vec<_> = points.iter().map(|point| point.value).collect();
        floats::encode(&values, effort, out);
    }

    fn read_values(
        bytes: &mut Reader<'_>,
        times: &[i64],
        wanted: Range<usize>,
        out: &mut Vec<Self>,
    ) -> Result<()> {
        let values = floats::decode_first(bytes, times.len(), wanted.end)?;
        join(times, &values, wanted, Sample::new, out);
        Ok(())
    }
}

impl Point for HistogramSample {
    fn at(&self) -> i64 {
        self.timestamp.0
    }

    fn same_value(&self, other: &Self) -> bool {
        self.histogram.same_counts(&other.histogram)
    }

    fn settle(&mut self, previous: Option<&Self>) {
        let hint = self.histogram.settled_hint(previous.map(|one| &*one.histogram));
        if self.histogram.counter_reset_hint != hint {
            Arc::make_mut(&mut self.histogram).counter_reset_hint = hint;
        }
    }

    fn doubt(&mut self) {
        if self.histogram.counter_reset_hint == CounterResetHint::NotReset {
            Arc::make_mut(&mut self.histogram).counter_reset_hint = CounterResetHint::Unknown;
        }
    }

    fn put_values(points: &[Self], effort: Effort, out: &mut Vec<u8>) {
        let values: Vec<&Histogram> = points.iter().map(|point| &*point.histogram).collect();
        histograms::encode(&values, effort, out);
    }

    fn read_values(
        bytes: &mut Reader<'_>,
        times: &[i64],
        wanted: Range<usize>,
        out: &mut Vec<Self>,
    ) -> Result<()> {
        let values = histograms::decode(bytes, times.len(), wanted.end)?;
        let point = |at, histogram| HistogramSample { timestamp: TimestampMs(at), histogram };
        join(times, &values, wanted, point, out);
        Ok(())
    }
}

impl Point for StartTime {
    fn at(&self) -> i64 {
        self.timestamp.0
    }

    fn same_value(&self, other: &Self) -> bool {
        self.start == other.start
    }

    /// Starts are mostly one instant for many points, or the time of the point before.
    fn put_values(points: &[Self], _effort: Effort, out: &mut Vec<u8>) {
        let starts: Vec<_> = points.iter().map(|point| point.start.0).collect();
        integers::encode(&starts, out);
    }

    fn read_values(
        bytes: &mut Reader<'_>,
        times: &[i64],
        wanted: Range<usize>,
        out: &mut Vec<Self>,
    ) -> Result<()> {
        let starts = integers::decode_first(bytes, times.len(), wanted.end)?;
        let point = |at, start| StartTime { timestamp: TimestampMs(at), start: TimestampMs(start) };
        join(times, &starts, wanted, point, out);
        Ok(())
    }
}
