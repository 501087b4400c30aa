//! The frames of the write-ahead log (`wal`, `wbl`, `checkpoint.N`): records in pages of 32 KiB,
//! perhaps cut into parts, perhaps compressed.

use crate::base::decompress::{Encoding, decompress};
use crate::base::error::{Error, Result};
use crate::wire::prometheus_tsdb::bytes::{Bytes, check_sum};

/// Size of a page.
pub const PAGE_BYTES: usize = 32 << 10;
/// Bytes before a part of a record.
const HEADER_BYTES: usize = 7;
/// The most bytes of a record, as written and inflated.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// A record as it was logged; its first byte is its type.
pub type RawRecord = Vec<u8>;

/// Puts the records of one segment together. It is given the segment page by page.
#[derive(Debug, Default)]
pub struct LogReader {
    /// The parts so far of a record that goes on.
    parts: Vec<u8>,
    is_open: bool,
}

impl LogReader {
    /// Shows `visit` the records that end in `page`; a page may be short at the end of a segment.
    ///
    /// # Errors
    /// `Corrupt` for what is damaged, after which nothing in the segment can be found; those of
    /// `visit`.
    pub fn page(
        &mut self,
        page: &[u8],
        mut visit: impl FnMut(RawRecord) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = Bytes::new(page);
        while !bytes.is_empty() {
            let kind = bytes.u8()?;
            if kind & 0x07 == 0 {
                let rest = bytes.take(bytes.len())?;
                if rest.iter().any(|byte| *byte != 0) {
                    return Err(Error::corrupt("a page of the log is damaged behind its end"));
                }
                break;
            }
            let length = usize::from(bytes.be16()?);
            let sum = bytes.be32()?;
            if length > PAGE_BYTES - HEADER_BYTES {
                return Err(Error::corrupt("a part of a log record is larger than a page"));
            }
            let part = bytes.take(length)?;
            check_sum("a log record", part, sum)?;
            if self.add(kind & 0x07, part)? {
                let whole = std::mem::take(&mut self.parts);
                visit(inflate(kind, whole)?)?;
            }
        }
        Ok(())
    }

    /// Whether a record began that has not ended.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Adds a part and returns whether the record is whole.
    fn add(&mut self, kind: u8, part: &[u8]) -> Result<bool> {
        let (begins, ends) = match kind {
            1 => (true, true),
            2 => (true, false),
            3 => (false, false),
            4 => (false, true),
            other => return Err(Error::corrupt(format!("log part type {other} is not known"))),
        };
        if begins == self.is_open {
            return Err(Error::corrupt("a part of a log record is missing"));
        }
        if self.parts.len() + part.len() > MAX_RECORD_BYTES {
            return Err(Error::corrupt("a log record is too large"));
        }
        self.parts.extend_from_slice(part);
        self.is_open = !ends;
        Ok(ends)
    }
}

fn inflate(kind: u8, record: Vec<u8>) -> Result<RawRecord> {
    let encoding = match kind {
        // An empty record is not compressed, whatever its flags say.
        _ if record.is_empty() => return Ok(record),
        kind if kind & 0x08 != 0 => Encoding::Snappy,
        kind if kind & 0x10 != 0 => Encoding::Zstd,
        _ => return Ok(record),
    };
    decompress(encoding, &record, MAX_RECORD_BYTES)
        .map_err(|error| Error::corrupt(format!("a log record: {}", error.message())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: u8, data: &[u8]) -> Vec<u8> {
        let mut out = vec![kind];
        out.extend_from_slice(&(data.len() as u16).to_be_bytes());
        out.extend_from_slice(&crc32c::crc32c(data).to_be_bytes());
        out.extend_from_slice(data);
        out
    }

    fn records(pages: &[Vec<u8>]) -> Result<Vec<RawRecord>> {
        let (mut reader, mut found) = (LogReader::default(), Vec::new());
        for page in pages {
            reader.page(page, |record| {
                found.push(record);
                Ok(())
            })?;
        }
        Ok(found)
    }

    #[test]
    fn records_are_joined_over_pages_and_inflated() {
        let snappy = snap::raw::Encoder::new().compress_vec(b"squeezed squeezed").unwrap();
        let mut first = part(1, b"whole");
        first.extend(part(2, b"be"));
        let mut second = part(3, b"gi");
        second.extend(part(4, b"n"));
        second.extend(part(1 | 8, &snappy));
        second.extend([0; 9]);
        let found = records(&[first, second]).unwrap();
        let expected: [&[u8]; 3] = [b"whole", b"begin", b"squeezed squeezed"];
        assert_eq!(found, expected);
    }

    #[test]
    fn damage_is_seen() {
        let mut flipped = part(1, b"whole");
        flipped[9] ^= 1;
        assert!(records(&[flipped]).is_err());
        assert!(records(&[part(4, b"end without begin")]).is_err());
        assert!(records(&[part(1, b"cut")[..8].to_vec()]).is_err());
        assert!(records(&[vec![0, 0, 1]]).is_err());
        assert!(records(&[part(1 | 8, b"no snappy at all")]).is_err());
    }
}
