//! OTLP/gRPC: three unary calls, framed by hand on the server kit's bodies, so that caps, deadlines
//! and decoding are those of OTLP/HTTP.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::{BodyExt, Full};

use crate::base::decompress::Encoding as Compression;
use crate::base::error::{Error, Result};
use crate::http::body;
use crate::ingest::Door;
use crate::protocols::otlp::OtlpState;
use crate::protocols::otlp::error::grpc_error;
use crate::protocols::otlp::export::{check_caller, export};
use crate::wire::otlp::{Encoding, Signal, answer};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// A message's frame: one byte that says whether it is compressed, four of length.
const FRAME_HEAD: usize = 5;
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const ACCEPTED_COMPRESSION: HeaderValue = HeaderValue::from_static("gzip,identity");

pub(crate) fn routes(state: OtlpState) -> Router {
    let call = |signal: Signal| {
        post(move |State(state): State<OtlpState>, request: Request| async move {
            respond(&state, signal, request).await
        })
    };
    Router::new()
        .route(TRACES, call(Signal::Traces))
        .route(METRICS, call(Signal::Metrics))
        .route(LOGS, call(Signal::Logs))
        .with_state(state)
}

async fn respond(state: &OtlpState, signal: Signal, request: Request) -> Response {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(|value| value.starts_with("application/grpc")) {
        // The gRPC specification wants the plain HTTP status here.
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let mut response = match take(state, signal, request).await {
        Ok(message) => success(&message),
        Err(error) => grpc_error(&error),
    };
    response.headers_mut().insert("grpc-accept-encoding", ACCEPTED_COMPRESSION);
    response
}

async fn take(state: &OtlpState, signal: Signal, request: Request) -> Result<Vec<u8>> {
    check_caller(request.extensions())?;
    let (parts, body) = request.into_parts();
    let compression = compression_of(&parts.headers)?;
    let framed = body::collect(&parts.headers, body, state.body_bytes + FRAME_HEAD).await?;
    let (is_compressed, message) = unframe(framed)?;
    let message = match is_compressed {
        true => body::inflate(compression, message, state.body_bytes).await?,
        false => message,
    };
    let encoding = Encoding::Protobuf;
    let partial = export(state, Door::OtlpGrpc, signal, encoding, message).await?;
    Ok(answer(signal, encoding, &partial))
}

/// Reads how compressed messages of this call are compressed.
fn compression_of(headers: &HeaderMap) -> Result<Compression> {
    match headers.get("grpc-encoding").map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(Compression::Identity),
        Some(b"gzip") => Ok(Compression::Gzip),
        Some(other) => Err(Error::unsupported(format!(
            "grpc-encoding {:?} is not supported; send gzip or identity",
            String::from_utf8_lossy(other)
        ))),
    }
}

/// Takes the one message of a unary call out of its frame.
fn unframe(framed: Bytes) -> Result<(bool, Bytes)> {
    let invalid = |why: &str| Error::invalid(format!("not one gRPC message: {why}"));
    let Some((head, _)) = framed.split_first_chunk::<FRAME_HEAD>() else {
        return Err(invalid("the frame is cut off"));
    };
    let [flag, length @ ..] = *head;
    let length = u32::from_be_bytes(length) as usize;
    let message = framed.slice(FRAME_HEAD..);
    if message.len() != length {
        return Err(invalid("the frame's length is not that of what was sent"));
    }
    match flag {
        0 => Ok((false, message)),
        1 => Ok((true, message)),
        _ => Err(invalid("the frame's compression flag is neither 0 nor 1")),
    }
}

fn success(message: &[u8]) -> Response {
    let mut framed = Vec::with_capacity(FRAME_HEAD + message.len());
    framed.push(0);
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap_or(0).to_be_bytes());
    framed.extend_from_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let ended = async move { Some(Ok(trailers)) };
    let body = Full::new(Bytes::from(framed)).with_trailers(ended);
    ([(CONTENT_TYPE, GRPC)], Body::new(body)).into_response()
}

#[cfg(test)]
mod tests;
