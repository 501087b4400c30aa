//! The filter tree of the log store: a closed set of conditions on one record.

use crate::model::log::LogRecord;
use crate::model::resource::AttrValue;

/// A field of a log record, by the names of PRODUCT.md §5.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogField {
    /// `@timestamp`
    Timestamp,
    /// `severity`: its word, or the sent text.
    Severity,
    /// `body`
    Body,
    /// `service.name`
    Service,
    /// `trace_id`
    TraceId,
    /// `span_id`
    SpanId,
    /// `_index`
    Index,
    /// `_id`
    Id,
    /// `attributes.<key>`; dots in the key also descend into nested maps.
    Attribute(String),
    /// `resource.<key>`; dots in the key also descend into nested maps.
    Resource(String),
}

impl LogField {
    /// Resolves a field's name. The names that documents are normalised from (PRODUCT.md §5) mean
    /// the same here, so that people find what they sent under the name they sent.
    pub fn from_name(name: &str) -> Self {
        match name {
            "@timestamp" | "timestamp" => LogField::Timestamp,
            "severity" | "level" | "log.level" => LogField::Severity,
            "body" | "message" | "msg" => LogField::Body,
            "service.name" | "service" | "resource.service.name" => LogField::Service,
            "trace_id" | "traceId" | "trace.id" | "fields.traceId" => LogField::TraceId,
            "span_id" | "spanId" | "span.id" | "fields.spanId" => LogField::SpanId,
            "_index" => LogField::Index,
            "_id" => LogField::Id,
            other => match (other.strip_prefix("attributes."), other.strip_prefix("resource.")) {
                (Some(key), _) => LogField::Attribute(key.to_owned()),
                (_, Some(key)) => LogField::Resource(key.to_owned()),
                _ => LogField::Attribute(other.to_owned()),
            },
        }
    }
}

/// A value that a condition compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterValue {
    /// Text.
    Str(String),
    /// Whole number, exact; also compares with other numbers and numeric texts of the record.
    Int(i64),
    /// Number; also compares with numeric texts of the record.
    Number(f64),
    /// Truth value.
    Bool(bool),
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// Open end.
    Unbounded,
    /// The value belongs to the range.
    Included(FilterValue),
    /// The value does not belong to the range.
    Excluded(FilterValue),
}

/// A condition on one record.
#[derive(Debug, Clone, PartialEq)]
pub enum LogFilter {
    /// Every record.
    All,
    /// No record.
    Nothing,
    /// All of them hold; the empty list is [`LogFilter::All`].
    And(Vec<LogFilter>),
    /// One of them holds; the empty list is [`LogFilter::Nothing`].
    Or(Vec<LogFilter>),
    /// It does not hold.
    Not(Box<LogFilter>),
    /// The field's whole value equals, numbers by value, texts by bytes; severity ignores case.
    Equals(LogField, FilterValue),
    /// The field's text holds these words in any order; words are runs of letters, digits and `_`,
    /// compared in lower case.
    Words(LogField, Vec<String>),
    /// The field's text holds these words in this order without others between.
    Phrase(LogField, Vec<String>),
    /// The field's text holds these characters, case-sensitive.
    Contains(LogField, String),
    /// The field's whole text matches a pattern of `*` and `?`; case-insensitive for the body,
    /// where it matches one word.
    Wildcard(LogField, String),
    /// The field's whole text matches a regular expression (RE2 syntax, anchored); for the body
    /// one of its words does.
    Regex(LogField, String),
    /// The field lies between two ends, numbers by value, texts by bytes, timestamps in
    /// nanoseconds.
    Range(LogField, Bound, Bound),
    /// The field is given.
    Exists(LogField),
    /// Any text field of the record holds these words (as [`LogFilter::Words`]).
    AnyWords(Vec<String>),
}

impl LogField {
    /// Returns the field's value in `record`; `None` when it is not given.
    pub fn value_of(&self, record: &LogRecord) -> Option<AttrValue> {
        let text = |text: &str| (!text.is_empty()).then(|| AttrValue::from(text));
        match self {
            LogField::Timestamp => Some(AttrValue::Int(record.timestamp.0)),
            LogField::Severity if record.severity.word().is_empty() => text(&record.severity_text),
            LogField::Severity => text(record.severity.word()),
            LogField::Body => match &record.body {
                AttrValue::Empty => None,
                body => Some(body.clone()),
            },
            LogField::Service => text(record.service_name()),
            LogField::TraceId => record.trace_id.map(|id| AttrValue::Str(id.to_string())),
            LogField::SpanId => record.span_id.map(|id| AttrValue::Str(id.to_string())),
            LogField::Index => text(&record.index),
            LogField::Id => text(&record.id),
            LogField::Attribute(key) => descend(&record.attributes.0, key).cloned(),
            LogField::Resource(key) => descend(&record.resource.attributes.0, key).cloned(),
        }
    }
}

/// Finds `key` among `entries`, whole or as a path through nested maps.
pub fn descend<'a>(entries: &'a [(String, AttrValue)], key: &str) -> Option<&'a AttrValue> {
    if let Some((_, value)) = entries.iter().find(|(own, _)| own == key) {
        return Some(value);
    }
    key.match_indices('.').find_map(|(dot, _)| {
        match entries.iter().find(|(own, _)| *own == key[..dot]) {
            Some((_, AttrValue::Map(inner))) => descend(inner, &key[dot + 1..]),
            _ => None,
        }
    })
}

/// Splits text into the lower-case words that [`LogFilter::Words`] compares.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|character: char| !(character.is_alphanumeric() || character == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}
