//! Reads the big-endian numbers, varints and texts that all files are made of.

use crate::base::error::{Error, Result};

/// The rest of some bytes that are being read.
#[derive(Debug, Clone)]
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Bytes { rest: bytes }
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the next `count` bytes.
    ///
    /// # Errors
    /// `Corrupt` at the end of the bytes; likewise below.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(ended)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(ended)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn be16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn be32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn be64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Returns a 64-bit number whose top bit is a sign.
    pub(crate) fn be64_signed(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) fn float(&mut self) -> Result<f64> {
        self.be64().map(f64::from_bits)
    }

    /// Reads LEB128.
    pub(crate) fn uvarint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
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

    /// Reads the number of items that follow, each of which takes at least `item_bytes` (≥ 1).
    pub(crate) fn count(&mut self, item_bytes: usize) -> Result<usize> {
        let count = self.uvarint()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() / item_bytes => Ok(count),
            _ => {
                Err(Error::corrupt(format!("{count} items are promised, more than there is room")))
            }
        }
    }

    /// Reads a text behind its length.
    pub(crate) fn text(&mut self) -> Result<&'a str> {
        let length = self.count(1)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| Error::corrupt("a text is not UTF-8"))
    }
}

fn ended() -> Error {
    Error::corrupt("the bytes end too early")
}

/// Checks that the CRC32C of `bytes` is `expected`.
///
/// # Errors
/// `Corrupt` that names `what`.
pub(crate) fn check_sum(what: &str, bytes: &[u8], expected: u32) -> Result<()> {
    if crc32c::crc32c(bytes) == expected {
        return Ok(());
    }
    Err(Error::corrupt(format!("the checksum of {what} is wrong")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_end_within_64_bits_and_lengths_within_the_bytes() {
        let mut bytes = Bytes::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        assert_eq!(bytes.uvarint().unwrap(), u64::MAX);
        assert!(Bytes::new(&[0xff; 11]).uvarint().is_err());
        assert_eq!(Bytes::new(&[3]).varint().unwrap(), -2);
        assert!(Bytes::new(&[5, b'a']).text().is_err());
        assert_eq!(Bytes::new(&[1, b'a']).text().unwrap(), "a");
    }
}
