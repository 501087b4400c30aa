//! From the bytes of a request to a batch, whatever their encoding.

use bytes::Bytes;
use parking_lot::Mutex;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::batch::{LogBatch, SpanBatch};
use crate::model::reject::{Reject, RejectReason};
use crate::model::time::TimestampNs;
use crate::wire::otlp::logs::LogSink;
use crate::wire::otlp::metrics::{DecodedMetrics, DeltaStreams, MetricSink};
use crate::wire::otlp::traces::SpanSink;
use crate::wire::otlp::{json, protobuf};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`, with OTLP's deviations from protobuf's JSON mapping.
    Json,
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `ExportTraceServiceRequest`
    Traces,
    /// `ExportMetricsServiceRequest`
    Metrics,
    /// `ExportLogsServiceRequest`
    Logs,
}

impl Signal {
    /// Returns the word that paths and counters use.
    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }
}

/// A decoded request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded<B> {
    /// What is readable, in the order sent.
    pub batch: B,
    /// What is not.
    pub rejects: Vec<Reject>,
}

/// Receives a request piece by piece: a resource, its scopes, their items.
pub(crate) trait Sink {
    /// The innermost message: a span, a log record, a metric.
    type Item: Item;

    /// Begins the items of a resource.
    fn resource(&mut self, resource: ProtoResource);
    /// Begins the items of a scope of the resource.
    fn scope(&mut self, scope: ProtoScope);
    /// Takes one item of the scope.
    fn item(&mut self, item: Self::Item);
    /// Takes note of an item that cannot be read.
    fn refuse(&mut self, reject: Reject);
    /// Ends the items of a resource.
    fn resource_ends(&mut self) {}
}

/// An innermost message in both encodings.
pub(crate) trait Item: prost::Message + Default {
    /// The JSON names of the three levels of lists.
    const KEYS: json::Keys;

    /// Reads the item's JSON.
    fn from_json(json: json::Object<'_>) -> json::Read<Self>;

    /// Returns how many points are lost with an item of this JSON.
    fn points(_json: json::Object<'_>) -> u64 {
        1
    }
}

pub(crate) use opentelemetry_proto::tonic::common::v1::InstrumentationScope as ProtoScope;
pub(crate) use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;

/// Decodes `ExportTraceServiceRequest`; spans without any time get `arrival`.
///
/// # Errors
/// `InvalidInput` when the body as a whole is not readable; likewise below.
pub fn decode_traces(
    body: &Bytes,
    encoding: Encoding,
    arrival: TimestampNs,
) -> Result<Decoded<SpanBatch>> {
    let mut sink = SpanSink::new(arrival);
    walk(body, encoding, &mut sink)?;
    Ok(sink.decoded)
}

/// Decodes `ExportLogsServiceRequest`; a record's missing time stays 0 for `ingest` to fill.
///
/// # Errors
/// Those of [`decode_traces`].
pub fn decode_logs(body: &Bytes, encoding: Encoding) -> Result<Decoded<LogBatch>> {
    let mut sink = LogSink::default();
    walk(body, encoding, &mut sink)?;
    Ok(sink.decoded)
}

/// Decodes `ExportMetricsServiceRequest`; data points without a time get `arrival`, and those that
/// tell only what is new become totals in `deltas`.
///
/// # Errors
/// Those of [`decode_traces`].
pub fn decode_metrics(
    body: &Bytes,
    encoding: Encoding,
    arrival: TimestampNs,
    deltas: &Mutex<DeltaStreams>,
) -> Result<DecodedMetrics> {
    let mut sink = MetricSink::new(arrival, deltas);
    walk(body, encoding, &mut sink)?;
    Ok(sink.finish())
}

fn walk<S: Sink>(body: &Bytes, encoding: Encoding, sink: &mut S) -> Result<()> {
    match encoding {
        Encoding::Protobuf => protobuf::walk(body, sink),
        Encoding::Json => json::walk(body, sink),
    }
}

/// The most groups and items of one request. SDKs send some hundreds, collectors some thousands;
/// what two bytes of protobuf can ask for must not become gigabytes of structs.
const MAX_MEMBERS: u32 = 250_000;
/// The most bytes of one item, before it is decoded.
const MAX_ITEM_BYTES: usize = 4 << 20;

/// Bounds what decoding a hostile body costs.
#[derive(Default)]
pub(crate) struct Bounds {
    members: u32,
}

impl Bounds {
    /// Counts a resource, scope or item.
    ///
    /// # Errors
    /// `LimitExceeded` when there are too many for one request.
    pub(crate) fn count(&mut self) -> Result<()> {
        self.members += 1;
        if self.members <= MAX_MEMBERS {
            return Ok(());
        }
        let text = format!("the request has more than {MAX_MEMBERS} items; send smaller batches");
        Err(Error::new(ErrorKind::LimitExceeded, text))
    }

    /// Returns the refusal of an item of `bytes` that is too large to decode.
    pub(crate) fn oversize(what: &str, bytes: usize) -> Option<Reject> {
        (bytes > MAX_ITEM_BYTES).then(|| {
            let why = format!("a {what} has {bytes} bytes, more than {MAX_ITEM_BYTES}");
            Reject::one(RejectReason::TooLarge, why)
        })
    }
}

/// Builds the refusal of an item whose bytes make no sense.
pub(crate) fn unreadable(count: u64, what: &str, why: impl std::fmt::Display) -> Reject {
    Reject { count, reason: RejectReason::Malformed, message: format!("{what}: {why}") }
}

#[cfg(test)]
mod tests;
