//! OTLP over HTTP and over gRPC, for traces, metrics and logs.
//!
//! In: `POST /v1/{traces,metrics,logs}` in protobuf or JSON, and the three gRPC `Export` services.
//! Out: export responses once the data is durable and visible; `partial_success` when some points
//! were refused, unset otherwise; errors as `google.rpc.Status` in the request's encoding, or as
//! gRPC statuses. Deliberately absent: decoding (`wire::otlp`), limits on items (`ingest`), and
//! tonic's generated services: they answer broken protobuf with INTERNAL and oversize with
//! OUT_OF_RANGE, where OTLP wants INVALID_ARGUMENT and RESOURCE_EXHAUSTED. The two transports share
//! one way in, so that they cannot differ.

mod http;
mod grpc;
mod cors;
mod export;
mod error;

use std::sync::Arc;

use axum::Router;
use parking_lot::Mutex;

use crate::ingest::Ingest;
use crate::wire::otlp::DeltaStreams;

/// What the OTLP doors need.
#[derive(Clone)]
pub struct OtlpState {
    /// Takes the data.
    pub ingest: Ingest,
    /// The totals of senders that tell only what is new; one for all listeners.
    pub deltas: Arc<Mutex<DeltaStreams>>,
    /// Bytes of a body, as sent and inflated.
    pub body_bytes: usize,
    /// Origins of web pages that may send, such as `https://app.example.com`; `*` means all. The
    /// guard in front must let them pass, too.
    pub cors_origins: Arc<[String]>,
}

impl OtlpState {
    /// Builds the state with OTLP's usual bound of 64 MiB and without CORS.
    pub fn new(ingest: Ingest) -> Self {
        OtlpState {
            ingest,
            deltas: Arc::default(),
            body_bytes: 64 << 20,
            cors_origins: Arc::from([]),
        }
    }
}

/// Returns the HTTP routes: OTLP's own, and those of Loki and Prometheus for the same messages.
pub fn routes(state: OtlpState) -> Router {
    http::routes(state)
}

/// Returns the gRPC services, to be mounted beside any other routes: h2c needs no port of its own.
pub fn grpc_routes(state: OtlpState) -> Router {
    grpc::routes(state)
}
