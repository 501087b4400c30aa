//! Bits in the order of Prometheus' chunks: the highest of a byte first.

/// Writes bits behind bytes.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not written yet.
    free: u32,
}

impl BitWriter {
    /// Starts behind a header of whole bytes.
    pub(super) fn behind(header: &[u8]) -> Self {
        BitWriter { bytes: header.to_vec(), free: 0 }
    }

    /// Writes one bit.
    pub(super) fn push_bit(&mut self, bit: bool) {
        self.push(u64::from(bit), 1);
    }

    /// Writes the lowest `count` bits of `value`, 0 to 64, the highest of them first.
    pub(super) fn push(&mut self, value: u64, mut count: u32) {
        while count > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = count.min(self.free);
            let part = (value >> (count - taken)) & ((1 << taken) - 1);
            self.free -= taken;
            count -= taken;
            if let Some(last) = self.bytes.last_mut() {
                *last |= (part as u8) << self.free;
            }
        }
    }

    /// Writes a float as it is.
    pub(super) fn push_float(&mut self, value: f64) {
        self.push(value.to_bits(), 64);
    }

    /// Writes a number in groups of 7 bits (Go's `PutUvarint`).
    pub(super) fn push_uvarint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push(number & 0x7f | 0x80, 8);
            number >>= 7;
        }
        self.push(number, 8);
    }

    /// Writes a signed number in groups of 7 bits (Go's `PutVarint`).
    pub(super) fn push_varint(&mut self, number: i64) {
        self.push_uvarint(((number << 1) ^ (number >> 63)) as u64);
    }

    /// Writes a signed number behind a prefix that tells its bits: "varbit".
    pub(super) fn push_varbit(&mut self, number: i64) {
        let width = VARBIT_WIDTHS.iter().position(|width| fits(number, *width));
        self.push_prefixed(number as u64, number == 0, width);
    }

    /// Writes an unsigned number behind a prefix that tells its bits: "varbit".
    pub(super) fn push_varbit_unsigned(&mut self, number: u64) {
        let width = VARBIT_WIDTHS.iter().position(|width| number >> width == 0);
        self.push_prefixed(number, number == 0, width);
    }

    fn push_prefixed(&mut self, number: u64, zero: bool, width: Option<usize>) {
        match width {
            _ if zero => self.push_bit(false),
            Some(place) => {
                // As many ones as the place says and one more, then a zero.
                let ones = place as u32 + 1;
                self.push((1 << (ones + 1)) - 2, ones + 1);
                self.push(number, VARBIT_WIDTHS[place]);
            }
            None => {
                self.push(0xff, 8);
                self.push(number, 64);
            }
        }
    }

    /// Returns the bytes; the last one is filled up with zeros.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// The widths that a varbit prefix can name, besides 0 and 64.
const VARBIT_WIDTHS: [u32; 7] = [3, 6, 9, 12, 18, 25, 56];

/// Whether a signed number has a form of `bits` bits; of the two extremes the positive one has.
pub(super) fn fits(number: i64, bits: u32) -> bool {
    let half = 1_i64 << (bits - 1);
    -half < number && number <= half
}

/// One column of floats, each written by what differs from the one before.
#[derive(Debug, Clone)]
pub(super) struct XorColumn {
    value: f64,
    /// Zeros before and behind the bits that were written last; `None` before the first.
    window: Option<(u32, u32)>,
}

impl XorColumn {
    /// Starts with a value that was written as it is.
    pub(super) fn new(value: f64) -> Self {
        XorColumn { value, window: None }
    }

    /// Writes the next value.
    pub(super) fn push(&mut self, bits: &mut BitWriter, value: f64) {
        let difference = value.to_bits() ^ self.value.to_bits();
        self.value = value;
        if difference == 0 {
            return bits.push_bit(false);
        }
        // Five bits hold the zeros before.
        let leading = difference.leading_zeros().min(31);
        let trailing = difference.trailing_zeros();
        if let Some((before, behind)) = self.window
            && leading >= before
            && trailing >= behind
        {
            bits.push(0b10, 2);
            return bits.push(difference >> behind, 64 - before - behind);
        }
        self.window = Some((leading, trailing));
        let significant = 64 - leading - trailing;
        bits.push(0b11, 2);
        bits.push(u64::from(leading), 5);
        // 64 does not fit and 0 cannot be, so 0 stands for 64.
        bits.push(u64::from(significant) & 0x3f, 6);
        bits.push(difference >> trailing, significant);
    }
}
