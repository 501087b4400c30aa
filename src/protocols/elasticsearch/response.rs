//! How every answer looks: compact JSON, the product header, the media type that was asked for.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

const PRODUCT: HeaderName = HeaderName::from_static("x-elastic-product");

/// Answers with compact JSON: Fluent Bit and Vector search the bytes for `"errors":false`.
pub fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// Answers 200 with JSON.
pub fn ok(body: &Value) -> Response {
    json_response(StatusCode::OK, body)
}

/// Puts the product header on an answer: clients from 7.14 on throw without it.
pub async fn mark(mut response: Response) -> Response {
    response.headers_mut().insert(PRODUCT, HeaderValue::from_static("Elasticsearch"));
    response
}

/// Answers in the vendor's media type when the client asked for it, with its own major version.
pub fn in_kind(headers: &HeaderMap, mut response: Response) -> Response {
    let accepted = headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or("");
    for version in ["7", "8", "9"] {
        if accepted.contains(&format!("compatible-with={version}")) {
            let kind = match version {
                "7" => "application/vnd.elasticsearch+json;compatible-with=7",
                "8" => "application/vnd.elasticsearch+json;compatible-with=8",
                _ => "application/vnd.elasticsearch+json;compatible-with=9",
            };
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
    }
    response
}
