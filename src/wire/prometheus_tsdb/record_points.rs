//! Records of points: the first versions, which write differences to a first series and time, and
//! the second ones, which also know start times.

use crate::base::error::{Error, Result};
use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, Span};
use crate::wire::prometheus_tsdb::bytes::Bytes;
use crate::wire::prometheus_tsdb::record::{FloatPoint, HistogramPoint};

/// Reads one histogram.
type ReadHistogram = fn(&mut Bytes<'_>) -> Result<Histogram>;

pub(super) fn floats(mut bytes: Bytes<'_>) -> Result<Vec<FloatPoint>> {
    let mut found = Vec::new();
    if bytes.is_empty() {
        return Ok(found);
    }
    let (first, time) = (bytes.be64()?, bytes.be64_signed()?);
    // A point takes ten bytes at least.
    found.reserve(bytes.len() / 10);
    while !bytes.is_empty() {
        let series = first.wrapping_add_signed(bytes.varint()?);
        let at = time.wrapping_add(bytes.varint()?);
        found.push(FloatPoint { series, at, start: 0, value: bytes.float()? });
    }
    Ok(found)
}

pub(super) fn histograms(mut bytes: Bytes<'_>, read: ReadHistogram) -> Result<Vec<HistogramPoint>> {
    let mut found = Vec::new();
    if bytes.is_empty() {
        return Ok(found);
    }
    let (first, time) = (bytes.be64()?, bytes.be64_signed()?);
    while !bytes.is_empty() {
        let series = first.wrapping_add_signed(bytes.varint()?);
        let at = time.wrapping_add(bytes.varint()?);
        found.push(HistogramPoint { series, at, start: 0, histogram: read(&mut bytes)? });
    }
    Ok(found)
}

/// Follows series, time and start time through a record of the second version.
#[derive(Default)]
struct Place {
    first: Option<(i64, i64)>,
    series: i64,
    start: i64,
}

impl Place {
    /// Reads where the next point belongs; returns series, time and start time.
    fn next(&mut self, bytes: &mut Bytes<'_>) -> Result<(u64, i64, i64)> {
        let at = match self.first {
            None => {
                self.series = bytes.varint()?;
                let at = bytes.varint()?;
                self.start = bytes.varint()?;
                self.first = Some((at, self.start));
                at
            }
            Some((first_time, first_start)) => {
                self.series = self.series.wrapping_add(bytes.varint()?);
                let at = first_time.wrapping_add(bytes.varint()?);
                match bytes.u8()? {
                    0 => self.start = 0,
                    1 => {}
                    _ => self.start = first_start.wrapping_add(bytes.varint()?),
                }
                at
            }
        };
        Ok((self.series as u64, at, self.start))
    }
}

pub(super) fn floats_with_start(mut bytes: Bytes<'_>) -> Result<Vec<FloatPoint>> {
    let (mut found, mut place) = (Vec::new(), Place::default());
    found.reserve(bytes.len() / 10);
    while !bytes.is_empty() {
        let (series, at, start) = place.next(&mut bytes)?;
        found.push(FloatPoint { series, at, start, value: bytes.float()? });
    }
    Ok(found)
}

pub(super) fn histograms_with_start(
    mut bytes: Bytes<'_>,
    read: ReadHistogram,
) -> Result<Vec<HistogramPoint>> {
    let (mut found, mut place) = (Vec::new(), Place::default());
    while !bytes.is_empty() {
        let (series, at, start) = place.next(&mut bytes)?;
        found.push(HistogramPoint { series, at, start, histogram: read(&mut bytes)? });
    }
    Ok(found)
}

/// Reads a histogram of whole counts, whose buckets are steps from their neighbour.
pub(super) fn counts(bytes: &mut Bytes<'_>) -> Result<Histogram> {
    let mut histogram = head(bytes)?;
    histogram.zero_count = bytes.uvarint()? as f64;
    histogram.count = bytes.uvarint()? as f64;
    histogram.sum = bytes.float()?;
    let side = |bytes: &mut Bytes<'_>| -> Result<Vec<f64>> {
        let mut buckets = Vec::new();
        let mut count = 0_i64;
        for _ in 0..bytes.count(1)? {
            count = count.wrapping_add(bytes.varint()?);
            buckets.push(count as f64);
        }
        Ok(buckets)
    };
    tail(bytes, histogram, side)
}

/// Reads a histogram of float counts.
pub(super) fn float_counts(bytes: &mut Bytes<'_>) -> Result<Histogram> {
    let mut histogram = head(bytes)?;
    histogram.zero_count = bytes.float()?;
    histogram.count = bytes.float()?;
    histogram.sum = bytes.float()?;
    tail(bytes, histogram, numbers)
}

fn head(bytes: &mut Bytes<'_>) -> Result<Histogram> {
    let counter_reset_hint = match bytes.u8()? {
        1 => CounterResetHint::Reset,
        2 => CounterResetHint::NotReset,
        3 => CounterResetHint::Gauge,
        _ => CounterResetHint::Unknown,
    };
    let schema = bytes.varint()?;
    let schema = i32::try_from(schema)
        .map_err(|_| Error::unsupported(format!("histogram schema {schema} is not known")))?;
    let zero_threshold = bytes.float()?;
    Ok(Histogram { counter_reset_hint, schema, zero_threshold, ..Histogram::default() })
}

fn tail(
    bytes: &mut Bytes<'_>,
    mut histogram: Histogram,
    side: impl Fn(&mut Bytes<'_>) -> Result<Vec<f64>>,
) -> Result<Histogram> {
    histogram.positive_spans = spans(bytes)?;
    histogram.negative_spans = spans(bytes)?;
    histogram.positive_buckets = side(bytes)?;
    histogram.negative_buckets = side(bytes)?;
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        histogram.custom_values = numbers(bytes)?;
    }
    Ok(histogram)
}

fn spans(bytes: &mut Bytes<'_>) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for _ in 0..bytes.count(2)? {
        let (offset, length) = (bytes.varint()?, bytes.uvarint()?);
        match (i32::try_from(offset), u32::try_from(length)) {
            (Ok(offset), Ok(length)) => spans.push(Span { offset, length }),
            _ => return Err(Error::corrupt("a histogram's span is too far or too long")),
        }
    }
    Ok(spans)
}

fn numbers(bytes: &mut Bytes<'_>) -> Result<Vec<f64>> {
    let count = bytes.count(8)?;
    (0..count).map(|_| bytes.float()).collect()
}
