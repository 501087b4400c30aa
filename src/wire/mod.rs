//! Pure codecs, bytes to model and back: one file or folder a format, strangers to each other.
//!
//! In: bytes from outside, already capped and inflated. Out: model values and what was refused.
//! Deliberately absent: routes, status codes, storage.

mod protobuf;
pub mod elasticsearch;
pub mod exposition;
pub mod otlp;
pub mod prometheus_api;
pub mod prometheus_tsdb;
pub mod remote_write;
pub mod remote_read;
pub mod jaeger;
