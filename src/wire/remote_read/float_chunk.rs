//! Floats in Prometheus' XOR encoding.
//!
//! Number of samples (2 bytes, big-endian); of the first sample time and value; of the second the
//! distance in time; of later ones how much that changed; values by what differs from the one before.

use crate::model::sample::Sample;
use crate::wire::remote_read::bits::{BitWriter, XorColumn, fits};

/// The widths of a change of the distance, each with its prefix; 64 bits behind `1111` hold the rest.
const CHANGES: [(u32, u64, u32); 3] = [(14, 0b10, 2), (17, 0b110, 3), (20, 0b1110, 4)];

/// Encodes samples in time order, at most 65,535.
pub(super) fn encode(samples: &[Sample]) -> Vec<u8> {
    debug_assert!(u16::try_from(samples.len()).is_ok());
    let mut bits = BitWriter::behind(&(samples.len() as u16).to_be_bytes());
    let Some((first, rest)) = samples.split_first() else { return bits.finish() };
    bits.push_varint(first.timestamp.0);
    bits.push_float(first.value);
    let mut column = XorColumn::new(first.value);
    let (mut time, mut distance) = (first.timestamp.0, None);
    for sample in rest {
        let next = sample.timestamp.0.wrapping_sub(time);
        match distance {
            None => bits.push_uvarint(next as u64),
            Some(distance) => push_change(&mut bits, next.wrapping_sub(distance)),
        }
        column.push(&mut bits, sample.value);
        (time, distance) = (sample.timestamp.0, Some(next));
    }
    bits.finish()
}

fn push_change(bits: &mut BitWriter, change: i64) {
    if change == 0 {
        return bits.push_bit(false);
    }
    let known = CHANGES.iter().find(|(width, _, _)| fits(change, *width));
    let (width, prefix, prefix_bits) = *known.unwrap_or(&(64, 0b1111, 4));
    bits.push(prefix, prefix_bits);
    bits.push(change as u64, width);
}
