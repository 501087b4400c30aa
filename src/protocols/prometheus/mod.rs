//! Prometheus' door: remote write in, the HTTP API out, `/metrics` and the health paths.
//!
//! In: what Prometheus' senders, Grafana, promtool and people with curl send. Out: Prometheus' JSON
//! envelope, errors included; for remote write plain text. Deliberately absent: PromQL itself
//! (`query::promql`) and the evaluation of rules (`rules`), both through `service`.

mod params;
mod error;
mod write;
mod import;
mod export;
mod remote_read;
mod written;
mod query;
mod labels;
mod metadata;
mod status;
mod federate;
mod admin;
mod rules;
mod health;
mod response;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};

use crate::base::clock::SharedClock;
use crate::base::shutdown::Readiness;
use crate::ingest::Ingest;
use crate::model::batch::MetricBatch;
use crate::model::labels::Labels;
use crate::service::Services;

pub use written::WriteMemory;

/// Knows the appliance's own metrics as of now; `app` joins it to the telemetry pipeline.
pub trait ExpositionSource: Send + Sync {
    /// Returns the newest sample of every own series.
    fn snapshot(&self) -> MetricBatch;
}

/// Bounds of what this door reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrometheusLimits {
    /// Bytes of a remote write request, as sent and inflated.
    pub write_bytes: usize,
    /// Bytes of a remote read request, as sent and inflated.
    pub read_bytes: usize,
    /// Bytes of a form.
    pub form_bytes: usize,
}

impl Default for PrometheusLimits {
    fn default() -> Self {
        PrometheusLimits { write_bytes: 64 << 20, read_bytes: 4 << 20, form_bytes: 10 << 20 }
    }
}

/// What this door needs.
#[derive(Clone)]
pub struct PrometheusState {
    /// Answers questions.
    pub services: Services,
    /// Takes what is written.
    pub ingest: Ingest,
    /// Tells the time of "now".
    pub clock: SharedClock,
    /// Tells whether requests may be served.
    pub readiness: Readiness,
    /// Gives `/metrics`.
    pub exposition: Arc<dyn ExpositionSource>,
    /// Labels that other systems see on every series that lacks them.
    pub external_labels: Labels,
    /// Bounds what is read.
    pub limits: PrometheusLimits,
    /// Remembers what remote write sent.
    pub written: Arc<WriteMemory>,
}

/// Returns the routes at Prometheus' own paths.
pub fn routes(state: PrometheusState) -> Router {
    Router::new()
        .route("/api/v1/write", post(write::write))
        .route("/api/x/import/metrics", post(import::import))
        .route("/api/x/export/metrics", get(export::export))
        .route("/api/v1/push", post(write::write))
        .route("/api/v1/read", post(remote_read::read))
        .route("/federate", get(federate::federate))
        .route("/receive", post(write::write))
        .route("/api/v1/receive", post(write::write))
        .route("/api/v1/query", get(query::instant).post(query::instant))
        .route("/api/v1/query_range", get(query::range).post(query::range))
        .route("/api/v1/query_exemplars", get(query::exemplars).post(query::exemplars))
        .route("/api/v1/format_query", get(query::format).post(query::format))
        .route("/api/v1/parse_query", get(query::parse).post(query::parse))
        .route("/api/v1/labels", get(labels::names).post(labels::names))
        .route("/api/v1/label/{name}/values", get(labels::values))
        .route("/api/v1/series", get(labels::series).post(labels::series))
        .route("/api/v1/metadata", get(metadata::metadata))
        .route("/api/v1/rules", get(rules::rules))
        .route("/api/v1/alerts", get(rules::alerts))
        .route("/api/v1/targets", get(status::targets))
        .route("/api/v1/status/buildinfo", get(status::build))
        .route("/api/v1/status/runtimeinfo", get(status::runtime))
        .route("/api/v1/status/config", get(status::config))
        .route("/api/v1/status/flags", get(status::flags))
        .route("/api/v1/status/tsdb", get(status::tsdb))
        .route("/api/v1/status/walreplay", get(status::wal_replay))
        .route(
            "/api/v1/admin/tsdb/delete_series",
            post(admin::delete_series).put(admin::delete_series),
        )
        .route(
            "/api/v1/admin/tsdb/clean_tombstones",
            post(admin::clean_tombstones).put(admin::clean_tombstones),
        )
        .route("/api/v1/admin/tsdb/snapshot", post(admin::snapshot).put(admin::snapshot))
        .route("/api/v1/{*unknown}", any(error::unknown_path))
        .route("/-/healthy", get(health::healthy))
        .route("/-/ready", get(health::ready))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(state)
}

#[cfg(test)]
mod tests;
