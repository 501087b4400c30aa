//! The few routes that belong to no protocol: the root and reloading.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tokio::sync::{mpsc, oneshot};

use crate::access::{Caller, Scope};
use crate::http::error::plain;
use crate::protocols::elasticsearch;

/// Asks the lifecycle to reload and to say how that went.
pub(crate) type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// Returns the routes.
pub(crate) fn routes(reload: mpsc::Sender<ReloadRequest>) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/elasticsearch", get(elasticsearch::info))
        .route("/elasticsearch/", get(elasticsearch::info))
        .route("/-/reload", post(reload_now).put(reload_now))
        .with_state(reload)
}

/// Browsers want pages, everybody else at the root is a client of Elasticsearch.
async fn root(headers: HeaderMap, request: Request) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if accepted.contains("text/html") && request.method() == Method::GET {
        return Redirect::temporary("/ui/").into_response();
    }
    elasticsearch::info(headers).await
}

async fn reload_now(State(reload): State<mpsc::Sender<ReloadRequest>>, caller: Caller) -> Response {
    if let Err(error) = caller.require(Scope::Admin) {
        return plain(&error);
    }
    let (answer, outcome) = oneshot::channel();
    let sent = reload.send(answer).await.is_ok();
    let text = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    match outcome.await {
        Ok(Ok(())) if sent => (StatusCode::OK, text, "reloaded\n".to_owned()).into_response(),
        Ok(Err(why)) => (StatusCode::BAD_REQUEST, text, format!("{why}\n")).into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, text, "draining\n".to_owned()).into_response(),
    }
}
