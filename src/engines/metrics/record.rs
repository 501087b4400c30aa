//! A batch as a record of the log.
//!
//! ```text
//! version u8 = 2 (1: without starts)
//! series count; each: labels (canonical bytes behind their length),
//!   float count, each: time since the last one (signed), value (8 bytes)
//!   histogram count, each: time since the last one (signed), histogram
//!   start count, each: time of the point since the last one (signed), start (signed, less that time)
//!   exemplars (count; each: time (signed), value (8 bytes), labels)
//! family count; each: name, type word, help, unit (texts behind their lengths)
//! ```
//! Numbers are LEB128, signed ones zigzag-coded. The log checks the bytes.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_bytes, put_float, put_signed, put_varint};
use crate::engines::metrics::codec::histograms::{put_histogram, read_histogram};
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::time::TimestampMs;

const VERSION: u8 = 2;

/// Encodes a batch.
pub(super) fn encode(batch: &MetricBatch) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + batch.series.len() * 128);
    out.push(VERSION);
    put_varint(&mut out, batch.series.len() as u64);
    for series in &batch.series {
        put_series(series, &mut out);
    }
    put_metadata(&batch.metadata, &mut out);
    out
}

/// Decodes a batch.
///
/// # Errors
/// `Corrupt` when the bytes are none, `Unsupported` when a newer version wrote them.
pub(super) fn decode(record: &[u8]) -> Result<MetricBatch> {
    let mut bytes = Reader::new(record);
    let version = bytes.byte()?;
    if !(1..=VERSION).contains(&version) {
        return Err(Error::unsupported(format!("metric record of version {version}")));
    }
    let count = bytes.count(record.len())?;
    let series =
        (0..count).map(|_| read_series(&mut bytes, version)).collect::<Result<Vec<_>>>()?;
    let metadata = read_metadata(&mut bytes)?;
    if !bytes.rest().is_empty() {
        return Err(Error::corrupt("a metric record has bytes behind its end"));
    }
    Ok(MetricBatch { series, metadata })
}

fn put_series(series: &SeriesWrite, out: &mut Vec<u8>) {
    put_bytes(out, series.labels.as_bytes());
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

fn read_series(bytes: &mut Reader<'_>, version: u8) -> Result<SeriesWrite> {
    let labels = read_labels(bytes)?;
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
    let count = if version == 1 { 0 } else { bytes.count(bytes.rest().len())? };
    for _ in 0..count {
        last = last.wrapping_add(bytes.signed()?);
        let start = TimestampMs(last.wrapping_add(bytes.signed()?));
        starts.push(StartTime { timestamp: TimestampMs(last), start });
    }
    let exemplars = read_exemplars(bytes)?;
    Ok(SeriesWrite { labels, samples, histograms, starts, exemplars })
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

    #[test]
    fn a_batch_comes_back_whole() {
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
        let series = SeriesWrite {
            labels,
            samples: vec![Sample::new(i64::MAX, stale_nan()), Sample::new(i64::MIN, -0.0)],
            histograms: vec![histogram],
            starts: vec![StartTime { timestamp: TimestampMs(5), start: TimestampMs(i64::MIN) }],
            exemplars: vec![exemplar],
        };
        let family = MetricMetadata {
            metric: "m".to_owned(),
            kind: MetricType::StateSet,
            help: "h".to_owned(),
            unit: String::new(),
        };
        let batch = MetricBatch { series: vec![series], metadata: vec![family] };
        assert_eq!(decode(&encode(&batch)).unwrap(), batch);
        assert!(decode(&encode(&batch)[..20]).is_err());
    }

    proptest! {
        #[test]
        fn hostile_records_are_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            bytes.insert(0, VERSION);
            let _ = decode(&bytes);
        }
    }
}
