//! The log store in files: memory first, one tantivy index a UTC day after.
//!
//! In: batches, through the log. Out: the log port ([`crate::storage::log_store`]).
//! Deliberately absent: query languages, aggregations, limits of a request, who may ask, when to
//! flush (the caller's timer; a writer also flushes at 64 MB).
//!
//! # The way of a record
//! `append` → log (durable) → applier (`apply`) → head → flush (`files`) → `logs/YYYY-MM-DD/`.
//!
//! * The **head** holds what came since the last flush, decoded; searches read it record by record.
//! * A **flush** takes the head out of the way and adds it to the indices of its days.
//! * **Reading** asks an index for what a filter's terms say (`plan`): exactly, or at least what
//!   the filter finds; then every record that was found is decided on its stored bytes.
//!
//! # The index of a day
//! Columns of timestamp, sequence and version; terms of index and id together, index, severity,
//! service, trace, span; words of the body, words and numbers of the rest (`schema`); the record's
//! bytes (`record`) in zstd blocks of 64 KiB. Terms have no positions: phrases are decided on bytes.
//!
//! # Replacing and removing
//! An index and id is looked up in memory and in every day, as a record may be replaced from any
//! day into any other. What is replaced in a file is *hidden* by its sequence at once, written down
//! in the mark by the next flush, and removed from its index by the one after.
//!
//! # Exactly once
//! `logs/MARK` (`mark`) is replaced after all days of a flush were committed: it says up to which
//! LSN the files are complete and what is hidden in them. A record's sequence is made of the LSN of
//! its batch. So when a flush was cut short, opening removes every record from the days that is
//! newer than the mark, and replaying the log takes the same decisions as the first time.
//!
//! # Damage
//! An index that cannot be opened is renamed `….damaged-0`, logged, and named in every answer.

mod engine;
mod apply;
mod record;
mod schema;
mod day;
mod mark;
mod files;
mod plan;
mod questions;
#[cfg(test)]
mod tests;

pub use crate::engines::logs::engine::LogEngine;
