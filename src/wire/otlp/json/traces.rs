//! Spans.

use opentelemetry_proto::tonic::trace::v1::{Span, Status, span, status};

use crate::wire::otlp::json::Keys;
use crate::wire::otlp::json::common::attributes;
use crate::wire::otlp::json::fields::{Object, Read};
use crate::wire::otlp::request::Item;

impl Item for Span {
    const KEYS: Keys =
        Keys { resources: "resourceSpans", scopes: "scopeSpans", items: "spans", item: "span" };

    fn from_json(json: Object<'_>) -> Read<Self> {
        let kind = |name: &str| span::SpanKind::from_str_name(name).map(i32::from);
        Ok(Span {
            trace_id: json.hex("traceId")?,
            span_id: json.hex("spanId")?,
            trace_state: json.text("traceState")?,
            parent_span_id: json.hex("parentSpanId")?,
            flags: json.u32("flags")?,
            name: json.text("name")?,
            kind: json.number_of("kind", kind)?,
            start_time_unix_nano: json.u64("startTimeUnixNano")?,
            end_time_unix_nano: json.u64("endTimeUnixNano")?,
            attributes: attributes(json)?,
            events: json.each("events", event)?,
            links: json.each("links", link)?,
            status: json.nested("status", self::status)?,
            ..Span::default()
        })
    }
}

fn event(json: Object<'_>) -> Read<span::Event> {
    Ok(span::Event {
        time_unix_nano: json.u64("timeUnixNano")?,
        name: json.text("name")?,
        attributes: attributes(json)?,
        ..span::Event::default()
    })
}

fn link(json: Object<'_>) -> Read<span::Link> {
    Ok(span::Link {
        trace_id: json.hex("traceId")?,
        span_id: json.hex("spanId")?,
        trace_state: json.text("traceState")?,
        attributes: attributes(json)?,
        flags: json.u32("flags")?,
        ..span::Link::default()
    })
}

fn status(json: Object<'_>) -> Read<Status> {
    let code = |name: &str| status::StatusCode::from_str_name(name).map(i32::from);
    Ok(Status { message: json.text("message")?, code: json.number_of("code", code)? })
}
