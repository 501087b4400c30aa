//! Finds the selectors of which a query wants counts and sums of histograms only.
//!
//! There the samples are read one after the other, and each says whether it was reset since the one
//! before: Prometheus does so, and warns of contradictions that it would not notice otherwise.

use crate::query::promql::ast::{BinaryOp, Kind, Node};

/// Marks the selectors below `histogram_count`, `histogram_sum` or `histogram_avg` that stand in no
/// subquery and below no function that needs buckets.
pub(super) fn mark(node: &mut Node) {
    mark_below(node, false);
}

fn mark_below(node: &mut Node, counts_only: bool) {
    match &mut node.kind {
        Kind::Number(_) | Kind::Text(_) => {}
        Kind::Selector(selector) => selector.counts_only = counts_only,
        Kind::Matrix(matrix) => matrix.selector.counts_only = counts_only,
        // Nothing below can be marked again: these need every sample whole.
        Kind::Subquery(_) => {}
        Kind::Paren(inner) | Kind::Unary { operand: inner, .. } => mark_below(inner, counts_only),
        Kind::Binary(binary) => {
            if !matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
                mark_below(&mut binary.left, counts_only);
                mark_below(&mut binary.right, counts_only);
            }
        }
        Kind::Aggregate(aggregate) => {
            mark_below(&mut aggregate.operand, counts_only);
            if let Some(parameter) = &mut aggregate.parameter {
                mark_below(parameter, counts_only);
            }
        }
        Kind::Call(call) => {
            let counts_only = match call.function.name {
                "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => return,
                "histogram_count" | "histogram_sum" | "histogram_avg" => true,
                _ => counts_only,
            };
            call.arguments.iter_mut().for_each(|argument| mark_below(argument, counts_only));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::promql::parse;

    fn marked(query: &str) -> bool {
        fn any(node: &Node) -> bool {
            match &node.kind {
                Kind::Selector(selector) => selector.counts_only,
                Kind::Matrix(matrix) => matrix.selector.counts_only,
                Kind::Subquery(subquery) => any(&subquery.operand),
                Kind::Paren(inner) | Kind::Unary { operand: inner, .. } => any(inner),
                Kind::Binary(binary) => any(&binary.left) || any(&binary.right),
                Kind::Aggregate(aggregate) => any(&aggregate.operand),
                Kind::Call(call) => call.arguments.iter().any(any),
                Kind::Number(_) | Kind::Text(_) => false,
            }
        }
        any(&parse(query).unwrap().root)
    }

    #[test]
    fn only_selectors_whose_buckets_nobody_sees_are_marked() {
        assert!(marked("histogram_count(sum(rate(h[5m])))"));
        assert!(marked("1 + histogram_avg(-(h))"));
        for query in [
            "rate(h[5m])",
            "histogram_count(increase(h[40m:9m]))",
            "histogram_sum(h </ 2)",
            "histogram_quantile(0.5, histogram_count(h))",
        ] {
            assert!(!marked(query), "{query}");
        }
    }
}
