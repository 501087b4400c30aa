//! One log record, whatever door it came through.

use std::sync::Arc;

use crate::model::resource::{AttrValue, Attributes, Resource, Scope};
use crate::model::time::TimestampNs;
use crate::model::trace::{SpanId, TraceId};

/// OpenTelemetry's six severity ranges, four numbers each (1 to 24); 0 is unspecified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Severity(pub u8);

impl Severity {
    /// Not given.
    pub const UNSPECIFIED: Severity = Severity(0);
    /// `TRACE`
    pub const TRACE: Severity = Severity(1);
    /// `DEBUG`
    pub const DEBUG: Severity = Severity(5);
    /// `INFO`
    pub const INFO: Severity = Severity(9);
    /// `WARN`
    pub const WARN: Severity = Severity(13);
    /// `ERROR`
    pub const ERROR: Severity = Severity(17);
    /// `FATAL`
    pub const FATAL: Severity = Severity(21);

    /// Returns the lower-case word of the range, or the empty text when unspecified.
    pub fn word(self) -> &'static str {
        match self.0 {
            1..=4 => "trace",
            5..=8 => "debug",
            9..=12 => "info",
            13..=16 => "warn",
            17..=20 => "error",
            21..=24 => "fatal",
            _ => "",
        }
    }

    /// Reads the words that loggers use (any case); unknown words are unspecified.
    pub fn from_word(word: &str) -> Severity {
        match word.trim().to_ascii_lowercase().as_str() {
            "trace" | "silly" | "finest" | "verbose" => Severity::TRACE,
            "debug" | "finer" | "fine" => Severity::DEBUG,
            "info" | "information" | "informational" | "notice" | "http" => Severity::INFO,
            "warn" | "warning" => Severity::WARN,
            "error" | "err" | "severe" => Severity::ERROR,
            "fatal" | "critical" | "crit" | "alert" | "emerg" | "emergency" | "panic" => {
                Severity::FATAL
            }
            _ => Severity::UNSPECIFIED,
        }
    }
}

/// A log record. Empty texts and `None` mean "not given".
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// When it happened; ingest fills it from the observed time, else from arrival.
    pub timestamp: TimestampNs,
    /// When it was seen by a collector; 0 when not given.
    pub observed: TimestampNs,
    /// Number of the severity.
    pub severity: Severity,
    /// The severity's own word as sent, such as `warn` or `W`; may be empty.
    pub severity_text: String,
    /// The message, text or structure.
    pub body: AttrValue,
    /// What else the record says.
    pub attributes: Attributes,
    /// Who sent it, shared among the records of a batch.
    pub resource: Arc<Resource>,
    /// The logger, shared among the records of a batch.
    pub scope: Arc<Scope>,
    /// The trace it belongs to.
    pub trace_id: Option<TraceId>,
    /// The span it belongs to.
    pub span_id: Option<SpanId>,
    /// The index it is found under through Elasticsearch; ingest fills `logs-<door>-default`.
    pub index: String,
    /// The document id, given by the client or made at the door; unique within `index`.
    pub id: String,
    /// The JSON document as it was sent, for doors that return it unchanged (Elasticsearch).
    pub source: Option<Box<str>>,
}

impl LogRecord {
    /// Builds a record with `body` at `timestamp` and everything else not given.
    pub fn new(timestamp: TimestampNs, body: impl Into<String>) -> Self {
        LogRecord {
            timestamp,
            observed: TimestampNs(0),
            severity: Severity::UNSPECIFIED,
            severity_text: String::new(),
            body: AttrValue::Str(body.into()),
            attributes: Attributes::default(),
            resource: Arc::default(),
            scope: Arc::default(),
            trace_id: None,
            span_id: None,
            index: String::new(),
            id: String::new(),
            source: None,
        }
    }

    /// Returns the service that sent the record, or the empty text.
    pub fn service_name(&self) -> &str {
        self.resource.service_name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_words_of_common_loggers_are_known() {
        assert_eq!(Severity::from_word("WARNING"), Severity::WARN);
        assert_eq!(Severity::from_word("crit").word(), "fatal");
        assert_eq!(Severity::from_word("banana"), Severity::UNSPECIFIED);
        assert_eq!(Severity(18).word(), "error");
    }
}
