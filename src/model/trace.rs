//! Spans and traces in OpenTelemetry's words.

use std::fmt;
use std::sync::Arc;

use crate::model::resource::{Attributes, Resource, Scope};
use crate::model::time::TimestampNs;

/// Sixteen bytes that name a trace; never all zero once admitted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// Eight bytes that name a span within its trace; never all zero once admitted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// Reads 1 to 32 hexadecimal digits of any case; leading zeros may be missing.
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex::<16>(text).map(TraceId)
    }

    /// Returns the id unless it is all zero, which means "none".
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let id: [u8; 16] = bytes.try_into().ok()?;
        (id != [0; 16]).then_some(TraceId(id))
    }
}

impl SpanId {
    /// Reads 1 to 16 hexadecimal digits of any case; leading zeros may be missing.
    pub fn from_hex(text: &str) -> Option<Self> {
        parse_hex::<8>(text).map(SpanId)
    }

    /// Returns the id unless it is all zero, which means "none".
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let id: [u8; 8] = bytes.try_into().ok()?;
        (id != [0; 8]).then_some(SpanId(id))
    }
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.is_empty() || text.len() > 2 * N {
        return None;
    }
    let mut id = [0_u8; N];
    let mut any = 0;
    for (place, digit) in text.bytes().rev().enumerate() {
        let value = char::from(digit).to_digit(16)? as u8;
        any |= value;
        id[N - 1 - place / 2] |= value << (4 * (place % 2));
    }
    (any != 0).then_some(id)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// The role of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SpanKind {
    /// Not given.
    #[default]
    Unspecified,
    /// Within one process.
    Internal,
    /// Serves a request.
    Server,
    /// Makes a request.
    Client,
    /// Sends a message.
    Producer,
    /// Handles a message.
    Consumer,
}

impl SpanKind {
    /// Returns the lower-case word; `""` when unspecified.
    pub fn word(self) -> &'static str {
        match self {
            SpanKind::Unspecified => "",
            SpanKind::Internal => "internal",
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
        }
    }

    /// Reads the lower-case word; `None` when it is unknown.
    pub fn from_word(word: &str) -> Option<Self> {
        let kinds = [
            SpanKind::Internal,
            SpanKind::Server,
            SpanKind::Client,
            SpanKind::Producer,
            SpanKind::Consumer,
        ];
        kinds.into_iter().find(|kind| kind.word() == word)
    }
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StatusCode {
    /// Not given, which is the normal case for success.
    #[default]
    Unset,
    /// Declared a success.
    Ok,
    /// An error.
    Error,
}

/// How a span ended, with a word about why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The outcome.
    pub code: StatusCode,
    /// Why, for errors; may be empty.
    pub message: String,
}

/// Something that happened during a span.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanEvent {
    /// When.
    pub timestamp: TimestampNs,
    /// What.
    pub name: String,
    /// Details.
    pub attributes: Attributes,
}

/// A pointer to a span that is not the parent.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanLink {
    /// The other trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// W3C trace state; may be empty.
    pub trace_state: String,
    /// Details.
    pub attributes: Attributes,
}

/// One operation within a trace. `end >= start` once admitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The span that caused it; `None` for roots.
    pub parent_span_id: Option<SpanId>,
    /// W3C trace state; may be empty.
    pub trace_state: String,
    /// W3C trace flags.
    pub flags: u32,
    /// The operation.
    pub name: String,
    /// The role.
    pub kind: SpanKind,
    /// When it began.
    pub start: TimestampNs,
    /// When it ended.
    pub end: TimestampNs,
    /// Details.
    pub attributes: Attributes,
    /// What happened meanwhile.
    pub events: Vec<SpanEvent>,
    /// Other spans it points at.
    pub links: Vec<SpanLink>,
    /// How it ended.
    pub status: Status,
    /// Who made it, shared among the spans of a batch.
    pub resource: Arc<Resource>,
    /// The library that made it, shared among the spans of a batch.
    pub scope: Arc<Scope>,
}

impl Span {
    /// Returns the duration in nanoseconds, never negative.
    pub fn duration_ns(&self) -> i64 {
        self.end.0.saturating_sub(self.start.0).max(0)
    }

    /// Returns the service that made the span, or the empty text.
    pub fn service_name(&self) -> &str {
        self.resource.service_name()
    }
}

/// The spans of one trace that are known, ordered by start.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Its id.
    pub trace_id: TraceId,
    /// Its spans, ordered by start, each span id once.
    pub spans: Vec<Span>,
}

impl Trace {
    /// Returns the span that names the trace: one without a parent, else the first to start.
    pub fn root(&self) -> Option<&Span> {
        let root = self.spans.iter().find(|span| span.parent_span_id.is_none());
        root.or_else(|| self.spans.iter().min_by_key(|span| span.start))
    }

    /// Returns the first start and the last end; both zero without spans.
    pub fn bounds(&self) -> (TimestampNs, TimestampNs) {
        let start = self.spans.iter().map(|span| span.start).min().unwrap_or_default();
        let end = self.spans.iter().map(|span| span.end).max().unwrap_or(start);
        (start, end.max(start))
    }

    /// Returns the nanoseconds between both.
    pub fn length_ns(&self) -> i64 {
        let (start, end) = self.bounds();
        end.0.saturating_sub(start.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_short_and_upper_case_hex_but_never_zero() {
        let id = TraceId::from_hex("ABC").unwrap();
        assert_eq!(id.to_string(), "00000000000000000000000000000abc");
        assert_eq!(TraceId::from_hex("0"), None);
        assert_eq!(TraceId::from_hex("xyz"), None);
        assert_eq!(SpanId::from_hex(&"1".repeat(17)), None);
    }
}
