//! Prometheus remote write, version 1.0: protobuf (already out of its snappy block) to metrics.
//!
//! In: the bytes of one `prometheus.WriteRequest`. Out: a metric batch, and what was refused of it.
//! One broken series costs only itself: each is decoded on its own from its slice of the body.
//! Deliberately absent: snappy and HTTP (`base::decompress`, `protocols::prometheus`), limits and
//! time windows (`ingest`, the store), and version 2.0, whose [`Schema`] is recognised and refused
//! by name so that senders fall back.

mod message;
mod series;
mod histogram;
mod request;
mod schema;

pub use request::{Decoded, decode};
pub use schema::Schema;
