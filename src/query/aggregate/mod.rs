//! Aggregations over the records of a log store.
//!
//! In: the fields of matching records, one record at a time. Out: buckets and numbers.
//! Deliberately absent: reading the store (the caller scans), pipelines over results.

mod collector;
mod finish;

pub use crate::query::aggregate::collector::Collector;

/// The most buckets one request may make, Elasticsearch's own default.
pub const MAX_BUCKETS: usize = 65_536;
/// The most values that exact percentiles and distinct counts keep for one request.
pub const MAX_VALUES: usize = 4_000_000;
