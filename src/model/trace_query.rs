//! Questions about traces and their answers, as plain data.

use crate::model::resource::AttrValue;
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{Span, SpanKind, StatusCode};

/// Where a span condition looks for its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeScope {
    /// The span's own attributes.
    Span,
    /// Its resource's attributes.
    Resource,
    /// Both, and the attributes of its events.
    Any,
}

/// How a span condition compares.
#[derive(Debug, Clone, PartialEq)]
pub enum SpanCondition {
    /// Every span.
    All,
    /// All of them hold on one span.
    And(Vec<SpanCondition>),
    /// One of them holds.
    Or(Vec<SpanCondition>),
    /// It does not hold.
    Not(Box<SpanCondition>),
    /// `service.name` equals.
    Service(String),
    /// The span's name equals.
    Name(String),
    /// The kind equals.
    Kind(SpanKind),
    /// The span's status is an error (or, for `false`, is not).
    Error(bool),
    /// The duration in nanoseconds lies between both, ends included.
    Duration(i64, i64),
    /// The attribute's text equals; numbers and truth values compare by their text.
    Attribute(AttributeScope, String, String),
}

/// Which traces a caller wants: those with a span in `range` that fulfils `condition`.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSearch {
    /// When the span began.
    pub range: TimeRange<TimestampNs>,
    /// What the span fulfils.
    pub condition: SpanCondition,
    /// At most this many traces, newest first.
    pub limit: usize,
}

/// An operation of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The span name.
    pub name: String,
    /// The kind's word; `""` when unspecified.
    pub kind: &'static str,
}

/// How often one service called another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The calling service.
    pub parent: String,
    /// The called service.
    pub child: String,
    /// Calls.
    pub calls: u64,
}

impl SpanCondition {
    /// Returns whether `span` fulfils the condition. Engines may answer faster, never otherwise.
    pub fn matches(&self, span: &Span) -> bool {
        match self {
            SpanCondition::All => true,
            SpanCondition::And(all) => all.iter().all(|part| part.matches(span)),
            SpanCondition::Or(any) => any.iter().any(|part| part.matches(span)),
            SpanCondition::Not(inner) => !inner.matches(span),
            SpanCondition::Service(name) => span.service_name() == name,
            SpanCondition::Name(name) => span.name == *name,
            SpanCondition::Kind(kind) => span.kind == *kind,
            SpanCondition::Error(wanted) => (span.status.code == StatusCode::Error) == *wanted,
            SpanCondition::Duration(min, max) => (*min..=*max).contains(&span.duration_ns()),
            SpanCondition::Attribute(scope, key, text) => attribute_equals(span, *scope, key, text),
        }
    }
}

fn attribute_equals(span: &Span, scope: AttributeScope, key: &str, text: &str) -> bool {
    let equals = |value: Option<&AttrValue>| match value {
        // Some clients send every number as a double: 500 and 500.0 are one number.
        Some(AttrValue::Double(number)) => text.parse::<f64>().is_ok_and(|asked| asked == *number),
        Some(value) => value.to_text() == text,
        None => false,
    };
    let on_span = || equals(span.attributes.get(key));
    let on_resource = || equals(span.resource.attributes.get(key));
    match scope {
        AttributeScope::Span => on_span(),
        AttributeScope::Resource => on_resource(),
        AttributeScope::Any => {
            on_span()
                || on_resource()
                || span.events.iter().any(|event| equals(event.attributes.get(key)))
        }
    }
}
