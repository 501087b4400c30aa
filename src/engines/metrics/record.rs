//! A batch as a record of the log.
//!
//! ```text
//! version u8 = 3, flags u8 (1: history), life of the head (LSN), base time (signed), series count
//! each: number in the head (less one more than the number before, zigzag-coded, times two, plus
//!       one when labels follow), labels (canonical bytes behind their length)
//!   shape u8 = 0: one float at the base time (8 bytes)
//!   shape u8 = 1: the same, a whole number (signed)
//!   shape u8 = 2: float count, each: time since the last one (signed), value (8 bytes)
//!     histogram count, each: time since the last one (signed), histogram
//!     start count, each: time of the point since the last one (signed), start (signed, less that time)
//!     exemplars (count; each: time (signed), value (8 bytes), labels)
//! family count; each: name, type word, help, unit (texts behind their lengths)
//! ```
//! Numbers are LEB128, signed ones zigzag-coded. The log checks the bytes. A series' labels stand in
//! the records that name it first since the last flush, until one of them is durable; every record
//! after that names it by number, which makes a point of one series about four bytes.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::kit::log::Lsn;
use crate::engines::metrics::codec::bytes::{
    Reader, put_bytes, put_float, put_signed, put_varint, unzigzag, zigzag,
};
use crate::engines::metrics::codec::histograms::{put_histogram, read_histogram};
use crate::engines::metrics::index::SeriesRef;
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::time::TimestampMs;

const VERSION: u8 = 3;
const HISTORY: u8 = 1;
const FLOAT: u8 = 0;
const WHOLE: u8 = 1;
const ANY: u8 = 2;

/// Whole numbers up to here are exact floats.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// What a record says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The head whose numbers the record uses.
    pub(super) life: Lsn,
    /// Whether points of any age were taken.
    pub(super) history: bool,
}

/// The number of one series of a batch, and whether the record says its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) series: SeriesRef,
    pub(super) with_labels: bool,
}

/// Sees what a record holds, in its order.
pub(super) trait Visit {
    /// Sees the labels of a series that was not named before.
    fn labels(&mut self, series: SeriesRef, labels: Labels) -> Result<()>;

    /// Sees one float.
    fn float(&mut self, series: SeriesRef, sample: Sample) -> Result<()>;

    /// Sees any points of a series, which come without its labels.
    fn points(&mut self, series: SeriesRef, write: SeriesWrite) -> Result<()>;
}

/// Encodes a batch. `named` has one entry a series; those without one are left out.
pub(super) fn encode(batch: &MetricBatch, header: Header, named: &[Option<Named>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + batch.series.len() * 8);
    out.push(VERSION);
    out.push(if header.history { HISTORY } else { 0 });
    put_varint(&mut out, header.life.0);
    let first = batch.series.iter().find_map(|write| write.samples.first());
    let base = first.map_or(0, |sample| sample.timestamp.0);
    put_signed(&mut out, base);
    put_varint(&mut out, named.iter().flatten().count() as u64);
    let mut next = 0_i64;
    for (write, named) in batch.series.iter().zip(named) {
        let Some(named) = named else { continue };
        let distance = zigzag(i64::from(named.series) - next);
        put_varint(&mut out, distance << 1 | u64::from(named.with_labels));
        if named.with_labels {
            put_bytes(&mut out, write.labels.as_bytes());
        }
        put_series(write, base, &mut out);
        next = i64::from(named.series) + 1;
    }
    put_metadata(&batch.metadata, &mut out);
    out
}

/// Shows `visit` what a record holds, and returns what it says of families. `start` sees the header
/// first.
///
/// # Errors
/// `Corrupt` when the bytes are no record, `Unsupported` when another version wrote them; those of
/// `visit`.
pub(super) fn read<V: Visit>(
    record: &[u8],
    start: impl FnOnce(Header) -> V,
) -> Result<(V, Vec<MetricMetadata>)> {
    let (header, mut bytes) = open(record)?;
    let mut visit = start(header);
    let base = bytes.signed()?;
    let mut next = 0_i64;
    for _ in 0..bytes.count(record.len())? {
        let key = bytes.varint()?;
        let number = next.wrapping_add(unzigzag(key >> 1));
        let series = SeriesRef::try_from(number)
            .map_err(|_| Error::corrupt(format!("a series has the number {number}")))?;
        if key & 1 != 0 {
            visit.labels(series, read_labels(&mut bytes)?)?;
        }
        read_series(&mut bytes, series, base, &mut visit)?;
        next = number + 1;
    }
    let metadata = read_metadata(&mut bytes)?;
    if !bytes.rest().is_empty() {
        return Err(Error::corrupt("a metric record has bytes behind its end"));
    }
    Ok((visit, metadata))
}

/// Returns the life of the head whose numbers a record uses.
///
/// # Errors
/// Those of [`read`].
pub(super) fn life(record: &[u8]) -> Result<Lsn> {
    open(record).map(|(header, _)| header.life)
}

