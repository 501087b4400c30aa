//! Traces on disk.
//!
//! In: span batches, through the log. Out: traces by id, searches, services, operations, calls.
//! New spans are hot: in memory, covered by the log, found by scanning. A flush moves them into
//! blocks, one file a UTC day of the span's start (`traces/YYYY-MM-DD.redb`):
//!
//! ```text
//! meta    "mark"                    version u8 = 1, flushed LSN, complete LSN, number of blocks
//! blocks  block u32, part u16       a zstd frame of `codec` bytes, cut to just under a page
//! stats   block u32                 version u8 = 1, oldest and newest start, parts, services with
//!                                   their operations, trace id prefixes (8 bytes each, sorted)
//! ```
//! Every flush writes its blocks and the mark of a day in one transaction, the newest day last: its
//! mark tells that all days are complete up to there. A late span makes a
//! second fragment of its trace; reading joins them. Statistics are in memory, so that a search
//! opens only blocks that can hold a match.
//! Deliberately absent: sampling, metrics from spans.

mod codec;
mod block;
mod day;
mod hot;
mod engine;
mod read;

pub use crate::engines::traces::engine::TraceEngine;
