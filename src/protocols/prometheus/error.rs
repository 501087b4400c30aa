//! Error kinds become Prometheus' statuses and error types: the only such place of this door.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::base::error::{Error, ErrorKind};
use crate::http::error::add_retry_after;
use crate::wire::prometheus_api::error_type::{error_type, is_of_execution};
use crate::wire::prometheus_api::json::push_text;

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
        if is_of_execution(error.kind()) {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return ApiError { status, error_type: "execution", error };
        }
        ApiError::from(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::Conflict => {
                StatusCode::BAD_REQUEST
            }
            ErrorKind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Timeout | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Corrupt | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let error_type = error_type(error.kind());
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
