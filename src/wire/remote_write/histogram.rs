//! Native histograms as they travel, to the model's absolute float counts.

use std::sync::Arc;

use crate::model::batch::SeriesWrite;
use crate::model::histogram::{CounterResetHint, Histogram, Span};
use crate::model::reject::{Reject, RejectReason};
use crate::model::sample::{HistogramSample, StartTime};
use crate::model::time::TimestampMs;
use crate::wire::remote_write::message::{BucketSpan, WireHistogram};

/// The finest resolution that is stored; finer histograms are reduced to it.
const FINEST_SCHEMA: i32 = 8;
/// The finest resolution that has a meaning.
const FINEST_KNOWN_SCHEMA: i32 = 52;

/// Adds the histograms of a series to its write, whose labels are known. Those that make no sense are
/// left out and returned as one refusal. `created` is when counting began where a histogram does not
/// say it itself, 0 when nobody knows.
pub(crate) fn add_all(
    wire: &[WireHistogram],
    created: i64,
    write: &mut SeriesWrite,
) -> Option<Reject> {
    let mut broken: Option<Reject> = None;
    for wire in wire {
        match sample(wire) {
            Ok(sample) => {
                let own = wire.start_timestamp;
                let start = TimestampMs(if own == 0 { created } else { own });
                if start.0 != 0 {
                    write.starts.push(StartTime { timestamp: sample.timestamp, start });
                }
                write.histograms.push(sample);
            }
            Err(why) => match &mut broken {
                Some(first) => first.count += 1,
                None => {
                    let message = format!("{why} for series {}", write.labels);
                    broken = Some(Reject::one(RejectReason::Malformed, message));
                }
            },
        }
    }
    broken
}

/// Converts and checks one histogram sample.
///
/// # Errors
/// A text that says what is inconsistent, in Prometheus' words.
fn sample(wire: &WireHistogram) -> Result<HistogramSample, String> {
    // A float count makes the whole histogram one of floats.
    let is_float = wire.count_float.is_some();
    let side = |deltas: &[i64], counts: &[f64]| match is_float {
        true => counts.to_vec(),
        false => absolute(deltas),
    };
    let count_of = |int: Option<u64>, float: Option<f64>| match is_float {
        true => float.unwrap_or(0.0),
        false => int.unwrap_or(0) as f64,
    };
    let mut histogram = Histogram {
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
    if (FINEST_SCHEMA + 1..=FINEST_KNOWN_SCHEMA).contains(&histogram.schema) {
        histogram.reduce_resolution(FINEST_SCHEMA)?;
    }
    histogram.validate()?;
    if !is_float {
        check_total(wire)?;
    }
    let timestamp = TimestampMs(wire.timestamp);
    Ok(HistogramSample { timestamp, histogram: Arc::new(histogram) })
}

/// Checks that the observations of an integer histogram are all in its buckets; where some were NaN,
/// and the sum with them, some may be in none.
fn check_total(wire: &WireHistogram) -> Result<(), String> {
    let side = |deltas: &[i64]| {
        let mut count = 0_i64;
        deltas.iter().fold(0_u64, |sum, delta| {
            count = count.saturating_add(*delta);
            sum.saturating_add(count.unsigned_abs())
        })
    };
    let found = side(&wire.positive_deltas)
        .saturating_add(side(&wire.negative_deltas))
        .saturating_add(wire.zero_count_int.unwrap_or(0));
    let count = wire.count_int.unwrap_or(0);
    let wanted = if wire.sum.is_nan() && found > count {
        "be at least the number of observations found in the buckets"
    } else if !wire.sum.is_nan() && found != count {
        "equal the number of observations found in the buckets (in absence of NaN)"
    } else {
        return Ok(());
    };
    Err(format!(
        "{found} observations found in buckets, but the Count field is {count}: histogram's \
         observation count should {wanted}"
    ))
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
