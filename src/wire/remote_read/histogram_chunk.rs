//! Native histograms in Prometheus' encoding of float histograms.
//!
//! Number of samples (2 bytes, big-endian) and what is known of a reset before the first one
//! (1 byte); the layout, which holds for all of them; of the first sample every number as it is; of
//! later ones how much the distance in time changed, and every number by what differs from the one
//! before. A chunk says of every sample but its first that it was no reset.

use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, Span};
use crate::model::sample::HistogramSample;
use crate::wire::remote_read::bits::{BitWriter, XorColumn};

/// Returns whether `next` may stand in the chunk that has `last` at its end and began with `first`.
pub(super) fn belongs(first: &Histogram, last: &Histogram, next: &Histogram) -> bool {
    // A stale marker has no buckets that could differ, but nothing else may follow it.
    if next.is_stale() {
        return true;
    }
    let is_gauge = |one: &Histogram| one.counter_reset_hint == CounterResetHint::Gauge;
    let goes_on = is_gauge(next) || next.counter_reset_hint == CounterResetHint::NotReset;
    !last.is_stale() && goes_on && is_gauge(first) == is_gauge(next) && same_layout(first, next)
}

fn same_layout(one: &Histogram, other: &Histogram) -> bool {
    one.schema == other.schema
        && one.zero_threshold.to_bits() == other.zero_threshold.to_bits()
        && one.positive_spans == other.positive_spans
        && one.negative_spans == other.negative_spans
        && one.custom_values == other.custom_values
}

/// Encodes samples of which each [`belongs`] to the ones before, at most 65,535.
pub(super) fn encode(samples: &[HistogramSample]) -> Vec<u8> {
    debug_assert!(u16::try_from(samples.len()).is_ok());
    let [high, low] = (samples.len() as u16).to_be_bytes();
    let Some((first, rest)) = samples.split_first() else { return vec![high, low, 0] };
    let known = match first.histogram.counter_reset_hint {
        CounterResetHint::Unknown => 0b0000_0000,
        CounterResetHint::NotReset => 0b0100_0000,
        CounterResetHint::Reset => 0b1000_0000,
        CounterResetHint::Gauge => 0b1100_0000,
    };
    let mut bits = BitWriter::behind(&[high, low, known]);
    match first.histogram.is_stale() {
        true => push_layout(&mut bits, &Histogram::default()),
        false => push_layout(&mut bits, &first.histogram),
    }
    bits.push_varbit(first.timestamp.0);
    let mut columns: Vec<XorColumn> = Vec::new();
    for number in numbers(&first.histogram) {
        bits.push_float(number);
        columns.push(XorColumn::new(number));
    }
    let (mut time, mut distance) = (first.timestamp.0, 0);
    for sample in rest {
        let next = sample.timestamp.0.wrapping_sub(time);
        bits.push_varbit(next.wrapping_sub(distance));
        for (column, number) in columns.iter_mut().zip(numbers(&sample.histogram)) {
            column.push(&mut bits, number);
        }
        (time, distance) = (sample.timestamp.0, next);
    }
    bits.finish()
}

/// Returns the numbers of a sample in their order; a stale marker has no buckets.
fn numbers(histogram: &Histogram) -> impl Iterator<Item = f64> {
    let stale = histogram.is_stale();
    let counts = if stale { [0.0, 0.0] } else { [histogram.count, histogram.zero_count] };
    let buckets = histogram.positive_buckets.iter().chain(&histogram.negative_buckets);
    let buckets = buckets.copied().take(if stale { 0 } else { usize::MAX });
    counts.into_iter().chain([histogram.sum]).chain(buckets)
}

fn push_layout(bits: &mut BitWriter, histogram: &Histogram) {
    push_zero_threshold(bits, histogram.zero_threshold);
    bits.push_varbit(i64::from(histogram.schema));
    push_spans(bits, &histogram.positive_spans);
    push_spans(bits, &histogram.negative_spans);
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
        bits.push_varbit_unsigned(histogram.custom_values.len() as u64);
        histogram.custom_values.iter().for_each(|bound| push_bound(bits, *bound));
    }
}

fn push_spans(bits: &mut BitWriter, spans: &[Span]) {
    bits.push_varbit_unsigned(spans.len() as u64);
    for span in spans {
        bits.push_varbit_unsigned(u64::from(span.length));
        bits.push_varbit(i64::from(span.offset));
    }
}

/// Powers of two from 2^-243 to 2^10 take a byte that holds their exponent, 0 takes the byte 0.
fn push_zero_threshold(bits: &mut BitWriter, threshold: f64) {
    let raw = threshold.to_bits();
    if threshold == 0.0 {
        return bits.push(0, 8);
    }
    // The exponent as of a fraction between 0.5 and 1; the sign makes it too large.
    let exponent = (raw >> 52) as i64 - 1_022;
    if raw << 12 == 0 && (-242..=11).contains(&exponent) {
        return bits.push((exponent + 243) as u64, 8);
    }
    bits.push(255, 8);
    bits.push(raw, 64);
}

/// Multiples of 0.001 up to 33,554.43 are whole numbers, others are written as they are.
fn push_bound(bits: &mut BitWriter, bound: f64) {
    let thousandfold = bound * 1_000.0;
    let whole = thousandfold.round();
    if (0.0..=33_554_430.0).contains(&thousandfold) && whole / 1_000.0 == bound {
        return bits.push_varbit_unsigned(whole as u64 + 1);
    }
    bits.push_bit(false);
    bits.push_float(bound);
}
