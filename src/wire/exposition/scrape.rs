//! What a scrape yields, and the way to it.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::model::batch::MetricMetadata;
use crate::model::histogram::Histogram;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::wire::exposition::cursor::Fault;
use crate::wire::exposition::{openmetrics, protobuf, text};

/// The dialect of a scraped body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4; also 1.0.0, which adds quoted names.
    Text,
    /// OpenMetrics 0.0.1 and 1.0.0.
    OpenMetrics,
    /// `io.prometheus.client.MetricFamily` messages behind their lengths.
    Protobuf(Histograms),
}

/// Which form of a histogram counts where a target offers classic buckets and native ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Histograms {
    /// The classic one; a histogram without it becomes its count and sum.
    #[default]
    Classic,
    /// The native one where there is one, else the classic.
    Native,
    /// All that there are.
    Both,
}

impl Format {
    /// Reads a `Content-Type` value; `None` when it names no dialect. Of protobuf the classic form of
    /// histograms counts.
    pub fn from_content_type(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or("");
        if media_type.eq_ignore_ascii_case("application/vnd.google.protobuf") {
            let is = |key: &str, wanted: &str| {
                let values = value.split(';').filter_map(|part| part.split_once('='));
                values
                    .filter(|(own, _)| own.trim().eq_ignore_ascii_case(key))
                    .all(|(_, value)| value.trim().trim_matches('"').eq_ignore_ascii_case(wanted))
            };
            let ours =
                is("proto", "io.prometheus.client.MetricFamily") && is("encoding", "delimited");
            return ours.then_some(Format::Protobuf(Histograms::Classic));
        }
        if media_type.eq_ignore_ascii_case("text/plain") {
            return Some(Format::Text);
        }
        let open = media_type.eq_ignore_ascii_case("application/openmetrics-text");
        open.then_some(Format::OpenMetrics)
    }
}

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapedSample {
    /// The series as the target names it, metric name included.
    pub labels: Labels,
    /// The value; every NaN is the one ordinary NaN, so that none reads as a stale marker.
    pub value: f64,
    /// The target's own time, if it gave one.
    pub timestamp: Option<TimestampMs>,
    /// When counting began, if the target says so.
    pub start: Option<TimestampMs>,
    /// The example behind the value, if it gave one.
    pub exemplar: Option<ScrapedExemplar>,
}

/// A native histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapedHistogram {
    /// The series as the target names it, metric name included.
    pub labels: Labels,
    /// The histogram, consistent and without empty buckets.
    pub histogram: Arc<Histogram>,
    /// The target's own time, if it gave one.
    pub timestamp: Option<TimestampMs>,
    /// When counting began, if the target says so.
    pub start: Option<TimestampMs>,
    /// Examples, all with their time.
    pub exemplars: Vec<ScrapedExemplar>,
}

/// An exemplar, whose time may be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapedExemplar {
    /// Usually `trace_id` and `span_id`.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// When, if the target said so.
    pub timestamp: Option<TimestampMs>,
}

/// A whole scrape in the order written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scrape {
    /// The lines with values.
    pub samples: Vec<ScrapedSample>,
    /// Native histograms, which only protobuf has.
    pub histograms: Vec<ScrapedHistogram>,
    /// What is said of families: one entry a family that has a `TYPE`, `HELP` or `UNIT` line.
    pub metadata: Vec<MetricMetadata>,
}

/// Reads the body of a scrape.
///
/// # Errors
/// `InvalidInput` that names the place of the first fault; `LimitExceeded` when there is too much.
pub fn parse(body: &[u8], format: Format) -> Result<Scrape> {
    if let Format::Protobuf(histograms) = format {
        return protobuf::parse(body, histograms);
    }
    let wrong = |at: usize, message: &str| {
        let before = &body[..at.min(body.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Error::invalid(format!("line {line}, byte {at}: {message}"))
    };
    let body_text = std::str::from_utf8(body)
        .map_err(|error| wrong(error.valid_up_to(), "the text is not UTF-8"))?;
    if let Some(at) = body.iter().position(|byte| *byte == 0) {
        return Err(wrong(at, "the text holds a NUL byte"));
    }
    let parsed = match format {
        Format::Text => text::parse(body_text),
        Format::OpenMetrics => openmetrics::parse(body_text),
        Format::Protobuf(_) => Ok(Scrape::default()),
    };
    parsed.map_err(|Fault { at, message }| wrong(at, &message))
}

#[cfg(test)]
mod tests;
