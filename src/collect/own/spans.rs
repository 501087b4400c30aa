//! Ended OpenTelemetry spans as spans of the model.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{self, Event, Link, TraceFlags};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanProcessor};
use tokio::sync::mpsc;

use crate::collect::own::losses::Losses;
use crate::model::resource::{AttrValue, Attributes, Resource, Scope};
use crate::model::time::TimestampNs;
use crate::model::trace::{
    Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, StatusCode, TraceId,
};

/// Queues every sampled span when it ends.
pub(crate) struct SpanQueue {
    queue: mpsc::Sender<Span>,
    resource: Arc<Resource>,
    scope: Arc<Scope>,
    losses: Losses,
}

impl SpanQueue {
    /// Feeds `queue`.
    pub(crate) fn new(queue: mpsc::Sender<Span>, resource: Arc<Resource>, losses: Losses) -> Self {
        let scope =
            Scope { name: crate::telemetry::instruments::SERVICE.to_owned(), ..Scope::default() };
        SpanQueue { queue, resource, scope: Arc::new(scope), losses }
    }

    fn span(&self, ended: SpanData) -> Option<Span> {
        let context = &ended.span_context;
        Some(Span {
            trace_id: TraceId::from_slice(&context.trace_id().to_bytes())?,
            span_id: SpanId::from_slice(&context.span_id().to_bytes())?,
            parent_span_id: SpanId::from_slice(&ended.parent_span_id.to_bytes()),
            trace_state: context.trace_state().header(),
            flags: u32::from((context.trace_flags() & TraceFlags::SAMPLED).to_u8()),
            name: ended.name.into_owned(),
            kind: kind(ended.span_kind),
            start: nanos(ended.start_time),
            end: nanos(ended.end_time),
            attributes: attributes(ended.attributes),
            events: ended.events.events.into_iter().map(event).collect(),
            links: ended.links.iter().cloned().filter_map(link).collect(),
            status: status(ended.status),
            resource: Arc::clone(&self.resource),
            scope: Arc::clone(&self.scope),
        })
    }
}

impl fmt::Debug for SpanQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpanQueue")
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &opentelemetry::Context) {}

    fn on_end(&self, ended: SpanData) {
        if !ended.span_context.is_sampled() {
            return;
        }
        let Some(span) = self.span(ended) else { return };
        if self.queue.try_send(span).is_err() {
            self.losses.count("traces", "queue_full", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn nanos(at: SystemTime) -> TimestampNs {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampNs(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}

fn kind(kind: trace::SpanKind) -> SpanKind {
    match kind {
        trace::SpanKind::Client => SpanKind::Client,
        trace::SpanKind::Server => SpanKind::Server,
        trace::SpanKind::Producer => SpanKind::Producer,
        trace::SpanKind::Consumer => SpanKind::Consumer,
        trace::SpanKind::Internal => SpanKind::Internal,
    }
}

fn status(status: trace::Status) -> Status {
    match status {
        trace::Status::Unset => Status::default(),
        trace::Status::Ok => Status { code: StatusCode::Ok, message: String::new() },
        trace::Status::Error { description } => {
            Status { code: StatusCode::Error, message: description.into_owned() }
        }
    }
}

fn event(event: Event) -> SpanEvent {
    SpanEvent {
        timestamp: nanos(event.timestamp),
        name: event.name.into_owned(),
        attributes: attributes(event.attributes),
    }
}

fn link(link: Link) -> Option<SpanLink> {
    Some(SpanLink {
        trace_id: TraceId::from_slice(&link.span_context.trace_id().to_bytes())?,
        span_id: SpanId::from_slice(&link.span_context.span_id().to_bytes())?,
        trace_state: link.span_context.trace_state().header(),
        attributes: attributes(link.attributes),
    })
}

fn attributes(pairs: Vec<KeyValue>) -> Attributes {
    pairs.into_iter().map(|pair| (pair.key.to_string(), value(pair.value))).collect()
}

fn value(value: Value) -> AttrValue {
    match value {
        Value::Bool(flag) => AttrValue::Bool(flag),
        Value::I64(number) => AttrValue::Int(number),
        Value::F64(number) => AttrValue::Double(number),
        Value::String(text) => AttrValue::Str(text.into()),
        Value::Array(Array::Bool(items)) => list(items, AttrValue::Bool),
        Value::Array(Array::I64(items)) => list(items, AttrValue::Int),
        Value::Array(Array::F64(items)) => list(items, AttrValue::Double),
        Value::Array(Array::String(items)) => list(items, |text| AttrValue::Str(text.into())),
        // Both enums may grow.
        other => AttrValue::Str(other.to_string()),
    }
}

fn list<T>(items: Vec<T>, value: impl Fn(T) -> AttrValue) -> AttrValue {
    AttrValue::Array(items.into_iter().map(value).collect())
}
