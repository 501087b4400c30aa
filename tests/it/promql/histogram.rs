//! Histograms in the scripts' notation, added and compared without the engine's own arithmetic.

use std::collections::BTreeMap;

use belvedere::model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, Span};

use crate::promql::notation::number;
use crate::promql::outcome::nearly;

/// Reads `schema:1 count:2 buckets:[1 1]`, and tells whether the reset hint was written.
pub fn histogram_of(text: &str) -> Result<(Histogram, bool), String> {
    let mut histogram = Histogram::default();
    let (mut offset, mut negative_offset, mut hinted) = (0, 0, false);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, tail) = rest.split_once(':').ok_or_else(|| format!("no key: {rest}"))?;
        let end = if tail.starts_with('[') {
            tail.find(']').ok_or("an open list")? + 1
        } else {
            tail.find(char::is_whitespace).unwrap_or(tail.len())
        };
        let value = &tail[..end];
        rest = tail[end..].trim_start();
        let float = || number(value).ok_or_else(|| format!("no number: {value}"));
        let integer = || value.parse::<i32>().map_err(|_| format!("no integer: {value}"));
        match key {
            "schema" => histogram.schema = integer()?,
            "count" => histogram.count = float()?,
            "sum" => histogram.sum = float()?,
            "z_bucket" => histogram.zero_count = float()?,
            "z_bucket_w" => histogram.zero_threshold = float()?,
            "offset" => offset = integer()?,
            "n_offset" => negative_offset = integer()?,
            "buckets" => histogram.positive_buckets = list(value)?,
            "n_buckets" => histogram.negative_buckets = list(value)?,
            "custom_values" => histogram.custom_values = list(value)?,
            "counter_reset_hint" => {
                hinted = true;
                histogram.counter_reset_hint = match value {
                    "unknown" => CounterResetHint::Unknown,
                    "reset" => CounterResetHint::Reset,
                    "not_reset" => CounterResetHint::NotReset,
                    "gauge" => CounterResetHint::Gauge,
                    _ => return Err(format!("no reset hint: {value}")),
                };
            }
            _ => return Err(format!("no key of histograms: {key}")),
        }
    }
    histogram.positive_spans = spans(offset, histogram.positive_buckets.len());
    histogram.negative_spans = spans(negative_offset, histogram.negative_buckets.len());
    Ok((histogram, hinted))
}

fn list(text: &str) -> Result<Vec<f64>, String> {
    let inner = text.trim_matches(['[', ']']);
    let numbers = inner.split_whitespace().map(number);
    numbers.collect::<Option<_>>().ok_or_else(|| format!("no list: {text}"))
}

fn spans(offset: i32, length: usize) -> Vec<Span> {
    if length == 0 { Vec::new() } else { vec![Span { offset, length: length as u32 }] }
}

type Side = BTreeMap<i32, f64>;

fn side(spans: &[Span], buckets: &[f64], shift: i32) -> Side {
    let mut side = Side::new();
    let mut index = 0;
    let mut counts = buckets.iter();
    for span in spans {
        index += span.offset;
        for count in counts.by_ref().take(span.length as usize) {
            *side.entry(((index - 1) >> shift) + 1).or_default() += count;
            index += 1;
        }
    }
    side
}

fn packed(side: &Side) -> (Vec<Span>, Vec<f64>) {
    let (mut spans, mut next): (Vec<Span>, i32) = (Vec::new(), 0);
    for index in side.keys() {
        match spans.last_mut() {
            Some(span) if *index == next => span.length += 1,
            _ => spans.push(Span { offset: index - next, length: 1 }),
        }
        next = index + 1;
    }
    (spans, side.values().copied().collect())
}

/// Adds `sign` times a histogram of the same or a finer schema.
pub fn sum_of(base: &Histogram, step: &Histogram, sign: f64) -> Result<Histogram, String> {
    if base.custom_values != step.custom_values || base.zero_threshold != step.zero_threshold {
        return Err("only histograms of one layout are added in scripts".to_owned());
    }
    let shift = if base.schema == CUSTOM_BUCKETS_SCHEMA { 0 } else { step.schema - base.schema };
    let add = |own: Side, other: Side| {
        let mut sum = own;
        for (index, count) in other {
            *sum.entry(index).or_default() += sign * count;
        }
        packed(&sum)
    };
    let (positive_spans, positive_buckets) = add(
        side(&base.positive_spans, &base.positive_buckets, 0),
        side(&step.positive_spans, &step.positive_buckets, shift),
    );
    let (negative_spans, negative_buckets) = add(
        side(&base.negative_spans, &base.negative_buckets, 0),
        side(&step.negative_spans, &step.negative_buckets, shift),
    );
    let (own, other) = (base.counter_reset_hint, step.counter_reset_hint);
    let hint = match (own, other) {
        _ if own == other => own,
        (CounterResetHint::Gauge, _) | (_, CounterResetHint::Gauge) => CounterResetHint::Gauge,
        _ => CounterResetHint::Unknown,
    };
    Ok(Histogram {
        counter_reset_hint: hint,
        zero_count: base.zero_count + sign * step.zero_count,
        count: base.count + sign * step.count,
        sum: base.sum + sign * step.sum,
        positive_spans,
        positive_buckets,
        negative_spans,
        negative_buckets,
        ..base.clone()
    })
}

/// Compares but for rounding, empty buckets and, unless it was written, the reset hint.
pub fn histograms_agree(wanted: &Histogram, got: &Histogram, hinted: bool) -> bool {
    let sides_agree = |wanted: Side, got: Side| {
        let indexes = wanted.keys().chain(got.keys());
        indexes.copied().all(|index| {
            let count = |side: &Side| side.get(&index).copied().unwrap_or(0.0);
            nearly(count(&wanted), count(&got))
        })
    };
    let bounds = wanted.custom_values.iter().zip(&got.custom_values);
    (!hinted || wanted.counter_reset_hint == got.counter_reset_hint)
        && wanted.schema == got.schema
        && nearly(wanted.count, got.count)
        && nearly(wanted.sum, got.sum)
        && nearly(wanted.zero_count, got.zero_count)
        && nearly(wanted.zero_threshold, got.zero_threshold)
        && wanted.custom_values.len() == got.custom_values.len()
        && bounds.into_iter().all(|(wanted, got)| nearly(*wanted, *got))
        && sides_agree(
            side(&wanted.positive_spans, &wanted.positive_buckets, 0),
            side(&got.positive_spans, &got.positive_buckets, 0),
        )
        && sides_agree(
            side(&wanted.negative_spans, &wanted.negative_buckets, 0),
            side(&got.negative_spans, &got.negative_buckets, 0),
        )
}

/// Builds the histogram with custom buckets that cumulative counts by upper bound describe.
pub fn from_classic(buckets: &[(f64, f64)], count: Option<f64>, sum: Option<f64>) -> Histogram {
    let mut before = 0.0;
    let mut counts = Vec::with_capacity(buckets.len() + 1);
    for (_, cumulative) in buckets {
        counts.push(cumulative - before);
        before = *cumulative;
    }
    let finite: Vec<f64> =
        buckets.iter().map(|(upper, _)| *upper).filter(|upper| upper.is_finite()).collect();
    let count = count.unwrap_or(before);
    if counts.len() == finite.len() {
        counts.push(count - before);
    }
    Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count,
        sum: sum.unwrap_or(0.0),
        positive_spans: spans(0, counts.len()),
        positive_buckets: counts,
        custom_values: finite,
        ..Histogram::default()
    }
}
