//! How a command ends.

use std::io::Write;

use crate::base::error::Error;
use crate::config::Faults;

/// Why a command did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// What to tell the person.
    pub(crate) message: String,
}

impl Failure {
    /// The command was understood and failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Failure { code: 1, message: message.into() }
    }

    /// The command or the configuration is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure { code: 2, message: message.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::failed(error.message())
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Failure::usage(faults.to_string())
    }
}

/// Writes data to standard output.
///
/// # Errors
/// When nobody reads it.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::failed(format!("cannot write the answer: {error}")))
}

/// Writes words for people to standard error.
pub(crate) fn complain(text: &str) {
    // When standard error is closed, the exit code still tells.
    let _ = writeln!(std::io::stderr(), "{text}");
}
