//! Whether the appliance lives, whether it serves, and its own metrics.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::access::{Caller, Scope};
use crate::base::shutdown::Phase;
use crate::http::error::plain;
use crate::protocols::prometheus::PrometheusState;
use crate::wire::exposition;

const TEXT: [(axum::http::HeaderName, &str); 1] = [(CONTENT_TYPE, "text/plain; charset=utf-8")];

/// Answers 200 as long as the process can answer at all.
pub(crate) async fn healthy() -> Response {
    (TEXT, "Belvedere is healthy.\n").into_response()
}

/// Answers 200 once the stores are open and until the drain begins.
pub(crate) async fn ready(State(state): State<PrometheusState>) -> Response {
    let (status, text) = match state.readiness.phase() {
        Phase::Ready => (StatusCode::OK, "Belvedere is ready.\n"),
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "Belvedere is starting.\n"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "Belvedere is draining.\n"),
    };
    (status, TEXT, text).into_response()
}

/// Answers the appliance's own metrics in the text format.
pub(crate) async fn metrics(State(state): State<PrometheusState>, caller: Caller) -> Response {
    if let Err(error) = caller.require(Scope::Read) {
        return plain(&error);
    }
    let text = exposition::encode_text(&state.exposition.snapshot());
    ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response()
}
