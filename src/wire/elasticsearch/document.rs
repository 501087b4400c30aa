//! A JSON document becomes a log record (PRODUCT.md §5, "One log record, every door").

use std::sync::Arc;

use serde_json::Value;

use crate::model::log::{LogRecord, Severity};
use crate::model::resource::{AttrValue, Attributes, Resource};
use crate::model::time::TimestampNs;
use crate::model::trace::{SpanId, TraceId};

/// How deep a document may nest before its inner part is kept as text.
const MAX_DEPTH: usize = 20;

/// Reads one document. Its text is kept as the record's `source`; index and id are the caller's.
///
/// # Errors
/// A reason for people: not a JSON object, or an `@timestamp` that is no time.
pub fn decode(text: &str) -> Result<LogRecord, String> {
    let parsed: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Value::Object(fields) = parsed else {
        return Err("the document is not a JSON object".to_owned());
    };
    let mut record = LogRecord::new(TimestampNs(0), "");
    record.body = AttrValue::Empty;
    record.source = Some(text.trim().into());
    let mut service = None;
    for (key, value) in fields {
        place(&mut record, &mut service, key, value)?;
    }
    if let Some(name) = service {
        record.resource = Arc::new(Resource::of_service(&name));
    }
    Ok(record)
}

/// Puts one top-level field where it belongs; what does not fit its place is an attribute.
fn place(
    record: &mut LogRecord,
    service: &mut Option<String>,
    key: String,
    value: Value,
) -> Result<(), String> {
    match (key.as_str(), &value) {
        ("@timestamp", _) => {
            record.timestamp = instant(&value).ok_or_else(|| {
                format!("failed to parse field [@timestamp] of type [date]: {value} is no time")
            })?;
            return Ok(());
        }
        ("timestamp", _) if record.timestamp.0 == 0 => {
            // Not the standard name: a value that is no time is an ordinary attribute.
            if let Some(at) = instant(&value) {
                record.timestamp = at;
            }
        }
        ("message" | "msg" | "body", _) if record.body == AttrValue::Empty => {
            record.body = attribute(value, 0);
            return Ok(());
        }
        ("severity" | "level" | "log.level", Value::String(word)) => {
            set_severity(record, word);
            return Ok(());
        }
        ("level", Value::Number(number)) => record.severity = pino_level(number.as_i64()),
        ("log", Value::Object(log)) => {
            if let Some(Value::String(word)) = log.get("level") {
                set_severity(record, word);
            }
        }
        ("service" | "service.name", Value::String(name)) if !name.is_empty() => {
            *service = Some(name.clone());
            return Ok(());
        }
        ("service", Value::Object(inner)) => {
            if let Some(Value::String(name)) = inner.get("name") {
                *service = Some(name.clone());
            }
        }
        _ => {}
    }
    if place_ids(record, &key, &value) == Some(true) {
        return Ok(());
    }
    record.attributes.0.push((key, attribute(value, 0)));
    Ok(())
}

/// Takes trace and span ids from their usual places. `Some(true)` when the whole field was one.
fn place_ids(record: &mut LogRecord, key: &str, value: &Value) -> Option<bool> {
    match (key, value) {
        ("trace_id" | "traceId" | "trace.id", Value::String(hex)) => {
            record.trace_id = Some(TraceId::from_hex(hex)?);
            Some(true)
        }
        ("span_id" | "spanId" | "span.id", Value::String(hex)) => {
            record.span_id = Some(SpanId::from_hex(hex)?);
            Some(true)
        }
        ("trace" | "span" | "fields", Value::Object(inner)) => {
            let text = |name: &str| inner.get(name).and_then(Value::as_str);
            let (trace, span) = match key {
                "trace" => (text("id"), None),
                "span" => (None, text("id")),
                _ => (text("traceId").or(text("trace_id")), text("spanId").or(text("span_id"))),
            };
            record.trace_id = trace.and_then(TraceId::from_hex).or(record.trace_id);
            record.span_id = span.and_then(SpanId::from_hex).or(record.span_id);
            Some(false)
        }
        _ => None,
    }
}

fn set_severity(record: &mut LogRecord, word: &str) {
    if record.severity_text.is_empty() {
        record.severity = Severity::from_word(word);
        word.clone_into(&mut record.severity_text);
    }
}

/// pino's numbers: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
fn pino_level(number: Option<i64>) -> Severity {
    match number {
        Some(10) => Severity::TRACE,
        Some(20) => Severity::DEBUG,
        Some(30) => Severity::INFO,
        Some(40) => Severity::WARN,
        Some(50) => Severity::ERROR,
        Some(60) => Severity::FATAL,
        _ => Severity::UNSPECIFIED,
    }
}

