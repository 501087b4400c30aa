//! What stands between operators: literals, calls, aggregations, selectors, parentheses.

use crate::base::duration::parse_duration;
use crate::base::unquote::unquote;
use crate::query::promql::ast::{Call, Kind, Node, NumberLiteral};
use crate::query::promql::parser::{Parsed, Parser};
use crate::query::promql::position::Span;
use crate::query::promql::signature::signature;
use crate::query::promql::token::{Keyword, Token, TokenKind, go_quote};

impl<'a> Parser<'a> {
    pub(super) fn primary(&mut self) -> Parsed<Node> {
        let token = self.peek();
        let before_paren = self.ahead(1).kind == TokenKind::LeftParen;
        match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let number = self.number_literal()?;
                Ok(self.leaf(Kind::Number(number), Span::new(token.start, token.end())))
            }
            TokenKind::Text => {
                self.next();
                let text = self.unquoted(&token)?;
                Ok(self.leaf(Kind::Text(text), Span::new(token.start, token.end())))
            }
            TokenKind::LeftParen => self.parenthesized(),
            TokenKind::LeftBrace => self.selector(None),
            TokenKind::Aggregator(op) if self.starts_aggregation() => self.aggregation(op),
            TokenKind::Identifier if before_paren => self.call(),
            TokenKind::Keyword(
                Keyword::Start
                | Keyword::End
                | Keyword::Step
                | Keyword::Range
                | Keyword::MaxOf
                | Keyword::MinOf,
            ) if before_paren => self.call(),
            kind if kind.names_metric() => self.selector(Some(token)),
            _ => self.unexpected("", ""),
        }
    }

    /// Reads a number or a duration in seconds.
    pub(super) fn number_literal(&mut self) -> Parsed<NumberLiteral> {
        let token = self.next();
        let span = Span::new(token.start, token.end());
        if token.kind == TokenKind::Duration {
            return match parse_duration(token.text) {
                Ok(duration) => Ok(NumberLiteral { value: duration.as_secs_f64(), duration: true }),
                Err(message) => self.fail(span, message),
            };
        }
        match number(token.text) {
            Some(value) => Ok(NumberLiteral { value, duration: false }),
            None => {
                let quoted = go_quote(token.text);
                let text = format!(
                    "error parsing number: strconv.ParseFloat: parsing {quoted}: invalid syntax"
                );
                self.fail(span, text)
            }
        }
    }

    pub(super) fn unquoted(&self, token: &Token<'a>) -> Parsed<String> {
        match unquote(token.text) {
            Some(text) => Ok(text),
            None => {
                let quoted = go_quote(token.text);
                let span = Span::new(token.start, token.end());
                self.fail(span, format!("error unquoting string {quoted}: invalid syntax"))
            }
        }
    }

    fn parenthesized(&mut self) -> Parsed<Node> {
        let open = self.next();
        let inner = self.expression(0)?;
        if self.peek().kind != TokenKind::RightParen {
            return self.unexpected("", "");
        }
        let close = self.next();
        let depth = inner.depth + 1;
        self.node(Kind::Paren(Box::new(inner)), Span::new(open.start, close.end()), depth)
    }

    fn call(&mut self) -> Parsed<Node> {
        let name = self.next();
        let span = Span::new(name.start, name.end());
        let arguments = self.arguments()?;
        let Some(function) = signature(name.text) else {
            let quoted = go_quote(name.text);
            return self.fail(span, format!("unknown function with name {quoted}"));
        };
        let depth = 1 + arguments.iter().map(|argument| argument.depth).max().unwrap_or(0);
        let span = Span::new(name.start, self.last_closing);
        self.node(Kind::Call(Call { function, arguments }), span, depth)
    }

    /// Reads `(a, b)`.
    pub(super) fn arguments(&mut self) -> Parsed<Vec<Node>> {
        self.next();
        let mut arguments = Vec::new();
        if self.eat(TokenKind::RightParen) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(0)?);
            let token = self.peek();
            match token.kind {
                TokenKind::RightParen => {
                    self.next();
                    return Ok(arguments);
                }
                TokenKind::Comma => {
                    self.next();
                    if self.peek().kind == TokenKind::RightParen {
                        let span = Span::new(token.start, token.end());
                        let message = "trailing commas not allowed in function call args";
                        return self.fail(span, message);
                    }
                }
                _ => return self.unexpected("", ""),
            }
        }
    }
}

/// Reads a number as Go does: decimal, hexadecimal, octal with a leading zero, underscores.
pub(super) fn number(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let (sign, digits) = match lower.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, lower.strip_prefix('+').unwrap_or(&lower)),
    };
    match digits {
        "inf" | "+inf" => return Some(sign * f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let plain: String = digits.chars().filter(|character| *character != '_').collect();
    if let Some(hex) = plain.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(|value| sign * value as f64);
    }
    let octal = plain.len() > 1 && plain.starts_with('0');
    if octal && let Ok(value) = i64::from_str_radix(&plain, 8) {
        return Some(sign * value as f64);
    }
    plain.parse::<f64>().ok().map(|value| sign * value)
}
