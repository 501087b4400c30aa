//! The data directory of a Prometheus server (`tsdb/docs/format` of its repository): blocks, and the
//! log and mapped chunks of what is not in a block yet.
//!
//! In: bytes of its files, from a disk that nobody vouches for. Out: series with their points, and
//! for what cannot be read an error that says what it is, so that a damaged chunk costs only itself.
//! Every checksum is verified; every length is checked against the bytes that are there before
//! anything is allocated for it. Deliberately absent: opening files, and in which order to read them
//! (`cli::import`); postings and label indices, which an import does not need.

mod bytes;
mod bits;
mod chunk;
mod meta;
mod index;
mod chunk_file;
mod tombstones;
mod log;
mod record;
mod record_points;

pub use chunk::decode as decode_chunk;
pub use chunk_file::{
    ChunkFrame, FILE_HEADER_BYTES, FileKind, HeadChunk, MAX_FRAME_BYTES, check_header, frame,
    head_chunk,
};
pub use index::{ChunkPlace, Index, SeriesEntry, SeriesStep, TOC_BYTES, Toc};
pub use log::{LogReader, PAGE_BYTES, RawRecord};
pub use meta::BlockMeta;
pub use record::{
    ExemplarPoint, FloatPoint, HistogramPoint, Record, Stone, decode as decode_record,
};
pub use tombstones::decode as decode_tombstones;
