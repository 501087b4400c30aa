//! Series as frames of chunks.

use crate::model::labels::Labels;
use crate::model::series::SeriesData;
use crate::wire::remote_read::chunks::{Chunk, Chunks};
use crate::wire::remote_read::fields::{
    push_bytes, push_labels, push_message, push_number, push_varint,
};

/// The content type of frames.
pub const CONTENT_TYPE: &str =
    "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

/// A frame is closed once it holds so many bytes; peers refuse frames of fifty times that.
const FRAME_BYTES: usize = 1 << 20;

/// Appends the frames of one series, which are the answer to the question at place `query`.
/// `labels` are those that the peer sees.
pub fn push_frames(out: &mut Vec<u8>, query: usize, labels: &Labels, series: &SeriesData) {
    let mut chunks = Chunks::of(series).peekable();
    while chunks.peek().is_some() {
        let mut message = Vec::new();
        push_message(&mut message, 1, |series| {
            push_labels(series, 1, labels);
            while series.len() < FRAME_BYTES
                && let Some(chunk) = chunks.next()
            {
                push_message(series, 2, |out| push_chunk(out, &chunk));
            }
        });
        push_number(&mut message, 2, query as i64);
        push_varint(out, message.len() as u64);
        out.extend_from_slice(&crc32c::crc32c(&message).to_be_bytes());
        out.append(&mut message);
    }
}

fn push_chunk(out: &mut Vec<u8>, chunk: &Chunk) {
    push_number(out, 1, chunk.min_ms);
    push_number(out, 2, chunk.max_ms);
    push_number(out, 3, chunk.encoding);
    push_bytes(out, 4, &chunk.data);
}
