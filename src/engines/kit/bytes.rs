//! Small numbers, texts and blobs in bytes, and a reader that trusts none of them.

use crate::base::error::{Error, Result};

/// Appends a LEB128 number.
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a signed number, small in both directions.
pub fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_varint(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// Appends bytes behind their length.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote; everything else is `Corrupt`.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// Returns whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// `Corrupt` at the end; likewise below.
    pub fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or_else(short)?;
        self.rest = rest;
        Ok(*first)
    }

    /// Reads a LEB128 number of at most 64 bits.
    pub fn varint(&mut self) -> Result<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Error::corrupt("a number is too long"))
    }

    /// Reads a signed number.
    pub fn signed(&mut self) -> Result<i64> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// Reads a count of things of which each takes at least one byte: it is never larger than what
    /// is left, so it may be reserved.
    pub fn count(&mut self) -> Result<usize> {
        let count = usize::try_from(self.varint()?).map_err(|_| short())?;
        if count > self.rest.len() { Err(short()) } else { Ok(count) }
    }

    /// Reads `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk::<N>().ok_or_else(short)?;
        self.rest = rest;
        Ok(*array)
    }

    /// Reads bytes behind their length.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.count()?;
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(bytes)
    }

    /// Reads a text behind its length.
    pub fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Error::corrupt("a text is not UTF-8"))
    }
}

fn short() -> Error {
    Error::corrupt("the bytes end too early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_come_back() {
        let mut out = Vec::new();
        for number in [0, 127, 128, u64::MAX] {
            put_varint(&mut out, number);
        }
        for number in [0, -1, i64::MIN, i64::MAX] {
            put_signed(&mut out, number);
        }
        put_bytes(&mut out, "ü".as_bytes());
        let mut reader = Reader::new(&out);
        for number in [0, 127, 128, u64::MAX] {
            assert_eq!(reader.varint().unwrap(), number);
        }
        for number in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(reader.signed().unwrap(), number);
        }
        assert_eq!(reader.text().unwrap(), "ü");
        assert!(reader.is_empty() && reader.byte().is_err());
    }

    #[test]
    fn a_length_that_lies_is_corrupt() {
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).bytes().is_err());
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
        assert!(Reader::new(&[1, 0xff]).text().is_err());
    }
}
