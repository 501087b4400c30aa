//! Lets configured web pages send telemetry from browsers.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

/// What SDKs for browsers send, besides what every page may.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-encoding, content-type, traceparent, tracestate, baggage",
);
/// How long a browser may remember the answer: two hours, the longest that Chromium keeps it.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Returns the origin of a request if it is one of `allowed`.
pub(crate) fn allowed_origin(headers: &HeaderMap, allowed: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    let text = origin.to_str().ok()?;
    let is_allowed = allowed.iter().any(|own| own == "*" || own.eq_ignore_ascii_case(text));
    is_allowed.then(|| origin.clone())
}

/// Returns whether a request asks what a later one may do.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight of an allowed origin.
pub(crate) fn preflight(origin: HeaderValue) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    allow(origin, &mut response);
    response
}

/// Lets the page of `origin` read a response.
pub(crate) fn allow(origin: HeaderValue, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(VARY, HeaderValue::from_static("origin"));
}
