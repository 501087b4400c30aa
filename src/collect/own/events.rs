//! `tracing` events as log records.

use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::TraceContextExt;
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::base::clock::SharedClock;
use crate::collect::own::losses::Losses;
use crate::model::log::{LogRecord, Severity};
use crate::model::resource::{AttrValue, Attributes, Resource, Scope};
use crate::model::time::TimestampNs;
use crate::model::trace::{SpanId, TraceId};

/// Turns every event into a log record and queues it.
pub(crate) struct EventLayer {
    queue: mpsc::Sender<LogRecord>,
    resource: Arc<Resource>,
    clock: SharedClock,
    losses: Losses,
}

impl EventLayer {
    /// Feeds `queue`.
    pub(crate) fn new(
        queue: mpsc::Sender<LogRecord>,
        resource: Arc<Resource>,
        clock: SharedClock,
        losses: Losses,
    ) -> Self {
        EventLayer { queue, resource, clock, losses }
    }
}

impl<S: Subscriber> Layer<S> for EventLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let now = TimestampNs(self.clock.now_ns());
        let level = *event.metadata().level();
        let mut record = LogRecord::new(now, fields.message);
        record.observed = now;
        record.severity = severity(level);
        record.severity_text = level.as_str().to_ascii_lowercase();
        record.attributes = fields.attributes;
        record.resource = Arc::clone(&self.resource);
        record.scope =
            Arc::new(Scope { name: event.metadata().target().to_owned(), ..Scope::default() });
        let context = opentelemetry::Context::current();
        let span = context.span().span_context().clone();
        record.trace_id = TraceId::from_slice(&span.trace_id().to_bytes());
        record.span_id = SpanId::from_slice(&span.span_id().to_bytes());
        if self.queue.try_send(record).is_err() {
            self.losses.count("logs", "queue_full", 1);
        }
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::TRACE => Severity::TRACE,
        Level::DEBUG => Severity::DEBUG,
        Level::INFO => Severity::INFO,
        Level::WARN => Severity::WARN,
        Level::ERROR => Severity::ERROR,
    }
}

/// Collects the fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    attributes: Attributes,
}

impl Fields {
    fn set(&mut self, field: &Field, value: AttrValue) {
        self.attributes.set(field.name(), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.set(field, value.into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, AttrValue::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.set(field, AttrValue::Int(value)),
            Err(_) => self.set(field, AttrValue::Str(value.to_string())),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, AttrValue::Double(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, AttrValue::Bool(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
