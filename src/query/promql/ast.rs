//! The tree of a query. Every node knows where it stands in the text.

use std::sync::Arc;

use crate::model::matcher::Matcher;
use crate::query::promql::position::Span;
use crate::query::promql::signature::Signature;
use crate::query::promql::value_type::ValueType;

/// A parsed and type-checked query with its text.
#[derive(Debug, Clone)]
pub struct Expr {
    /// The outermost node.
    pub root: Node,
    /// The text it was read from, to which the positions belong.
    pub text: Arc<str>,
}

impl Expr {
    /// Writes the expression as Prometheus formats it, over several lines when it is long.
    pub fn pretty(&self) -> String {
        crate::query::promql::pretty::pretty(&self.root)
    }

    /// Returns the tree as JSON, in the shape of Prometheus' `parse_query`.
    pub fn tree(&self) -> serde_json::Value {
        crate::query::promql::tree::tree(&self.root)
    }
}

/// One node of the tree.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
    /// How many nodes lie on the longest way down, this one included.
    pub depth: usize,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A number, or a duration in seconds.
    Number(NumberLiteral),
    /// A text.
    Text(String),
    /// An instant vector selector.
    Selector(Box<Selector>),
    /// A range vector selector.
    Matrix(Box<Matrix>),
    /// An expression evaluated at many instants.
    Subquery(Box<Subquery>),
    /// An expression in parentheses.
    Paren(Box<Node>),
    /// A sign before an expression.
    Unary {
        /// Whether the sign is a minus.
        negate: bool,
        /// What it stands before.
        operand: Box<Node>,
    },
    /// Two operands.
    Binary(Box<Binary>),
    /// An aggregation.
    Aggregate(Box<Aggregate>),
    /// A function call.
    Call(Call),
}

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberLiteral {
    /// The number; seconds when it was a duration.
    pub value: f64,
    /// Whether it was written as a duration.
    pub duration: bool,
}

/// An instant vector selector.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// The metric name before the braces; empty when there is none.
    pub name: String,
    /// The conditions in the order they were written; that of the name comes last.
    pub matchers: Vec<Matcher>,
    /// When the samples are taken.
    pub timing: Timing,
    /// How samples at the edges of a range are taken.
    pub edges: Edges,
    /// Whether only counts and sums of histograms are asked for: then resets are detected while
    /// samples are read, one after the other.
    pub counts_only: bool,
}

/// `offset` and `@`.
#[derive(Debug, Clone, Default)]
pub struct Timing {
    /// How far back.
    pub offset: Option<Length>,
    /// Instead of the evaluation time.
    pub at: Option<At>,
}

/// What `@` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since the epoch.
    Instant(i64),
    /// The start of the query.
    Start,
    /// The end of the query.
    End,
}

/// How a range takes the samples at its edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edges {
    /// Only what lies inside.
    #[default]
    Plain,
    /// `anchored`: the last sample before each edge stands at the edge.
    Anchored,
    /// `smoothed`: values at the edges are interpolated.
    Smoothed,
}

/// A length of time, known or still to be computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Length {
    /// Milliseconds.
    Fixed(i64),
    /// An expression over durations.
    Computed(DurationNode),
}

/// A node of a duration expression.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationNode {
    /// What it is.
    pub kind: DurationKind,
    /// Where it stands.
    pub span: Span,
    /// Whether it stood in parentheses.
    pub wrapped: bool,
}

/// What a node of a duration expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationKind {
    /// Seconds.
    Number(NumberLiteral),
    /// `step()`
    Step,
    /// `range()`
    Range,
    /// A minus before it; a plus vanishes unless wrapped.
    Negate(Box<DurationNode>),
    /// A number in parentheses.
    Same(Box<DurationNode>),
    /// `min_of(a, b)`
    MinOf(Box<DurationNode>, Box<DurationNode>),
    /// `max_of(a, b)`
    MaxOf(Box<DurationNode>, Box<DurationNode>),
    /// Arithmetic.
    Binary(BinaryOp, Box<DurationNode>, Box<DurationNode>),
}

/// A range vector selector.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// What is selected; timing and edges written after the range are kept here.
    pub selector: Selector,
    /// Where the selector without the range stands.
    pub selector_span: Span,
    /// How far the range reaches back.
    pub range: Length,
}

/// An expression evaluated at many instants.
#[derive(Debug, Clone)]
pub struct Subquery {
    /// The expression.
    pub operand: Node,
    /// How far the range reaches back.
    pub range: Length,
    /// Distance of the instants; `None` means the default.
    pub step: Option<Length>,
    /// When.
    pub timing: Timing,
}

/// Two operands and how their series find each other.
#[derive(Debug, Clone)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// The left operand.
    pub left: Node,
    /// The right operand.
    pub right: Node,
    /// Whether a comparison yields 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// How series find each other; `None` unless both are instant vectors.
    pub matching: Option<Matching>,
}

