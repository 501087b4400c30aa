//! `XOR2`: one prefix says of timestamp and value whether they changed; stale markers take no room;
//! start times may follow.

use crate::base::error::Result;
use crate::model::batch::SeriesWrite;
use crate::model::sample::Sample;
use crate::model::stale::STALE_NAN_BITS;
use crate::wire::prometheus_tsdb::bits::{Bits, XorValue};
use crate::wire::prometheus_tsdb::bytes::Bytes;
use crate::wire::prometheus_tsdb::chunk::start::Starts;

pub(super) fn decode(data: &[u8], into: &mut SeriesWrite) -> Result<()> {
    let mut header = Bytes::new(data);
    let total = header.be16()?;
    let mut starts = Starts::new(header.u8()?);
    let mut bits = Bits::new(header.take(header.len())?);
    if total == 0 {
        return Ok(());
    }
    into.samples.reserve(usize::from(total).min(bits.left()));
    let mut at = bits.varint()?;
    let first = bits.read(64)?;
    // The newest value that is no stale marker; differences refer to it.
    let mut baseline = XorValue::first(if first == STALE_NAN_BITS { 0 } else { first });
    let mut delta = 0_i64;
    let mut before = at;
    for number in 0..total {
        let value = match number {
            0 => f64::from_bits(first),
            1 => {
                delta = bits.uvarint()? as i64;
                changed_or_not(&mut bits, &mut baseline)?
            }
            _ => {
                let (step, value) = joint(&mut bits, &mut baseline)?;
                delta = delta.wrapping_add(step);
                value
            }
        };
        if number > 0 {
            before = at;
            at = at.wrapping_add(delta);
        }
        starts.read(&mut bits, number, (before, at))?;
        into.samples.push(Sample::new(at, value));
        starts.note(at, &mut into.starts);
    }
    Ok(())
}

/// Reads the step of the distance, and the value.
fn joint(bits: &mut Bits<'_>, baseline: &mut XorValue) -> Result<(i64, f64)> {
    let step = match bits.ones(5)? {
        0 => return Ok((0, baseline.value())),
        1 => {
            if bits.bit()? {
                baseline.new_window(bits)?;
            } else {
                baseline.old_window(bits)?;
            }
            return Ok((0, baseline.value()));
        }
        2 => bits.signed(13)?,
        3 => bits.signed(20)?,
        4 => bits.signed(64)?,
        _ => return Ok((0, f64::from_bits(STALE_NAN_BITS))),
    };
    Ok((step, changed_or_not(bits, baseline)?))
}

/// Reads `<varbit_xor2>`.
fn changed_or_not(bits: &mut Bits<'_>, baseline: &mut XorValue) -> Result<f64> {
    match bits.ones(3)? {
        0 => {}
        1 => baseline.old_window(bits)?,
        2 => baseline.new_window(bits)?,
        _ => return Ok(f64::from_bits(STALE_NAN_BITS)),
    }
    Ok(baseline.value())
}
