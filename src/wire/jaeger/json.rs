//! Traces in the JSON of Jaeger's query service. Arrays are never null, times are microseconds.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::resource::{AttrValue, Attributes, Resource, SERVICE_NAME};
use crate::model::trace::{Span, SpanKind, StatusCode, Trace};

/// Returns one trace as an element of the answer's `data`.
pub fn encode(trace: &Trace) -> Value {
    let mut processes = Processes::default();
    let known: HashSet<_> = trace.spans.iter().map(|span| span.span_id).collect();
    let spans: Vec<Value> = trace
        .spans
        .iter()
        .map(|span| {
            let orphan = span.parent_span_id.filter(|parent| !known.contains(parent));
            encode_span(span, processes.id_of(&span.resource), orphan.map(|id| id.to_string()))
        })
        .collect();
    let trace_id = trace.trace_id.to_string();
    let processes = processes.into_json();
    json!({"traceID": trace_id, "spans": spans, "processes": processes, "warnings": null})
}

/// The resources of a trace, numbered in the order of their first span.
#[derive(Default)]
struct Processes(Vec<Arc<Resource>>);

impl Processes {
    fn id_of(&mut self, resource: &Arc<Resource>) -> String {
        let known = self.0.iter().position(|own| own == resource);
        let place = known.unwrap_or_else(|| {
            self.0.push(Arc::clone(resource));
            self.0.len() - 1
        });
        format!("p{}", place + 1)
    }

    fn into_json(self) -> BTreeMap<String, Value> {
        let numbered = self.0.into_iter().enumerate();
        let process = |(place, resource): (usize, Arc<Resource>)| {
            let tags: Vec<Value> = resource
                .attributes
                .iter()
                .filter(|(key, _)| *key != SERVICE_NAME)
                .map(|(key, value)| tag(key, value))
                .collect();
            let process = json!({"serviceName": resource.service_name(), "tags": tags});
            (format!("p{}", place + 1), process)
        };
        numbered.map(process).collect()
    }
}

fn encode_span(span: &Span, process: String, orphan: Option<String>) -> Value {
    let mut references = Vec::new();
    if let Some(parent) = span.parent_span_id {
        references.push(reference("CHILD_OF", &span.trace_id, &parent));
    }
    for link in &span.links {
        references.push(reference("FOLLOWS_FROM", &link.trace_id, &link.span_id));
    }
    let logs: Vec<Value> = span
        .events
        .iter()
        .map(|event| {
            let mut fields = tags(&event.attributes);
            if !event.name.is_empty() {
                fields.insert(0, text_tag("event", &event.name));
            }
            json!({"timestamp": event.timestamp.0.div_euclid(1_000), "fields": fields})
        })
        .collect();
    let warnings = orphan.map(|parent| {
        vec![format!("invalid parent span IDs={parent}; skipping clock skew adjustment")]
    });
    json!({
        "traceID": span.trace_id.to_string(),
        "spanID": span.span_id.to_string(),
        "flags": span.flags,
        "operationName": span.name,
        "references": references,
        "startTime": span.start.0.div_euclid(1_000),
        "duration": span.duration_ns() / 1_000,
        "tags": span_tags(span),
        "logs": logs,
        "processID": process,
        "warnings": warnings,
    })
}

fn reference(kind: &str, trace: &impl ToString, span: &impl ToString) -> Value {
    json!({"refType": kind, "traceID": trace.to_string(), "spanID": span.to_string()})
}

/// The attributes, and what OpenTelemetry's Jaeger mapping says as tags.
fn span_tags(span: &Span) -> Vec<Value> {
    let mut all = tags(&span.attributes);
    if span.kind != SpanKind::Unspecified {
        all.push(text_tag("span.kind", span.kind.word()));
    }
    match span.status.code {
        StatusCode::Unset => {}
        StatusCode::Ok => all.push(text_tag("otel.status_code", "OK")),
        StatusCode::Error => {
            all.push(text_tag("otel.status_code", "ERROR"));
            all.push(tag("error", &AttrValue::Bool(true)));
        }
    }
    let texts = [
        ("otel.status_description", &span.status.message),
        ("otel.scope.name", &span.scope.name),
        ("otel.scope.version", &span.scope.version),
        ("w3c.tracestate", &span.trace_state),
    ];
    let given = texts.into_iter().filter(|(_, text)| !text.is_empty());
    all.extend(given.map(|(key, text)| text_tag(key, text)));
    all
}

fn tags(attributes: &Attributes) -> Vec<Value> {
    attributes.iter().map(|(key, value)| tag(key, value)).collect()
}

fn text_tag(key: &str, text: &str) -> Value {
    json!({"key": key, "type": "string", "value": text})
}

fn tag(key: &str, value: &AttrValue) -> Value {
    match value {
        AttrValue::Bool(flag) => json!({"key": key, "type": "bool", "value": flag}),
        AttrValue::Int(number) => json!({"key": key, "type": "int64", "value": number}),
        // Go writes whole numbers without a point, and so does Jaeger.
        AttrValue::Double(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            json!({"key": key, "type": "float64", "value": *number as i64})
        }
        AttrValue::Double(number) if number.is_finite() => {
            json!({"key": key, "type": "float64", "value": number})
        }
        AttrValue::Bytes(_) => {
            let base64 = value.to_text();
            json!({"key": key, "type": "binary", "value": base64.trim_matches('"')})
        }
        AttrValue::Double(number) => text_tag(key, &number.to_string()),
        AttrValue::Empty => text_tag(key, ""),
        other => text_tag(key, &other.to_text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::TimestampNs;
    use crate::model::trace::{SpanId, Status, TraceId};

    #[test]
    fn a_failed_child_without_its_parent_looks_as_jaeger_shows_it() {
        let mut attributes = Attributes::default();
        attributes.set("n", AttrValue::Int(5));
        let span = Span {
            trace_id: TraceId::from_hex("abc").unwrap(),
            span_id: SpanId::from_hex("1").unwrap(),
            parent_span_id: SpanId::from_hex("2"),
            trace_state: String::new(),
            flags: 1,
            name: "op".into(),
            kind: SpanKind::Client,
            start: TimestampNs(5_000),
            end: TimestampNs(8_000),
            attributes,
            events: Vec::new(),
            links: Vec::new(),
            status: Status { code: StatusCode::Error, message: String::new() },
            resource: Arc::new(Resource::of_service("shop")),
            scope: Arc::default(),
        };
        let trace = Trace { trace_id: span.trace_id, spans: vec![span] };
        let json = encode(&trace);
        let span = &json["spans"][0];
        assert_eq!(json["traceID"], "00000000000000000000000000000abc");
        assert_eq!((&span["startTime"], &span["duration"]), (&json!(5), &json!(3)));
        assert_eq!(span["references"][0]["refType"], "CHILD_OF");
        assert_eq!(span["logs"], json!([]));
        assert_eq!(span["tags"][0], json!({"key": "n", "type": "int64", "value": 5}));
        assert!(
            span["tags"]
                .as_array()
                .unwrap()
                .contains(&json!({"key": "error", "type": "bool", "value": true}))
        );
        assert!(span["warnings"][0].as_str().unwrap().contains("invalid parent"));
        assert_eq!(json["processes"]["p1"], json!({"serviceName": "shop", "tags": []}));
    }
}
