//! Data that the appliance fetches or makes itself.
//!
//! In: scrape jobs, the machine, the appliance's own instruments, events and spans. Out: batches
//! through `ingest`. Deliberately absent: discovery of targets, exporters for other products,
//! storage.

pub mod scrape;
pub mod host;
pub mod own;
