//! Our own JSON API below `/api/x`: what the pages' scripts ask, and whoever likes it plainer than
//! the foreign protocols.
//!
//! In: requests with parameters in the address; times in epoch milliseconds, but for PromQL, whose
//! parameters are those of Prometheus' API. Out: JSON with short keys, instants as milliseconds or (where digits would be lost) as texts, and errors as
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
use crate::base::task::TaskGroup;
use crate::service::Services;

/// Streams at one time; further ones are refused.
const MAX_STREAMS: usize = 32;
/// Batches of queries at one time; further ones are refused.
const MAX_BATCHES: usize = 16;

/// What this door needs.
#[derive(Clone)]
pub struct ApiState {
    services: Services,
    clock: SharedClock,
    readiness: Readiness,
    streams: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    tasks: TaskGroup,
}

impl ApiState {
    /// Joins the door with what answers; streams end when `readiness` does, batches run in `tasks`.
    pub fn new(
        services: Services,
        clock: SharedClock,
        readiness: Readiness,
        tasks: TaskGroup,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        let batches = Arc::new(Semaphore::new(MAX_BATCHES));
        ApiState { services, clock, readiness, streams, batches, tasks }
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
        .route("/api/x/metrics/scoped", get(metrics::scoped::scoped))
        .route("/api/x/explain", get(metrics::explain::explain).post(metrics::explain::explain))
        .route("/api/x/query_batch", post(metrics::query_batch::query_batch))
        .route("/api/x/storage", get(storage::storage))
        .route("/api/x/cardinality", get(storage::cardinality))
        .route("/api/x/openapi.json", get(openapi::openapi))
        .route("/api/x/admin/flush", post(admin::flush))
        .route("/api/x/admin/seal", post(admin::seal))
        .with_state(state)
}

#[cfg(test)]
mod tests;
