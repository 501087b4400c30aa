//! Puts everything that stands before a door around the merged routes.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use tower::Layer;
use tower::util::MapRequestLayer;

use crate::access::Authenticator;
use crate::http::auth::{self, Gate};
use crate::http::compress;
use crate::http::guard::{self, GuardPolicy};
use crate::http::observe::{self, RequestInstruments};
use crate::http::panic;
use crate::http::path::collapse_slashes;

/// What one listener checks before its routes.
#[derive(Clone)]
pub struct Front {
    /// Which hosts and origins are ours.
    pub guard: Arc<GuardPolicy>,
    /// Who is let in.
    pub authenticator: Authenticator,
    /// Counts requests.
    pub instruments: RequestInstruments,
}

impl Front {
    /// Wraps `routes`; the result is what a listener serves. Unknown paths answer 404 with
    /// [`not_found`]; a fallback that `routes` has itself is replaced.
    pub fn before(self, routes: Router) -> Router {
        let routes = routes
            .fallback(not_found)
            .layer(middleware::from_fn_with_state(
                Gate::new(self.authenticator),
                auth::authenticate,
            ))
            .layer(middleware::from_fn_with_state(self.guard, guard::check))
            .layer(middleware::from_fn_with_state(self.instruments.clone(), panic::catch))
            .layer(middleware::from_fn(compress::gzip))
            .layer(middleware::from_fn_with_state(self.instruments, observe::record));
        // Routing happens before a router's own layers, so the path is mended outside of it.
        let mended = MapRequestLayer::new(collapse_slashes).layer(routes);
        Router::new().fallback_service(mended)
    }
}

/// Answers an unknown path the way Prometheus does; clients look for these words.
pub async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/plain; charset=utf-8")], "404 page not found")
        .into_response()
}

#[cfg(test)]
mod tests;
