//! Jaeger's `Batch` becomes spans (field numbers of jaeger.thrift; OpenTelemetry's mapping reversed).

use std::sync::Arc;

use crate::model::batch::SpanBatch;
use crate::model::reject::{Reject, RejectReason};
use crate::model::resource::{AttrValue, Attributes, Resource, SERVICE_NAME, Scope};
use crate::model::time::TimestampNs;
use crate::model::trace::{
    Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, StatusCode, TraceId,
};
use crate::wire::jaeger::thrift::{Fields, Value, read_struct};

const CHILD_OF: i64 = 0;

/// Reads a batch. A span that makes no sense is refused alone.
///
/// # Errors
/// A reason when the bytes are no batch.
pub fn decode(bytes: &[u8]) -> Result<(SpanBatch, Vec<Reject>), String> {
    let batch = read_struct(bytes)?;
    let Some(Value::Struct(process)) = batch.get(&1) else {
        return Err("the batch has no process".to_owned());
    };
    let Some(Value::List(spans)) = batch.get(&2) else {
        return Err("the batch has no list of spans".to_owned());
    };
    let mut resource = Resource { attributes: tags(process.get(&2)) };
    if let Some(service) = text(process.get(&1)) {
        resource.attributes.set(SERVICE_NAME, AttrValue::Str(service));
    }
    let resource = Arc::new(resource);
    let mut decoded = SpanBatch::default();
    let mut rejects = Vec::new();
    for (index, value) in spans.iter().enumerate() {
        let span = match value {
            Value::Struct(fields) => span(fields, &resource),
            _ => Err("it is no struct"),
        };
        match span {
            Ok(span) => decoded.spans.push(span),
            Err(why) => rejects.push(Reject {
                count: 1,
                reason: RejectReason::Malformed,
                message: format!("span {index}: {why}"),
            }),
        }
    }
    Ok((decoded, rejects))
}

fn span(fields: &Fields, resource: &Arc<Resource>) -> Result<Span, &'static str> {
    let trace_id = trace_id(fields, 1, 2).ok_or("it has no trace id")?;
    let span_id = id(fields, 3).ok_or("it has no span id")?;
    let start =
        int(fields, 8).and_then(|us| us.checked_mul(1_000)).ok_or("it has no start time")?;
    let duration = int(fields, 9).unwrap_or(0).max(0).saturating_mul(1_000);
    let mut attributes = tags(fields.get(&10));
    let kind = take_text(&mut attributes, "span.kind").and_then(|word| SpanKind::from_word(&word));
    let status = status(&mut attributes);
    let scope = scope(&mut attributes);
    let trace_state = take_text(&mut attributes, "w3c.tracestate").unwrap_or_default();
    let references: Vec<&Fields> = structs(fields.get(&6)).collect();
    let mut parent_span_id = id(fields, 4);
    let mut links = Vec::new();
    for reference in references {
        let (Some(trace), Some(span)) = (self::trace_id(reference, 2, 3), id(reference, 4)) else {
            continue;
        };
        let is_child = int(reference, 1) == Some(CHILD_OF) && trace == trace_id;
        if is_child && parent_span_id.is_none() {
            parent_span_id = Some(span);
        } else if !(is_child && parent_span_id == Some(span)) {
            let (trace_state, attributes) = (String::new(), Attributes::default());
            links.push(SpanLink { trace_id: trace, span_id: span, trace_state, attributes });
        }
    }
    Ok(Span {
        trace_id,
        span_id,
        parent_span_id,
        trace_state,
        flags: int(fields, 7).and_then(|flags| u32::try_from(flags).ok()).unwrap_or(0),
        name: text(fields.get(&5)).unwrap_or_default(),
        kind: kind.unwrap_or_default(),
        start: TimestampNs(start),
        end: TimestampNs(start.saturating_add(duration)),
        attributes,
        events: structs(fields.get(&11)).filter_map(event).collect(),
        links,
        status,
        resource: Arc::clone(resource),
        scope,
    })
}

