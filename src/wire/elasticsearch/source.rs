//! A log record becomes a `_source` document.

use std::fmt::Write;

use crate::model::log::LogRecord;
use crate::model::resource::{AttrValue, Attributes};
use crate::model::time::TimestampNs;

/// Returns the document: as it was sent where the door kept it, else built from the record.
pub fn encode(record: &LogRecord) -> String {
    if let Some(source) = &record.source {
        return source.to_string();
    }
    let mut json = String::with_capacity(256);
    let _ = write!(json, "{{\"@timestamp\":\"{}\"", rfc3339(record.timestamp));
    let mut text = |name: &str, value: &str| {
        if !value.is_empty() {
            push_field(&mut json, name, &AttrValue::from(value));
        }
    };
    text("severity", record.severity.word());
    text("severity_text", &record.severity_text);
    text("service.name", record.service_name());
    text("trace_id", &record.trace_id.map(|id| id.to_string()).unwrap_or_default());
    text("span_id", &record.span_id.map(|id| id.to_string()).unwrap_or_default());
    text("scope", &record.scope.name);
    if record.body != AttrValue::Empty {
        push_field(&mut json, "body", &record.body);
    }
    push_map(&mut json, "attributes", &record.attributes);
    push_map(&mut json, "resource", &record.resource.attributes);
    json.push('}');
    json
}

/// Writes an instant as RFC 3339 in UTC with as many digits as it needs, three at least.
pub fn rfc3339(at: TimestampNs) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(at.0)) {
        Ok(timestamp) if at.0 % 1_000_000 == 0 => format!("{timestamp:.3}"),
        Ok(timestamp) => format!("{timestamp:.9}"),
        Err(_) => at.0.to_string(),
    }
}

fn push_field(json: &mut String, name: &str, value: &AttrValue) {
    json.push(',');
    AttrValue::from(name).write_json(json);
    json.push(':');
    value.write_json(json);
}

fn push_map(json: &mut String, name: &str, attributes: &Attributes) {
    if !attributes.is_empty() {
        push_field(json, name, &AttrValue::Map(attributes.0.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::Severity;

    #[test]
    fn a_record_of_another_door_becomes_a_document_with_the_common_names() {
        let mut record = LogRecord::new(TimestampNs(1_700_000_000_123_000_000), "hi \"you\"");
        record.severity = Severity::WARN;
        record.attributes.set("n", AttrValue::Int(3));
        assert_eq!(
            encode(&record),
            r#"{"@timestamp":"2023-11-14T22:13:20.123Z","severity":"warn","body":"hi \"you\"","attributes":{"n":3}}"#
        );
    }
}
