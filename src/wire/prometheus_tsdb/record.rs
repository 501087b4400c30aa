//! Records of the write-ahead log.

use crate::base::error::{Error, Result};
use crate::model::batch::MetricType;
use crate::model::exemplar::Exemplar;
use crate::model::histogram::Histogram;
use crate::model::labels::Labels;
use crate::model::time::{TimeRange, TimestampMs};
use crate::wire::prometheus_tsdb::bytes::Bytes;
use crate::wire::prometheus_tsdb::record_points as points;

/// Deleted points of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stone {
    /// The number of the series.
    pub series: u64,
    /// Which points.
    pub range: TimeRange<TimestampMs>,
}

/// A float of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloatPoint {
    /// The number of the series.
    pub series: u64,
    /// When, in milliseconds.
    pub at: i64,
    /// When its counting began; 0 when it is not known.
    pub start: i64,
    /// The value.
    pub value: f64,
}

/// A native histogram of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramPoint {
    /// The number of the series.
    pub series: u64,
    /// When, in milliseconds.
    pub at: i64,
    /// When its counting began; 0 when it is not known.
    pub start: i64,
    /// The value.
    pub histogram: Histogram,
}

/// An example of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarPoint {
    /// The number of the series.
    pub series: u64,
    /// The example.
    pub exemplar: Exemplar,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Numbers of series.
    Series(Vec<(u64, Labels)>),
    /// Floats.
    Floats(Vec<FloatPoint>),
    /// Native histograms.
    Histograms(Vec<HistogramPoint>),
    /// Deletions.
    Stones(Vec<Stone>),
    /// Examples.
    Exemplars(Vec<ExemplarPoint>),
    /// Type, unit and help of the families of series.
    Metadata(Vec<(u64, MetricType, String, String)>),
    /// Where chunks were mapped to, which an import need not know.
    MapMarkers,
    /// A record of a type that is not known.
    Unknown(u8),
}

/// Reads one record.
///
/// # Errors
/// `Corrupt` for anything that cannot be read, `Unsupported` for an unknown histogram schema.
pub fn decode(record: &[u8]) -> Result<Record> {
    let mut bytes = Bytes::new(record);
    let kind = bytes.u8()?;
    Ok(match kind {
        1 => Record::Series(series(bytes)?),
        2 => Record::Floats(points::floats(bytes)?),
        3 => Record::Stones(stones(bytes)?),
        4 => Record::Exemplars(exemplars(bytes)?),
        5 => Record::MapMarkers,
        6 => Record::Metadata(metadata(bytes)?),
        7 | 9 => Record::Histograms(points::histograms(bytes, points::counts)?),
        8 | 10 => Record::Histograms(points::histograms(bytes, points::float_counts)?),
        11 => Record::Floats(points::floats_with_start(bytes)?),
        12 => Record::Histograms(points::histograms_with_start(bytes, points::counts)?),
        13 => Record::Histograms(points::histograms_with_start(bytes, points::float_counts)?),
        other => Record::Unknown(other),
    })
}

fn series(mut bytes: Bytes<'_>) -> Result<Vec<(u64, Labels)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        found.push((bytes.be64()?, labels(&mut bytes)?));
    }
    Ok(found)
}

fn labels(bytes: &mut Bytes<'_>) -> Result<Labels> {
    let mut pairs = Vec::new();
    for _ in 0..bytes.count(2)? {
        pairs.push((bytes.text()?, bytes.text()?));
    }
    Labels::from_unique(&mut pairs)
        .map_err(|twice| Error::corrupt(format!("label {twice:?} stands there twice")))
}

fn stones(mut bytes: Bytes<'_>) -> Result<Vec<Stone>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let series = bytes.be64()?;
        let range = TimeRange::new(TimestampMs(bytes.varint()?), TimestampMs(bytes.varint()?));
        found.push(Stone { series, range });
    }
    Ok(found)
}

fn exemplars(mut bytes: Bytes<'_>) -> Result<Vec<ExemplarPoint>> {
    let mut found = Vec::new();
    if bytes.is_empty() {
        return Ok(found);
    }
    let (first, time) = (bytes.be64()?, bytes.be64_signed()?);
    while !bytes.is_empty() {
        let series = first.wrapping_add_signed(bytes.varint()?);
        let timestamp = TimestampMs(time.wrapping_add(bytes.varint()?));
        let value = bytes.float()?;
        let labels = labels(&mut bytes)?;
        found.push(ExemplarPoint { series, exemplar: Exemplar { labels, value, timestamp } });
    }
    Ok(found)
}

fn metadata(mut bytes: Bytes<'_>) -> Result<Vec<(u64, MetricType, String, String)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let series = bytes.uvarint()?;
        let kind = match bytes.u8()? {
            1 => MetricType::Counter,
            2 => MetricType::Gauge,
            3 => MetricType::Histogram,
            4 => MetricType::GaugeHistogram,
            5 => MetricType::Summary,
            6 => MetricType::Info,
            7 => MetricType::StateSet,
            _ => MetricType::Unknown,
        };
        let (mut unit, mut help) = (String::new(), String::new());
        for _ in 0..bytes.count(2)? {
            match (bytes.text()?, bytes.text()?) {
                ("UNIT", text) => text.clone_into(&mut unit),
                ("HELP", text) => text.clone_into(&mut help),
                _ => {}
            }
        }
        found.push((series, kind, unit, help));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
