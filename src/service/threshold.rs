//! The level that an expression compares with, as most alerting rules are written.

use crate::query::promql::ast::{Binary, BinaryOp, Kind, Node};
use crate::service::Expression;

/// A comparison of something measured with a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// The expression of what is measured.
    pub measured: String,
    /// The comparison, such as `>`; the measured side stands on its left.
    pub comparison: &'static str,
    /// The number.
    pub level: f64,
}

impl Expression {
    /// Returns the comparison that decides about the expression's elements; `None` unless its
    /// outermost operator, but for conditions joined by `and` and `unless`, compares with a number.
    pub fn threshold(&self) -> Option<Threshold> {
        threshold(&self.tree().root)
    }
}

/// The parser bounds the depth of the tree; likewise below.
fn threshold(node: &Node) -> Option<Threshold> {
    match &node.kind {
        Kind::Paren(inner) => threshold(inner),
        Kind::Binary(binary) => match binary.op {
            BinaryOp::And | BinaryOp::Unless => {
                threshold(&binary.left).or_else(|| threshold(&binary.right))
            }
            _ => comparison(binary),
        },
        Kind::Number(_)
        | Kind::Text(_)
        | Kind::Selector(_)
        | Kind::Matrix(_)
        | Kind::Subquery(_)
        | Kind::Unary { .. }
        | Kind::Aggregate(_)
        | Kind::Call(_) => None,
    }
}

fn comparison(binary: &Binary) -> Option<Threshold> {
    let forwards = symbol(binary.op)?;
    if let Some(level) = number(&binary.right) {
        return Some(Threshold { measured: binary.left.to_string(), comparison: forwards, level });
    }
    let level = number(&binary.left)?;
    let backwards = symbol(mirrored(binary.op))?;
    Some(Threshold { measured: binary.right.to_string(), comparison: backwards, level })
}

fn symbol(op: BinaryOp) -> Option<&'static str> {
    match op {
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterOrEqual => Some(op.as_str()),
        _ => None,
    }
}

/// The comparison with its sides exchanged.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
        other => other,
    }
}

/// The value of a number, of a negated one, and of arithmetic between them, such as `64 * 1024`.
fn number(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Number(number) => Some(number.value),
        Kind::Paren(inner) => number(inner),
        Kind::Unary { negate, operand } => {
            number(operand).map(|value| if *negate { -value } else { value })
        }
        Kind::Binary(binary) => {
            let (left, right) = (number(&binary.left)?, number(&binary.right)?);
            match binary.op {
                BinaryOp::Add => Some(left + right),
                BinaryOp::Sub => Some(left - right),
                BinaryOp::Mul => Some(left * right),
                BinaryOp::Div => Some(left / right),
                BinaryOp::Pow => Some(left.powf(right)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(String, &'static str, f64)> {
        let found = Expression::parse(text).unwrap().threshold()?;
        Some((found.measured, found.comparison, found.level))
    }

    #[test]
    fn what_is_measured_is_told_from_its_level() {
        let up = |comparison, level| Some(("up".to_owned(), comparison, level));
        assert_eq!(of("up == 0"), up("==", 0.0));
        assert_eq!(of("(up < (1))"), up("<", 1.0));
        assert_eq!(of("0.5 > up"), up("<", 0.5));
        assert_eq!(of("up > -1"), up(">", -1.0));
        assert_eq!(of("up >= 64 * 1024 ^ 2"), up(">=", 67_108_864.0));
        assert_eq!(of("up > 1 and on (job) other > 2"), up(">", 1.0));
        assert_eq!(of("other and up > 1"), up(">", 1.0));
        let ratio = of("sum(rate(a[5m])) / sum(rate(b[5m])) > 0.05").unwrap();
        assert_eq!((ratio.0.as_str(), ratio.2), ("sum(rate(a[5m])) / sum(rate(b[5m]))", 0.05));
    }

    #[test]
    fn an_expression_that_compares_with_no_number_has_no_level() {
        for text in ["up", "absent(up)", "a > b", "a > 1 or b > 2", "sum(a > 1)"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
