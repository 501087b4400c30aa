//! Jaeger's form of errors: the only place where a kind becomes a status here.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::base::error::{Error, ErrorKind};
use crate::http::error::{add_retry_after, plain, status_of};

/// An error of the query side, as JSON.
pub struct QueryFault(pub Error);

impl From<Error> for QueryFault {
    fn from(error: Error) -> Self {
        QueryFault(error)
    }
}

impl IntoResponse for QueryFault {
    fn into_response(self) -> Response {
        let status = match self.0.kind() {
            ErrorKind::Unsupported => StatusCode::BAD_REQUEST,
            kind => status_of(kind),
        };
        let body = json!({
            "data": null, "total": 0, "limit": 0, "offset": 0,
            "errors": [{"code": status.as_u16(), "msg": self.0.message()}],
        });
        let json = [(CONTENT_TYPE, "application/json")];
        let mut response = (status, json, body.to_string()).into_response();
        add_retry_after(&self.0, response.headers_mut());
        response
    }
}

/// An error of the collector side, as text.
pub struct CollectFault(pub Error);

impl From<Error> for CollectFault {
    fn from(error: Error) -> Self {
        CollectFault(error)
    }
}

impl IntoResponse for CollectFault {
    fn into_response(self) -> Response {
        plain(&self.0)
    }
}