/// How series of two vectors find each other.
#[derive(Debug, Clone, Default)]
pub struct Matching {
    /// Which side may have several series for one of the other.
    pub cardinality: Cardinality,
    /// The labels after `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Whether `on` was written.
    pub on: bool,
    /// Labels taken over from the side with one series.
    pub include: Vec<String>,
    /// What a missing left sample counts as.
    pub fill_left: Option<f64>,
    /// What a missing right sample counts as.
    pub fill_right: Option<f64>,
}

/// Which side may have several series for one of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// Neither.
    #[default]
    OneToOne,
    /// The left.
    ManyToOne,
    /// The right.
    OneToMany,
    /// Both, for set operators.
    ManyToMany,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the operators")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Unless,
    TrimUpper,
    TrimLower,
}

impl BinaryOp {
    /// Returns the operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "^",
            BinaryOp::Atan2 => "atan2",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
            BinaryOp::Unless => "unless",
            BinaryOp::TrimUpper => "</",
            BinaryOp::TrimLower => ">/",
        }
    }

    /// Returns whether it is written as a word.
    pub fn is_word(self) -> bool {
        self.is_set() || self == BinaryOp::Atan2
    }

    /// Returns whether it compares.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            BinaryOp::Equal
                | BinaryOp::NotEqual
                | BinaryOp::Less
                | BinaryOp::LessOrEqual
                | BinaryOp::Greater
                | BinaryOp::GreaterOrEqual
        )
    }

    /// Returns whether it is `and`, `or` or `unless`.
    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }

    /// Returns how tightly it binds; more is tighter.
    pub fn precedence(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And | BinaryOp::Unless => 2,
            BinaryOp::Add | BinaryOp::Sub => 4,
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
            BinaryOp::Pow => 6,
            _ => 3,
        }
    }
}

/// An aggregation.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// Which.
    pub op: AggregateOp,
    /// The parameter of those that take one.
    pub parameter: Option<Node>,
    /// What is aggregated.
    pub operand: Node,
    /// The labels after `by` or `without`.
    pub grouping: Vec<String>,
    /// Whether `without` was written.
    pub without: bool,
}

/// Which aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the aggregations")]
pub enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    const WORDS: [(AggregateOp, &'static str); 14] = [
        (AggregateOp::Sum, "sum"),
        (AggregateOp::Avg, "avg"),
        (AggregateOp::Min, "min"),
        (AggregateOp::Max, "max"),
        (AggregateOp::Count, "count"),
        (AggregateOp::Group, "group"),
        (AggregateOp::Stddev, "stddev"),
        (AggregateOp::Stdvar, "stdvar"),
        (AggregateOp::Topk, "topk"),
        (AggregateOp::Bottomk, "bottomk"),
        (AggregateOp::Quantile, "quantile"),
        (AggregateOp::CountValues, "count_values"),
        (AggregateOp::Limitk, "limitk"),
        (AggregateOp::LimitRatio, "limit_ratio"),
    ];

    /// Returns the aggregation of a lower-case word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, name)| *name == word).map(|(op, _)| *op)
    }

    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(op, _)| *op == self).map_or("", |(_, name)| name)
    }

    /// Returns the type of the parameter, or `None` when it takes none.
    pub fn parameter(self) -> Option<ValueType> {
        match self {
            AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Quantile
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio => Some(ValueType::Scalar),
            AggregateOp::CountValues => Some(ValueType::Text),
            _ => None,
        }
    }
}

/// A function call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which function.
    pub function: &'static Signature,
    /// Its arguments.
    pub arguments: Vec<Node>,
}

impl Node {
    /// Returns the type of the node's value.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Number(_) => ValueType::Scalar,
            Kind::Text(_) => ValueType::Text,
            Kind::Selector(_) | Kind::Aggregate(_) => ValueType::Vector,
            Kind::Matrix(_) | Kind::Subquery(_) => ValueType::Matrix,
            Kind::Paren(inner) => inner.value_type(),
            Kind::Unary { operand, .. } => operand.value_type(),
            Kind::Binary(binary) => {
                let scalar = |node: &Node| node.value_type() == ValueType::Scalar;
                if scalar(&binary.left) && scalar(&binary.right) {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
            Kind::Call(call) => call.function.result,
        }
    }

    /// Returns the nodes right below this one, in the order in which they stand.
    pub fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Number(_) | Kind::Text(_) | Kind::Selector(_) | Kind::Matrix(_) => Vec::new(),
            Kind::Subquery(subquery) => vec![&subquery.operand],
            Kind::Paren(inner) => vec![inner],
            Kind::Unary { operand, .. } => vec![operand],
            Kind::Binary(binary) => vec![&binary.left, &binary.right],
            Kind::Aggregate(aggregate) => {
                aggregate.parameter.iter().chain(std::iter::once(&aggregate.operand)).collect()
            }
            Kind::Call(call) => call.arguments.iter().collect(),
        }
    }

    /// Returns the node without parentheses around it.
    pub fn bare(&self) -> &Node {
        match &self.kind {
            Kind::Paren(inner) => inner.bare(),
            _ => self,
        }
    }
}
