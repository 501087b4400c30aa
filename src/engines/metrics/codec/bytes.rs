//! Reading and writing of small fields.

use crate::base::error::{Error, Result};

/// Appends `value` in LEB128.
pub(in crate::engines::metrics) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` zigzag-coded.
pub(in crate::engines::metrics) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// Appends the eight bytes of a float.
pub(in crate::engines::metrics) fn put_float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Appends `bytes` behind their length.
pub(in crate::engines::metrics) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Maps small negative numbers to small ones.
pub(in crate::engines::metrics) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Undoes [`zigzag`].
pub(in crate::engines::metrics) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads fields from the front of stored bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::engines::metrics) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub(in crate::engines::metrics) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// Returns what was not read yet.
    pub(in crate::engines::metrics) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads `length` bytes.
    pub(in crate::engines::metrics) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads one byte.
    pub(in crate::engines::metrics) fn byte(&mut self) -> Result<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(byte)
    }

    /// Reads what [`put_varint`] wrote.
    pub(in crate::engines::metrics) fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::corrupt("a stored number is longer than 64 bits"))
    }

    /// Reads what [`put_signed`] wrote.
    pub(in crate::engines::metrics) fn signed(&mut self) -> Result<i64> {
        self.varint().map(unzigzag)
    }

    /// Reads what [`put_float`] wrote.
    pub(in crate::engines::metrics) fn float(&mut self) -> Result<f64> {
        let mut bits = [0; 8];
        bits.copy_from_slice(self.take(8)?);
        Ok(f64::from_bits(u64::from_le_bytes(bits)))
    }

    /// Reads what [`put_bytes`] wrote.
    pub(in crate::engines::metrics) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.varint()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Reads a text that [`put_bytes`] wrote.
    pub(in crate::engines::metrics) fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?)
            .map_err(|_| Error::corrupt("a stored text is not valid UTF-8"))
    }

    /// Reads a count that is at most `limit`, so that damaged bytes cannot ask for much memory.
    pub(in crate::engines::metrics) fn count(&mut self, limit: usize) -> Result<usize> {
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count > limit {
            return Err(Error::corrupt(format!("a stored count is {count}, at most {limit} fit")));
        }
        Ok(count)
    }
}

fn cut_short() -> Error {
    Error::corrupt("stored bytes end too early")
}
