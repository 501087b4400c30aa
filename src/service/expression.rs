//! PromQL as the doors know it: a text that was read and can be evaluated.

use std::fmt;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::model::matcher::{MatchOp, Matcher};
use crate::query::promql::ast::{Kind, Node, Selector};
use crate::query::promql::value_type::ValueType;
use crate::query::promql::{self, Expr};

/// A PromQL expression that was read and type-checked. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Expression(Arc<Expr>);

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// `InvalidInput` with Prometheus' text, which names the place.
    pub fn parse(text: &str) -> Result<Self> {
        let expr = promql::parse(text).map_err(|error| Error::invalid(error.to_string()))?;
        Ok(Expression(Arc::new(expr)))
    }

    /// Reads a bare series selector such as `up{job="a"}`.
    ///
    /// # Errors
    /// `InvalidInput` for anything else, or when every condition matches the empty text.
    pub fn parse_selector(text: &str) -> Result<Vec<Matcher>> {
        let matchers = Expression::parse_any_selector(text)?;
        if matchers.iter().all(Matcher::matches_absent) {
            return Err(Error::invalid("match[] must contain at least one non-empty matcher"));
        }
        Ok(matchers)
    }

    /// Reads a bare series selector, which may choose every series.
    ///
    /// # Errors
    /// `InvalidInput` with Prometheus' text for anything else.
    pub fn parse_any_selector(text: &str) -> Result<Vec<Matcher>> {
        promql::parse_selector(text).map_err(|error| Error::invalid(error.to_string()))
    }

    /// Returns the conditions of every selector inside, in the order written.
    pub fn selectors(&self) -> Vec<Vec<Matcher>> {
        let mut found = Vec::new();
        collect(&self.0.root, &mut found);
        found
    }

    /// Returns the expression with every selector restricted to pairs of label and value; `true`
    /// behind them means "not". Names are those of logs and traces: `service.name` is the last part
    /// of `job`, dots become `_`.
    ///
    /// # Errors
    /// `InvalidInput` when a pattern does not compile.
    pub fn scoped(&self, pairs: &[(&str, &str, bool)]) -> Result<Self> {
        let matchers: Result<Vec<Matcher>> = pairs.iter().map(scope_matcher).collect();
        let matchers = matchers?;
        let mut expr = Expr::clone(&self.0);
        restrict(&mut expr.root, &matchers);
        Ok(Expression(Arc::new(expr)))
    }

    /// Checks that the expression has a value at every step of a range.
    ///
    /// # Errors
    /// `InvalidInput` in Prometheus' words for texts and range vectors.
    pub fn check_stepwise(&self) -> Result<()> {
        match self.0.root.value_type() {
            ValueType::Scalar | ValueType::Vector => Ok(()),
            other => Err(Error::invalid(format!(
                "invalid expression type {:?} for range query, must be Scalar or instant Vector",
                other.documented()
            ))),
        }
    }

    /// Writes the expression as Prometheus formats it, over several lines when it is long.
    pub fn pretty(&self) -> String {
        self.0.pretty()
    }

    /// Returns the tree as JSON, in the shape of Prometheus' `parse_query`.
    pub fn to_json(&self) -> serde_json::Value {
        self.0.tree()
    }

    /// Returns the tree.
    pub(crate) fn tree(&self) -> &Expr {
        &self.0
    }
}

impl fmt::Display for Expression {
    /// Writes the expression on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn scope_matcher((key, value, not): &(&str, &str, bool)) -> Result<Matcher> {
    match *key {
        "service.name" => {
            let op = if *not { MatchOp::NotRegex } else { MatchOp::Regex };
            Matcher::new(op, "job", format!("(.+/)?{}", regex::escape(value)))
        }
        "service.instance.id" => {
            Matcher::new(if *not { MatchOp::NotEqual } else { MatchOp::Equal }, "instance", *value)
        }
        other => {
            let op = if *not { MatchOp::NotEqual } else { MatchOp::Equal };
            Matcher::new(op, other.replace(['.', '-', '/'], "_"), *value)
        }
    }
}

/// The parser bounds the depth of the tree; likewise below.
fn restrict(node: &mut Node, matchers: &[Matcher]) {
    // The matcher of the name stays last, where the writer of expressions expects it.
    let add = |selector: &mut Selector| {
        selector.matchers.splice(0..0, matchers.iter().cloned());
    };
    match &mut node.kind {
        Kind::Number(_) | Kind::Text(_) => {}
        Kind::Selector(selector) => add(selector),
        Kind::Matrix(matrix) => add(&mut matrix.selector),
        Kind::Subquery(subquery) => restrict(&mut subquery.operand, matchers),
        Kind::Paren(inner) => restrict(inner, matchers),
        Kind::Unary { operand, .. } => restrict(operand, matchers),
        Kind::Binary(binary) => {
            restrict(&mut binary.left, matchers);
            restrict(&mut binary.right, matchers);
        }
        Kind::Aggregate(aggregate) => {
            if let Some(parameter) = &mut aggregate.parameter {
                restrict(parameter, matchers);
            }
            restrict(&mut aggregate.operand, matchers);
        }
        Kind::Call(call) => {
            call.arguments.iter_mut().for_each(|argument| restrict(argument, matchers));
        }
    }
}

/// The parser bounds the depth of the tree.
fn collect(node: &Node, found: &mut Vec<Vec<Matcher>>) {
    match &node.kind {
        Kind::Number(_) | Kind::Text(_) => {}
        Kind::Selector(selector) => found.push(selector.matchers.clone()),
        Kind::Matrix(matrix) => found.push(matrix.selector.matchers.clone()),
        Kind::Subquery(subquery) => collect(&subquery.operand, found),
        Kind::Paren(inner) => collect(inner, found),
        Kind::Unary { operand, .. } => collect(operand, found),
        Kind::Binary(binary) => {
            collect(&binary.left, found);
            collect(&binary.right, found);
        }
        Kind::Aggregate(aggregate) => {
            if let Some(parameter) = &aggregate.parameter {
                collect(parameter, found);
            }
            collect(&aggregate.operand, found);
        }
        Kind::Call(call) => call.arguments.iter().for_each(|argument| collect(argument, found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_of_an_expression_is_found() {
        let text = "topk(scalar(k), rate(a[5m])) / on (x) (-b{y=\"1\"} + max_over_time(c[1h:1m]))";
        let names: Vec<String> = Expression::parse(text)
            .unwrap()
            .selectors()
            .iter()
            .flat_map(|set| set.iter().filter(|one| one.name == "__name__"))
            .map(|matcher| matcher.value.clone())
            .collect();
        assert_eq!(names, ["k", "a", "b", "c"]);
    }

    #[test]
    fn a_series_selector_is_bare_and_chooses_something() {
        let set = Expression::parse_selector("up{job=~\"a.*\"}").unwrap();
        assert_eq!(set.len(), 2);
        for wrong in ["", "up[5m]", "up offset 5m", "rate(up[5m])", "{}", "{a=\"\"}", "up{", "1"] {
            assert!(Expression::parse_selector(wrong).is_err(), "{wrong}");
        }
    }
}