/// Jaeger's `log` is an event; its name stands in the field `event`.
fn event(fields: &Fields) -> Option<SpanEvent> {
    let timestamp = TimestampNs(int(fields, 1)?.checked_mul(1_000)?);
    let mut attributes = tags(fields.get(&2));
    let name = take_text(&mut attributes, "event").unwrap_or_default();
    Some(SpanEvent { timestamp, name, attributes })
}

fn status(attributes: &mut Attributes) -> Status {
    let code = take_text(attributes, "otel.status_code");
    let message = take_text(attributes, "otel.status_description").unwrap_or_default();
    let error = match attributes.get("error") {
        Some(AttrValue::Bool(error)) => *error,
        Some(AttrValue::Str(text)) => text == "true",
        _ => false,
    };
    if error {
        attributes.0.retain(|(key, _)| key != "error");
    }
    let code = match code.as_deref() {
        Some("ERROR") => StatusCode::Error,
        Some("OK") => StatusCode::Ok,
        _ if error => StatusCode::Error,
        _ => StatusCode::Unset,
    };
    Status { code, message }
}

fn scope(attributes: &mut Attributes) -> Arc<Scope> {
    let mut either = |names: [&str; 2]| {
        let found = names.map(|name| take_text(attributes, name));
        found.into_iter().flatten().next().unwrap_or_default()
    };
    let name = either(["otel.scope.name", "otel.library.name"]);
    let version = either(["otel.scope.version", "otel.library.version"]);
    Arc::new(Scope { name, version, attributes: Attributes::default() })
}

fn take_text(attributes: &mut Attributes, key: &str) -> Option<String> {
    let place = attributes.0.iter().position(|(own, _)| own == key)?;
    match attributes.0.remove(place).1 {
        AttrValue::Str(text) => Some(text),
        other => Some(other.to_text()),
    }
}

