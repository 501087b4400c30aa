//! Numbers of any width side by side, lowest bit first.

use crate::base::error::Result;
use crate::engines::metrics::codec::bytes::Reader;

/// Collects bits into bytes.
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u128,
    pending_bits: u32,
}

impl<'a> BitWriter<'a> {
    /// Starts on a new byte of `out`.
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        BitWriter { out, pending: 0, pending_bits: 0 }
    }

    /// Adds the lowest `width` bits (at most 64) of `value`.
    pub(super) fn put(&mut self, value: u64, width: u32) {
        debug_assert!(width <= 64);
        let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
        self.pending |= u128::from(value & mask) << self.pending_bits;
        self.pending_bits += width;
        if self.pending_bits >= 64 {
            self.out.extend_from_slice(&(self.pending as u64).to_le_bytes());
            self.pending >>= 64;
            self.pending_bits -= 64;
        }
    }

    /// Fills the last byte with zeros.
    pub(super) fn finish(self) {
        let used = self.pending_bits.div_ceil(8) as usize;
        self.out.extend_from_slice(&(self.pending as u64).to_le_bytes()[..used]);
    }
}

/// Takes bits from bytes.
pub(super) struct BitReader<'a, 'b> {
    bytes: &'b mut Reader<'a>,
    pending: u128,
    pending_bits: u32,
}

impl<'a, 'b> BitReader<'a, 'b> {
    /// Starts at the front of `bytes`, and takes whole bytes from them as needed.
    pub(super) fn new(bytes: &'b mut Reader<'a>) -> Self {
        BitReader { bytes, pending: 0, pending_bits: 0 }
    }

    /// Takes `width` bits (at most 64).
    pub(super) fn get(&mut self, width: u32) -> Result<u64> {
        debug_assert!(width <= 64);
        while self.pending_bits < width {
            self.pending |= u128::from(self.bytes.byte()?) << self.pending_bits;
            self.pending_bits += 8;
        }
        let mask = (1_u128 << width) - 1;
        let value = (self.pending & mask) as u64;
        self.pending >>= width;
        self.pending_bits -= width;
        Ok(value)
    }
}
