//! Native histograms: what rarely changes once a run, the counts as columns over time.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_float, put_signed, put_varint};
use crate::engines::metrics::codec::{Effort, floats};
use crate::model::histogram::{CounterResetHint, Histogram, Span};

/// The most buckets of one side that are read back.
const MAX_BUCKETS: usize = 1 << 16;
/// The most numbers of a run that is written, unless it is a single histogram: what never changes
/// takes a few bytes and, read back, eight for each of its points.
const MAX_RUN: usize = 1 << 20;
/// The most numbers of a run that is read.
const MAX_READ_RUN: usize = 1 << 22;

/// Appends histograms in runs of equal layout.
pub(super) fn encode(histograms: &[&Histogram], effort: Effort, out: &mut Vec<u8>) {
    let mut rest = histograms;
    while let Some(first) = rest.first() {
        let most = (MAX_RUN / columns(first).count()).max(1);
        let length = rest.iter().take(most).take_while(|one| same_layout(first, one)).count();
        let (run, tail) = rest.split_at(length);
        put_varint(out, length as u64);
        put_layout(first, out);
        for column in columns(first) {
            let values: Vec<_> = run.iter().map(|histogram| column.get(histogram)).collect();
            floats::encode(&values, effort, out);
        }
        rest = tail;
    }
}

/// Reads the first `wanted` of `count` histograms, or some more. Only all of them leave the reader
/// at their end.
pub(super) fn decode(
    bytes: &mut Reader<'_>,
    count: usize,
    wanted: usize,
) -> Result<Vec<Arc<Histogram>>> {
    let mut found = Vec::with_capacity(wanted);
    while found.len() < wanted {
        let length = bytes.count(count - found.len())?;
        if length == 0 {
            return Err(Error::corrupt("an empty run of histograms"));
        }
        let layout = layout(bytes)?;
        if length > 1 && columns(&layout).count().saturating_mul(length) > MAX_READ_RUN {
            return Err(Error::corrupt("a run of histograms is longer than any that is written"));
        }
        let mut run = vec![layout.clone(); length];
        for column in columns(&layout) {
            let values = floats::decode(bytes, length)?;
            for (histogram, value) in run.iter_mut().zip(values) {
                column.set(histogram, value);
            }
        }
        found.extend(run.into_iter().map(Arc::new));
    }
    Ok(found)
}

/// Appends one histogram by itself.
pub(in crate::engines::metrics) fn put_histogram(histogram: &Histogram, out: &mut Vec<u8>) {
    put_layout(histogram, out);
    columns(histogram).for_each(|column| put_float(out, column.get(histogram)));
}

/// Reads what [`put_histogram`] wrote.
pub(in crate::engines::metrics) fn read_histogram(bytes: &mut Reader<'_>) -> Result<Histogram> {
    let mut histogram = layout(bytes)?;
    for column in columns(&histogram.clone()) {
        column.set(&mut histogram, bytes.float()?);
    }
    Ok(histogram)
}

/// One number of a histogram.
#[derive(Clone, Copy)]
enum Column {
    Count,
    Sum,
    ZeroCount,
    Positive(usize),
    Negative(usize),
}

fn columns(layout: &Histogram) -> impl Iterator<Item = Column> + use<> {
    [Column::Count, Column::Sum, Column::ZeroCount]
        .into_iter()
        .chain((0..layout.positive_buckets.len()).map(Column::Positive))
        .chain((0..layout.negative_buckets.len()).map(Column::Negative))
}

impl Column {
    fn get(self, histogram: &Histogram) -> f64 {
        match self {
            Column::Count => histogram.count,
            Column::Sum => histogram.sum,
            Column::ZeroCount => histogram.zero_count,
            Column::Positive(index) => histogram.positive_buckets[index],
            Column::Negative(index) => histogram.negative_buckets[index],
        }
    }

    fn set(self, histogram: &mut Histogram, value: f64) {
        match self {
            Column::Count => histogram.count = value,
            Column::Sum => histogram.sum = value,
            Column::ZeroCount => histogram.zero_count = value,
            Column::Positive(index) => histogram.positive_buckets[index] = value,
            Column::Negative(index) => histogram.negative_buckets[index] = value,
        }
    }
}

