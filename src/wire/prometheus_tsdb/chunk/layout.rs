//! What all histograms of a chunk have in common: schema, zero bucket, where the buckets lie.

use crate::base::error::{Error, Result};
use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};
use crate::wire::prometheus_tsdb::bits::Bits;

/// Buckets that one histogram may have; Prometheus' own scrapes end far below.
const MAX_BUCKETS: u64 = 1 << 16;

pub(super) struct Layout {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) positive: Vec<Span>,
    pub(super) negative: Vec<Span>,
    pub(super) custom_values: Vec<f64>,
}

impl Layout {
    pub(super) fn read(bits: &mut Bits<'_>) -> Result<Self> {
        let zero_threshold = zero_threshold(bits)?;
        let schema = bits.varbit_int()?;
        let schema = match i32::try_from(schema) {
            Ok(schema) if schema == CUSTOM_BUCKETS_SCHEMA || (-4..=8).contains(&schema) => schema,
            _ => return Err(Error::unsupported(format!("histogram schema {schema} is not known"))),
        };
        let positive = spans(bits)?;
        let negative = spans(bits)?;
        let custom_values = match schema {
            CUSTOM_BUCKETS_SCHEMA => bounds(bits)?,
            _ => Vec::new(),
        };
        Ok(Layout { schema, zero_threshold, positive, negative, custom_values })
    }
}

/// Returns how many buckets the spans name; the codec checked that they are not too many.
pub(super) fn buckets(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.length as usize).sum()
}

fn zero_threshold(bits: &mut Bits<'_>) -> Result<f64> {
    match bits.read(8)? as i32 {
        0 => Ok(0.0),
        255 => bits.read(64).map(f64::from_bits),
        // A power of two from 2^-243 on.
        exponent => Ok(2_f64.powi(exponent - 244)),
    }
}

fn spans(bits: &mut Bits<'_>) -> Result<Vec<Span>> {
    let count = bits.varbit_uint()?;
    let mut spans = Vec::new();
    let mut named = 0_u64;
    for _ in 0..count {
        let length = bits.varbit_uint()?;
        let offset = bits.varbit_int()?;
        named = named.saturating_add(length);
        let (Ok(offset), true) = (i32::try_from(offset), named <= MAX_BUCKETS) else {
            return Err(Error::corrupt("a histogram has too many buckets or they lie too far"));
        };
        spans.push(Span { offset, length: length as u32 });
    }
    Ok(spans)
}

fn bounds(bits: &mut Bits<'_>) -> Result<Vec<f64>> {
    let count = bits.varbit_uint()?;
    if count > MAX_BUCKETS {
        return Err(Error::corrupt("a histogram has too many bounds"));
    }
    let mut bounds = Vec::new();
    for _ in 0..count {
        bounds.push(match bits.varbit_uint()? {
            0 => f64::from_bits(bits.read(64)?),
            thousandths => (thousandths - 1) as f64 / 1_000.0,
        });
    }
    Ok(bounds)
}
