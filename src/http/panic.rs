//! A fault of the code ends one request, not the connection, and is counted.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;

use crate::base::error::Error;
use crate::http::error::plain;
use crate::http::observe::{RequestInstruments, route_of};

/// The layer: turns a panic into an answer of status 500.
pub(crate) async fn catch(
    State(instruments): State<RequestInstruments>,
    request: Request,
    next: Next,
) -> Response {
    let route = route_of(&request);
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(payload) => {
            instruments.panicked(&route);
            tracing::error!(route, fault = text_of(payload.as_ref()), "request handler panicked");
            plain(&Error::internal("internal error: the request met a fault in the appliance"))
        }
    }
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}
