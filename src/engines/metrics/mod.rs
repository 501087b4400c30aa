//! The time-series store in files: memory first, one file a UTC day after.
//!
//! In: batches, through the log. Out: the metric port ([`crate::storage::metric_store`]).
//! Deliberately absent: PromQL, limits of a request, who may ask, when to flush (the caller's timer).
//!
//! # The way of a point
//! `append` → log (durable) → applier → `head` → `flush` → `metrics/YYYY-MM-DD.redb`.
//!
//! * The **head** holds what came since the last flush: an inverted index, and of each series up to
//!   128 newest floats in a few bytes each (`tail`), older ones in chunks of the codec. Records of the
//!   log name series by their number in the head, and say their labels once (`record`).
//! * A **flush** takes the whole head out of the way, so that appends go on into a new one, and joins
//!   it into the files. A day's file is written in one transaction, and a late point goes where it
//!   belongs: blobs that it touches are rewritten (`window`), so there is one place a window to
//!   read, and no series lingers in memory after its last point.
//! * **Reading** joins files, the head that is being flushed, and the head, in this order; the first
//!   one wins a timestamp (`merge`).
//!
//! * **Sealing** rewrites a day that is over into its final form (`seal`): whole days of series in
//!   place of windows, in the best codec, times once for all series that share them, and hours as
//!   aggregates. Late points go into windows again, until the day is sealed once more.
//!
//! # A day file
//! All keys and values are bytes; the container checks values. Numbers in keys are big-endian.
//! ```text
//! table       key                                value
//! meta        "mark"                             LSNs, time bounds, number of series   (`mark`)
//! series      first series u32                   labels of up to 1,024 series, zstd    (`series_block`)
//! chunks      window u8 (2 h each), series u32   packed blob of points                 (`blob`, `entry`)
//! sealed      series u32                         packed blob of whole days            (`sealed`)
//! times       stream u32                         packed blob of streams of times      (`times`)
//! hours       series u32                         packed blob of aggregates            (`aggregates`)
//! deleted     "all"                              what readers leave out               (`tombstones`)
//! exemplars   window u8, series u32              packed blob of exemplars
//! families    "all"                              all that is known of metric families
//! quarantine  table name, key                    damaged bytes that a flush replaced, if readable
//! names, dictionaries, postings, labels          series of a sealed day            (`sealed_index`)
//! ```
//! Series are numbered per file, new ones of one flush in the order of their labels, and all of them
//! again when a day is sealed. A blob is just under 32 KiB, or 64 KiB in the sealed tables, a page of
//! the container, and its key names its first series: reading series `s` in
//! window `w` is one seek to the last key at most `(w, s)`. Points are encoded by `codec`. Every row
//! starts with its version.
//!
//! # Exactly once
//! A day's mark says up to which LSN its file holds that day's points; it changes in the transaction
//! that writes them. The newest day is written last, even if nothing of it changed, and its mark
//! also says up to where *all* days are complete. Recovery replays the log after that, and skips
//! points of days whose files were already ahead. The out-of-order window counts from the newest
//! point that the mark remembers, so replay decides as the first time.
//!
//! # Damage
//! A damaged row is left out, counted and logged once; queries that miss it say so in a warning.

mod engine;
mod apply;
mod record;
mod replay;
mod places;
mod head;
mod postings;
mod matching;
mod index;
mod sealed_index;
mod float_run;
mod tail;
mod run;
mod flush;
mod window;
mod seal;
mod delete;
mod upkeep;
mod blob;
mod blob_cache;
mod near;
mod entry;
mod series_block;
mod mark;
mod times;
mod sealed;
mod aggregates;
mod tombstones;
mod files;
mod day;
mod day_series;
mod view;
mod merge;
mod select;
mod questions;
mod damage;
mod facts;
pub(super) mod codec;
#[doc(hidden)]
pub mod fuzz;
#[cfg(test)]
mod tests;

pub use crate::engines::metrics::engine::{Engine, MetricOptions};
