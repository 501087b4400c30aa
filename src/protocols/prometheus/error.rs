//! Error kinds become Prometheus' error types and statuses: the only such place of this door.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::base::error::{Error, ErrorKind};
use crate::http::error::add_retry_after;
use crate::protocols::prometheus::json::push_text;

/// An error in Prometheus' envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    error_type: &'static str,
    error: Error,
}

/// The result of every handler of the HTTP API.
pub(crate) type ApiResult = std::result::Result<Response, ApiError>;

impl ApiError {
    /// Builds the error of a parameter that cannot be read.
    pub(crate) fn parameter(name: &str, problem: impl std::fmt::Display) -> Self {
        ApiError::from(Error::invalid(format!("invalid parameter {name:?}: {problem}")))
    }

    /// Builds the error of an expression that was read but could not be evaluated.
    pub(crate) fn execution(error: Error) -> Self {
        let could_not = matches!(
            error.kind(),
            ErrorKind::InvalidInput
                | ErrorKind::Conflict
                | ErrorKind::LimitExceeded
                | ErrorKind::Unsupported
        );
        if could_not {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return ApiError { status, error_type: "execution", error };
        }
        ApiError::from(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (status, error_type) = match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::Conflict => {
                (StatusCode::BAD_REQUEST, "bad_data")
            }
            ErrorKind::LimitExceeded => (StatusCode::PAYLOAD_TOO_LARGE, "bad_data"),
            ErrorKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthorized"),
            ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            ErrorKind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
            ErrorKind::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            ErrorKind::Corrupt | ErrorKind::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        };
        ApiError { status, error_type, error }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = b"{\"status\":\"error\",\"errorType\":".to_vec();
        push_text(&mut body, self.error_type);
        body.extend_from_slice(b",\"error\":");
        push_text(&mut body, self.error.message());
        body.push(b'}');
        let mut response =
            (self.status, [(CONTENT_TYPE, "application/json")], body).into_response();
        add_retry_after(&self.error, response.headers_mut());
        response
    }
}

/// Answers a path below `/api/v1` that does not exist; Grafana looks for the words.
pub(crate) async fn unknown_path() -> ApiError {
    ApiError::from(Error::not_found("404 page not found"))
}
