//! Checks that operands, arguments and selectors have the types they must have.

use crate::model::labels::METRIC_NAME;
use crate::query::promql::ast::{
    Aggregate, AggregateOp, Binary, Call, Cardinality, Kind, Node, Selector,
};
use crate::query::promql::position::{ParseError, Span};
use crate::query::promql::signature::Variadic;
use crate::query::promql::token::go_quote;
use crate::query::promql::value_type::ValueType;

/// Checks the tree below `node` and settles what only types decide: whether operands are matched
/// as vectors.
pub(super) fn check(text: &str, node: &mut Node) -> Result<ValueType, ParseError> {
    Checker { text }.node(node)
}

struct Checker<'a> {
    text: &'a str,
}

impl Checker<'_> {
    fn fail<T>(&self, span: Span, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::new(self.text, span, message))
    }

    fn node(&self, node: &mut Node) -> Result<ValueType, ParseError> {
        let own = node.value_type();
        let span = node.span;
        match &mut node.kind {
            Kind::Number(_) | Kind::Text(_) => {}
            Kind::Selector(selector) => self.selector(selector, span, false)?,
            Kind::Matrix(matrix) => {
                self.selector(&matrix.selector, matrix.selector_span, false)?;
            }
            Kind::Subquery(subquery) => {
                let of = self.node(&mut subquery.operand)?;
                if of != ValueType::Vector {
                    let got = of.api();
                    let message =
                        format!("subquery is only allowed on instant vector, got {got} instead");
                    return self.fail(span, message);
                }
            }
            Kind::Paren(inner) => {
                self.node(inner)?;
            }
            Kind::Unary { operand, .. } => {
                let of = self.node(operand)?;
                if of != ValueType::Scalar && of != ValueType::Vector {
                    let got = of.documented();
                    let message = format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got \"{got}\""
                    );
                    return self.fail(span, message);
                }
            }
            Kind::Binary(binary) => self.binary(binary, span)?,
            Kind::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Kind::Call(call) => self.call(call, span)?,
        }
        Ok(own)
    }

    fn expect(&self, node: &mut Node, want: ValueType, context: &str) -> Result<(), ParseError> {
        let got = self.node(node)?;
        if got != want {
            let (want, got) = (want.documented(), got.documented());
            return self.fail(node.span, format!("expected type {want} in {context}, got {got}"));
        }
        Ok(())
    }

    fn aggregate(&self, aggregate: &mut Aggregate) -> Result<(), ParseError> {
        self.expect(&mut aggregate.operand, ValueType::Vector, "aggregation expression")?;
        let wanted = AggregateOp::parameter(aggregate.op);
        if let (Some(want), Some(parameter)) = (wanted, &mut aggregate.parameter) {
            self.expect(parameter, want, "aggregation parameter")?;
        }
        Ok(())
    }

    fn binary(&self, binary: &mut Binary, span: Span) -> Result<(), ParseError> {
        let left = self.node(&mut binary.left)?;
        let right = self.node(&mut binary.right)?;
        let op = binary.op;
        if binary.return_bool && !op.is_comparison() {
            let place = self.operator_span(binary);
            return self.fail(place, "bool modifier can only be used on comparison operators");
        }
        let both_scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        if op.is_comparison() && !binary.return_bool && both_scalars {
            let place = self.operator_span(binary);
            return self.fail(place, "comparisons between scalars must use BOOL modifier");
        }
        let Some(mut matching) = binary.matching.take() else { return Ok(()) };
        if op.is_set() && matching.cardinality == Cardinality::OneToOne {
            matching.cardinality = Cardinality::ManyToMany;
        }
        let twice = matching.labels.iter().find(|label| matching.include.contains(label));
        if let (Some(label), true) = (twice, matching.on) {
            let label = go_quote(label);
            let message = format!("label {label} must not occur in ON and GROUP clause at once");
            return self.fail(self.operator_span(binary), message);
        }
        for (operand, of) in [(&binary.left, left), (&binary.right, right)] {
            if of != ValueType::Scalar && of != ValueType::Vector {
                let message = "binary expression must contain only scalar and instant vector types";
                return self.fail(operand.span, message);
            }
        }
        let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        let quoted = go_quote(op.as_str());
        if left != ValueType::Vector || right != ValueType::Vector {
            if !matching.labels.is_empty() {
                return self.fail(span, "vector matching only allowed between instant vectors");
            }
            if filled {
                let message = "filling in missing series only allowed between instant vectors";
                return self.fail(span, message);
            }
            if op.is_set() {
                let message =
                    format!("set operator {quoted} not allowed in binary scalar expression");
                return self.fail(span, message);
            }
            return Ok(());
        }
        if op.is_set() {
            if matching.cardinality != Cardinality::ManyToMany {
                return self.fail(span, format!("no grouping allowed for {quoted} operation"));
            }
            if filled {
                let message = "filling in missing series not allowed for set operators";
                return self.fail(span, message);
            }
        }
        binary.matching = Some(matching);
        Ok(())
    }

    /// Returns where the operator and its modifiers stand.
    fn operator_span(&self, binary: &Binary) -> Span {
        let (start, end) = (binary.left.span.end, binary.right.span.start);
        let between = self.text.get(start..end).unwrap_or("");
        let blanks = between.len() - between.trim_start().len();
        Span::new(start + blanks, start + between.trim_end().len())
    }

    fn call(&self, call: &mut Call, span: Span) -> Result<(), ParseError> {
        let function = call.function;
        let (types, count) = (function.arguments, call.arguments.len());
        let name = go_quote(function.name);
        let at_least = types.len().saturating_sub(1);
        match function.variadic {
            Variadic::No if count != types.len() => {
                let want = types.len();
                let message = format!("expected {want} argument(s) in call to {name}, got {count}");
                return self.fail(span, message);
            }
            Variadic::UpTo(_) | Variadic::Any if count < at_least => {
                let message = format!(
                    "expected at least {at_least} argument(s) in call to {name}, got {count}"
                );
                return self.fail(span, message);
            }
            Variadic::UpTo(more) if count > at_least + more => {
                let most = at_least + more;
                let message =
                    format!("expected at most {most} argument(s) in call to {name}, got {count}");
                return self.fail(span, message);
            }
            _ => {}
        }
        for (index, argument) in call.arguments.iter_mut().enumerate() {
            let Some(want) = types.get(index).or(types.last()) else { break };
            if function.name == "info" && index == 1 {
                self.info_matchers(argument, span)?;
                continue;
            }
            let got = self.node(argument)?;
            if got != *want {
                let (want, got) = (want.documented(), got.documented());
                let message = format!("expected type {want} in call to function {name}, got {got}");
                return self.fail(argument.span, message);
            }
        }
        Ok(())
    }

    /// Checks the second argument of `info`: matchers without a metric name.
    fn info_matchers(&self, argument: &Node, call: Span) -> Result<(), ParseError> {
        let got = argument.value_type();
        if got != ValueType::Vector {
            let message = format!(
                "expected type instant vector in call to function \"info\", got {}",
                got.documented()
            );
            return self.fail(call, message);
        }
        match &argument.kind {
            Kind::Selector(selector) if selector.name.is_empty() => {
                self.selector(selector, argument.span, true)
            }
            Kind::Selector(_) => {
                let message = "expected label selectors only, got vector selector instead";
                self.fail(argument.span, message)
            }
            _ => self.fail(argument.span, "expected label selectors only"),
        }
    }

    fn selector(
        &self,
        selector: &Selector,
        span: Span,
        may_be_empty: bool,
    ) -> Result<(), ParseError> {
        if selector.name.is_empty() {
            let narrows = selector.matchers.iter().any(|matcher| !matcher.matches_absent());
            if narrows || may_be_empty {
                return Ok(());
            }
            return self.fail(span, "vector selector must contain at least one non-empty matcher");
        }
        let others = selector.matchers.len().saturating_sub(1);
        let second = selector.matchers.iter().take(others).find(|other| other.name == METRIC_NAME);
        if let Some(second) = second {
            let (name, other) = (go_quote(&selector.name), go_quote(&second.value));
            return self
                .fail(span, format!("metric name must not be set twice: {name} or {other}"));
        }
        Ok(())
    }
}
