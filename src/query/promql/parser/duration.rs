//! Lengths of time in brackets and after `offset`.

use crate::query::promql::ast::{BinaryOp, DurationKind, DurationNode, Length, NumberLiteral};
use crate::query::promql::parser::{MAX_DEPTH, Parsed, Parser};
use crate::query::promql::position::Span;
use crate::query::promql::token::{Keyword, TokenKind};

/// The longest duration in seconds: 2^63 nanoseconds.
const MAX_SECONDS: f64 = 9_223_372_036.854_775;

impl Parser<'_> {
    /// Reads the length of a range or a step, which must be above zero when it is known.
    pub(super) fn positive_length(&mut self, context: &str, expected: &str) -> Parsed<Length> {
        if !self.starts_duration() {
            return self.unexpected(context, expected);
        }
        let node = self.duration_expression(0)?;
        if let DurationKind::Number(number) = &node.kind
            && number.value <= 0.0
        {
            return self.fail(node.span, "duration must be greater than 0");
        }
        Ok(length(node))
    }

    /// Reads what follows `offset`: a signed literal, a call, or an expression in parentheses.
    pub(super) fn offset_length(&mut self) -> Parsed<Length> {
        if !self.starts_duration() {
            return self.unexpected("offset", "number, duration, step(), or range()");
        }
        let node = self.duration_unary(false)?;
        Ok(length(node))
    }

    fn starts_duration(&self) -> bool {
        matches!(
            self.peek().kind,
            TokenKind::Number
                | TokenKind::Duration
                | TokenKind::LeftParen
                | TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub)
                | TokenKind::Keyword(
                    Keyword::Step | Keyword::Range | Keyword::MaxOf | Keyword::MinOf
                )
        )
    }

    fn duration_expression(&mut self, tightest: u8) -> Parsed<DurationNode> {
        self.nesting += 1;
        if self.nesting > MAX_DEPTH {
            let start = self.peek().start;
            return self.fail(Span::new(start, start), "expression is nested too deeply");
        }
        let mut left = self.duration_unary(true)?;
        let mut links = 0;
        while let TokenKind::Operator(op) = self.peek().kind {
            let arithmetic = op.precedence() >= BinaryOp::Add.precedence() && !op.is_word();
            if !arithmetic || op.precedence() < tightest {
                break;
            }
            links += 1;
            let sign = self.next();
            if links > MAX_DEPTH {
                let span = Span::new(sign.start, sign.end());
                return self.fail(span, "expression is nested too deeply");
            }
            let right =
                self.duration_expression(op.precedence() + u8::from(op != BinaryOp::Pow))?;
            let zero = matches!(&right.kind, DurationKind::Number(number) if number.value == 0.0);
            let span = Span::new(sign.start, sign.end());
            match op {
                BinaryOp::Div if zero => return self.fail(span, "division by zero"),
                BinaryOp::Mod if zero => return self.fail(span, "modulo by zero"),
                _ => {}
            }
            let span = left.span.to(right.span);
            let kind = DurationKind::Binary(op, Box::new(left), Box::new(right));
            left = DurationNode { kind, span, wrapped: false };
        }
        self.nesting -= 1;
        Ok(left)
    }

    /// Reads a sign and its operand; `loose` lets `-2 ^ 2` mean `-(2 ^ 2)`.
    fn duration_unary(&mut self, loose: bool) -> Parsed<DurationNode> {
        let sign = self.peek();
        let negate = match sign.kind {
            TokenKind::Operator(BinaryOp::Add) => false,
            TokenKind::Operator(BinaryOp::Sub) => true,
            _ => return self.duration_primary(),
        };
        self.next();
        let mut operand = if loose {
            self.duration_expression(BinaryOp::Pow.precedence())?
        } else {
            self.duration_primary()?
        };
        if !negate {
            return Ok(operand);
        }
        let span = Span::new(sign.start, operand.span.end);
        if let DurationKind::Number(number) = &mut operand.kind {
            number.value = -number.value;
            operand.span = span;
            return Ok(operand);
        }
        Ok(DurationNode { kind: DurationKind::Negate(Box::new(operand)), span, wrapped: false })
    }

    fn duration_primary(&mut self) -> Parsed<DurationNode> {
        let token = self.peek();
        let span = Span::new(token.start, token.end());
        match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let number = self.number_literal()?;
                if number.value.abs() > MAX_SECONDS {
                    return self.fail(span, "duration out of range");
                }
                Ok(DurationNode { kind: DurationKind::Number(number), span, wrapped: false })
            }
            TokenKind::Keyword(word @ (Keyword::Step | Keyword::Range)) => {
                self.next();
                self.expect(TokenKind::LeftParen)?;
                self.expect(TokenKind::RightParen)?;
                let kind =
                    if word == Keyword::Step { DurationKind::Step } else { DurationKind::Range };
                let span = Span::new(token.start, self.last_closing);
                Ok(DurationNode { kind, span, wrapped: false })
            }
            TokenKind::Keyword(word @ (Keyword::MinOf | Keyword::MaxOf)) => {
                self.next();
                self.expect(TokenKind::LeftParen)?;
                let left = Box::new(self.duration_expression(0)?);
                self.expect(TokenKind::Comma)?;
                let right = Box::new(self.duration_expression(0)?);
                self.expect(TokenKind::RightParen)?;
                let kind = if word == Keyword::MinOf {
                    DurationKind::MinOf(left, right)
                } else {
                    DurationKind::MaxOf(left, right)
                };
                let span = Span::new(token.start, self.last_closing);
                Ok(DurationNode { kind, span, wrapped: false })
            }
            TokenKind::LeftParen => {
                self.next();
                let mut inner = self.duration_expression(0)?;
                self.expect(TokenKind::RightParen)?;
                if let DurationKind::Number(_) = inner.kind {
                    let span = Span::new(token.start, self.last_closing);
                    let kind = DurationKind::Same(Box::new(inner));
                    return Ok(DurationNode { kind, span, wrapped: true });
                }
                inner.wrapped = true;
                Ok(inner)
            }
            _ => self.unexpected("", ""),
        }
    }

    fn expect(&mut self, kind: TokenKind) -> Parsed<()> {
        if self.eat(kind) { Ok(()) } else { self.unexpected("", "") }
    }
}

/// A literal is known at once, anything else when the query is asked.
fn length(node: DurationNode) -> Length {
    match node.kind {
        DurationKind::Number(NumberLiteral { value, .. }) => {
            Length::Fixed((value * 1000.0).round() as i64)
        }
        _ => Length::Computed(node),
    }
}
