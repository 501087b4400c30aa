//! Requests of remote write one behind the other, in a file or in a body that streams.
//!
//! ```text
//! file   "BVRW" version u8 = 1, frame*
//! frame  length u32 LE, CRC32C of the body u32 LE, body: a request in snappy's block format
//! ```

use crate::base::error::{Error, Result};

/// What a file begins with; a stream has no such mark.
pub const FILE_MARK: &[u8] = b"BVRW\x01";
const HEADER_BYTES: usize = 8;
/// The most bytes of one request.
const MAX_BODY_BYTES: usize = 64 << 20;

/// Puts a request in its frame.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + body.len());
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
    out.extend_from_slice(body);
    out
}

/// Takes requests out of their frames, wherever the bytes are cut.
#[derive(Debug)]
pub struct Frames {
    held: Vec<u8>,
    /// Bytes of `held` that were taken.
    taken: usize,
    wants_mark: bool,
}

impl Frames {
    /// Begins a file.
    pub fn of_file() -> Self {
        Frames { held: Vec::new(), taken: 0, wants_mark: true }
    }

    /// Begins a stream.
    pub fn of_stream() -> Self {
        Frames { held: Vec::new(), taken: 0, wants_mark: false }
    }

    /// Adds bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.taken);
        self.taken = 0;
        self.held.extend_from_slice(bytes);
    }

    /// Returns the next whole request.
    ///
    /// # Errors
    /// `Corrupt` when a checksum is wrong or the bytes are no frames, `Unsupported` for a file of
    /// another version.
    #[allow(clippy::should_implement_trait, reason = "it may fail, and go on after more bytes")]
    pub fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if self.wants_mark {
            let Some(mark) = self.held.get(..FILE_MARK.len()) else { return Ok(None) };
            if mark[..4] != FILE_MARK[..4] {
                return Err(Error::corrupt("this is no file of remote write requests"));
            }
            if mark != FILE_MARK {
                return Err(Error::unsupported("a newer program wrote this file"));
            }
            self.taken = FILE_MARK.len();
            self.wants_mark = false;
        }
        let rest = &self.held[self.taken..];
        let Some((header, body)) = rest.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length > MAX_BODY_BYTES {
            return Err(Error::corrupt(format!("a request of {length} bytes is too large")));
        }
        let Some(body) = body.get(..length) else { return Ok(None) };
        if crc32c::crc32c(body) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(Error::corrupt("the checksum of a request is wrong"));
        }
        let body = body.to_vec();
        self.taken += HEADER_BYTES + length;
        Ok(Some(body))
    }

    /// Checks that nothing is left over at the end.
    ///
    /// # Errors
    /// `Corrupt` when the last frame is cut.
    pub fn end(&self) -> Result<()> {
        match self.held.len() == self.taken && !self.wants_mark {
            true => Ok(()),
            false => Err(Error::corrupt("the last request is cut")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_out_wherever_the_bytes_are_cut() {
        let file = [FILE_MARK, &frame(b"first"), &frame(b""), &frame(b"third")].concat();
        for size in [1, 7, 1_000] {
            let (mut frames, mut found) = (Frames::of_file(), Vec::new());
            for piece in file.chunks(size) {
                frames.push(piece);
                while let Some(body) = frames.next().unwrap() {
                    found.push(body);
                }
            }
            frames.end().unwrap();
            assert_eq!(found, [&b"first"[..], b"", b"third"], "pieces of {size}");
        }
    }

    #[test]
    fn damage_and_a_cut_end_are_seen() {
        let mut flipped = frame(b"body");
        flipped[9] ^= 1;
        let mut frames = Frames::of_stream();
        frames.push(&flipped);
        assert!(frames.next().is_err());
        let mut cut = Frames::of_stream();
        cut.push(&frame(b"body")[..10]);
        assert_eq!(cut.next().unwrap(), None);
        assert!(cut.end().is_err());
        let mut other = Frames::of_file();
        other.push(b"PK\x03\x04 zip");
        assert!(other.next().is_err());
    }
}
