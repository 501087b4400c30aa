//! What an `ErrorKind` becomes in OTLP: an HTTP status and a gRPC code.

use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use tonic::Code;

use crate::base::error::{Error, ErrorKind};
use crate::http::error::{add_retry_after, plain, status_of};
use crate::wire::otlp::{Encoding, status};

/// Returns the gRPC code of an error kind. OTLP retries UNAVAILABLE always, RESOURCE_EXHAUSTED
/// only with a hint, INVALID_ARGUMENT never.
pub(crate) fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidInput => Code::InvalidArgument,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::Forbidden => Code::PermissionDenied,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::Conflict => Code::AlreadyExists,
        ErrorKind::LimitExceeded | ErrorKind::RateLimited => Code::ResourceExhausted,
        ErrorKind::Unsupported => Code::Unimplemented,
        ErrorKind::Timeout | ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Corrupt | ErrorKind::Internal => Code::Internal,
    }
}

/// Answers an HTTP request with `google.rpc.Status` in its own encoding.
pub(crate) fn http_error(encoding: Encoding, error: &Error) -> Response {
    let code = code_of(error.kind()) as i32;
    let body = status(encoding, code, error.message(), error.retry_after());
    let content_type = [(CONTENT_TYPE, content_type_of(encoding))];
    let mut response = (status_of(error.kind()), content_type, body).into_response();
    add_retry_after(error, response.headers_mut());
    response
}

/// Answers a request whose encoding is not known, with text.
pub(crate) fn unknown_encoding(error: &Error) -> Response {
    plain(error)
}

/// Answers a method other than POST.
pub(crate) fn wrong_method() -> Response {
    let text = "OTLP is sent with POST\n";
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")], text).into_response()
}

/// Answers a gRPC request with a status; a retry hint goes into its details as `RetryInfo`.
pub(crate) fn grpc_error(error: &Error) -> Response {
    let code = code_of(error.kind());
    let details = match error.retry_after() {
        Some(wait) => status(Encoding::Protobuf, code as i32, error.message(), Some(wait)).into(),
        None => axum::body::Bytes::new(),
    };
    tonic::Status::with_details(code, error.message(), details).into_http()
}

/// Returns the media type of an encoding.
pub(crate) fn content_type_of(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    }
}
