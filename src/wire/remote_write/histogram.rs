//! Native histograms as they travel, to the model's absolute float counts.

use std::sync::Arc;

use crate::model::histogram::{CounterResetHint, Histogram, Span};
use crate::model::sample::HistogramSample;
use crate::model::time::TimestampMs;
use crate::wire::remote_write::message::{BucketSpan, WireHistogram};

/// Converts and checks one histogram sample.
///
/// # Errors
/// A text that says what is inconsistent.
pub(crate) fn sample(wire: &WireHistogram) -> Result<HistogramSample, String> {
    let is_float = wire.count_float.is_some();
    if is_float && wire.count_int.is_some() {
        return Err("histogram has an integer and a float count".to_owned());
    }
    let side = |deltas: &[i64], counts: &[f64]| match is_float {
        true => counts.to_vec(),
        false => absolute(deltas),
    };
    let count_of = |int: Option<u64>, float: Option<f64>| match is_float {
        true => float.unwrap_or(0.0),
        false => int.unwrap_or(0) as f64,
    };
    let histogram = Histogram {
        counter_reset_hint: match wire.reset_hint {
            1 => CounterResetHint::Reset,
            2 => CounterResetHint::NotReset,
            3 => CounterResetHint::Gauge,
            _ => CounterResetHint::Unknown,
        },
        schema: wire.schema,
        zero_threshold: wire.zero_threshold,
        zero_count: count_of(wire.zero_count_int, wire.zero_count_float),
        count: count_of(wire.count_int, wire.count_float),
        sum: wire.sum,
        positive_spans: spans(&wire.positive_spans),
        positive_buckets: side(&wire.positive_deltas, &wire.positive_counts),
        negative_spans: spans(&wire.negative_spans),
        negative_buckets: side(&wire.negative_deltas, &wire.negative_counts),
        custom_values: wire.custom_values.clone(),
    };
    histogram.validate()?;
    let timestamp = TimestampMs(wire.timestamp);
    Ok(HistogramSample { timestamp, histogram: Arc::new(histogram) })
}

/// Adds up deltas: the first is the first bucket's count, each other the step from its neighbour.
fn absolute(deltas: &[i64]) -> Vec<f64> {
    let mut count = 0_i64;
    let step = |delta: &i64| {
        count = count.saturating_add(*delta);
        count as f64
    };
    deltas.iter().map(step).collect()
}

fn spans(wire: &[BucketSpan]) -> Vec<Span> {
    wire.iter().map(|span| Span { offset: span.offset, length: span.length }).collect()
}