/// Reads what a record says of itself; the rest follows.
fn open(record: &[u8]) -> Result<(Header, Reader<'_>)> {
    let mut bytes = Reader::new(record);
    let version = bytes.byte()?;
    if version != VERSION {
        return Err(Error::unsupported(format!("metric record of version {version}")));
    }
    let history = bytes.byte()? & HISTORY != 0;
    let life = Lsn(bytes.varint()?);
    Ok((Header { life, history }, bytes))
}

fn put_series(series: &SeriesWrite, base: i64, out: &mut Vec<u8>) {
    let only_floats =
        series.histograms.is_empty() && series.starts.is_empty() && series.exemplars.is_empty();
    if let ([sample], true) = (series.samples.as_slice(), only_floats)
        && sample.timestamp.0 == base
    {
        match whole(sample.value) {
            Some(number) => {
                out.push(WHOLE);
                put_signed(out, number);
            }
            None => {
                out.push(FLOAT);
                put_float(out, sample.value);
            }
        }
        return;
    }
    out.push(ANY);
    put_points(series, out);
}

/// Returns the whole number that gives back exactly these bits.
fn whole(value: f64) -> Option<i64> {
    if value.abs() <= LARGEST_WHOLE {
        let number = value as i64;
        return ((number as f64).to_bits() == value.to_bits()).then_some(number);
    }
    None
}

fn put_points(series: &SeriesWrite, out: &mut Vec<u8>) {
    put_varint(out, series.samples.len() as u64);
    let mut last = 0;
    for sample in &series.samples {
        put_signed(out, sample.timestamp.0.wrapping_sub(last));
        put_float(out, sample.value);
        last = sample.timestamp.0;
    }
    put_varint(out, series.histograms.len() as u64);
    let mut last = 0;
    for sample in &series.histograms {
        put_signed(out, sample.timestamp.0.wrapping_sub(last));
        put_histogram(&sample.histogram, out);
        last = sample.timestamp.0;
    }
    put_varint(out, series.starts.len() as u64);
    let mut last = 0;
    for one in &series.starts {
        put_signed(out, one.timestamp.0.wrapping_sub(last));
        put_signed(out, one.start.0.wrapping_sub(one.timestamp.0));
        last = one.timestamp.0;
    }
    put_exemplars(&series.exemplars, out);
}

fn read_series(
    bytes: &mut Reader<'_>,
    series: SeriesRef,
    base: i64,
    visit: &mut impl Visit,
) -> Result<()> {
    match bytes.byte()? {
        FLOAT => visit.float(series, Sample::new(base, bytes.float()?)),
        WHOLE => visit.float(series, Sample::new(base, bytes.signed()? as f64)),
        ANY => visit.points(series, read_points(bytes)?),
        other => Err(Error::corrupt(format!("a series has the shape {other}"))),
    }
}

fn read_points(bytes: &mut Reader<'_>) -> Result<SeriesWrite> {
    let mut samples = Vec::new();
    let mut last = 0_i64;
    for _ in 0..bytes.count(bytes.rest().len())? {
        last = last.wrapping_add(bytes.signed()?);
        samples.push(Sample::new(last, bytes.float()?));
    }
    let mut histograms = Vec::new();
    let mut last = 0_i64;
    for _ in 0..bytes.count(bytes.rest().len())? {
        last = last.wrapping_add(bytes.signed()?);
        let histogram = Arc::new(read_histogram(bytes)?);
        histograms.push(HistogramSample { timestamp: TimestampMs(last), histogram });
    }
    let mut starts = Vec::new();
    let mut last = 0_i64;
    for _ in 0..bytes.count(bytes.rest().len())? {
        last = last.wrapping_add(bytes.signed()?);
        let start = TimestampMs(last.wrapping_add(bytes.signed()?));
        starts.push(StartTime { timestamp: TimestampMs(last), start });
    }
    let exemplars = read_exemplars(bytes)?;
    Ok(SeriesWrite { labels: Labels::empty(), samples, histograms, starts, exemplars })
}

/// Appends exemplars.
pub(super) fn put_exemplars(exemplars: &[Exemplar], out: &mut Vec<u8>) {
    put_varint(out, exemplars.len() as u64);
    for exemplar in exemplars {
        put_signed(out, exemplar.timestamp.0);
        put_float(out, exemplar.value);
        put_bytes(out, exemplar.labels.as_bytes());
    }
}

/// Reads what [`put_exemplars`] wrote.
pub(super) fn read_exemplars(bytes: &mut Reader<'_>) -> Result<Vec<Exemplar>> {
    let mut exemplars = Vec::new();
    for _ in 0..bytes.count(bytes.rest().len())? {
        let timestamp = TimestampMs(bytes.signed()?);
        let value = bytes.float()?;
        exemplars.push(Exemplar { labels: read_labels(bytes)?, value, timestamp });
    }
    Ok(exemplars)
}

/// Appends what is known of families.
pub(super) fn put_metadata(metadata: &[MetricMetadata], out: &mut Vec<u8>) {
    put_varint(out, metadata.len() as u64);
    for family in metadata {
        for text in [&family.metric, family.kind.word(), &family.help, &family.unit] {
            put_bytes(out, text.as_bytes());
        }
    }
}

