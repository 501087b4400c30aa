//! Walks a text byte by byte and knows where it is.

use std::borrow::Cow;

/// What is wrong, and at which byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// The result of everything that reads text.
pub(crate) type Parsed<T> = Result<T, Fault>;

/// A place in a text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// Whether blanks may only stand where a single one must.
    is_strict: bool,
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        Cursor { text, at: 0, is_strict: false }
    }

    /// Starts at the beginning of a text in which no blank is optional.
    pub(crate) fn strict(text: &'a str) -> Self {
        Cursor { text, at: 0, is_strict: true }
    }

    /// Returns the place in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Returns whether the text is over.
    pub(crate) fn is_over(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Returns the next byte, or `None` at the end.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes `expected` if it comes next; returns whether it did.
    pub(crate) fn eat(&mut self, expected: &str) -> bool {
        let comes = self.text.as_bytes()[self.at..].starts_with(expected.as_bytes());
        if comes {
            self.at += expected.len();
        }
        comes
    }

    /// Passes optional blanks and tabs; returns whether there were any.
    pub(crate) fn blanks(&mut self) -> bool {
        !self.is_strict && !self.take_while(|byte| byte == b' ' || byte == b'\t').is_empty()
    }

    /// Passes the longest run of bytes that `belongs` likes, which must be ASCII or whole
    /// characters.
    pub(crate) fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        self.at += rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len());
        self.text.get(start..self.at).unwrap_or("")
    }

    /// Passes everything up to the end of the line, which stays.
    pub(crate) fn rest_of_line(&mut self) -> &'a str {
        self.take_while(|byte| byte != b'\n')
    }

    /// Passes everything up to a blank or the end of the line.
    pub(crate) fn word(&mut self) -> &'a str {
        self.take_while(|byte| !matches!(byte, b' ' | b'\t' | b'\n'))
    }

    /// Passes a text in double quotes and resolves its escapes: `\\`, `\"` and `\n`. As in
    /// Prometheus, any other escape stands for itself.
    pub(crate) fn quoted(&mut self) -> Parsed<Cow<'a, str>> {
        let opening = self.at;
        if !self.eat("\"") {
            return Err(self.fault("a double quote is expected"));
        }
        let start = self.at;
        let mut escaped = false;
        loop {
            self.take_while(|byte| !matches!(byte, b'"' | b'\\' | b'\n'));
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    let follows = self.text[self.at..].chars().next();
                    self.at += follows.filter(|next| *next != '\n').map_or(0, char::len_utf8);
                }
                Some(_) | None => {
                    let message = "the quoted text does not end on its line".to_owned();
                    return Err(Fault { at: opening, message });
                }
            }
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok(if escaped { Cow::Owned(unescape(raw, true)) } else { Cow::Borrowed(raw) })
    }

    /// Builds a fault at this place that shows what stands here.
    pub(crate) fn fault(&self, message: &str) -> Fault {
        self.fault_at(self.at, message)
    }

    /// Builds a fault at the earlier place `at` that shows what stands there.
    pub(crate) fn fault_at(&self, at: usize, message: &str) -> Fault {
        let line = self.text.get(at..).and_then(|rest| rest.split('\n').next()).unwrap_or("");
        let shown: String = line.chars().take(32).collect();
        let found =
            if shown.is_empty() { "the line ends".to_owned() } else { format!("{shown:?}") };
        Fault { at, message: format!("{message}, found {found}") }
    }
}

/// Resolves escapes; `quotes` says whether `\"` is one.
pub(crate) fn unescape(raw: &str, quotes: bool) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => text.push('\n'),
            Some('\\') => text.push('\\'),
            Some('"') if quotes => text.push('"'),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}
