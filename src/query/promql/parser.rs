//! Tokens to a tree, by recursive descent with operator precedence.

mod aggregation;
mod duration;
mod matching;
mod postfix;
mod primary;
mod selector;

use std::sync::Arc;

use crate::model::matcher::Matcher;
use crate::query::promql::ast::{Binary, BinaryOp, Expr, Kind, Node};
use crate::query::promql::counts;
use crate::query::promql::lexer::{Tokens, tokenize};
use crate::query::promql::position::{ParseError, Span};
use crate::query::promql::token::{Token, TokenKind};
use crate::query::promql::types;

/// The longest query text in bytes.
const MAX_TEXT: usize = 1 << 20;
/// The deepest tree, and the deepest nesting of parentheses. Reading and evaluating recurse, and the
/// deepest query must fit a thread's stack of 2 MiB even without optimisation; a test holds that.
const MAX_DEPTH: usize = 100;

/// Reads a query and checks its types.
///
/// # Errors
/// The first fault with its place, in Prometheus' words.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let mut root = Parser::of(text)?.whole()?;
    types::check(text, &mut root)?;
    counts::mark(&mut root);
    Ok(Expr { root, text: Arc::from(text) })
}

/// Reads a bare selector such as `up{job="a"}`. It may choose everything.
///
/// # Errors
/// The first fault with its place, in Prometheus' words.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::of(text)?;
    let token = parser.peek();
    let name = match token.kind {
        TokenKind::LeftBrace => None,
        kind if kind.names_metric() => Some(token),
        _ => return parser.unexpected("", ""),
    };
    let node = parser.selector(name)?;
    match (node.kind, parser.peek().kind) {
        (Kind::Selector(selector), TokenKind::End) => Ok(selector.matchers),
        _ => parser.unexpected("", ""),
    }
}

type Parsed<T> = Result<T, ParseError>;

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    lexer_error: Option<(Span, String)>,
    at: usize,
    /// Where the last closing bracket, number or duration ended: where nodes with suffixes end.
    last_closing: usize,
    nesting: usize,
}

impl<'a> Parser<'a> {
    fn of(text: &'a str) -> Parsed<Self> {
        if text.len() > MAX_TEXT {
            let message = format!("query of {} bytes is longer than {MAX_TEXT} bytes", text.len());
            return Err(ParseError::new("", Span::default(), message));
        }
        let Tokens { tokens, error } = tokenize(text);
        Ok(Parser { text, tokens, lexer_error: error, at: 0, last_closing: 0, nesting: 0 })
    }

    fn whole(&mut self) -> Parsed<Node> {
        if self.peek().kind == TokenKind::End {
            return self.fail(Span::default(), "no expression found in input");
        }
        let root = self.expression(0)?;
        if self.peek().kind != TokenKind::End {
            return self.unexpected("", "");
        }
        Ok(root)
    }

    fn peek(&self) -> Token<'a> {
        self.ahead(0)
    }

    fn ahead(&self, distance: usize) -> Token<'a> {
        let end = Token { kind: TokenKind::End, start: self.text.len(), text: "" };
        let last = self.tokens.last().copied().unwrap_or(end);
        self.tokens.get(self.at + distance).copied().unwrap_or(last)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at = (self.at + 1).min(self.tokens.len());
        if matches!(
            token.kind,
            TokenKind::RightBrace
                | TokenKind::RightParen
                | TokenKind::RightBracket
                | TokenKind::Duration
                | TokenKind::Number
        ) {
            self.last_closing = token.end();
        }
        token
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.peek().kind == kind;
        if found {
            self.next();
        }
        found
    }

    fn fail<T>(&self, span: Span, message: impl Into<String>) -> Parsed<T> {
        Err(ParseError::new(self.text, span, message))
    }

    /// Complains about the next token; a fault of the lexer goes first.
    fn unexpected<T>(&self, context: &str, expected: &str) -> Parsed<T> {
        let token = self.peek();
        if let (TokenKind::Error, Some((span, message))) = (token.kind, &self.lexer_error) {
            return self.fail(*span, message.clone());
        }
        let mut message = format!("unexpected {}", token.describe());
        if !context.is_empty() {
            message.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        self.fail(Span::new(token.start, token.end()), message)
    }

    /// Reads operands and operators that bind at least as tightly as `tightest`.
    fn expression(&mut self, tightest: u8) -> Parsed<Node> {
        self.nesting += 1;
        if self.nesting > MAX_DEPTH {
            let start = self.peek().start;
            return self.fail(Span::new(start, start), "expression is nested too deeply");
        }
        let mut left = self.unary()?;
        while let TokenKind::Operator(op) = self.peek().kind {
            if op.precedence() < tightest {
                break;
            }
            self.next();
            let modifiers = self.binary_modifiers()?;
            let right_associative = op == BinaryOp::Pow;
            let right = self.expression(op.precedence() + u8::from(!right_associative))?;
            left = self.binary(op, left, right, modifiers)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn binary(
        &self,
        op: BinaryOp,
        left: Node,
        right: Node,
        modifiers: matching::Modifiers,
    ) -> Parsed<Node> {
        let span = left.span.to(right.span);
        let depth = left.depth.max(right.depth) + 1;
        let binary = Binary {
            op,
            left,
            right,
            return_bool: modifiers.return_bool,
            matching: Some(modifiers.matching),
        };
        self.node(Kind::Binary(Box::new(binary)), span, depth)
    }

    /// Reads an optional sign and what it stands before.
    fn unary(&mut self) -> Parsed<Node> {
        let sign = self.peek();
        let negate = match sign.kind {
            TokenKind::Operator(BinaryOp::Add) => false,
            TokenKind::Operator(BinaryOp::Sub) => true,
            _ => return self.postfix(),
        };
        self.next();
        let mut operand = self.expression(BinaryOp::Pow.precedence())?;
        operand.span.start = if let Kind::Number(number) = &mut operand.kind {
            number.value = if negate { -number.value } else { number.value };
            sign.start
        } else {
            let span = Span::new(sign.start, operand.span.end);
            let depth = operand.depth + 1;
            return self.node(Kind::Unary { negate, operand: Box::new(operand) }, span, depth);
        };
        Ok(operand)
    }

    fn node(&self, kind: Kind, span: Span, depth: usize) -> Parsed<Node> {
        if depth > MAX_DEPTH {
            return self.fail(span, "expression is nested too deeply");
        }
        Ok(Node { kind, span, depth })
    }

    fn leaf(&self, kind: Kind, span: Span) -> Node {
        Node { kind, span, depth: 1 }
    }
}

#[cfg(test)]
mod tests;
