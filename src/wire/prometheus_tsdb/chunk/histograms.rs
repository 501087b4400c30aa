//! Native histograms: `histogram` (whole counts), `floathistogram`, and both with start times.

use std::sync::Arc;

use crate::base::error::Result;
use crate::model::batch::SeriesWrite;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::HistogramSample;
use crate::model::stale::is_stale;
use crate::model::time::TimestampMs;
use crate::wire::prometheus_tsdb::bits::{Bits, XorValue};
use crate::wire::prometheus_tsdb::bytes::Bytes;
use crate::wire::prometheus_tsdb::chunk::layout::{Layout, buckets};
use crate::wire::prometheus_tsdb::chunk::start::Starts;

/// What stands before the points.
struct Header {
    total: u16,
    /// What is known of a reset before the first point; gauges know it of all.
    hint: CounterResetHint,
    starts: Starts,
}

impl Header {
    fn read(data: &[u8], has_starts: bool) -> Result<(Self, Bits<'_>)> {
        let mut bytes = Bytes::new(data);
        let (count, third) = (bytes.be16()?, bytes.u8()?);
        let rest = bytes.take(bytes.len())?;
        let (total, flags, starts) = match has_starts {
            true => (count & 0x3fff, (count >> 8) as u8, Starts::new(third)),
            false => (count, third, Starts::default()),
        };
        let hint = match flags >> 6 {
            0b00 => CounterResetHint::Unknown,
            0b10 => CounterResetHint::Reset,
            0b01 => CounterResetHint::NotReset,
            _ => CounterResetHint::Gauge,
        };
        Ok((Header { total, hint, starts }, Bits::new(rest)))
    }

    fn hint_of(&self, number: u16) -> CounterResetHint {
        match self.hint {
            CounterResetHint::Gauge => CounterResetHint::Gauge,
            _ if number > 0 => CounterResetHint::NotReset,
            hint => hint,
        }
    }
}

/// A number that is written as the difference of differences.
#[derive(Debug, Clone, Copy, Default)]
struct Rising {
    value: i64,
    delta: i64,
}

impl Rising {
    fn next(&mut self, bits: &mut Bits<'_>) -> Result<i64> {
        self.delta = self.delta.wrapping_add(bits.varbit_int()?);
        self.value = self.value.wrapping_add(self.delta);
        Ok(self.value)
    }
}

/// Reads a chunk of whole counts.
pub(super) fn decode_counts(data: &[u8], has_starts: bool, into: &mut SeriesWrite) -> Result<()> {
    let (mut header, mut bits) = Header::read(data, has_starts)?;
    if header.total == 0 {
        return Ok(());
    }
    let layout = Layout::read(&mut bits)?;
    let mut at = Rising { value: bits.varbit_int()?, delta: 0 };
    let mut count = Rising { value: bits.varbit_uint()? as i64, delta: 0 };
    let mut zero_count = Rising { value: bits.varbit_uint()? as i64, delta: 0 };
    let mut sum = XorValue::first(bits.read(64)?);
    let mut positive = vec![Rising::default(); buckets(&layout.positive)];
    let mut negative = vec![Rising::default(); buckets(&layout.negative)];
    for side in [&mut positive, &mut negative] {
        for bucket in side.iter_mut() {
            bucket.value = bits.varbit_int()?;
        }
    }
    for number in 0..header.total {
        let before = at.value;
        if number > 0 {
            at.next(&mut bits)?;
            count.next(&mut bits)?;
            zero_count.next(&mut bits)?;
            sum.next(&mut bits)?;
            if !is_stale(sum.value()) {
                for bucket in positive.iter_mut().chain(negative.iter_mut()) {
                    bucket.next(&mut bits)?;
                }
            }
        }
        header.starts.read(&mut bits, number, (before, at.value))?;
        let histogram = match is_stale(sum.value()) {
            true => stale(sum.value()),
            false => Histogram {
                counter_reset_hint: header.hint_of(number),
                zero_count: zero_count.value as u64 as f64,
                count: count.value as u64 as f64,
                sum: sum.value(),
                positive_buckets: absolute(&positive),
                negative_buckets: absolute(&negative),
                ..laid_out(&layout)
            },
        };
        push(at.value, histogram, &header, into);
    }
    Ok(())
}

/// Reads a chunk of float counts.
pub(super) fn decode_floats(data: &[u8], has_starts: bool, into: &mut SeriesWrite) -> Result<()> {
    let (mut header, mut bits) = Header::read(data, has_starts)?;
    if header.total == 0 {
        return Ok(());
    }
    let layout = Layout::read(&mut bits)?;
    let mut at = Rising { value: bits.varbit_int()?, delta: 0 };
    let mut numbers = Vec::with_capacity(3);
    for _ in 0..3 {
        numbers.push(XorValue::first(bits.read(64)?));
    }
    let positive = buckets(&layout.positive);
    let mut counts = vec![XorValue::default(); positive + buckets(&layout.negative)];
    for bucket in &mut counts {
        *bucket = XorValue::first(bits.read(64)?);
    }
    for number in 0..header.total {
        let before = at.value;
        if number > 0 {
            at.next(&mut bits)?;
            for one in &mut numbers {
                one.next(&mut bits)?;
            }
            if !is_stale(numbers[2].value()) {
                for bucket in &mut counts {
                    bucket.next(&mut bits)?;
                }
            }
        }
        header.starts.read(&mut bits, number, (before, at.value))?;
        let [count, zero_count, sum] = [0, 1, 2].map(|place| numbers[place].value());
        let values = |side: &[XorValue]| side.iter().map(|bucket| bucket.value()).collect();
        let histogram = match is_stale(sum) {
            true => stale(sum),
            false => Histogram {
                counter_reset_hint: header.hint_of(number),
                zero_count,
                count,
                sum,
                positive_buckets: values(&counts[..positive]),
                negative_buckets: values(&counts[positive..]),
                ..laid_out(&layout)
            },
        };
        push(at.value, histogram, &header, into);
    }
    Ok(())
}

fn push(at: i64, histogram: Histogram, header: &Header, into: &mut SeriesWrite) {
    let timestamp = TimestampMs(at);
    into.histograms.push(HistogramSample { timestamp, histogram: Arc::new(histogram) });
    header.starts.note(at, &mut into.starts);
}

/// A stale marker says nothing else.
fn stale(sum: f64) -> Histogram {
    Histogram { sum, ..Histogram::default() }
}

fn laid_out(layout: &Layout) -> Histogram {
    Histogram {
        schema: layout.schema,
        zero_threshold: layout.zero_threshold,
        positive_spans: layout.positive.clone(),
        negative_spans: layout.negative.clone(),
        custom_values: layout.custom_values.clone(),
        ..Histogram::default()
    }
}

/// Adds up buckets that are kept as steps from their neighbour.
fn absolute(buckets: &[Rising]) -> Vec<f64> {
    let mut count = 0_i64;
    let add = |bucket: &Rising| {
        count = count.wrapping_add(bucket.value);
        count as f64
    };
    buckets.iter().map(add).collect()
}
