//! The door of Alertmanager: its API of version 2.
//!
//! In: alerts as Prometheus and its like post them, silences as amtool, Grafana and people ask for
//! them. Out: alerts, groups, silences, receivers and the status as Alertmanager answers. It is
//! never mounted below `/alertmanager`: Grafana would take us for Mimir. Deliberately absent:
//! version 1 of the API, which Alertmanager dropped, and a cluster.

mod error;
mod forms;
mod handlers;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

use crate::http::front::not_found;
use crate::service::Services;

/// The largest body, after decompression.
pub const MAX_BODY: usize = 16 << 20;

/// What the handlers work with.
#[derive(Clone)]
pub struct AlertmanagerDoor {
    /// Answers questions.
    pub services: Services,
}

/// Returns the routes at their native root paths.
pub fn routes(door: AlertmanagerDoor) -> Router {
    let alerts = get(handlers::alerts).post(handlers::post_alerts);
    let silences = get(handlers::silences).post(handlers::post_silence);
    let silence = get(handlers::silence).delete(handlers::delete_silence);
    Router::new()
        .route("/api/v2/alerts", alerts.fallback(not_found))
        .route("/api/v2/alerts/groups", get(handlers::groups).fallback(not_found))
        .route("/api/v2/silences", silences.fallback(not_found))
        .route("/api/v2/silence/{id}", silence.fallback(not_found))
        .route("/api/v2/receivers", get(handlers::receivers).fallback(not_found))
        .route("/api/v2/status", get(handlers::status).fallback(not_found))
        .layer(DefaultBodyLimit::disable())
        .with_state(door)
}
