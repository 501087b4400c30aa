//! The tree back to text over several lines, as Prometheus' `format_query` breaks them.

use crate::query::promql::ast::{Kind, Node, Subquery};
use crate::query::promql::printer::write_head;

/// A part that is longer than this is broken.
const LINE: usize = 100;

/// Writes an expression; parts of more than 100 bytes are spread over lines.
pub(super) fn pretty(node: &Node) -> String {
    spread(node, 0)
}

/// Writes a node that stands `level` steps to the right.
fn spread(node: &Node, level: usize) -> String {
    let indent = "  ".repeat(level);
    let line = node.to_string();
    let long = line.len() > LINE;
    match &node.kind {
        Kind::Unary { negate, operand } => {
            let operand = spread(operand, level);
            format!("{indent}{}{}", if *negate { "-" } else { "+" }, operand.trim())
        }
        // Its own indent is lost, as in Prometheus.
        Kind::Subquery(_) if !long => line,
        Kind::Subquery(subquery) => {
            format!("{}{}", spread(&subquery.operand, level), suffix(subquery))
        }
        Kind::Paren(inner) if long => {
            format!("{indent}(\n{}\n{indent})", spread(inner, level + 1))
        }
        Kind::Binary(binary) if long => {
            let word = if binary.return_bool { " bool" } else { "" };
            let matching = binary.matching.as_ref().map(ToString::to_string).unwrap_or_default();
            let (left, right) = (spread(&binary.left, level + 1), spread(&binary.right, level + 1));
            format!("{left}\n{indent}{}{word}{matching}\n{right}", binary.op.as_str())
        }
        Kind::Aggregate(aggregate) if long => {
            let mut text = indent.clone();
            let _ = write_head(&mut text, aggregate);
            text.push_str("(\n");
            if let Some(parameter) = &aggregate.parameter {
                text.push_str(&spread(parameter, level + 1));
                text.push_str(",\n");
            }
            text.push_str(&spread(&aggregate.operand, level + 1));
            format!("{text}\n{indent})")
        }
        Kind::Call(call) if long => {
            let arguments: Vec<_> =
                call.arguments.iter().map(|argument| spread(argument, level + 1)).collect();
            format!("{indent}{}(\n{}\n{indent})", call.function.name, arguments.join(",\n"))
        }
        _ => format!("{indent}{line}"),
    }
}

/// Returns what stands behind the operand of a subquery.
fn suffix(subquery: &Subquery) -> String {
    let step = subquery.step.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("[{}:{step}]{}", subquery.range, subquery.timing)
}

#[cfg(test)]
mod tests {
    use crate::query::promql::parse;

    #[test]
    fn only_long_parts_are_broken() {
        let query = |text: &str| super::pretty(&parse(text).unwrap().root);
        assert_eq!(query("sum( rate(a[5m])) "), "sum(rate(a[5m]))");
        let long = format!("sum by (job) (rate({}[5m])) / 2", "a".repeat(90));
        let broken = format!("  sum by (job) (\n    rate({}[5m])\n  )\n/\n  2", "a".repeat(90));
        assert_eq!(query(&long), broken);
    }
}
