//! The door of Jaeger: thrift batches in, the query service's API out.
//!
//! In: what the OpenTelemetry and jaeger-client exporters post. Out: services, operations, traces
//! and dependencies as Jaeger's UI and Grafana read them. An unknown trace is 404: Grafana reads
//! the first element of an answer without looking whether there is one. Deliberately absent: gRPC,
//! UDP agents, API version 3.

mod error;
mod params;
mod collect;
mod query;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

use crate::base::clock::SharedClock;
use crate::http::front::not_found;
use crate::ingest::Ingest;
use crate::service::Services;

/// The largest batch, after decompression.
pub const MAX_BODY: usize = 64 << 20;

/// What the handlers work with.
#[derive(Clone)]
pub struct JaegerDoor {
    /// Answers questions.
    pub services: Services,
    /// Takes spans.
    pub ingest: Ingest,
    /// Says where a look-back begins.
    pub clock: SharedClock,
}

/// Returns the routes at their native root paths.
pub fn routes(door: JaegerDoor) -> Router {
    Router::new()
        .route("/api/traces", get(query::search).post(collect::take).fallback(not_found))
        .route("/api/traces/{id}", get(query::one).fallback(not_found))
        .route("/api/services", get(query::services).fallback(not_found))
        .route("/api/services/{service}/operations", get(query::operations_of).fallback(not_found))
        .route("/api/operations", get(query::operations).fallback(not_found))
        .route("/api/dependencies", get(query::dependencies).fallback(not_found))
        .layer(DefaultBodyLimit::disable())
        .with_state(door)
}
