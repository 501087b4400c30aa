//! Reads chunks bit by bit, the highest bit first, and the numbers of varying width in them.

use crate::base::error::{Error, Result};

/// Bits of one chunk.
#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    /// The place of the next bit.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Bits { bytes, at: 0 }
    }

    /// Returns the number of bits that are left: an upper bound of how many things can follow.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    /// Returns the next `width` bits, at most 64, as a number.
    ///
    /// # Errors
    /// `Corrupt` at the end of the chunk; likewise below.
    pub(crate) fn read(&mut self, width: u32) -> Result<u64> {
        if width as usize > self.left() {
            return Err(Error::corrupt("the chunk ends within a sample"));
        }
        if width == 0 {
            return Ok(0);
        }
        let shift = (self.at & 7) as u32;
        let first = self.at >> 3;
        self.at += width as usize;
        let mut bits = self.word(first) << shift;
        if shift + width > 64 {
            let next = self.bytes.get(first + 8).copied().unwrap_or(0);
            bits |= u64::from(next) >> (8 - shift);
        }
        Ok(bits >> (64 - width))
    }

    /// Returns the eight bytes from `first` on, with zeros behind the end.
    fn word(&self, first: usize) -> u64 {
        let rest = self.bytes.get(first..).unwrap_or(&[]);
        if let Some(word) = rest.first_chunk::<8>() {
            return u64::from_be_bytes(*word);
        }
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        u64::from_be_bytes(word)
    }

    pub(crate) fn bit(&mut self) -> Result<bool> {
        self.read(1).map(|bit| bit == 1)
    }

    /// Counts ones up to the next zero, which is passed over, or up to `most` ones.
    pub(crate) fn ones(&mut self, most: u32) -> Result<u32> {
        let mut count = 0;
        while count < most && self.bit()? {
            count += 1;
        }
        Ok(count)
    }

    /// Reads two's complement whose positive half reaches up to 2^(width-1), as most encodings of
    /// Prometheus do.
    pub(crate) fn signed_up(&mut self, width: u32) -> Result<i64> {
        let bits = self.read(width)?;
        let is_negative = width < 64 && bits > 1 << (width - 1);
        Ok(if is_negative { bits.wrapping_sub(1 << width) as i64 } else { bits as i64 })
    }

    /// Reads plain two's complement.
    pub(crate) fn signed(&mut self, width: u32) -> Result<i64> {
        let bits = self.read(width)?;
        Ok((bits << (64 - width)) as i64 >> (64 - width))
    }

    /// Reads `<varbit_int>`.
    pub(crate) fn varbit_int(&mut self) -> Result<i64> {
        match self.varbit_width()? {
            0 => Ok(0),
            width => self.signed_up(width),
        }
    }

    /// Reads `<varbit_uint>`.
    pub(crate) fn varbit_uint(&mut self) -> Result<u64> {
        let width = self.varbit_width()?;
        self.read(width)
    }

    fn varbit_width(&mut self) -> Result<u32> {
        Ok(match self.ones(8)? {
            0 => 0,
            1 => 3,
            2 => 6,
            3 => 9,
            4 => 12,
            5 => 18,
            6 => 25,
            7 => 56,
            _ => 64,
        })
    }

    /// Reads LEB128 whose bytes need not begin at a byte.
    pub(crate) fn uvarint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.read(8)?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::corrupt("a number is longer than 64 bits"))
    }

    /// Reads zigzag LEB128.
    pub(crate) fn varint(&mut self) -> Result<i64> {
        let value = self.uvarint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

/// A float that is written as its difference to the one before (`<varbit_xor>`).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct XorValue {
    /// The bits of the newest value.
    pub(crate) bits: u64,
    leading: u32,
    /// Bits of the window that differs; 0 before there is one.
    pub(crate) width: u32,
}

impl XorValue {
    pub(crate) fn first(bits: u64) -> Self {
        XorValue { bits, leading: 0, width: 0 }
    }

    pub(crate) fn value(self) -> f64 {
        f64::from_bits(self.bits)
    }

    /// Reads the next value.
    pub(crate) fn next(&mut self, bits: &mut Bits<'_>) -> Result<f64> {
        if bits.bit()? {
            if bits.bit()? {
                self.new_window(bits)?;
            } else {
                self.old_window(bits)?;
            }
        }
        Ok(self.value())
    }

    /// Reads a value that differs within the window of the last one that differed.
    pub(crate) fn old_window(&mut self, bits: &mut Bits<'_>) -> Result<()> {
        // Before the first window Prometheus' readers take all 64 bits.
        let width = if self.width == 0 { 64 } else { self.width };
        let difference = bits.read(width)?;
        self.bits ^= difference << (64 - self.leading - width);
        Ok(())
    }

    /// Reads a window and the value that differs within it.
    pub(crate) fn new_window(&mut self, bits: &mut Bits<'_>) -> Result<()> {
        let leading = bits.read(5)? as u32;
        let width = match bits.read(6)? as u32 {
            0 => 64,
            width => width,
        };
        if leading + width > 64 {
            return Err(Error::corrupt("a value is wider than 64 bits"));
        }
        (self.leading, self.width) = (leading, width);
        self.old_window(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_across_bytes_and_not_beyond_the_end() {
        let bytes: Vec<u8> = (1..=17).collect();
        let all = u128::from_be_bytes(*bytes.first_chunk::<16>().unwrap());
        for offset in 0..8 {
            for width in [1, 7, 8, 33, 57, 63, 64] {
                let mut bits = Bits::new(&bytes);
                bits.read(offset).unwrap();
                let expected = (all << offset) >> (128 - width);
                assert_eq!(u128::from(bits.read(width).unwrap()), expected, "{offset} {width}");
            }
        }
        let mut bits = Bits::new(&[0xff]);
        assert_eq!(bits.ones(8).unwrap(), 8);
        assert!(bits.bit().is_err());
    }

    #[test]
    fn the_greatest_positive_number_of_a_width_is_its_half() {
        assert_eq!(Bits::new(&[0b1000_0000]).signed_up(3).unwrap(), 4);
        assert_eq!(Bits::new(&[0b1010_0000]).signed_up(3).unwrap(), -3);
        assert_eq!(Bits::new(&[0b1000_0000]).signed(3).unwrap(), -4);
    }
}
