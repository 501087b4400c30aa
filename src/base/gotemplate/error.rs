//! Why a template does not parse or render, in Go's words.

use std::fmt;

/// Why a template does not parse or render; its text is Go's: `template: name:1:12: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    message: String,
}

impl TemplateError {
    /// Creates an error of a whole text for people.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        TemplateError { message: message.into() }
    }

    /// Creates the error of a place in the text of a template that does not parse.
    pub(crate) fn parse(name: &str, text: &str, position: usize, why: &str) -> Self {
        let line = Place::of(text, position).line;
        TemplateError::new(format!("template: {name}:{line}: {why}"))
    }

    /// Returns the text for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}

/// A place in a text as Go counts it: lines from 1, bytes within the line from 0.
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) fn of(text: &str, position: usize) -> Self {
        let before = &text.as_bytes()[..position.min(text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Place { line, column: before.len() - start }
    }
}
