//! Jaeger's two forms of spans: thrift in, the query service's JSON out.
//!
//! In: a bare `Batch` in thrift's binary protocol. Out: spans in OpenTelemetry's words, and whole
//! traces as the JSON that Jaeger's UI and Grafana read. Deliberately absent: routes.

pub mod thrift;
pub mod batch;
pub mod json;
