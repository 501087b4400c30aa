//! One suite a port. An implementation calls it from its own tests with a way to make an empty
//! store, and passes it whole.

pub mod log;
mod log_filters;
mod log_keeps;
pub mod metric;
mod metric_changes;
mod metric_deletes;
mod metric_history;
mod metric_keeps;
mod metric_reads;
mod metric_writes;
pub mod trace;
pub mod state;
