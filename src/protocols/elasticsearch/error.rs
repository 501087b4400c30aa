//! Elasticsearch's form of errors: the only place where a kind becomes a status here.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::base::error::{Error, ErrorKind};
use crate::http::error::add_retry_after;
use crate::protocols::elasticsearch::response::json_response;

/// An error on its way to an Elasticsearch client.
#[derive(Debug)]
pub struct Fault {
    status: StatusCode,
    name: &'static str,
    reason: String,
    index: Option<String>,
    cause: Option<Error>,
}

impl Fault {
    /// Returns the kind of error that the status stands for.
    pub fn kind(&self) -> ErrorKind {
        match self.status {
            StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::LimitExceeded,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorKind::Unsupported,
            StatusCode::BAD_REQUEST => ErrorKind::InvalidInput,
            _ => self.cause.as_ref().map_or(ErrorKind::Internal, Error::kind),
        }
    }

    /// A malformed request, under the exception's name that clients know.
    pub fn bad_request(name: &'static str, reason: impl Into<String>) -> Self {
        Fault {
            status: StatusCode::BAD_REQUEST,
            name,
            reason: reason.into(),
            index: None,
            cause: None,
        }
    }

    /// An index that holds nothing.
    pub fn no_such_index(index: &str) -> Self {
        Fault {
            status: StatusCode::NOT_FOUND,
            name: "index_not_found_exception",
            reason: format!("no such index [{index}]"),
            index: Some(index.to_owned()),
            cause: None,
        }
    }

    /// Returns the error as JSON, as it also stands inside a multi-search.
    pub fn to_json(&self) -> Value {
        let mut cause = json!({"type": self.name, "reason": self.reason});
        if let Some(index) = &self.index {
            cause["index"] = json!(index);
        }
        let mut error = json!({"root_cause": [cause.clone()]});
        if let (Value::Object(error), Value::Object(cause)) = (&mut error, cause) {
            error.extend(cause);
        }
        json!({"error": error, "status": self.status.as_u16()})
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (status, name) = match error.kind() {
            ErrorKind::InvalidInput => (StatusCode::BAD_REQUEST, "parsing_exception"),
            ErrorKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "security_exception"),
            ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "security_exception"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "resource_not_found_exception"),
            ErrorKind::Conflict => (StatusCode::CONFLICT, "version_conflict_engine_exception"),
            ErrorKind::LimitExceeded => (StatusCode::BAD_REQUEST, "too_many_buckets_exception"),
            ErrorKind::RateLimited => {
                (StatusCode::TOO_MANY_REQUESTS, "es_rejected_execution_exception")
            }
            ErrorKind::Unsupported => (StatusCode::BAD_REQUEST, "illegal_argument_exception"),
            ErrorKind::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout_exception"),
            ErrorKind::Unavailable => {
                (StatusCode::TOO_MANY_REQUESTS, "es_rejected_execution_exception")
            }
            ErrorKind::Corrupt | ErrorKind::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "exception")
            }
        };
        Fault { status, name, reason: error.message().to_owned(), index: None, cause: Some(error) }
    }
}

/// A body that could not be read: too large, of an unknown encoding, broken off.
pub fn unreadable(error: Error) -> Fault {
    let status = crate::http::error::status_of(error.kind());
    let name = match error.kind() {
        ErrorKind::LimitExceeded => "content_too_long_exception",
        ErrorKind::Unsupported => "media_type_header_exception",
        _ => "parse_exception",
    };
    Fault { status, name, reason: error.message().to_owned(), index: None, cause: Some(error) }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = json_response(self.status, &self.to_json());
        if let Some(cause) = &self.cause {
            add_retry_after(cause, response.headers_mut());
        }
        response
    }
}
