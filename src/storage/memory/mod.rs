//! The ports in memory: for tests and for `--storage memory`. Nothing outlives the process.
//!
//! They are the plainest code that fulfils the contracts, and so the oracle for the engines.

pub mod metric;
pub mod log;
pub mod trace;
pub mod state;
