//! Which parts of a query have the same value at every step.

use crate::query::promql::ast::{Kind, Node};

/// Functions whose value depends on the step even when their arguments do not.
const UNSAFE: [&str; 14] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
];

/// Returns whether an expression has one value at all steps, because `@` fixes every selector in it.
pub(super) fn is_step_invariant(node: &Node) -> bool {
    match &node.kind {
        Kind::Number(_) | Kind::Text(_) => true,
        Kind::Selector(selector) => selector.timing.at.is_some(),
        Kind::Matrix(matrix) => matrix.selector.timing.at.is_some(),
        Kind::Subquery(subquery) => subquery.timing.at.is_some(),
        Kind::Paren(inner) | Kind::Unary { operand: inner, .. } => is_step_invariant(inner),
        Kind::Binary(binary) => is_step_invariant(&binary.left) && is_step_invariant(&binary.right),
        Kind::Aggregate(aggregate) => is_step_invariant(&aggregate.operand),
        Kind::Call(call) => {
            let plain = |node: &Node| matches!(node.bare().kind, Kind::Selector(_));
            let name = call.function.name;
            let safe = match name {
                // The time of a sample is fixed with it, that of a computed value is the step.
                "timestamp" => call.arguments.iter().all(plain),
                _ => !UNSAFE.contains(&name),
            };
            safe && call.arguments.iter().all(is_step_invariant)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::promql::parse;

    #[test]
    fn a_fixed_time_makes_everything_above_it_invariant_but_for_functions_of_the_step() {
        let invariant = |query: &str| is_step_invariant(&parse(query).unwrap().root);
        for query in ["1 + 2", "a @ 5", "-sum(rate(a[5m] @ end()))", "timestamp(a @ start())"] {
            assert!(invariant(query), "{query}");
        }
        for query in ["a", "a @ 5 + b", "timestamp(abs(a @ 5))", "hour(a @ 5)", "(a @ 5)[5m:1m]"] {
            assert!(!invariant(query), "{query}");
        }
    }
}
