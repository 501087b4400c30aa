//! Where something stands in a query text.

use std::fmt;

/// A half-open range of byte offsets in the query text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset after the last byte.
    pub end: usize,
}

impl Span {
    /// Builds the range from `start` up to but without `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }

    /// Returns the smallest range that holds both.
    pub fn to(self, other: Span) -> Self {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Returns line and column of the start, both counted from 1, as Prometheus writes them.
    pub fn place(self, text: &str) -> Place {
        let before = text.as_bytes().get(..self.start).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Place { line, column: before.len() - line_start + 1 }
    }
}

/// A line and a column, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column in bytes.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong with a query text and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The place in the text.
    pub span: Span,
    /// What is wrong, without the place.
    pub message: String,
    place: Place,
}

impl ParseError {
    /// Builds an error about `span` of `text`.
    pub fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        ParseError { span, message: message.into(), place: span.place(text) }
    }
}

impl fmt::Display for ParseError {
    /// Writes `1:6: parse error: …`, Prometheus' form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: parse error: {}", self.place, self.message)
    }
}

impl std::error::Error for ParseError {}