/// Reads what [`put_metadata`] wrote.
pub(super) fn read_metadata(bytes: &mut Reader<'_>) -> Result<Vec<MetricMetadata>> {
    let mut metadata = Vec::new();
    for _ in 0..bytes.count(bytes.rest().len())? {
        metadata.push(MetricMetadata {
            metric: bytes.text()?.to_owned(),
            kind: MetricType::from_word(bytes.text()?),
            help: bytes.text()?.to_owned(),
            unit: bytes.text()?.to_owned(),
        });
    }
    Ok(metadata)
}

/// Reads canonical labels behind their length.
pub(super) fn read_labels(bytes: &mut Reader<'_>) -> Result<Labels> {
    Labels::from_bytes(bytes.bytes()?).ok_or_else(|| Error::corrupt("stored labels are damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::histogram::{Histogram, Span};
    use crate::model::stale::stale_nan;
    use proptest::prelude::*;

    /// Puts a batch together again.
    #[derive(Default)]
    struct Seen(Vec<(SeriesRef, SeriesWrite)>);

    impl Visit for Seen {
        fn labels(&mut self, series: SeriesRef, labels: Labels) -> Result<()> {
            self.0.push((series, SeriesWrite { labels, ..SeriesWrite::default() }));
            Ok(())
        }

        fn float(&mut self, series: SeriesRef, sample: Sample) -> Result<()> {
            self.points(series, SeriesWrite::sample(Labels::empty(), sample))
        }

        fn points(&mut self, series: SeriesRef, write: SeriesWrite) -> Result<()> {
            match self.0.last_mut() {
                Some((last, known)) if *last == series && known.samples.is_empty() => {
                    *known = SeriesWrite { labels: known.labels.clone(), ..write };
                }
                _ => self.0.push((series, write)),
            }
            Ok(())
        }
    }

    fn named(series: SeriesRef, with_labels: bool) -> Option<Named> {
        Some(Named { series, with_labels })
    }

    fn full_batch() -> MetricBatch {
        let labels = Labels::from_pairs([("__name__", "m"), ("a", "ü")]);
        let histogram = Histogram {
            positive_spans: vec![Span { offset: -2, length: 1 }],
            positive_buckets: vec![4.0],
            custom_values: vec![0.5],
            sum: -0.0,
            ..Histogram::default()
        };
        let histogram =
            HistogramSample { timestamp: TimestampMs(5), histogram: Arc::new(histogram) };
        let exemplar = Exemplar { labels: labels.clone(), value: 1.5, timestamp: TimestampMs(-1) };
        let full = SeriesWrite {
            labels: labels.clone(),
            samples: vec![Sample::new(i64::MAX, stale_nan()), Sample::new(i64::MIN, -0.0)],
            histograms: vec![histogram],
            starts: vec![StartTime { timestamp: TimestampMs(5), start: TimestampMs(i64::MIN) }],
            exemplars: vec![exemplar],
        };
        let one = |at, value| SeriesWrite::sample(labels.clone(), Sample::new(at, value));
        let family = MetricMetadata {
            metric: "m".to_owned(),
            kind: MetricType::StateSet,
            help: "h".to_owned(),
            unit: String::new(),
        };
        let series = vec![one(7, 3.0), full, one(7, -0.0), one(8, 1.0), one(7, f64::NEG_INFINITY)];
        MetricBatch { series, metadata: vec![family] }
    }

    #[test]
    fn a_batch_comes_back_whole_but_for_labels_that_were_said_before() {
        let batch = full_batch();
        let header = Header { life: Lsn(u64::MAX - 1), history: true };
        let names =
            [named(9, true), named(2, true), named(SeriesRef::MAX, false), None, named(0, false)];
        let record = encode(&batch, header, &names);
        let (seen, families) = read(&record, |found| {
            assert_eq!(found, header);
            Seen::default()
        })
        .unwrap();
        let wanted = batch.series.iter().zip(names).filter_map(|(write, named)| {
            let named = named?;
            let labels = if named.with_labels { write.labels.clone() } else { Labels::empty() };
            Some((named.series, SeriesWrite { labels, ..write.clone() }))
        });
        assert_eq!(seen.0, wanted.collect::<Vec<_>>());
        assert_eq!(families, batch.metadata);
        for end in 0..record.len() {
            assert!(read(&record[..end], |_| Seen::default()).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn a_point_of_a_known_series_takes_few_bytes() {
        let series =
            (0..500).map(|i| SeriesWrite::sample(Labels::empty(), Sample::new(1, f64::from(i))));
        let batch = MetricBatch { series: series.collect(), metadata: Vec::new() };
        let names: Vec<_> = (100..600).map(|number| named(number, false)).collect();
        let record = encode(&batch, Header { life: Lsn(1), history: false }, &names);
        assert!(record.len() <= 500 * 4 + 20, "{} bytes", record.len());
    }

    proptest! {
        #[test]
        fn hostile_records_are_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            bytes.insert(0, VERSION);
            let _ = read(&bytes, |_| Seen::default());
        }
    }
}
