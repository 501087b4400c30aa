//! OTLP 1.x, protobuf and JSON: requests of all three signals to model batches, and the answers.
//!
//! In: the inflated bytes of an `Export…ServiceRequest`. Out: a batch, and what was refused of it,
//! counted in OTLP's own points (spans, log records, data points). One broken span, record or
//! metric costs only itself; broken framing costs the request. Metrics become Prometheus series by
//! the rules of Prometheus' own OTLP translation (`UnderscoreEscapingWithSuffixes`).
//! Points of delta temporality become totals in [`DeltaStreams`], which the door keeps.
//! Deliberately absent: HTTP and gRPC (`protocols::otlp`), limits (`ingest`).

mod request;
mod protobuf;
mod json;
mod attributes;
mod traces;
mod logs;
mod metrics;
mod response;

pub use metrics::{DecodedMetrics, DeltaStreams};
pub use request::{Decoded, Encoding, Signal, decode_logs, decode_metrics, decode_traces};
pub use response::{Partial, answer, status};
