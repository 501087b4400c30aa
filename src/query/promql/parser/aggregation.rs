//! `sum by (label) (expression)`.

use crate::query::promql::ast::{Aggregate, AggregateOp, Kind, Node};
use crate::query::promql::parser::{Parsed, Parser};
use crate::query::promql::position::Span;
use crate::query::promql::token::{Keyword, TokenKind};

/// Labels after `by` or `without`.
#[derive(Default)]
struct Grouping {
    labels: Vec<String>,
    without: bool,
}

impl Parser<'_> {
    /// Returns whether the aggregator's name is not used as a metric name.
    pub(super) fn starts_aggregation(&self) -> bool {
        matches!(
            self.ahead(1).kind,
            TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without)
        )
    }

    pub(super) fn aggregation(&mut self, op: AggregateOp) -> Parsed<Node> {
        let start = self.next().start;
        let before = self.aggregate_modifier()?;
        if self.peek().kind != TokenKind::LeftParen {
            return self.unexpected("aggregation", "");
        }
        let mut arguments = self.arguments()?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => self.aggregate_modifier()?.unwrap_or_default(),
        };
        let span = Span::new(start, self.last_closing);
        let wanted = if op.parameter().is_some() { 2 } else { 1 };
        if arguments.is_empty() {
            return self.fail(span, "no arguments for aggregate expression provided");
        }
        if arguments.len() != wanted {
            let got = arguments.len();
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}"
            );
            return self.fail(span, message);
        }
        let depth = 1 + arguments.iter().map(|argument| argument.depth).max().unwrap_or(0);
        let parameter = (wanted == 2).then(|| arguments.remove(0));
        let operand = arguments.remove(0);
        let Grouping { labels: grouping, without } = grouping;
        let aggregate = Aggregate { op, parameter, operand, grouping, without };
        self.node(Kind::Aggregate(Box::new(aggregate)), span, depth)
    }

    fn aggregate_modifier(&mut self) -> Parsed<Option<Grouping>> {
        let without = match self.peek().kind {
            TokenKind::Keyword(Keyword::By) => false,
            TokenKind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.next();
        Ok(Some(Grouping { labels: self.grouping_labels()?, without }))
    }

    /// Reads `(a, "b c",)`.
    pub(super) fn grouping_labels(&mut self) -> Parsed<Vec<String>> {
        if !self.eat(TokenKind::LeftParen) {
            return self.unexpected("grouping opts", "\"(\"");
        }
        let mut labels = Vec::new();
        loop {
            let token = self.peek();
            match token.kind {
                TokenKind::RightParen => {
                    self.next();
                    return Ok(labels);
                }
                TokenKind::Text => labels.push(self.unquoted(&token)?),
                kind if kind.names_label() => labels.push(token.text.to_owned()),
                _ => return self.unexpected("grouping opts", "label"),
            }
            self.next();
            match self.peek().kind {
                TokenKind::Comma => {
                    self.next();
                }
                TokenKind::RightParen => {}
                _ => return self.unexpected("grouping opts", "\",\" or \")\""),
            }
        }
    }
}
