//! Exemplars: trace id, span id, and the filtered attributes as far as they fit.

use opentelemetry_proto::tonic::metrics::v1::Exemplar as Wire;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value;

use crate::model::exemplar::Exemplar;
use crate::model::labels::{Labels, LabelsBuilder};
use crate::model::time::{TimestampMs, TimestampNs};
use crate::model::trace::{SpanId, TraceId};
use crate::wire::otlp::attributes::attributes;

/// The longest exemplar label set in characters, from OpenMetrics 1.0.
const MAX_CHARS: usize = 128;

/// Converts the exemplars of a point at `at`; one without a value is none.
pub(crate) fn exemplars(wire: Vec<Wire>, at: TimestampMs) -> Vec<Exemplar> {
    wire.into_iter().filter_map(|exemplar| convert(exemplar, at)).collect()
}

fn convert(wire: Wire, at: TimestampMs) -> Option<Exemplar> {
    let value = match wire.value? {
        Value::AsDouble(value) => value,
        Value::AsInt(value) => value as f64,
    };
    let timestamp = match TimestampNs::from_unix_nanos(wire.time_unix_nano) {
        Some(own) if own.0 > 0 => own.to_ms(),
        Some(_) | None => at,
    };
    let mut ids = LabelsBuilder::default();
    if let Some(trace_id) = TraceId::from_slice(&wire.trace_id) {
        ids.set("trace_id", &trace_id.to_string());
    }
    if let Some(span_id) = SpanId::from_slice(&wire.span_id) {
        ids.set("span_id", &span_id.to_string());
    }
    let mut all = ids.clone();
    for (key, value) in attributes(wire.filtered_attributes).iter() {
        if !key.is_empty() && ids.get(key).is_none() {
            all.set(key, &value.to_text());
        }
    }
    // The ids lead to the trace and always fit; the attributes come along whole or not at all.
    let all = all.build();
    let labels = if char_count(&all) <= MAX_CHARS { all } else { ids.build() };
    Some(Exemplar { labels, value, timestamp })
}

fn char_count(labels: &Labels) -> usize {
    labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum()
}
