//! Samples and exemplars, which both versions write alike but for the labels.

use crate::model::sample::Sample;
use crate::wire::protobuf::{Fields, Read, varint};

/// The keys of `Sample.value` and `Sample.timestamp`: fields 1 and 2.
const VALUE: u8 = 0x09;
const TIMESTAMP: u8 = 0x10;

/// Reads a sample and the time at which its counting began, 0 when the sender does not say.
#[inline]
pub(crate) fn sample(message: &[u8]) -> Read<(Sample, i64)> {
    // What nearly every sample looks like.
    if let Some((&[VALUE, a, b, c, d, e, f, g, h, TIMESTAMP], mut rest)) =
        message.split_first_chunk::<10>()
    {
        let timestamp = varint(&mut rest)?;
        if rest.is_empty() {
            let value = f64::from_le_bytes([a, b, c, d, e, f, g, h]);
            return Ok((Sample::new(timestamp as i64, value), 0));
        }
    }
    any_sample(message)
}

fn any_sample(message: &[u8]) -> Read<(Sample, i64)> {
    let (mut value, mut timestamp, mut start) = (0.0, 0, 0);
    let mut fields = Fields::new(message);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => value = field.double()?,
            2 => timestamp = field.int64()?,
            3 => start = field.int64().unwrap_or(0),
            _ => {}
        }
    }
    Ok((Sample::new(timestamp, value), start))
}

/// An exemplar whose labels are still to be read from field 1 of its message.
pub(crate) struct RawExemplar {
    /// The observed value.
    pub(crate) value: f64,
    /// When, in milliseconds.
    pub(crate) timestamp: i64,
}

/// Reads an exemplar but for its labels.
pub(crate) fn exemplar(message: &[u8]) -> Read<RawExemplar> {
    let mut read = RawExemplar { value: 0.0, timestamp: 0 };
    let mut fields = Fields::new(message);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            2 => read.value = field.double()?,
            3 => read.timestamp = field.int64()?,
            _ => {}
        }
    }
    Ok(read)
}

/// Makes room for the samples of a series at the first of them, which together with its key and
/// length takes `field` bytes of the `rest` of its message.
#[inline]
pub(crate) fn reserve(samples: &mut Vec<Sample>, field: usize, rest: usize) {
    if samples.capacity() == 0 {
        samples.reserve_exact((rest / field.max(4)).max(1));
    }
}
