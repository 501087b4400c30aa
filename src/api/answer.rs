//! Answers and errors of this door: the only place that turns an `ErrorKind` into its form.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::base::error::Error;
use crate::http::error::{add_retry_after, status_of};

/// An error as this door writes it.
#[derive(Debug)]
pub(crate) struct ApiError(Error);

/// The result of every handler.
pub(crate) type ApiResult<T> = std::result::Result<Json<T>, ApiError>;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        ApiError(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let ApiError(error) = self;
        let body = json!({"error": error.message(), "kind": error.kind().as_str()});
        let mut response = (status_of(error.kind()), Json(body)).into_response();
        add_retry_after(&error, response.headers_mut());
        response
    }
}

/// A value beside what the reader should know of it.
#[derive(Debug, Serialize)]
pub(crate) struct Noted<T> {
    /// The value.
    #[serde(flatten)]
    pub(crate) value: T,
    /// What a limit cut, or what is damaged.
    pub(crate) warnings: Vec<String>,
}