fn same_layout(one: &Histogram, other: &Histogram) -> bool {
    let same_bits = |one: &[f64], other: &[f64]| {
        one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.to_bits() == b.to_bits())
    };
    one.counter_reset_hint == other.counter_reset_hint
        && one.schema == other.schema
        && one.zero_threshold.to_bits() == other.zero_threshold.to_bits()
        && one.positive_spans == other.positive_spans
        && one.negative_spans == other.negative_spans
        && one.positive_buckets.len() == other.positive_buckets.len()
        && one.negative_buckets.len() == other.negative_buckets.len()
        && same_bits(&one.custom_values, &other.custom_values)
}

fn put_layout(histogram: &Histogram, out: &mut Vec<u8>) {
    out.push(match histogram.counter_reset_hint {
        CounterResetHint::Unknown => 0,
        CounterResetHint::Reset => 1,
        CounterResetHint::NotReset => 2,
        CounterResetHint::Gauge => 3,
    });
    put_signed(out, i64::from(histogram.schema));
    put_float(out, histogram.zero_threshold);
    for (spans, buckets) in [
        (&histogram.positive_spans, &histogram.positive_buckets),
        (&histogram.negative_spans, &histogram.negative_buckets),
    ] {
        put_varint(out, spans.len() as u64);
        for span in spans {
            put_signed(out, i64::from(span.offset));
            put_varint(out, u64::from(span.length));
        }
        put_varint(out, buckets.len() as u64);
    }
    put_varint(out, histogram.custom_values.len() as u64);
    histogram.custom_values.iter().for_each(|bound| put_float(out, *bound));
}

/// Reads a histogram whose counts are all zero.
fn layout(bytes: &mut Reader<'_>) -> Result<Histogram> {
    let counter_reset_hint = match bytes.byte()? {
        0 => CounterResetHint::Unknown,
        1 => CounterResetHint::Reset,
        2 => CounterResetHint::NotReset,
        3 => CounterResetHint::Gauge,
        other => return Err(Error::corrupt(format!("unknown counter reset hint {other}"))),
    };
    let schema = narrow(bytes.signed()?)?;
    let zero_threshold = bytes.float()?;
    let (positive_spans, positive) = side(bytes)?;
    let (negative_spans, negative) = side(bytes)?;
    let bounds = bytes.count(MAX_BUCKETS)?;
    let custom_values = (0..bounds).map(|_| bytes.float()).collect::<Result<Vec<_>>>()?;
    Ok(Histogram {
        counter_reset_hint,
        schema,
        zero_threshold,
        positive_spans,
        positive_buckets: vec![0.0; positive],
        negative_spans,
        negative_buckets: vec![0.0; negative],
        custom_values,
        ..Histogram::default()
    })
}

fn side(bytes: &mut Reader<'_>) -> Result<(Vec<Span>, usize)> {
    let count = bytes.count(MAX_BUCKETS)?;
    let mut spans = Vec::new();
    for _ in 0..count {
        let offset = narrow(bytes.signed()?)?;
        let length = bytes.count(MAX_BUCKETS)? as u32;
        spans.push(Span { offset, length });
    }
    // Each bucket takes a byte at least.
    Ok((spans, bytes.count(MAX_BUCKETS.min(bytes.rest().len()))?))
}

fn narrow(value: i64) -> Result<i32> {
    i32::try_from(value).map_err(|_| Error::corrupt("a stored number does not fit 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(buckets: usize) -> Histogram {
        Histogram { positive_buckets: vec![1.0; buckets], ..Histogram::default() }
    }

    #[test]
    fn a_run_that_would_take_much_memory_is_cut() {
        let histogram = wide(2_000);
        let many = vec![&histogram; 1_200];
        let mut bytes = Vec::new();
        encode(&many, Effort::Quick, &mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.varint().unwrap(), (MAX_RUN / 2_003) as u64);
        let found = decode(&mut Reader::new(&bytes), many.len(), many.len()).unwrap();
        assert!(found.iter().all(|one| **one == histogram) && found.len() == many.len());
    }

    #[test]
    fn more_buckets_than_bytes_are_refused_before_they_take_memory() {
        let mut bytes = vec![200];
        bytes.push(1);
        put_layout(&wide(60_000), &mut bytes);
        let error = decode(&mut Reader::new(&bytes), 200, 200).unwrap_err();
        assert!(error.to_string().contains("60000"), "{error}");
    }
}
