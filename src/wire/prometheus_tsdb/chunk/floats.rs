//! `XOR`: timestamps as differences of differences, values as differing bits.

use crate::base::error::Result;
use crate::model::batch::SeriesWrite;
use crate::model::sample::Sample;
use crate::wire::prometheus_tsdb::bits::{Bits, XorValue};
use crate::wire::prometheus_tsdb::bytes::Bytes;

pub(super) fn decode(data: &[u8], into: &mut SeriesWrite) -> Result<()> {
    let mut header = Bytes::new(data);
    let total = header.be16()?;
    let mut bits = Bits::new(header.take(header.len())?);
    if total == 0 {
        return Ok(());
    }
    // A sample takes two bits at least.
    into.samples.reserve(usize::from(total).min(bits.left() / 2));
    let mut at = bits.varint()?;
    let mut value = XorValue::first(bits.read(64)?);
    into.samples.push(Sample::new(at, value.value()));
    let mut delta = 0_i64;
    for number in 1..total {
        delta = match number {
            1 => bits.uvarint()? as i64,
            _ => delta.wrapping_add(step(&mut bits)?),
        };
        at = at.wrapping_add(delta);
        into.samples.push(Sample::new(at, value.next(&mut bits)?));
    }
    Ok(())
}

/// Reads by how much a distance differs from the one before it.
fn step(bits: &mut Bits<'_>) -> Result<i64> {
    match bits.ones(4)? {
        0 => Ok(0),
        1 => bits.signed_up(14),
        2 => bits.signed_up(17),
        3 => bits.signed_up(20),
        _ => bits.signed_up(64),
    }
}
