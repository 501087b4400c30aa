//! What is asked of metrics beside Prometheus' own API.

pub(crate) mod columns;
pub(crate) mod explain;
pub(crate) mod query_batch;
pub(crate) mod question;
pub(crate) mod scoped;
