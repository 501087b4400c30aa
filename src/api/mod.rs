//! Our own JSON API below `/api/x`: what the pages' scripts ask, and whoever likes it plainer than
//! the foreign protocols.
//!
//! In: requests with parameters in the address; times in epoch milliseconds. Out: JSON with
//! short keys, instants as milliseconds or (where digits would be lost) as texts, and errors as
//! `{"error": …, "kind": …}`. Deliberately absent: pages (`ui`), what foreign doors answer already
//! (`protocols`), writing telemetry.

mod answer;
mod params;
mod filters;
mod logs;
mod metrics;
mod storage;
mod admin;
mod openapi;

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use std::sync::Arc;

use crate::base::clock::SharedClock;
use crate::base::shutdown::Readiness;
use crate::service::Services;

/// Streams at one time; further ones are refused.
const MAX_STREAMS: usize = 32;

/// What this door needs.
#[derive(Clone)]
pub struct ApiState {
    services: Services,
    clock: SharedClock,
    readiness: Readiness,
    streams: Arc<Semaphore>,
}

impl ApiState {
    /// Joins the door with what answers; streams end when `readiness` does.
    pub fn new(services: Services, clock: SharedClock, readiness: Readiness) -> Self {
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        ApiState { services, clock, readiness, streams }
    }
}

/// Returns the routes.
pub fn routes(state: ApiState) -> Router {
    Router::new()
        .route("/api/x/logs/search", get(logs::search::search))
        .route("/api/x/logs/histogram", get(logs::histogram::histogram))
        .route("/api/x/logs/fields", get(logs::fields::fields))
        .route("/api/x/logs/values", get(logs::fields::values))
        .route("/api/x/logs/record", get(logs::search::record))
        .route("/api/x/logs/context", get(logs::search::context))
        .route("/api/x/logs/tail", get(logs::tail::tail))
        .route("/api/x/metrics/scoped", get(metrics::scoped))
        .route("/api/x/storage", get(storage::storage))
        .route("/api/x/cardinality", get(storage::cardinality))
        .route("/api/x/openapi.json", get(openapi::openapi))
        .route("/api/x/admin/flush", post(admin::flush))
        .route("/api/x/admin/seal", post(admin::seal))
        .with_state(state)
}

#[cfg(test)]
mod tests;
