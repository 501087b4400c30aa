//! One closed set of error kinds. Only the kind decides an HTTP, gRPC or MCP status; the text is
//! for people and is never compared.

use std::fmt;
use std::time::Duration;

/// Names what went wrong, for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is malformed; sending it again cannot help.
    InvalidInput,
    /// No or unknown credentials.
    Unauthenticated,
    /// Known credentials without the needed scope.
    Forbidden,
    /// The named thing does not exist.
    NotFound,
    /// The write contradicts what is stored.
    Conflict,
    /// A size or count limit of one request was passed.
    LimitExceeded,
    /// Too many requests; later ones may pass.
    RateLimited,
    /// A valid request for something that is not built.
    Unsupported,
    /// The deadline passed first.
    Timeout,
    /// Starting, draining, full, or a peer is down; later requests may pass.
    Unavailable,
    /// Stored bytes do not hold what they should.
    Corrupt,
    /// A fault of the appliance.
    Internal,
}

impl ErrorKind {
    /// Returns the kind as a snake-case word, fit for a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::InvalidInput => "invalid_input",
            ErrorKind::Unauthenticated => "unauthenticated",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict => "conflict",
            ErrorKind::LimitExceeded => "limit_exceeded",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Internal => "internal",
        }
    }
}

/// Carries a kind for machines, a text for people and, where waiting helps, for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
}

/// The result of everything fallible below the protocol doors.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Builds an error of `kind`; `message` is shown to people and must hold no secret.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), retry_after: None }
    }

    /// Builds an [`ErrorKind::InvalidInput`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::InvalidInput, message)
    }

    /// Builds an [`ErrorKind::Unsupported`]; the text names what is unsupported and what to do.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Unsupported, message)
    }

    /// Builds an [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::NotFound, message)
    }

    /// Builds an [`ErrorKind::Unavailable`] with a hint when to come back.
    pub fn unavailable(message: impl Into<String>, retry_after: Duration) -> Self {
        Error::new(ErrorKind::Unavailable, message).with_retry_after(retry_after)
    }

    /// Builds an [`ErrorKind::Corrupt`].
    pub fn corrupt(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Corrupt, message)
    }

    /// Builds an [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Internal, message)
    }

    /// Adds how long the caller should wait before trying again.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Puts `context` and a colon before the message, keeping kind and hint.
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the text for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns how long to wait before trying again, where waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                ErrorKind::Unavailable
            }
            std::io::ErrorKind::TimedOut => ErrorKind::Timeout,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, error.to_string())
    }
}
