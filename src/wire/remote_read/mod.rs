//! Prometheus remote read: what a peer asks, and series as it wants them.
//!
//! In: the bytes of one `prometheus.ReadRequest`, already out of its snappy block; or series of the
//! model. Out: questions; or the bytes of a `ReadResponse` (samples, one message) or of frames with
//! a `ChunkedReadResponse` each (chunks in Prometheus' own encodings, a series a frame or more).
//! Native histograms are absolute float counts here, so they travel as float histograms. Deliberately
//! absent: snappy and HTTP, external labels and limits (`protocols::prometheus`).
//!
//! # A frame
//! Length of the message as a varint, its CRC-32C (4 bytes, big-endian), the message.

mod request;
mod fields;
mod bits;
mod float_chunk;
mod histogram_chunk;
mod chunks;
mod samples;
mod frames;
#[cfg(test)]
mod reader;
#[cfg(test)]
mod tests;

pub use frames::{CONTENT_TYPE as STREAMED_CONTENT_TYPE, push_frames};
pub use request::{ReadQuery, ReadRequest, ResponseType, decode};
pub use samples::{QueryResult, push_result};
