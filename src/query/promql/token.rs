//! What the lexer yields.

use crate::query::promql::ast::{AggregateOp, BinaryOp};

/// A piece of the query text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Token<'a> {
    pub kind: TokenKind,
    pub start: usize,
    pub text: &'a str,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    End,
    /// The lexer could not go on; its message is kept beside the tokens.
    Error,
    Identifier,
    MetricIdentifier,
    Text,
    Number,
    Duration,
    Comma,
    Colon,
    At,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Equal,
    EqualRegex,
    NotEqualRegex,
    Operator(BinaryOp),
    Aggregator(AggregateOp),
    Keyword(Keyword),
}

/// Words with a meaning besides operators and aggregations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Offset,
    Anchored,
    Smoothed,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Bool,
    Fill,
    FillLeft,
    FillRight,
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

/// Returns what a word means outside braces and brackets; case does not matter.
pub(super) fn word_kind(word: &str) -> Option<TokenKind> {
    let lower = word.to_ascii_lowercase();
    if lower == "inf" || lower == "nan" {
        return Some(TokenKind::Number);
    }
    if let Some(op) = AggregateOp::from_word(&lower) {
        return Some(TokenKind::Aggregator(op));
    }
    let operator = match lower.as_str() {
        "and" => Some(BinaryOp::And),
        "or" => Some(BinaryOp::Or),
        "unless" => Some(BinaryOp::Unless),
        "atan2" => Some(BinaryOp::Atan2),
        _ => None,
    };
    if let Some(op) = operator {
        return Some(TokenKind::Operator(op));
    }
    let keyword = match lower.as_str() {
        "offset" => Keyword::Offset,
        "anchored" => Keyword::Anchored,
        "smoothed" => Keyword::Smoothed,
        "by" => Keyword::By,
        "without" => Keyword::Without,
        "on" => Keyword::On,
        "ignoring" => Keyword::Ignoring,
        "group_left" => Keyword::GroupLeft,
        "group_right" => Keyword::GroupRight,
        "bool" => Keyword::Bool,
        "fill" => Keyword::Fill,
        "fill_left" => Keyword::FillLeft,
        "fill_right" => Keyword::FillRight,
        "start" => Keyword::Start,
        "end" => Keyword::End,
        _ => return duration_word(&lower),
    };
    Some(TokenKind::Keyword(keyword))
}

/// Returns what a word means inside a duration expression.
pub(super) fn duration_word(lower: &str) -> Option<TokenKind> {
    let keyword = match lower {
        "step" => Keyword::Step,
        "range" => Keyword::Range,
        "max_of" => Keyword::MaxOf,
        "min_of" => Keyword::MinOf,
        _ => return None,
    };
    Some(TokenKind::Keyword(keyword))
}

impl TokenKind {
    /// Returns whether a metric may bear this token's text as its name.
    pub(super) fn names_metric(self) -> bool {
        match self {
            TokenKind::Identifier | TokenKind::MetricIdentifier | TokenKind::Aggregator(_) => true,
            TokenKind::Operator(op) => {
                matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
            }
            TokenKind::Keyword(word) => !matches!(
                word,
                Keyword::On
                    | Keyword::Ignoring
                    | Keyword::GroupLeft
                    | Keyword::GroupRight
                    | Keyword::Bool
            ),
            _ => false,
        }
    }

    /// Returns whether a label in a grouping may bear this token's text as its name.
    pub(super) fn names_label(self) -> bool {
        match self {
            TokenKind::Identifier | TokenKind::Aggregator(_) | TokenKind::Keyword(_) => true,
            TokenKind::Operator(op) => op.is_word(),
            _ => false,
        }
    }
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Describes the token as Prometheus' errors do.
    pub(super) fn describe(&self) -> String {
        let quoted = || go_quote(self.text);
        match self.kind {
            TokenKind::End => "end of input".to_owned(),
            TokenKind::Error => "error".to_owned(),
            TokenKind::Identifier => format!("identifier {}", quoted()),
            TokenKind::MetricIdentifier => format!("metric identifier {}", quoted()),
            TokenKind::Text => format!("string {}", shortened(self.text)),
            TokenKind::Number => format!("number {}", shortened(self.text)),
            TokenKind::Duration => format!("duration {}", shortened(self.text)),
            TokenKind::Operator(_) => format!("<op:{}>", self.text),
            TokenKind::Aggregator(_) => format!("<aggr:{}>", self.text),
            TokenKind::Keyword(_) => format!("<{}>", self.text),
            TokenKind::Comma
            | TokenKind::Colon
            | TokenKind::At
            | TokenKind::LeftParen
            | TokenKind::RightParen
            | TokenKind::LeftBrace
            | TokenKind::RightBrace
            | TokenKind::LeftBracket
            | TokenKind::RightBracket
            | TokenKind::Equal
            | TokenKind::EqualRegex
            | TokenKind::NotEqualRegex => quoted(),
        }
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return go_quote(text);
    }
    let head: String = text.chars().take(10).collect();
    format!("{}...", go_quote(&head))
}

/// Quotes a text as Go's `%q` does.
pub(super) fn go_quote(text: &str) -> String {
    go_quote_bytes(text.as_bytes())
}

/// Quotes bytes as Go's `%q` does: those that are no UTF-8 become `\xNN`.
pub(super) fn go_quote_bytes(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push_quoted(character, &mut quoted));
        for byte in chunk.invalid() {
            quoted.push_str(&format!("\\x{byte:02x}"));
        }
    }
    quoted.push('"');
    quoted
}

fn push_quoted(character: char, quoted: &mut String) {
    match character {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\u{7}' => quoted.push_str("\\a"),
        '\u{8}' => quoted.push_str("\\b"),
        '\u{b}' => quoted.push_str("\\v"),
        '\u{c}' => quoted.push_str("\\f"),
        other if (other as u32) < 0x20 || other as u32 == 0x7f => {
            quoted.push_str(&format!("\\x{:02x}", other as u32));
        }
        other => quoted.push(other),
    }
}
