//! The tree as JSON, in the shape of Prometheus' `parse_query`.

use serde_json::{Value, json};

use crate::query::promql::ast::{
    At, Cardinality, DurationKind, DurationNode, Edges, Kind, Length, Matching, Node, Selector,
    Timing,
};
use crate::query::promql::printer::plain_number;
use crate::query::promql::signature::Variadic;

/// Returns the tree of an expression, whose depth the parser bounds.
pub(super) fn tree(node: &Node) -> Value {
    match &node.kind {
        Kind::Number(number) => json!({"type": "numberLiteral", "val": plain_number(number.value)}),
        Kind::Text(text) => json!({"type": "stringLiteral", "val": text}),
        Kind::Paren(inner) => json!({"type": "parenExpr", "expr": tree(inner)}),
        Kind::Unary { negate, operand } => {
            json!({"type": "unaryExpr", "op": if *negate { "-" } else { "+" }, "expr": tree(operand)})
        }
        Kind::Selector(selector) => with_selector(json!({"type": "vectorSelector"}), selector),
        Kind::Matrix(matrix) => {
            let mut value = json!({"type": "matrixSelector"});
            put_length(&mut value, ["range", "rangeExpr"], Some(&matrix.range));
            with_selector(value, &matrix.selector)
        }
        Kind::Subquery(subquery) => {
            let mut value = json!({"type": "subquery", "expr": tree(&subquery.operand)});
            put_length(&mut value, ["range", "rangeExpr"], Some(&subquery.range));
            put_length(&mut value, ["step", "stepExpr"], subquery.step.as_ref());
            put_timing(&mut value, &subquery.timing);
            value
        }
        Kind::Binary(binary) => json!({
            "type": "binaryExpr",
            "op": binary.op.as_str(),
            "lhs": tree(&binary.left),
            "rhs": tree(&binary.right),
            "matching": binary.matching.as_ref().map(matching),
            "bool": binary.return_bool,
        }),
        Kind::Aggregate(aggregate) => json!({
            "type": "aggregation",
            "op": aggregate.op.as_str(),
            "expr": tree(&aggregate.operand),
            "param": aggregate.parameter.as_ref().map(tree),
            "grouping": aggregate.grouping,
            "without": aggregate.without,
        }),
        Kind::Call(call) => {
            let function = call.function;
            let types: Vec<_> = function.arguments.iter().map(|one| one.api()).collect();
            json!({
                "type": "call",
                "func": {
                    "name": function.name,
                    "argTypes": types,
                    "variadic": variadic(function.variadic),
                    "returnType": function.result.api(),
                },
                "args": call.arguments.iter().map(tree).collect::<Vec<_>>(),
            })
        }
    }
}

fn variadic(variadic: Variadic) -> i64 {
    match variadic {
        Variadic::No => 0,
        Variadic::UpTo(more) => more as i64,
        Variadic::Any => -1,
    }
}

fn with_selector(mut value: Value, selector: &Selector) -> Value {
    let matchers = selector
        .matchers
        .iter()
        .map(|one| json!({"name": one.name, "value": one.value, "type": one.op.as_str()}));
    value["name"] = json!(selector.name);
    value["matchers"] = matchers.collect();
    value["anchored"] = json!(selector.edges == Edges::Anchored);
    value["smoothed"] = json!(selector.edges == Edges::Smoothed);
    put_timing(&mut value, &selector.timing);
    value
}

fn put_timing(value: &mut Value, timing: &Timing) {
    put_length(value, ["offset", "offsetExpr"], timing.offset.as_ref());
    let (instant, edge) = match timing.at {
        None => (None, None),
        Some(At::Instant(at)) => (Some(at), None),
        Some(At::Start) => (None, Some("start")),
        Some(At::End) => (None, Some("end")),
    };
    value["timestamp"] = json!(instant);
    value["startOrEnd"] = json!(edge);
}

/// Puts milliseconds, and the expression of a length that is only known when it is evaluated.
fn put_length(value: &mut Value, [fixed, computed]: [&str; 2], length: Option<&Length>) {
    let (milliseconds, expression) = match length {
        None => (0, Value::Null),
        Some(Length::Fixed(milliseconds)) => (*milliseconds, Value::Null),
        Some(Length::Computed(node)) => (0, duration(node)),
    };
    value[fixed] = json!(milliseconds);
    value[computed] = expression;
}

fn duration(node: &DurationNode) -> Value {
    let (op, left, right) = match &node.kind {
        DurationKind::Number(number) => {
            let value = plain_number(number.value);
            return json!({"type": "numberLiteral", "val": value, "duration": number.duration});
        }
        DurationKind::Step => ("step", None, None),
        DurationKind::Range => ("range", None, None),
        DurationKind::Negate(inner) => ("-", None, Some(inner)),
        DurationKind::Same(inner) => ("+", None, Some(inner)),
        DurationKind::MinOf(left, right) => ("min_of", Some(left), Some(right)),
        DurationKind::MaxOf(left, right) => ("max_of", Some(left), Some(right)),
        DurationKind::Binary(op, left, right) => (op.as_str(), Some(left), Some(right)),
    };
    json!({
        "type": "durationExpr",
        "op": op,
        "lhs": left.map(|node| duration(node)),
        "rhs": right.map(|node| duration(node)),
        "wrapped": node.wrapped,
    })
}

fn matching(matching: &Matching) -> Value {
    let cardinality = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    json!({
        "card": cardinality,
        "labels": matching.labels,
        "on": matching.on,
        "include": matching.include,
        "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::promql::parse;

    #[test]
    fn a_tree_names_every_part() {
        let value =
            tree(&parse("sum by (a) (rate(up{b=\"c\"}[5m] offset 1m)) > bool 1").unwrap().root);
        assert_eq!(value["type"], "binaryExpr");
        assert_eq!(value["bool"], true);
        assert_eq!(value["matching"], Value::Null);
        let call = &value["lhs"]["expr"];
        assert_eq!(
            (&call["func"]["name"], &call["func"]["argTypes"][0]),
            (&json!("rate"), &json!("matrix"))
        );
        let range = &call["args"][0];
        assert_eq!((&range["range"], &range["offset"]), (&json!(300_000), &json!(60_000)));
        assert_eq!(range["matchers"][0], json!({"name": "b", "value": "c", "type": "="}));
        assert_eq!(value["rhs"], json!({"type": "numberLiteral", "val": "1"}));
    }
}
