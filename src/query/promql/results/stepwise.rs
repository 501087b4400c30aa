//! Which expressions have a value at a step that depends on nothing but the step itself and the points
//! up to it, so that it is the same whatever other steps are asked for.
//!
//! What is named here was looked at; anything else is not stepwise. The reasons by kind of node:
//! * numbers and texts are constant; parentheses, signs and most functions change values one by one;
//! * selectors look back from the step, unless `@`, a negative offset, `anchored` or `smoothed` make
//!   them look elsewhere; lengths that are computed may depend on the range;
//! * subqueries look at multiples of their own step that are not after the outer one;
//! * operators and aggregations take values of one step together, and find contradictions step by step;
//! * whether a series loses its name at last is told once for all steps, by the first one where both
//!   sides of an `or` have it. Only `or` mixes series that do with ones that do not, and that matters
//!   where something joins them by labels that may hold the name, or gives them one.

use crate::query::promql::ast::{
    Aggregate, AggregateOp, BinaryOp, Call, Edges, Kind, Length, Matrix, Node, Selector, Subquery,
    Timing,
};
use crate::query::promql::engine::is_metadata_label;

/// Functions whose value at a step depends on their arguments there and on the step.
const STEPWISE: [&str; 80] = [
    "abs",
    "absent",
    "absent_over_time",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "avg_over_time",
    "ceil",
    "changes",
    "clamp",
    "clamp_max",
    "clamp_min",
    "cos",
    "cosh",
    "count_over_time",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "deg",
    "delta",
    "deriv",
    "double_exponential_smoothing",
    "exp",
    "first_over_time",
    "floor",
    "histogram_avg",
    "histogram_count",
    "histogram_fraction",
    "histogram_quantile",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "hour",
    "idelta",
    "increase",
    "irate",
    "label_join",
    "label_replace",
    "last_over_time",
    "ln",
    "log10",
    "log2",
    "mad_over_time",
    "max_of",
    "max_over_time",
    "min_of",
    "min_over_time",
    "minute",
    "month",
    "pi",
    "predict_linear",
    "present_over_time",
    "quantile_over_time",
    "rad",
    "rate",
    "resets",
    "round",
    "scalar",
    "sgn",
    "sin",
    "sinh",
    "sqrt",
    "start_timestamp",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
    "tan",
    "tanh",
    "time",
    "timestamp",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
    "vector",
    "year",
];

/// Returns whether the value at each step is the same whatever other steps are asked for, and depends
/// on no point after the step.
pub(super) fn is_stepwise(node: &Node) -> bool {
    match &node.kind {
        Kind::Number(_) | Kind::Text(_) => true,
        Kind::Selector(selector) => looks_back(selector),
        Kind::Matrix(matrix) => {
            let Matrix { selector, selector_span: _, range } = matrix.as_ref();
            looks_back(selector) && is_fixed(range)
        }
        Kind::Subquery(subquery) => {
            let Subquery { operand, range, step, timing } = subquery.as_ref();
            let fixed = is_fixed(range) && step.as_ref().is_none_or(is_fixed);
            fixed && is_backward(timing) && is_stepwise(operand)
        }
        Kind::Paren(inner) | Kind::Unary { negate: _, operand: inner } => is_stepwise(inner),
        Kind::Binary(binary) => {
            // A series that both sides of `or` have is one, whose first step says whether it has a name.
            let joins = binary.op == BinaryOp::Or && reads(&binary.right);
            !joins && is_stepwise(&binary.left) && is_stepwise(&binary.right)
        }
        Kind::Aggregate(aggregate) => is_stepwise_aggregate(aggregate),
        Kind::Call(call) => is_stepwise_call(call),
    }
}

fn looks_back(selector: &Selector) -> bool {
    let plain = match selector.edges {
        Edges::Plain => true,
        Edges::Anchored | Edges::Smoothed => false,
    };
    plain && is_backward(&selector.timing)
}

fn is_backward(timing: &Timing) -> bool {
    let offset = match &timing.offset {
        None => true,
        Some(Length::Fixed(milliseconds)) => *milliseconds >= 0,
        Some(Length::Computed(_)) => false,
    };
    offset && timing.at.is_none()
}

fn is_fixed(length: &Length) -> bool {
    match length {
        Length::Fixed(_) => true,
        Length::Computed(_) => false,
    }
}

