//! What may follow an operand: ranges, `offset`, `@`, `anchored`, `smoothed`.

use crate::query::promql::ast::{
    At, BinaryOp, Edges, Kind, Length, Matrix, Node, Selector, Subquery, Timing,
};
use crate::query::promql::parser::{Parsed, Parser};
use crate::query::promql::position::Span;
use crate::query::promql::token::{Keyword, TokenKind};

impl Parser<'_> {
    pub(super) fn postfix(&mut self) -> Parsed<Node> {
        let mut node = self.primary()?;
        loop {
            node = match self.peek().kind {
                TokenKind::LeftBracket => self.range(node)?,
                TokenKind::Keyword(Keyword::Offset) => self.offset(node)?,
                TokenKind::At => self.at_modifier(node)?,
                TokenKind::Keyword(Keyword::Anchored) => self.edges(node, Edges::Anchored)?,
                TokenKind::Keyword(Keyword::Smoothed) => self.edges(node, Edges::Smoothed)?,
                _ => return Ok(node),
            };
        }
    }

    fn range(&mut self, node: Node) -> Parsed<Node> {
        let open = self.next();
        let context = "subquery or range selector";
        let range = self.positive_length(context, "number, duration, step(), or range()")?;
        if self.eat(TokenKind::Colon) {
            return self.subquery(node, range);
        }
        if self.peek().kind != TokenKind::RightBracket {
            return self.unexpected("subquery or range", "\":\" or \"]\"");
        }
        let close = self.next();
        let brackets = Span::new(open.start, close.end());
        let Kind::Selector(selector) = node.kind else {
            return self.fail(brackets, "ranges only allowed for vector selectors");
        };
        if selector.timing.offset.as_ref().is_some_and(|offset| *offset != Length::Fixed(0)) {
            return self.fail(brackets, "no offset modifiers allowed before range");
        }
        if selector.timing.at.is_some() {
            return self.fail(brackets, "no @ modifiers allowed before range");
        }
        let selector_span = node.span;
        let span = Span::new(selector_span.start, self.last_closing);
        Ok(self.leaf(
            Kind::Matrix(Box::new(Matrix { selector: *selector, selector_span, range })),
            span,
        ))
    }

    fn subquery(&mut self, operand: Node, range: Length) -> Parsed<Node> {
        let mut step = None;
        if self.peek().kind != TokenKind::RightBracket {
            let expected = "number, duration, step(), range(), or \"]\"";
            step = Some(self.positive_length("subquery selector", expected)?);
            if self.peek().kind != TokenKind::RightBracket {
                return self.unexpected("subquery selector", "\"]\"");
            }
        }
        let close = self.next();
        let span = Span::new(operand.span.start, close.end());
        let depth = operand.depth + 1;
        let subquery = Subquery { operand, range, step, timing: Timing::default() };
        self.node(Kind::Subquery(Box::new(subquery)), span, depth)
    }

    fn offset(&mut self, mut node: Node) -> Parsed<Node> {
        self.next();
        let offset = self.offset_length()?;
        let span = node.span;
        let Some(timing) = timing(&mut node) else {
            let message = "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return self.fail(span, message);
        };
        if timing.offset.as_ref().is_some_and(|offset| *offset != Length::Fixed(0)) {
            return self.fail(span, "offset may not be set multiple times");
        }
        timing.offset = Some(offset);
        node.span.end = self.last_closing;
        Ok(node)
    }

    fn at_modifier(&mut self, mut node: Node) -> Parsed<Node> {
        self.next();
        let at = self.at_instant(node.span)?;
        let span = node.span;
        let Some(timing) = timing(&mut node) else {
            let message = "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return self.fail(span, message);
        };
        if timing.at.is_some() {
            return self.fail(span, "@ <timestamp> may not be set multiple times");
        }
        timing.at = Some(at);
        node.span.end = self.last_closing;
        Ok(node)
    }

    fn at_instant(&mut self, of: Span) -> Parsed<At> {
        let token = self.peek();
        if let TokenKind::Keyword(word @ (Keyword::Start | Keyword::End)) = token.kind {
            self.next();
            if !self.eat(TokenKind::LeftParen) || !self.eat(TokenKind::RightParen) {
                return self.unexpected("@", "timestamp");
            }
            return Ok(if word == Keyword::Start { At::Start } else { At::End });
        }
        let negate = self.eat(TokenKind::Operator(BinaryOp::Sub));
        if !negate {
            self.eat(TokenKind::Operator(BinaryOp::Add));
        }
        if !matches!(self.peek().kind, TokenKind::Number | TokenKind::Duration) {
            return self.unexpected("@", "timestamp");
        }
        let value = self.number_literal()?.value;
        let seconds = if negate { -value } else { value };
        if !seconds.is_finite() || seconds.abs() >= i64::MAX as f64 {
            let shown = crate::query::promql::printer::six_decimals(seconds);
            return self.fail(of, format!("timestamp out of bounds for @ modifier: {shown}"));
        }
        Ok(At::Instant((seconds * 1000.0).round() as i64))
    }

    fn edges(&mut self, mut node: Node, edges: Edges) -> Parsed<Node> {
        self.next();
        let word = if edges == Edges::Anchored { "anchored" } else { "smoothed" };
        let span = node.span;
        let selector: &mut Selector = match &mut node.kind {
            Kind::Selector(selector) => selector,
            Kind::Matrix(matrix) => &mut matrix.selector,
            Kind::Subquery(_) => {
                return self.fail(span, format!("{word} modifier is not supported for subqueries"));
            }
            _ => return self.fail(span, format!("{word} modifier not implemented")),
        };
        if selector.edges != Edges::Plain && selector.edges != edges {
            return self.fail(span, "anchored and smoothed modifiers cannot be used together");
        }
        selector.edges = edges;
        Ok(node)
    }
}

fn timing(node: &mut Node) -> Option<&mut Timing> {
    match &mut node.kind {
        Kind::Selector(selector) => Some(&mut selector.timing),
        Kind::Matrix(matrix) => Some(&mut matrix.selector.timing),
        Kind::Subquery(subquery) => Some(&mut subquery.timing),
        _ => None,
    }
}
