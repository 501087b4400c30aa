//! Languages over the ports, and what they compute.

pub mod lucene;
pub mod aggregate;
pub mod promql;
