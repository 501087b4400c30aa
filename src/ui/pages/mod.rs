//! The pages, one file each: what it asks, and what its template shows.

mod home;
mod metrics;
mod logs;
mod traces;
mod trace;
mod alerts;
mod services;
mod service;
mod infrastructure;
mod mcp;
mod ingest;
mod health;
mod design;
mod licences;

use axum::Router;
use axum::routing::{get, post};

use crate::ui::UiState;

/// Returns the routes of every page.
pub(crate) fn routes() -> Router<UiState> {
    Router::new()
        .route("/ui", get(home::page))
        .route("/ui/", get(home::page))
        .route("/ui/metrics", get(metrics::page))
        .route("/ui/logs", get(logs::page))
        .route("/ui/services", get(services::page))
        .route("/ui/services/{name}", get(service::page))
        .route("/ui/traces", get(traces::page))
        .route("/ui/traces/{id}", get(trace::page))
        .route("/ui/alerts", get(alerts::page))
        .route("/ui/alerts/rules", get(alerts::rules::page))
        .route("/ui/alerts/rule", get(alerts::rule::page))
        .route("/ui/alerts/silences", get(alerts::silences::page).post(alerts::silences::create))
        .route("/ui/alerts/silences/expire", post(alerts::silences::expire))
        .route("/ui/alerts/log", get(alerts::receipts::page))
        .route("/ui/infrastructure", get(infrastructure::page))
        .route("/ui/mcp", get(mcp::page))
        .route("/ui/ingest", get(ingest::page))
        .route("/ui/health", get(health::page))
        .route("/ui/design", get(design::page))
        .route("/ui/licences", get(licences::page))
}
