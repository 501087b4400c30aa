//! `name{label="value"}`.

use crate::model::labels::METRIC_NAME;
use crate::model::matcher::{MatchOp, Matcher};
use crate::query::promql::ast::{BinaryOp, Kind, Node, Selector};
use crate::query::promql::parser::{Parsed, Parser};
use crate::query::promql::position::Span;
use crate::query::promql::token::{Token, TokenKind};

impl<'a> Parser<'a> {
    /// Reads a selector; `name` is the token of its metric name, still ahead.
    pub(super) fn selector(&mut self, name: Option<Token<'a>>) -> Parsed<Node> {
        let start = self.peek().start;
        let mut selector = Selector::default();
        let mut end = self.peek().end();
        if let Some(name) = name {
            self.next();
            selector.name = name.text.to_owned();
        }
        if self.peek().kind == TokenKind::LeftBrace {
            self.next();
            selector.matchers = self.matchers()?;
            end = self.last_closing;
        }
        if !selector.name.is_empty() {
            selector.matchers.push(Matcher::equal(METRIC_NAME, selector.name.clone()));
        }
        Ok(self.leaf(Kind::Selector(Box::new(selector)), Span::new(start, end)))
    }

    fn matchers(&mut self) -> Parsed<Vec<Matcher>> {
        let mut matchers = Vec::new();
        loop {
            if self.peek().kind == TokenKind::RightBrace {
                self.next();
                return Ok(matchers);
            }
            matchers.push(self.matcher()?);
            match self.peek().kind {
                TokenKind::Comma => {
                    self.next();
                }
                TokenKind::RightBrace => {}
                _ => return self.unexpected("label matching", "\",\" or \"}\""),
            }
        }
    }

    fn matcher(&mut self) -> Parsed<Matcher> {
        let label = self.peek();
        let name = match label.kind {
            TokenKind::Identifier => label.text.to_owned(),
            TokenKind::Text => self.unquoted(&label)?,
            _ => return self.unexpected("label matching", "identifier or \"}\""),
        };
        self.next();
        let op = match self.peek().kind {
            TokenKind::Equal => MatchOp::Equal,
            TokenKind::Operator(BinaryOp::NotEqual) => MatchOp::NotEqual,
            TokenKind::EqualRegex => MatchOp::Regex,
            TokenKind::NotEqualRegex => MatchOp::NotRegex,
            _ if label.kind == TokenKind::Text => return Ok(Matcher::equal(METRIC_NAME, name)),
            _ => return self.unexpected("label matching", "label matching operator"),
        };
        self.next();
        let value = self.peek();
        if value.kind != TokenKind::Text {
            return self.unexpected("label matching", "string");
        }
        self.next();
        let text = self.unquoted(&value)?;
        match Matcher::new(op, name, text) {
            Ok(matcher) => Ok(matcher),
            Err(error) => self.fail(Span::new(label.start, value.end()), error.message()),
        }
    }
}
