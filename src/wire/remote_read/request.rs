//! What a peer asks.

use bytes::Bytes;
use prost::Message;

use crate::base::error::{Error, Result};
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::time::{TimeRange, TimestampMs};

/// The most questions of one request; Prometheus sends one.
const MAX_QUERIES: usize = 1_000;

/// The most conditions of one question.
const MAX_MATCHERS: usize = 10_000;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseType {
    /// One message with every sample, in a snappy block.
    Samples,
    /// Frames of encoded chunks, series after series in the order of their labels.
    StreamedXorChunks,
}

/// One question.
#[derive(Debug, Clone)]
pub struct ReadQuery {
    /// Which samples.
    pub range: TimeRange<TimestampMs>,
    /// Which series; all must hold.
    pub matchers: Vec<Matcher>,
    /// Distance of the evaluation steps in milliseconds that the asker plans, 0 for an instant.
    pub step_ms: i64,
    /// Width of the range selector in milliseconds, 0 when there is none.
    pub range_ms: i64,
    /// The function around the selector; empty when there is none.
    pub function: String,
}

/// What is asked, and how the answer may look.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The questions; answers name them by their place.
    pub queries: Vec<ReadQuery>,
    /// The first form in the asker's list that exists here.
    pub response_type: ResponseType,
}

/// `prometheus.ReadRequest`; the questions stay bytes until they are counted.
#[derive(Clone, PartialEq, prost::Message)]
struct WireRequest {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    queries: Vec<Bytes>,
    #[prost(int32, repeated, tag = "2")]
    accepted_response_types: Vec<i32>,
}

/// `prometheus.Query`
#[derive(Clone, PartialEq, prost::Message)]
struct WireQuery {
    #[prost(int64, tag = "1")]
    start_timestamp_ms: i64,
    #[prost(int64, tag = "2")]
    end_timestamp_ms: i64,
    #[prost(message, repeated, tag = "3")]
    matchers: Vec<WireMatcher>,
    #[prost(message, optional, tag = "4")]
    hints: Option<WireHints>,
}

/// `prometheus.LabelMatcher`
#[derive(Clone, PartialEq, prost::Message)]
struct WireMatcher {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
}

/// `prometheus.ReadHints`, without what no engine here can use.
#[derive(Clone, PartialEq, prost::Message)]
struct WireHints {
    #[prost(int64, tag = "1")]
    step_ms: i64,
    #[prost(string, tag = "2")]
    func: String,
    #[prost(int64, tag = "7")]
    range_ms: i64,
}

/// Reads a request.
///
/// # Errors
/// `InvalidInput` for what is no such message, for a condition that cannot be read, and when no
/// form of answer that the asker takes exists here.
pub fn decode(body: Bytes) -> Result<ReadRequest> {
    let wire = WireRequest::decode(body).map_err(unreadable)?;
    if wire.queries.len() > MAX_QUERIES {
        return Err(Error::invalid(format!("more than {MAX_QUERIES} queries in one request")));
    }
    let queries: Result<Vec<_>> = wire.queries.into_iter().map(query).collect();
    let response_type = negotiate(&wire.accepted_response_types)?;
    Ok(ReadRequest { queries: queries?, response_type })
}

fn query(bytes: Bytes) -> Result<ReadQuery> {
    let wire = WireQuery::decode(bytes).map_err(unreadable)?;
    if wire.matchers.len() > MAX_MATCHERS {
        return Err(Error::invalid(format!("more than {MAX_MATCHERS} matchers in one query")));
    }
    let (start, end) = (wire.start_timestamp_ms, wire.end_timestamp_ms);
    let hints = wire.hints.unwrap_or_default();
    let matchers: Result<Vec<_>> = wire.matchers.into_iter().map(matcher).collect();
    Ok(ReadQuery {
        range: TimeRange::new(TimestampMs(start), TimestampMs(end)),
        matchers: matchers?,
        step_ms: hints.step_ms,
        range_ms: hints.range_ms,
        function: hints.func,
    })
}

fn matcher(wire: WireMatcher) -> Result<Matcher> {
    let op = match wire.kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        _ => return Err(Error::invalid("invalid matcher type")),
    };
    Matcher::new(op, wire.name, wire.value)
}

/// Takes the first accepted form that exists; an asker that names none is an old one.
fn negotiate(accepted: &[i32]) -> Result<ResponseType> {
    if accepted.is_empty() {
        return Ok(ResponseType::Samples);
    }
    let known = |kind: &i32| match kind {
        0 => Some(ResponseType::Samples),
        1 => Some(ResponseType::StreamedXorChunks),
        _ => None,
    };
    accepted.iter().find_map(known).ok_or_else(|| {
        let named: Vec<String> = accepted.iter().take(10).map(i32::to_string).collect();
        Error::invalid(format!(
            "server does not support any of the requested response types: [{}]; supported: map[SAMPLES:{{}} STREAMED_XOR_CHUNKS:{{}}]",
            named.join(" ")
        ))
    })
}

fn unreadable(error: prost::DecodeError) -> Error {
    Error::invalid(format!("the body is not the expected protobuf: {error}"))
}