/// Tags: 1 key, 2 type, 3 text, 4 double, 5 bool, 6 long, 7 binary.
fn tags(list: Option<&Value>) -> Attributes {
    let mut attributes = Attributes::default();
    for tag in structs(list) {
        let Some(key) = text(tag.get(&1)) else { continue };
        let field = match int(tag, 2) {
            Some(1) => 4,
            Some(2) => 5,
            Some(3) => 6,
            Some(4) => 7,
            _ => 3,
        };
        let value = match tag.get(&field) {
            Some(Value::Bool(flag)) => AttrValue::Bool(*flag),
            Some(Value::Int(number)) => AttrValue::Int(*number),
            Some(Value::Double(number)) => AttrValue::Double(*number),
            Some(Value::Bytes(bytes)) if field == 7 => AttrValue::Bytes(bytes.clone()),
            Some(Value::Bytes(bytes)) => {
                AttrValue::Str(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => AttrValue::Empty,
        };
        if attributes.get(&key).is_none() {
            attributes.0.push((key, value));
        }
    }
    attributes
}

fn structs(list: Option<&Value>) -> impl Iterator<Item = &Fields> {
    let items = match list {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(|item| match item {
        Value::Struct(fields) => Some(fields),
        _ => None,
    })
}

fn int(fields: &Fields, number: i16) -> Option<i64> {
    match fields.get(&number) {
        Some(Value::Int(value)) => Some(*value),
        _ => None,
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    match value {
        Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

fn id(fields: &Fields, number: i16) -> Option<SpanId> {
    SpanId::from_slice(&int(fields, number)?.to_be_bytes())
}

fn trace_id(fields: &Fields, low: i16, high: i16) -> Option<TraceId> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&int(fields, high).unwrap_or(0).to_be_bytes());
    bytes[8..].copy_from_slice(&int(fields, low)?.to_be_bytes());
    TraceId::from_slice(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the few shapes of thrift that a batch needs.
    #[derive(Default)]
    struct Thrift(Vec<u8>);

    impl Thrift {
        fn head(mut self, kind: u8, number: i16) -> Self {
            self.0.push(kind);
            self.0.extend(number.to_be_bytes());
            self
        }

        fn i64(self, number: i16, value: i64) -> Self {
            let mut out = self.head(10, number);
            out.0.extend(value.to_be_bytes());
            out
        }

        fn i32(self, number: i16, value: i32) -> Self {
            let mut out = self.head(8, number);
            out.0.extend(value.to_be_bytes());
            out
        }

        fn bool(self, number: i16, value: bool) -> Self {
            let mut out = self.head(2, number);
            out.0.push(u8::from(value));
            out
        }

        fn text(self, number: i16, value: &str) -> Self {
            let mut out = self.head(11, number);
            out.0.extend((value.len() as i32).to_be_bytes());
            out.0.extend(value.bytes());
            out
        }

        fn list(self, number: i16, items: Vec<Thrift>) -> Self {
            let mut out = self.head(15, number);
            out.0.push(12);
            out.0.extend((items.len() as i32).to_be_bytes());
            for item in items {
                out.0.extend(item.0);
                out.0.push(0);
            }
            out
        }

        fn inner(self, number: i16, inner: Thrift) -> Self {
            let mut out = self.head(12, number);
            out.0.extend(inner.0);
            out.0.push(0);
            out
        }

        fn end(mut self) -> Vec<u8> {
            self.0.push(0);
            self.0
        }
    }

    fn tag(key: &str, value: &str) -> Thrift {
        Thrift::default().text(1, key).i32(2, 0).text(3, value)
    }

    fn a_span(id: i64) -> Thrift {
        let error = Thrift::default().text(1, "error").i32(2, 2).bool(5, true);
        let log = Thrift::default().i64(1, 7).list(2, vec![tag("event", "retry"), tag("n", "2")]);
        let follows = Thrift::default().i32(1, 1).i64(2, 9).i64(3, 0).i64(4, 8);
        Thrift::default()
            .i64(1, 0xabc)
            .i64(2, 0)
            .i64(3, id)
            .i64(4, 5)
            .text(5, "call make")
            .list(6, vec![follows])
            .i32(7, 1)
            .i64(8, 1_000)
            .i64(9, 250)
            .list(10, vec![tag("span.kind", "client"), tag("otel.status_description", "no"), error])
            .list(11, vec![log])
    }

    fn batch(spans: Vec<Thrift>) -> Vec<u8> {
        let process = Thrift::default().text(1, "shop").list(2, vec![tag("host.name", "h")]);
        Thrift::default().inner(1, process).list(2, spans).end()
    }

    #[test]
    fn a_span_of_the_javascript_exporter_becomes_an_opentelemetry_span() {
        let (decoded, rejects) = decode(&batch(vec![a_span(3)])).unwrap();
        assert_eq!(rejects.len(), 0);
        let span = &decoded.spans[0];
        assert_eq!(span.trace_id.to_string(), "00000000000000000000000000000abc");
        assert_eq!((span.start.0, span.end.0), (1_000_000, 1_250_000));
        assert_eq!(span.kind, SpanKind::Client);
        assert_eq!(span.parent_span_id, SpanId::from_hex("5"));
        assert_eq!(span.status, Status { code: StatusCode::Error, message: "no".into() });
        assert_eq!(span.service_name(), "shop");
        assert_eq!(span.events[0].name, "retry");
        assert_eq!(span.links.len(), 1);
        assert!(span.attributes.is_empty());
    }

    #[test]
    fn a_span_without_id_is_refused_alone_and_a_cut_batch_whole() {
        let (decoded, rejects) = decode(&batch(vec![a_span(0), a_span(4)])).unwrap();
        assert_eq!(decoded.spans.len(), 1);
        assert!(rejects[0].message.starts_with("span 0"));
        let bytes = batch(vec![a_span(3)]);
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
