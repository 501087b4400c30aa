//! The one door in: every batch passes here before it reaches a store.
//!
//! In: model batches from the protocol doors, the scraper and the appliance itself, each named by
//! its [`Door`]. Out: the same batches within limits, completed and written through the store
//! ports; a receipt whose rejections point into the *caller's* batch; counters by door, signal and
//! reason. Deliberately absent: bytes and protocols (`wire`, `protocols`), the out-of-order window
//! (the metric store knows its newest sample), retries and queues: what does not fit now is refused
//! with a hint when to come back.

mod door;
mod limits;
mod desk;
mod admission;
mod metrics;
mod logs;
mod traces;
mod attributes;
mod document_id;
mod cardinality;
mod offenders;
mod tally;
#[cfg(test)]
pub(crate) mod recording;

pub use desk::{Ingest, Shortage};
pub use door::{Door, Stores};
pub use limits::{IngestLimits, SeriesLimits};
pub use offenders::{Offenders, OffendingMetric};
