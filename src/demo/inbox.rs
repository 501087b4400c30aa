//! Where the demo's alerts arrive: a receiver that is not always well.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;

/// Of so many messages one is refused at first, so that there is something to try again.
const REFUSED: usize = 3;

/// Returns the route that takes every receiver's messages, below `/notify/`.
pub fn inbox() -> Router {
    let taken = Arc::new(AtomicUsize::new(0));
    Router::new().route("/notify/{receiver}", post(take)).with_state(taken)
}

async fn take(
    State(seen): State<Arc<AtomicUsize>>,
    _message: String,
) -> (StatusCode, &'static str) {
    match seen.fetch_add(1, Ordering::Relaxed) % REFUSED {
        1 => (StatusCode::SERVICE_UNAVAILABLE, "come again"),
        // Slack says it so.
        _ => (StatusCode::OK, "ok"),
    }
}
