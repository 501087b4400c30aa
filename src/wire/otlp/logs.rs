//! Log records to the model.

use std::sync::Arc;

use opentelemetry_proto::tonic::logs::v1 as proto;

use crate::model::batch::{LogBatch, LogOp};
use crate::model::log::{LogRecord, Severity};
use crate::model::reject::{Reject, RejectReason};
use crate::model::resource::{AttrValue, Resource, Scope};
use crate::model::trace::{SpanId, TraceId};
use crate::wire::otlp::attributes::{attributes, resource, scope, value};
use crate::wire::otlp::request::{Decoded, ProtoResource, ProtoScope, Sink};
use crate::wire::otlp::traces::time;

/// The attribute that names an event, from before records had a field for it.
const EVENT_NAME: &str = "event.name";

/// Collects the records of a request.
#[derive(Default)]
pub(crate) struct LogSink {
    pub(crate) decoded: Decoded<LogBatch>,
    resource: Arc<Resource>,
    scope: Arc<Scope>,
}

impl LogSink {
    fn record(&self, wire: proto::LogRecord) -> Result<LogRecord, (RejectReason, String)> {
        let mut attributes = attributes(wire.attributes);
        if !wire.event_name.is_empty() && attributes.get(EVENT_NAME).is_none() {
            attributes.set(EVENT_NAME, AttrValue::Str(wire.event_name));
        }
        Ok(LogRecord {
            timestamp: time(wire.time_unix_nano)?,
            observed: time(wire.observed_time_unix_nano)?,
            severity: severity(wire.severity_number, &wire.severity_text),
            severity_text: wire.severity_text,
            body: value(wire.body),
            attributes,
            resource: Arc::clone(&self.resource),
            scope: Arc::clone(&self.scope),
            // A line with a broken id is still a line: it only leads to no trace.
            trace_id: TraceId::from_slice(&wire.trace_id),
            span_id: SpanId::from_slice(&wire.span_id),
            index: String::new(),
            id: String::new(),
            source: None,
        })
    }
}

impl Sink for LogSink {
    type Item = proto::LogRecord;

    fn resource(&mut self, wire: ProtoResource) {
        self.resource = Arc::new(resource(wire));
    }

    fn scope(&mut self, wire: ProtoScope) {
        self.scope = Arc::new(scope(wire));
    }

    fn item(&mut self, wire: proto::LogRecord) {
        match self.record(wire) {
            Ok(record) => {
                let record = Box::new(record);
                self.decoded.batch.ops.push(LogOp::Put { record, replace: false });
            }
            Err((reason, why)) => {
                self.refuse(Reject::one(reason, format!("log record: {why}")));
            }
        }
    }

    fn refuse(&mut self, reject: Reject) {
        self.decoded.rejects.push(reject);
    }
}

/// The number counts; without one the text is asked.
fn severity(number: i32, text: &str) -> Severity {
    match u8::try_from(number) {
        Ok(number @ 1..=24) => Severity(number),
        Ok(_) | Err(_) => Severity::from_word(text),
    }
}
