//! Floats of full precision: each against the one before, only the bits between the zeros.

use crate::base::error::Result;
use crate::engines::metrics::codec::bits::{BitReader, BitWriter};
use crate::engines::metrics::codec::bytes::Reader;

/// A stretch of bits that changed: how many zeros stand before it, and its length (1 to 64).
#[derive(Clone, Copy)]
struct Stretch {
    leading: u32,
    length: u32,
}

impl Stretch {
    fn of(changed: u64) -> Self {
        let leading = changed.leading_zeros();
        Stretch { leading, length: 64 - leading - changed.trailing_zeros() }
    }

    fn trailing(self) -> u32 {
        64 - self.leading - self.length
    }

    /// Returns whether every changed bit of `other` lies in this stretch and few others do.
    fn holds(self, other: Stretch) -> bool {
        // A new stretch costs 12 bits, so an old one is taken while it wastes no more.
        self.leading <= other.leading
            && self.trailing() <= other.trailing()
            && self.length <= other.length + 12
    }
}

/// Appends values: a 0 for no change; 10 and the bits of the last stretch; 11, six bits of leading
/// zeros, six of length less one, and the bits.
pub(super) fn encode(values: &[f64], out: &mut Vec<u8>) {
    let mut bits = BitWriter::new(out);
    let mut last = 0_u64;
    let mut stretch: Option<Stretch> = None;
    for value in values {
        let changed = value.to_bits() ^ last;
        last = value.to_bits();
        if changed == 0 {
            bits.put(0, 1);
            continue;
        }
        let own = Stretch::of(changed);
        match stretch.filter(|old| old.holds(own)) {
            Some(old) => {
                bits.put(0b01, 2);
                bits.put(changed >> old.trailing(), old.length);
            }
            None => {
                bits.put(0b11, 2);
                bits.put(u64::from(own.leading), 6);
                bits.put(u64::from(own.length - 1), 6);
                bits.put(changed >> own.trailing(), own.length);
                stretch = Some(own);
            }
        }
    }
    bits.finish();
}

/// Reads the first `count` values.
pub(super) fn decode(bytes: &mut Reader<'_>, count: usize) -> Result<Vec<f64>> {
    let mut bits = BitReader::new(bytes);
    let mut values = Vec::with_capacity(count);
    let mut last = 0_u64;
    let mut stretch = Stretch { leading: 0, length: 64 };
    for _ in 0..count {
        if bits.get(1)? == 1 {
            if bits.get(1)? == 1 {
                let leading = bits.get(6)? as u32;
                let length = bits.get(6)? as u32 + 1;
                stretch = Stretch { leading, length: length.min(64 - leading) };
            }
            last ^= bits.get(stretch.length)? << stretch.trailing();
        }
        values.push(f64::from_bits(last));
    }
    Ok(values)
}
