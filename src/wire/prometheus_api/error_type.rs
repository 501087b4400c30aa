//! Prometheus' words for kinds of errors.

use crate::base::error::ErrorKind;

/// Returns Prometheus' `errorType`.
pub(crate) fn error_type(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidInput
        | ErrorKind::Unsupported
        | ErrorKind::Conflict
        | ErrorKind::LimitExceeded => "bad_data",
        ErrorKind::Unauthenticated => "unauthorized",
        ErrorKind::Forbidden => "forbidden",
        ErrorKind::NotFound => "not_found",
        ErrorKind::RateLimited => "too_many_requests",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Corrupt | ErrorKind::Internal => "internal",
    }
}

/// Returns whether such an error of an evaluation is the query's own: its type is `execution`.
pub(crate) fn is_of_execution(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidInput
            | ErrorKind::Conflict
            | ErrorKind::LimitExceeded
            | ErrorKind::Unsupported
    )
}

/// Returns Prometheus' `errorType` of an error of an evaluation.
pub(crate) fn evaluation_error_type(kind: ErrorKind) -> &'static str {
    if is_of_execution(kind) { "execution" } else { error_type(kind) }
}
