//! OTLP/HTTP: one POST, one response in the same encoding.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use crate::base::error::{Error, Result};
use crate::http::body;
use crate::ingest::Door;
use crate::protocols::otlp::OtlpState;
use crate::protocols::otlp::cors;
use crate::protocols::otlp::error::{content_type_of, http_error, unknown_encoding, wrong_method};
use crate::protocols::otlp::export::{check_caller, export};
use crate::wire::otlp::{Encoding, Signal, answer};

pub(crate) fn routes(state: OtlpState) -> Router {
    let traces = any(|State(state): State<OtlpState>, request: Request| async move {
        serve(&state, Signal::Traces, request).await
    });
    let metrics = any(|State(state): State<OtlpState>, request: Request| async move {
        serve(&state, Signal::Metrics, request).await
    });
    let logs = any(|State(state): State<OtlpState>, request: Request| async move {
        serve(&state, Signal::Logs, request).await
    });
    Router::new()
        .route("/v1/traces", traces.clone())
        .route("/v1/metrics", metrics.clone())
        .route("/v1/logs", logs.clone())
        // Loki's prefix, and Prometheus' own path for the same messages.
        .route("/otlp/v1/traces", traces)
        .route("/otlp/v1/metrics", metrics.clone())
        .route("/otlp/v1/logs", logs)
        .route("/api/v1/otlp/v1/metrics", metrics)
        .with_state(state)
}

async fn serve(state: &OtlpState, signal: Signal, request: Request) -> Response {
    let origin = cors::allowed_origin(request.headers(), &state.cors_origins);
    match origin {
        Some(origin) if cors::is_preflight(request.method(), request.headers()) => {
            cors::preflight(origin)
        }
        Some(origin) => {
            let mut response = respond(state, signal, request).await;
            cors::allow(origin, &mut response);
            response
        }
        None => respond(state, signal, request).await,
    }
}

async fn respond(state: &OtlpState, signal: Signal, request: Request) -> Response {
    if request.method() != axum::http::Method::POST {
        return wrong_method();
    }
    let encoding = match encoding_of(request.headers()) {
        Ok(encoding) => encoding,
        Err(error) => {
            state.ingest.refuse_whole(Door::OtlpHttp, signal.as_str(), error.kind());
            return unknown_encoding(&error);
        }
    };
    match take(state, signal, encoding, request).await {
        Ok(body) => ([(CONTENT_TYPE, content_type_of(encoding))], body).into_response(),
        Err(error) => http_error(encoding, &error),
    }
}

async fn take(
    state: &OtlpState,
    signal: Signal,
    encoding: Encoding,
    request: Request,
) -> Result<Vec<u8>> {
    check_caller(request.extensions())?;
    let unread =
        |error: &Error| state.ingest.refuse_whole(Door::OtlpHttp, signal.as_str(), error.kind());
    let body = body::read(request, state.body_bytes).await.inspect_err(unread)?;
    let partial = export(state, Door::OtlpHttp, signal, encoding, body).await?;
    Ok(answer(signal, encoding, &partial))
}

/// Reads the media type; its parameters say nothing here.
fn encoding_of(headers: &HeaderMap) -> Result<Encoding> {
    let value = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let media_type = value.unwrap_or("").split(';').next().unwrap_or("").trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Ok(Encoding::Protobuf),
        "application/json" => Ok(Encoding::Json),
        other => Err(Error::unsupported(format!(
            "content type {other:?} is not OTLP; send application/x-protobuf or application/json"
        ))),
    }
}

#[cfg(test)]
mod tests;