fn is_stepwise_aggregate(aggregate: &Aggregate) -> bool {
    let Aggregate { op, parameter, operand, grouping, without } = aggregate;
    let parameter = parameter.as_ref();
    let stepwise = match op {
        AggregateOp::Sum
        | AggregateOp::Avg
        | AggregateOp::Min
        | AggregateOp::Max
        | AggregateOp::Count
        | AggregateOp::Group
        | AggregateOp::Stddev
        | AggregateOp::Stdvar
        | AggregateOp::Quantile
        | AggregateOp::CountValues => parameter.is_none_or(is_stepwise),
        // All steps decide together whether the parameter is allowed.
        AggregateOp::Topk
        | AggregateOp::Bottomk
        | AggregateOp::Limitk
        | AggregateOp::LimitRatio => parameter.is_some_and(is_constant),
    };
    // `without` keeps the type and the unit, which go with the name.
    let sees_names = *without || grouping.iter().any(|label| is_metadata_label(label));
    stepwise && is_stepwise(operand) && !(sees_names && unites(operand))
}

fn is_stepwise_call(call: &Call) -> bool {
    let name = call.function.name;
    if !STEPWISE.contains(&name) || !call.arguments.iter().all(is_stepwise) {
        return false;
    }
    if !matches!(name, "label_replace" | "label_join") {
        return true;
    }
    // A name that is given to some series stays with them.
    let target = call.arguments.get(1).map(Node::bare).map(|node| &node.kind);
    let plain = matches!(target, Some(Kind::Text(label)) if !is_metadata_label(label));
    plain && !call.arguments.iter().any(unites)
}

/// Returns whether a node is a number, with or without a sign.
fn is_constant(node: &Node) -> bool {
    match &node.kind {
        Kind::Number(_) => true,
        Kind::Paren(inner) | Kind::Unary { negate: _, operand: inner } => is_constant(inner),
        Kind::Text(_)
        | Kind::Selector(_)
        | Kind::Matrix(_)
        | Kind::Subquery(_)
        | Kind::Binary(_)
        | Kind::Aggregate(_)
        | Kind::Call(_) => false,
    }
}

/// Returns whether anything in it is read from the store.
fn reads(node: &Node) -> bool {
    let own = matches!(node.kind, Kind::Selector(_) | Kind::Matrix(_));
    own || node.children().into_iter().any(reads)
}

/// Returns whether there is an `or` in it.
fn unites(node: &Node) -> bool {
    let own = matches!(&node.kind, Kind::Binary(binary) if binary.op == BinaryOp::Or);
    own || node.children().into_iter().any(unites)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::promql::parse;
    use crate::query::promql::signature::FUNCTIONS;

    /// Functions of which the other steps, or points after the step, decide.
    const OTHERS: [&str; 10] = [
        "end",
        "histogram_quantiles",
        "info",
        "range",
        "sort",
        "sort_by_label",
        "sort_by_label_desc",
        "sort_desc",
        "start",
        "step",
    ];

    #[test]
    fn every_function_is_decided_upon() {
        let mut decided: Vec<_> = STEPWISE.iter().chain(&OTHERS).copied().collect();
        decided.sort_unstable();
        let all: Vec<_> = FUNCTIONS.iter().map(|function| function.name).collect();
        assert_eq!(decided, all);
    }

    #[test]
    fn what_looks_back_is_stepwise_and_what_looks_elsewhere_is_not() {
        let stepwise = |query: &str| is_stepwise(&parse(query).unwrap().root);
        for query in [
            "sum by (job) (rate(a_total[5m] offset 1h)) / on (job) group_left () b",
            "topk(3, -a) or vector(0)",
            "max_over_time(sum(a)[1h:])",
            "quantile without (x) (scalar(b), a)",
            "label_replace(a, \"x\", \"$1\", \"__name__\", \"(.*)\")",
            "histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m])))",
        ] {
            assert!(stepwise(query), "{query}");
        }
        for query in [
            "a @ 5",
            "sum(rate(a[5m] @ end()))",
            "a offset -5m",
            "rate(a[5m] offset -1s)",
            "max_over_time(a[5m:1m] offset -1m)",
            "avg_over_time(a[range()])",
            "avg_over_time(a[step()])",
            "rate(a[5m] smoothed)",
            "rate(a[5m] anchored)",
            "sort(a)",
            "a + range()",
            "topk(scalar(b), a)",
            "a or b",
            "sum by (__name__) (a or -b)",
            "sum without (x) (a or -b)",
            "label_replace(a, \"__name__\", \"$1\", \"x\", \"(.*)\")",
            "label_join(a or b, \"x\", \",\", \"y\")",
        ] {
            assert!(!stepwise(query), "{query}");
        }
    }
}
