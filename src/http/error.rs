//! The plain-text form of errors, for doors that have no form of their own.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::base::error::{Error, ErrorKind};

/// Returns the HTTP status of an error kind where a protocol has no rule of its own.
pub fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::Timeout | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Corrupt | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Adds `Retry-After` where the error says how long waiting helps, in whole seconds, rounded up.
pub fn add_retry_after(error: &Error, headers: &mut HeaderMap) {
    if let Some(wait) = error.retry_after() {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
}

/// Answers with the error's text and the status of its kind.
pub fn plain(error: &Error) -> Response {
    plain_with(status_of(error.kind()), error)
}

/// Answers with the error's text and a status that the protocol prescribes.
pub fn plain_with(status: StatusCode, error: &Error) -> Response {
    let text = format!("{}\n", error.message());
    let mut response =
        (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
    add_retry_after(error, response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_retry_hint_is_rounded_up_to_whole_seconds() {
        let answer = plain(&Error::unavailable("full", Duration::from_millis(1_200)));
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "2");
        let none = plain(&Error::invalid("no"));
        assert!(!none.headers().contains_key(RETRY_AFTER));
    }
}
