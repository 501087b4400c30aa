//! Prometheus remote write, versions 1.0 and 2.0: protobuf (already out of its snappy block) to
//! metrics.
//!
//! In: the bytes of one `prometheus.WriteRequest` or `io.prometheus.write.v2.Request`, told apart by
//! [`Schema`]. Out: a metric batch, and what was refused of it. One broken series costs only itself:
//! each is read on its own from its slice of the body, straight into the model, and labels that came
//! before are taken from a [`LabelCache`]. Deliberately absent: snappy and HTTP (`base::decompress`,
//! `protocols::prometheus`), limits and time windows (`ingest`, the store).

mod message;
mod cache;
mod labels;
mod points;
mod histogram;
mod series;
mod request;
mod symbols;
mod symbolized;
mod schema;
mod encode;
mod frames;

pub use cache::{LabelCache, Lookups};
pub use encode::encode;
pub use frames::{FILE_MARK, Frames, frame};
pub use request::{Decoded, decode};
pub use schema::Schema;
