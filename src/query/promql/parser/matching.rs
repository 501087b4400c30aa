//! What may stand between a binary operator and its right operand.

use crate::query::promql::ast::{BinaryOp, Cardinality, Matching};
use crate::query::promql::parser::{Parsed, Parser};
use crate::query::promql::token::{Keyword, TokenKind};

/// `bool`, `on`, `ignoring`, `group_left`, `group_right`, `fill`.
pub(super) struct Modifiers {
    pub return_bool: bool,
    pub matching: Matching,
}

impl Parser<'_> {
    pub(super) fn binary_modifiers(&mut self) -> Parsed<Modifiers> {
        let return_bool = self.eat(TokenKind::Keyword(Keyword::Bool));
        let mut matching = Matching::default();
        match self.peek().kind {
            TokenKind::Keyword(Keyword::On) => matching.on = true,
            TokenKind::Keyword(Keyword::Ignoring) => {}
            _ => {
                self.fill_modifiers(&mut matching)?;
                return Ok(Modifiers { return_bool, matching });
            }
        }
        self.next();
        matching.labels = self.grouping_labels()?;
        matching.cardinality = match self.peek().kind {
            TokenKind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
            TokenKind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
            _ => Cardinality::OneToOne,
        };
        if matching.cardinality != Cardinality::OneToOne {
            self.next();
            if self.peek().kind == TokenKind::LeftParen {
                matching.include = self.grouping_labels()?;
            }
        }
        self.fill_modifiers(&mut matching)?;
        Ok(Modifiers { return_bool, matching })
    }

    fn fill_modifiers(&mut self, matching: &mut Matching) -> Parsed<()> {
        match self.peek().kind {
            TokenKind::Keyword(Keyword::Fill) => {
                let value = self.fill_value()?;
                matching.fill_left = Some(value);
                matching.fill_right = Some(value);
            }
            TokenKind::Keyword(Keyword::FillLeft) => {
                matching.fill_left = Some(self.fill_value()?);
                if self.peek().kind == TokenKind::Keyword(Keyword::FillRight) {
                    matching.fill_right = Some(self.fill_value()?);
                }
            }
            TokenKind::Keyword(Keyword::FillRight) => {
                matching.fill_right = Some(self.fill_value()?);
                if self.peek().kind == TokenKind::Keyword(Keyword::FillLeft) {
                    matching.fill_left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.next();
        if !self.eat(TokenKind::LeftParen) {
            return self.unexpected("", "");
        }
        let negate = self.eat(TokenKind::Operator(BinaryOp::Sub));
        if !negate {
            self.eat(TokenKind::Operator(BinaryOp::Add));
        }
        if !matches!(self.peek().kind, TokenKind::Number | TokenKind::Duration) {
            return self.unexpected("", "");
        }
        let value = self.number_literal()?.value;
        if !self.eat(TokenKind::RightParen) {
            return self.unexpected("", "");
        }
        Ok(if negate { -value } else { value })
    }
}
