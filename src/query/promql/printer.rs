//! The tree back to text, in Prometheus' form.

use std::fmt;
use std::time::Duration;

use crate::base::duration::format_duration;
use crate::model::labels::METRIC_NAME;
use crate::model::matcher::{MatchOp, Matcher};
use crate::query::promql::ast::{
    Aggregate, At, Binary, Cardinality, DurationKind, DurationNode, Edges, Expr, Kind, Length,
    Matching, Matrix, Node, NumberLiteral, Selector, Subquery, Timing,
};
use crate::query::promql::token::go_quote;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Number(number) => number.fmt(f),
            Kind::Text(text) => f.write_str(&go_quote(text)),
            Kind::Selector(selector) => selector.fmt(f),
            Kind::Matrix(matrix) => matrix.fmt(f),
            Kind::Subquery(subquery) => subquery.fmt(f),
            Kind::Paren(inner) => write!(f, "({inner})"),
            Kind::Unary { negate, operand } => {
                write!(f, "{}{operand}", if *negate { "-" } else { "+" })
            }
            Kind::Binary(binary) => binary.fmt(f),
            Kind::Aggregate(aggregate) => aggregate.fmt(f),
            Kind::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                write_joined(f, &call.arguments)?;
                f.write_str(")")
            }
        }
    }
}

fn write_joined<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    Ok(())
}

impl fmt::Display for NumberLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.duration {
            return write_milliseconds(f, (self.value * 1000.0).round() as i64);
        }
        f.write_str(&plain_number(self.value))
    }
}

/// Writes a number without exponent, as Go's `%f` with the fewest digits does.
pub(super) fn plain_number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    format!("{value}")
}

/// Writes a number with six decimals, as Go's `%f` does.
pub(super) fn six_decimals(value: f64) -> String {
    if value.is_finite() { format!("{value:.6}") } else { plain_number(value) }
}

fn write_milliseconds(f: &mut fmt::Formatter<'_>, milliseconds: i64) -> fmt::Result {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let length = Duration::from_millis(milliseconds.unsigned_abs());
    write!(f, "{sign}{}", format_duration(length))
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Length::Fixed(milliseconds) => write_milliseconds(f, *milliseconds),
            Length::Computed(node) => node.fmt(f),
        }
    }
}

impl fmt::Display for DurationNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.wrapped { ("(", ")") } else { ("", "") };
        f.write_str(open)?;
        match &self.kind {
            DurationKind::Number(number) => number.fmt(f)?,
            DurationKind::Step => f.write_str("step()")?,
            DurationKind::Range => f.write_str("range()")?,
            DurationKind::Negate(inner) => write!(f, "-{inner}")?,
            DurationKind::Same(inner) => inner.fmt(f)?,
            DurationKind::MinOf(left, right) => write!(f, "min_of({left}, {right})")?,
            DurationKind::MaxOf(left, right) => write!(f, "max_of({left}, {right})")?,
            DurationKind::Binary(op, left, right) => write!(f, "{left} {} {right}", op.as_str())?,
        }
        f.write_str(close)
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_at(f, self)?;
        write_offset(f, self)
    }
}

fn write_at(f: &mut fmt::Formatter<'_>, timing: &Timing) -> fmt::Result {
    match timing.at {
        Some(At::Instant(at)) => write!(f, " @ {:.3}", at as f64 / 1000.0),
        Some(At::Start) => f.write_str(" @ start()"),
        Some(At::End) => f.write_str(" @ end()"),
        None => Ok(()),
    }
}

fn write_offset(f: &mut fmt::Formatter<'_>, timing: &Timing) -> fmt::Result {
    match &timing.offset {
        None | Some(Length::Fixed(0)) => Ok(()),
        Some(offset) => write!(f, " offset {offset}"),
    }
}

fn edges_word(edges: Edges) -> &'static str {
    match edges {
        Edges::Plain => "",
        Edges::Anchored => " anchored",
        Edges::Smoothed => " smoothed",
    }
}

fn write_series(f: &mut fmt::Formatter<'_>, selector: &Selector) -> fmt::Result {
    f.write_str(&selector.name)?;
    let by_name = |matcher: &Matcher| {
        matcher.name == METRIC_NAME
            && matcher.op == MatchOp::Equal
            && matcher.value == selector.name
            && !matcher.value.is_empty()
    };
    let mut conditions: Vec<String> =
        selector.matchers.iter().filter(|matcher| !by_name(matcher)).map(condition).collect();
    if conditions.is_empty() {
        return if selector.name.is_empty() { f.write_str("{}") } else { Ok(()) };
    }
    conditions.sort();
    write!(f, "{{{}}}", conditions.join(","))
}

fn condition(matcher: &Matcher) -> String {
    format!("{}{}{}", label_name(&matcher.name), matcher.op.as_str(), go_quote(&matcher.value))
}

/// Quotes a label's name unless it is one of the old kind.
fn label_name(name: &str) -> String {
    let old = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|next| next == '_' || next.is_ascii_alphanumeric());
    if old { name.to_owned() } else { go_quote(name) }
}

fn write_labels(f: &mut fmt::Formatter<'_>, labels: &[String]) -> fmt::Result {
    let names: Vec<_> = labels.iter().map(|label| label_name(label)).collect();
    write_joined(f, &names)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_series(f, self)?;
        write_at(f, &self.timing)?;
        f.write_str(edges_word(self.edges))?;
        write_offset(f, &self.timing)
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_series(f, &self.selector)?;
        write!(f, "[{}]{}{}", self.range, edges_word(self.selector.edges), self.selector.timing)
    }
}

impl fmt::Display for Subquery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}:", self.operand, self.range)?;
        if let Some(step) = &self.step {
            step.fmt(f)?;
        }
        write!(f, "]{}", self.timing)
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.return_bool { " bool" } else { "" };
        write!(f, "{} {}{word}", self.left, self.op.as_str())?;
        if let Some(matching) = &self.matching {
            matching.fmt(f)?;
        }
        write!(f, " {}", self.right)
    }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grouped = match self.cardinality {
            Cardinality::ManyToOne => Some("left"),
            Cardinality::OneToMany => Some("right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if self.on || !self.labels.is_empty() || grouped.is_some() {
            write!(f, " {} (", if self.on { "on" } else { "ignoring" })?;
            write_labels(f, &self.labels)?;
            f.write_str(")")?;
        }
        if let Some(side) = grouped {
            write!(f, " group_{side} (")?;
            write_labels(f, &self.include)?;
            f.write_str(")")?;
        }
        match (self.fill_left, self.fill_right) {
            (Some(left), Some(right)) if left == right => {
                write!(f, " fill ({})", plain_number(left))
            }
            (left, right) => {
                if let Some(left) = left {
                    write!(f, " fill_left ({})", plain_number(left))?;
                }
                if let Some(right) = right {
                    write!(f, " fill_right ({})", plain_number(right))?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_head(f, self)?;
        f.write_str("(")?;
        if let Some(parameter) = &self.parameter {
            write!(f, "{parameter}, ")?;
        }
        write!(f, "{})", self.operand)
    }
}

/// Writes an aggregation up to its parenthesis.
pub(super) fn write_head(f: &mut impl fmt::Write, aggregate: &Aggregate) -> fmt::Result {
    f.write_str(aggregate.op.as_str())?;
    if aggregate.without || !aggregate.grouping.is_empty() {
        let names: Vec<_> = aggregate.grouping.iter().map(|label| label_name(label)).collect();
        let word = if aggregate.without { "without" } else { "by" };
        write!(f, " {word} ({}) ", names.join(", "))?;
    }
    Ok(())
}
