//! Log records.

use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};

use crate::wire::otlp::json::Keys;
use crate::wire::otlp::json::common::{any_value, attributes};
use crate::wire::otlp::json::fields::{Object, Read};
use crate::wire::otlp::request::Item;

impl Item for LogRecord {
    const KEYS: Keys = Keys {
        resources: "resourceLogs",
        scopes: "scopeLogs",
        items: "logRecords",
        item: "log record",
    };

    fn from_json(json: Object<'_>) -> Read<Self> {
        let severity = |name: &str| SeverityNumber::from_str_name(name).map(i32::from);
        Ok(LogRecord {
            time_unix_nano: json.u64("timeUnixNano")?,
            observed_time_unix_nano: json.u64("observedTimeUnixNano")?,
            severity_number: json.number_of("severityNumber", severity)?,
            severity_text: json.text("severityText")?,
            body: json.nested("body", any_value)?,
            attributes: attributes(json)?,
            flags: json.u32("flags")?,
            // A line with a broken id is still a line.
            trace_id: json.hex("traceId").unwrap_or_default(),
            span_id: json.hex("spanId").unwrap_or_default(),
            event_name: json.text("eventName")?,
            ..LogRecord::default()
        })
    }
}
