//! Spans to the model.

use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::{self as proto, span};

use crate::model::batch::SpanBatch;
use crate::model::reject::{Reject, RejectReason};
use crate::model::resource::{Resource, Scope};
use crate::model::time::TimestampNs;
use crate::model::trace::{
    Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, StatusCode, TraceId,
};
use crate::wire::otlp::attributes::{attributes, resource, scope};
use crate::wire::otlp::request::{Decoded, ProtoResource, ProtoScope, Sink};

/// Collects the spans of a request.
pub(crate) struct SpanSink {
    pub(crate) decoded: Decoded<SpanBatch>,
    arrival: TimestampNs,
    resource: Arc<Resource>,
    scope: Arc<Scope>,
}

impl SpanSink {
    pub(crate) fn new(arrival: TimestampNs) -> Self {
        SpanSink {
            decoded: Decoded::default(),
            arrival,
            resource: Arc::default(),
            scope: Arc::default(),
        }
    }

    fn span(&self, wire: proto::Span) -> Result<Span, (RejectReason, String)> {
        let trace_id = TraceId::from_slice(&wire.trace_id)
            .ok_or_else(|| id_fault("trace id", &wire.trace_id, 16))?;
        let span_id = SpanId::from_slice(&wire.span_id)
            .ok_or_else(|| id_fault("span id", &wire.span_id, 8))?;
        let parent_span_id = match wire.parent_span_id.as_slice() {
            [] | [0, 0, 0, 0, 0, 0, 0, 0] => None,
            bytes => Some(
                SpanId::from_slice(bytes).ok_or_else(|| id_fault("parent span id", bytes, 8))?,
            ),
        };
        let (start, end) = self.start_and_end(&wire)?;
        let mut events = Vec::with_capacity(wire.events.len());
        for event in wire.events {
            events.push(span_event(event, start)?);
        }
        let status = wire.status.unwrap_or_default();
        Ok(Span {
            trace_id,
            span_id,
            parent_span_id,
            trace_state: wire.trace_state,
            flags: wire.flags,
            name: wire.name,
            kind: span_kind(wire.kind),
            start,
            end,
            attributes: attributes(wire.attributes),
            events,
            links: wire.links.into_iter().filter_map(span_link).collect(),
            status: Status { code: status_code(status.code), message: status.message },
            resource: Arc::clone(&self.resource),
            scope: Arc::clone(&self.scope),
        })
    }

    /// Fills missing times: a span without start begins at its end, one without any at arrival.
    fn start_and_end(
        &self,
        wire: &proto::Span,
    ) -> Result<(TimestampNs, TimestampNs), (RejectReason, String)> {
        let start = time(wire.start_time_unix_nano)?;
        let end = time(wire.end_time_unix_nano)?;
        Ok(match (start.0, end.0) {
            (0, 0) => (self.arrival, self.arrival),
            (0, _) => (end, end),
            (_, 0) => (start, start),
            (_, _) => (start, end),
        })
    }
}

impl Sink for SpanSink {
    type Item = proto::Span;

    fn resource(&mut self, wire: ProtoResource) {
        self.resource = Arc::new(resource(wire));
    }

    fn scope(&mut self, wire: ProtoScope) {
        self.scope = Arc::new(scope(wire));
    }

    fn item(&mut self, wire: proto::Span) {
        let name: String = wire.name.chars().take(64).collect();
        match self.span(wire) {
            Ok(span) => self.decoded.batch.spans.push(span),
            Err((reason, why)) => {
                self.refuse(Reject::one(reason, format!("span {name:?}: {why}")));
            }
        }
    }

    fn refuse(&mut self, reject: Reject) {
        self.decoded.rejects.push(reject);
    }
}

fn id_fault(what: &str, bytes: &[u8], expected: usize) -> (RejectReason, String) {
    let why = match bytes.len() {
        0 => format!("the {what} is missing"),
        length if length == expected => format!("the {what} is all zero"),
        length => format!("the {what} has {length} bytes instead of {expected}"),
    };
    (RejectReason::InvalidLabels, why)
}

/// Reads OTLP's unsigned nanoseconds.
///
/// # Errors
/// The refusal of what lies beyond the year 2262.
pub(crate) fn time(nanos: u64) -> Result<TimestampNs, (RejectReason, String)> {
    TimestampNs::from_unix_nanos(nanos).ok_or_else(|| {
        (RejectReason::TooFarInFuture, "the time lies behind the year 2262".to_owned())
    })
}

fn span_event(wire: span::Event, start: TimestampNs) -> Result<SpanEvent, (RejectReason, String)> {
    let at = time(wire.time_unix_nano)?;
    let timestamp = if at.0 == 0 { start } else { at };
    Ok(SpanEvent { timestamp, name: wire.name, attributes: attributes(wire.attributes) })
}

/// Converts a link; one whose ids are not valid points nowhere and is left out.
fn span_link(wire: span::Link) -> Option<SpanLink> {
    Some(SpanLink {
        trace_id: TraceId::from_slice(&wire.trace_id)?,
        span_id: SpanId::from_slice(&wire.span_id)?,
        trace_state: wire.trace_state,
        attributes: attributes(wire.attributes),
    })
}

/// Numbers that this version does not know are unspecified, as protobuf's open enums want it.
fn span_kind(number: i32) -> SpanKind {
    match span::SpanKind::try_from(number) {
        Ok(span::SpanKind::Internal) => SpanKind::Internal,
        Ok(span::SpanKind::Server) => SpanKind::Server,
        Ok(span::SpanKind::Client) => SpanKind::Client,
        Ok(span::SpanKind::Producer) => SpanKind::Producer,
        Ok(span::SpanKind::Consumer) => SpanKind::Consumer,
        Ok(span::SpanKind::Unspecified) | Err(_) => SpanKind::Unspecified,
    }
}

fn status_code(number: i32) -> StatusCode {
    match proto::status::StatusCode::try_from(number) {
        Ok(proto::status::StatusCode::Ok) => StatusCode::Ok,
        Ok(proto::status::StatusCode::Error) => StatusCode::Error,
        Ok(proto::status::StatusCode::Unset) | Err(_) => StatusCode::Unset,
    }
}
