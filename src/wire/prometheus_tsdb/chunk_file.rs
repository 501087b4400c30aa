//! Chunk files: segments of a block (`chunks/000001`) and mapped chunks of the head
//! (`chunks_head/000001`).

use crate::base::error::{Error, Result};
use crate::wire::prometheus_tsdb::bytes::{Bytes, check_sum};

/// Length of the header of both kinds of file.
pub const FILE_HEADER_BYTES: usize = 8;
/// The most bytes of one chunk with what stands around it. Prometheus cuts chunks at about 1 KiB
/// unless single histograms are larger.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// What is set in the encoding of a head chunk whose points came out of order.
const OUT_OF_ORDER: u8 = 0x80;

/// Which kind of chunk file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A segment of a block.
    Block,
    /// Mapped chunks of the head.
    Head,
}

/// A chunk in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkFrame<'a> {
    /// The encoding, as `decode_chunk` takes it.
    pub encoding: u8,
    /// The encoded points.
    pub data: &'a [u8],
    /// How many bytes the frame takes.
    pub bytes: usize,
}

/// A chunk of the head, which says whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadChunk<'a> {
    /// The number of the series in the log.
    pub series: u64,
    /// The first point.
    pub min_time: i64,
    /// The last point.
    pub max_time: i64,
    /// Whether its points came out of order.
    pub out_of_order: bool,
    /// The points.
    pub frame: ChunkFrame<'a>,
}

/// Checks the first [`FILE_HEADER_BYTES`] of a file.
///
/// # Errors
/// `Corrupt` for another file, `Unsupported` for an unknown version.
pub fn check_header(kind: FileKind, bytes: &[u8]) -> Result<()> {
    let mut bytes = Bytes::new(bytes);
    let magic = match kind {
        FileKind::Block => 0x85BD_40DD,
        FileKind::Head => 0x0130_BC91,
    };
    if bytes.be32()? != magic {
        return Err(Error::corrupt("this is no chunk file"));
    }
    match bytes.u8()? {
        1 => Ok(()),
        other => Err(Error::unsupported(format!("chunk file version {other} is not known"))),
    }
}

/// Reads a chunk of a block from the bytes at its place.
///
/// # Errors
/// `Corrupt` when it is damaged or larger than [`MAX_FRAME_BYTES`].
pub fn frame(bytes: &[u8]) -> Result<ChunkFrame<'_>> {
    let mut reader = Bytes::new(bytes);
    let length = checked_length(reader.uvarint()?)?;
    let content = reader.take(length + 1)?;
    check_sum("a chunk", content, reader.be32()?)?;
    let bytes = bytes.len() - reader.len();
    Ok(ChunkFrame { encoding: content[0], data: &content[1..], bytes })
}

/// Reads a chunk of the head; `None` at the end of what was written to a file that was made larger
/// in advance.
///
/// # Errors
/// `Corrupt` when it is damaged: nobody knows then where the next begins.
pub fn head_chunk(bytes: &[u8]) -> Result<Option<HeadChunk<'_>>> {
    if bytes.len() < 34 && bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let mut reader = Bytes::new(bytes);
    let (series, min_time) = (reader.be64()?, reader.be64_signed()?);
    let max_time = reader.be64_signed()?;
    if series == 0 && min_time == 0 && max_time == 0 {
        return Ok(None);
    }
    let encoding = reader.u8()?;
    let length = checked_length(reader.uvarint()?)?;
    let data = reader.take(length)?;
    let summed = bytes.len() - reader.len();
    check_sum("a mapped chunk", &bytes[..summed], reader.be32()?)?;
    let out_of_order = encoding & OUT_OF_ORDER != 0;
    let bytes = bytes.len() - reader.len();
    let frame = ChunkFrame { encoding: encoding & !OUT_OF_ORDER, data, bytes };
    Ok(Some(HeadChunk { series, min_time, max_time, out_of_order, frame }))
}

fn checked_length(length: u64) -> Result<usize> {
    match usize::try_from(length) {
        Ok(length) if length <= MAX_FRAME_BYTES - 64 => Ok(length),
        _ => Err(Error::corrupt(format!("a chunk of {length} bytes is too large"))),
    }
}
