//! What a series holds at an instant, and its chunks.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_varint};
use crate::engines::metrics::codec::{Effort, floats, histograms, integers};
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::time::TimestampMs;

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

    /// Reads the values that belong to `times`.
    fn read_values(bytes: &mut Reader<'_>, times: Vec<i64>) -> Result<Vec<Self>>;
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
    let mut bytes = Reader::new(chunk);
    let count = bytes.count(MAX_CHUNK_POINTS)?;
    if count == 0 {
        return Err(Error::corrupt("an empty chunk"));
    }
    let times = integers::decode(&mut bytes, count)?;
    let points = P::read_values(&mut bytes, times)?;
    if !bytes.rest().is_empty() {
        return Err(Error::corrupt("a chunk has bytes behind its end"));
    }
    Ok(points)
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

    fn read_values(bytes: &mut Reader<'_>, times: Vec<i64>) -> Result<Vec<Self>> {
        let values = floats::decode(bytes, times.len())?;
        Ok(times.into_iter().zip(values).map(|(at, value)| Sample::new(at, value)).collect())
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

    fn read_values(bytes: &mut Reader<'_>, times: Vec<i64>) -> Result<Vec<Self>> {
        let values: Vec<Arc<Histogram>> = histograms::decode(bytes, times.len())?;
        let joined = times.into_iter().zip(values);
        Ok(joined
            .map(|(at, histogram)| HistogramSample { timestamp: TimestampMs(at), histogram })
            .collect())
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

    fn read_values(bytes: &mut Reader<'_>, times: Vec<i64>) -> Result<Vec<Self>> {
        let starts = integers::decode(bytes, times.len())?;
        let joined = times.into_iter().zip(starts);
        Ok(joined
            .map(|(at, start)| StartTime { timestamp: TimestampMs(at), start: TimestampMs(start) })
            .collect())
    }
}
