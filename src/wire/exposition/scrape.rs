//! What a scrape yields, and the way to it.

use crate::base::error::{Error, Result};
use crate::model::batch::MetricMetadata;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::wire::exposition::cursor::Fault;
use crate::wire::exposition::{openmetrics, text};

/// The dialect of a scraped body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4; also 1.0.0, which adds quoted names.
    Text,
    /// OpenMetrics 0.0.1 and 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Reads a `Content-Type` value; `None` when it names neither dialect.
    pub fn from_content_type(value: &str) -> Option<Self> {
        let media_type = value.split(';').next().unwrap_or("").trim();
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
    /// The example behind the value, if it gave one.
    pub exemplar: Option<ScrapedExemplar>,
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
    /// What is said of families: one entry a family that has a `TYPE`, `HELP` or `UNIT` line.
    pub metadata: Vec<MetricMetadata>,
}

/// Reads the body of a scrape.
///
/// # Errors
/// `InvalidInput` that names line and byte of the first fault.
pub fn parse(body: &[u8], format: Format) -> Result<Scrape> {
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
    };
    parsed.map_err(|Fault { at, message }| wrong(at, &message))
}

#[cfg(test)]
mod tests;
