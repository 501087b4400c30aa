//! A log record as a list shows it: what the row needs and no more.

use serde::Serialize;

use crate::base::error::{Error, Result};
use crate::model::log_query::{LogHit, LogPosition};
use crate::model::time::TimestampNs;

/// Characters of a line that a row carries; the record's own page has all of it.
const LINE_CHARACTERS: usize = 2_000;

/// A row.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Nanoseconds since the epoch, as text: JavaScript's numbers would lose digits.
    pub(crate) ns: String,
    /// Its place in the order of equal times.
    pub(crate) seq: u64,
    pub(crate) index: String,
    pub(crate) id: String,
    pub(crate) severity: &'static str,
    pub(crate) service: String,
    pub(crate) line: String,
    /// Whether the line goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cut: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

impl Row {
    /// Makes the row of a found record.
    pub(crate) fn of(hit: &LogHit) -> Self {
        let record = &hit.record;
        let body = record.body.to_text();
        let mut line: String = body.chars().take(LINE_CHARACTERS).collect();
        let cut = line.len() < body.len();
        if line.is_empty() {
            // A record without a message is told by its attributes.
            let pairs = record.attributes.iter().take(12);
            let words: Vec<String> =
                pairs.map(|(key, value)| format!("{key}={}", value.to_text())).collect();
            line = words.join(" ").chars().take(LINE_CHARACTERS).collect();
        }
        Row {
            ns: hit.position.timestamp.0.to_string(),
            seq: hit.position.sequence,
            index: record.index.clone(),
            id: record.id.clone(),
            severity: record.severity.word(),
            service: record.service_name().to_owned(),
            line,
            cut,
            trace: record.trace_id.map(|id| id.to_string()),
        }
    }
}

/// Writes a place as a cursor.
pub(crate) fn cursor(position: LogPosition) -> String {
    format!("{}.{}", position.timestamp.0, position.sequence)
}

/// Reads a cursor.
///
/// # Errors
/// `InvalidInput` for anything else.
pub(crate) fn position(text: &str) -> Result<LogPosition> {
    let read = || {
        let (ns, sequence) = text.split_once('.')?;
        let timestamp = TimestampNs(ns.parse().ok()?);
        Some(LogPosition { timestamp, sequence: sequence.parse().ok()? })
    };
    read().ok_or_else(|| Error::invalid(format!("{text:?} is no cursor")))
}