/// Reads RFC 3339 text, or epoch milliseconds as number or text.
pub fn instant(value: &Value) -> Option<TimestampNs> {
    let from_ms = |ms: f64| {
        let ns = ms * 1e6;
        // Beyond this the nanoseconds do not fit; exact for the whole milliseconds of any date.
        (ns.abs() < 9.2e18).then(|| {
            TimestampNs((ms.trunc() as i64) * 1_000_000 + ((ms.fract() * 1e6).round() as i64))
        })
    };
    match value {
        Value::Number(number) => from_ms(number.as_f64()?),
        Value::String(text) => match text.trim().parse::<jiff::Timestamp>() {
            Ok(at) => i64::try_from(at.as_nanosecond()).ok().map(TimestampNs),
            Err(_) => local_instant(text).or_else(|| text.trim().parse().ok().and_then(from_ms)),
        },
        _ => None,
    }
}

/// Reads a date, or a date and time without zone, as UTC (`strict_date_optional_time`).
fn local_instant(text: &str) -> Option<TimestampNs> {
    let civil = text
        .trim()
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| text.trim().parse::<jiff::civil::Date>().map(Into::into))
        .ok()?;
    let at = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    i64::try_from(at.as_nanosecond()).ok().map(TimestampNs)
}

/// Turns JSON into an attribute's value; what nests too deep is kept as text.
pub fn attribute(value: Value, depth: usize) -> AttrValue {
    match value {
        Value::Null => AttrValue::Empty,
        Value::Bool(flag) => AttrValue::Bool(flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => AttrValue::Int(whole),
            None => AttrValue::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => AttrValue::Str(text),
        nested if depth >= MAX_DEPTH => AttrValue::Str(nested.to_string()),
        Value::Array(items) => {
            AttrValue::Array(items.into_iter().map(|item| attribute(item, depth + 1)).collect())
        }
        Value::Object(fields) => AttrValue::Map(
            fields.into_iter().map(|(key, value)| (key, attribute(value, depth + 1))).collect(),
        ),
    }
}

/// Merges `patch` into `target` as a partial update does: objects deeply, the rest by replacing.
pub fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch,
    }
}

/// Returns the attributes of a record without those that are empty.
pub fn given(attributes: &Attributes) -> impl Iterator<Item = (&str, &AttrValue)> {
    attributes.iter().filter(|(_, value)| **value != AttrValue::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_of_winston_elasticsearch_is_understood() {
        let text = r#"{"@timestamp":"2026-11-23T10:00:00.123Z","message":"failed","severity":"error",
            "fields":{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","scenario":{"id":42}}}"#;
        let record = decode(text).unwrap();
        assert_eq!(record.timestamp, TimestampNs(1_795_428_000_123_000_000));
        assert_eq!(record.body, AttrValue::from("failed"));
        assert_eq!(record.severity, Severity::ERROR);
        assert_eq!(record.trace_id.unwrap().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(record.source.as_deref(), Some(text));
        assert!(record.attributes.get("fields").is_some());
    }

    #[test]
    fn a_field_that_is_not_what_its_name_says_stays_an_attribute() {
        let record = decode(r#"{"trace_id":"no hex","level":[1],"service":7}"#).unwrap();
        assert_eq!(record.trace_id, None);
        assert_eq!(record.attributes.0.len(), 3);
    }

    #[test]
    fn times_are_read_in_the_forms_clients_send() {
        let ms = TimestampNs(1_700_000_000_123_000_000);
        assert_eq!(instant(&Value::from(1_700_000_000_123_i64)), Some(ms));
        assert_eq!(instant(&Value::from("1700000000123")), Some(ms));
        assert_eq!(instant(&Value::from("2023-11-14T22:13:20.123Z")), Some(ms));
        assert_eq!(instant(&Value::from("2023-11-14T22:13:20.123")), Some(ms));
        assert_eq!(instant(&Value::from("1970-01-02")), Some(TimestampNs(86_400_000_000_000)));
        assert_eq!(instant(&Value::from("yesterday")), None);
        assert_eq!(instant(&Value::from(1e300)), None);
        assert!(decode(r#"{"@timestamp":"soon"}"#).is_err());
    }

    #[test]
    fn deep_nesting_neither_overflows_nor_loses_text() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
        assert!(decode(&deep).is_ok());
        let hostile = "[".repeat(100_000);
        assert!(decode(&hostile).is_err());
    }
}
