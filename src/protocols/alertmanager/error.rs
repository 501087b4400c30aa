//! Alertmanager's form of errors: the only place where a kind becomes a status here.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::base::error::{Error, ErrorKind};
use crate::http::error::{add_retry_after, status_of};

/// An error as JSON: a text where the request was understood, else an object with a code.
pub enum Fault {
    /// The request was understood and refused.
    Refused(Error),
    /// The body or a parameter is not what the API describes.
    Malformed(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Refused(error)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let json = [(CONTENT_TYPE, "application/json")];
        match self {
            // 602 is the code by which Alertmanager's API names a missing or wrong field.
            Fault::Malformed(why) => {
                let body = json!({"code": 602, "message": why}).to_string();
                (StatusCode::UNPROCESSABLE_ENTITY, json, body).into_response()
            }
            Fault::Refused(error) => {
                let status = match error.kind() {
                    ErrorKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    // Expiring what has expired is an error of the server in Alertmanager's book.
                    ErrorKind::Conflict => StatusCode::INTERNAL_SERVER_ERROR,
                    kind => status_of(kind),
                };
                let body = Value::from(error.message()).to_string();
                let mut response = (status, json, body).into_response();
                add_retry_after(&error, response.headers_mut());
                response
            }
        }
    }
}
