//! The bytes of the log.
//!
//! ```text
//! segment  NNNNNNNN.seg: header, then records back to back, then whatever an earlier life left
//! header   magic "BLVDLOG\x01" | number u64 | first LSN u64 | epoch u64 | crc32c u32   (36 bytes)
//! record   length u32 | crc32c u32 | kind u8 | LSN u64 | payload                       (17 + length)
//! kind     signal (1 metrics, 2 logs, 3 traces), plus 0x80 when the payload is zstd
//! crc      over the segment's epoch, kind, LSN and payload
//! ```
//! Integers are little-endian. The epoch is random for every life of a segment file and part of
//! every record's checksum, so that bytes of an earlier life never pass for records. The version
//! is the magic's last byte.

use crate::base::error::{Error, Result};
use crate::engines::kit::log::{Lsn, Signal};

pub(crate) const HEADER_BYTES: usize = 36;
pub(crate) const RECORD_BYTES: usize = 17;
const MAGIC: [u8; 8] = *b"BLVDLOG\x01";
const COMPRESSED: u8 = 0x80;
/// Payloads smaller than this are not worth compressing.
const COMPRESS_FROM: usize = 256;
/// The largest payload after decompression.
pub(crate) const MAX_PAYLOAD: usize = 512 << 20;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) number: u64,
    pub(crate) first: Lsn,
    pub(crate) epoch: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.epoch.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header; `None` when the bytes are none, as after a cut while it was written.
    ///
    /// # Errors
    /// `Unsupported` when a newer version wrote it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let crc = u32::from_le_bytes([bytes[32], bytes[33], bytes[34], bytes[35]]);
        if bytes[..7] != MAGIC[..7] || crc != crc32c::crc32c(&bytes[..32]) {
            return Ok(None);
        }
        if bytes[7] != MAGIC[7] {
            let version = bytes[7];
            return Err(Error::unsupported(format!(
                "the log has format version {version}, this program writes {}: use the newer program that wrote it",
                MAGIC[7]
            )));
        }
        let number = u64_at(bytes, 8);
        Ok(Some(Header { number, first: Lsn(u64_at(bytes, 16)), epoch: u64_at(bytes, 24) }))
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// A payload as it will stand in a record.
#[derive(Debug)]
pub struct Packed {
    kind: u8,
    bytes: Vec<u8>,
}

impl Packed {
    /// Compresses where that helps.
    pub(crate) fn of(signal: Signal, payload: &[u8]) -> Self {
        if payload.len() >= COMPRESS_FROM
            && let Ok(small) = zstd::bulk::compress(payload, 1)
            && small.len() < payload.len()
        {
            return Packed { kind: signal as u8 | COMPRESSED, bytes: small };
        }
        Packed { kind: signal as u8, bytes: payload.to_vec() }
    }

    /// Takes a payload as it is, because it is packed tightly already.
    pub(crate) fn plain(signal: Signal, bytes: Vec<u8>) -> Self {
        Packed { kind: signal as u8, bytes }
    }

    /// Returns the length of the payload in the record.
    pub(crate) fn payload_len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the bytes of the whole record.
    pub(crate) fn record_len(&self) -> usize {
        RECORD_BYTES + self.bytes.len()
    }

    /// A record that claims to be compressed and is not, as a bug or bad memory would leave it.
    #[cfg(test)]
    pub(crate) fn unreadable(signal: Signal) -> Self {
        Packed { kind: signal as u8 | COMPRESSED, bytes: b"no zstd".to_vec() }
    }

    /// Appends the record to `out`.
    pub(crate) fn write(&self, lsn: Lsn, epoch: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(&checksum(epoch, self.kind, lsn, &self.bytes).to_le_bytes());
        out.push(self.kind);
        out.extend_from_slice(&lsn.0.to_le_bytes());
        out.extend_from_slice(&self.bytes);
    }
}

fn checksum(epoch: u64, kind: u8, lsn: Lsn, payload: &[u8]) -> u32 {
    let mut crc = crc32c::crc32c(&epoch.to_le_bytes());
    crc = crc32c::crc32c_append(crc, &[kind]);
    crc = crc32c::crc32c_append(crc, &lsn.0.to_le_bytes());
    crc32c::crc32c_append(crc, payload)
}

/// A record as it stands in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) signal: Signal,
    pub(crate) lsn: Lsn,
    compressed: bool,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at the start of `bytes`; `None` when there is none that holds.
    pub(crate) fn at(bytes: &'a [u8], epoch: u64) -> Option<Self> {
        let head = bytes.first_chunk::<RECORD_BYTES>()?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let crc = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let kind = head[8];
        let lsn = Lsn(u64_at(head, 9));
        let signal = Signal::from_byte(kind & !COMPRESSED)?;
        let payload = bytes.get(RECORD_BYTES..RECORD_BYTES.checked_add(length)?)?;
        (checksum(epoch, kind, lsn, payload) == crc).then_some(Record {
            signal,
            lsn,
            compressed: kind & COMPRESSED != 0,
            bytes: payload,
        })
    }

    /// Gives changed bytes the length and the checksum of a record, where they are long enough.
    pub(crate) fn reseal(bytes: &mut [u8], epoch: u64) {
        if bytes.len() < RECORD_BYTES {
            return;
        }
        let (kind, lsn) = (bytes[8], Lsn(u64_at(bytes, 9)));
        let length = (bytes.len() - RECORD_BYTES) as u32;
        let crc = checksum(epoch, kind, lsn, &bytes[RECORD_BYTES..]);
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    pub(crate) fn len(&self) -> usize {
        RECORD_BYTES + self.bytes.len()
    }

    /// Returns the payload as it was appended.
    ///
    /// # Errors
    /// `Corrupt` when it does not decompress, although its checksum holds.
    pub(crate) fn payload(&self) -> Result<std::borrow::Cow<'a, [u8]>> {
        if !self.compressed {
            return Ok(self.bytes.into());
        }
        let cap = MAX_PAYLOAD;
        let whole = crate::base::decompress::decompress(
            crate::base::decompress::Encoding::Zstd,
            self.bytes,
            cap,
        );
        let payload = whole.map_err(|error| {
            Error::corrupt(format!("record {} of the log: {error}", self.lsn.0))
        })?;
        Ok(payload.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_a_flipped_bit_or_another_epoch_does_not() {
        for payload in [vec![7; 10], vec![7; 1000]] {
            let mut bytes = Vec::new();
            let packed = Packed::of(Signal::Logs, &payload);
            packed.write(Lsn(3), 42, &mut bytes);
            assert_eq!(bytes.len(), packed.record_len());
            let record = Record::at(&bytes, 42).unwrap();
            assert_eq!((record.signal, record.lsn), (Signal::Logs, Lsn(3)));
            assert_eq!(record.payload().unwrap(), payload);
            assert_eq!(Record::at(&bytes, 43), None);
            for at in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1;
                assert_eq!(Record::at(&flipped, 42), None, "byte {at}");
            }
        }
    }

    #[test]
    fn a_header_of_a_newer_version_is_refused_by_name() {
        let header = Header { number: 1, first: Lsn(9), epoch: 5 };
        let mut bytes = header.encode();
        assert_eq!(Header::decode(&bytes).unwrap(), Some(header));
        bytes[7] = 2;
        let crc = crc32c::crc32c(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        assert!(Header::decode(&bytes).unwrap_err().message().contains("version 2"));
        assert_eq!(Header::decode(&[0; 36]).unwrap(), None);
    }
}
