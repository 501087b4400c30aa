//! Decides whether a record fulfils a filter, by the written meaning of each condition.

use std::cmp::Ordering;

use regex::Regex;

use crate::base::error::{Error, Result};
use crate::model::log::LogRecord;
use crate::model::log_filter::{Bound, FilterValue, LogField, LogFilter, words};
use crate::model::log_query::glob_matches;
use crate::model::resource::AttrValue;

/// A filter whose patterns are compiled.
pub struct LogMatcher(Node);

enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Field(LogField, Test),
    AnyWords(Vec<String>),
}

enum Test {
    Equals(FilterValue),
    Words(Vec<String>),
    Phrase(Vec<String>),
    Contains(String),
    Wildcard(String),
    Regex(Regex),
    Range(Bound, Bound),
    Exists,
}

impl LogMatcher {
    /// Compiles `filter`.
    ///
    /// # Errors
    /// `InvalidInput` for a regular expression that does not compile.
    pub fn new(filter: &LogFilter) -> Result<Self> {
        compile(filter).map(LogMatcher)
    }

    /// Returns whether `record` fulfils the filter.
    pub fn matches(&self, record: &LogRecord) -> bool {
        holds(&self.0, record)
    }
}

fn compile(filter: &LogFilter) -> Result<Node> {
    let many = |parts: &[LogFilter]| parts.iter().map(compile).collect::<Result<Vec<_>>>();
    let lower = |words: &[String]| words.iter().map(|word| word.to_lowercase()).collect::<Vec<_>>();
    Ok(match filter {
        LogFilter::All => Node::All(Vec::new()),
        LogFilter::Nothing => Node::Any(Vec::new()),
        LogFilter::And(parts) => Node::All(many(parts)?),
        LogFilter::Or(parts) => Node::Any(many(parts)?),
        LogFilter::Not(inner) => Node::Not(Box::new(compile(inner)?)),
        LogFilter::Equals(field, value) => Node::Field(field.clone(), Test::Equals(value.clone())),
        LogFilter::Words(field, words) => Node::Field(field.clone(), Test::Words(lower(words))),
        LogFilter::Phrase(field, words) => Node::Field(field.clone(), Test::Phrase(lower(words))),
        LogFilter::Contains(field, text) => {
            Node::Field(field.clone(), Test::Contains(text.clone()))
        }
        LogFilter::Wildcard(field, pattern) => {
            let pattern = match field {
                LogField::Body => pattern.to_lowercase(),
                _ => pattern.clone(),
            };
            Node::Field(field.clone(), Test::Wildcard(pattern))
        }
        LogFilter::Regex(field, pattern) => {
            let regex = Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|error| Error::invalid(format!("invalid regex {pattern:?}: {error}")))?;
            Node::Field(field.clone(), Test::Regex(regex))
        }
        LogFilter::Range(field, from, to) => {
            Node::Field(field.clone(), Test::Range(from.clone(), to.clone()))
        }
        LogFilter::Exists(field) => Node::Field(field.clone(), Test::Exists),
        LogFilter::AnyWords(words) => Node::AnyWords(lower(words)),
    })
}

fn holds(node: &Node, record: &LogRecord) -> bool {
    match node {
        Node::All(parts) => parts.iter().all(|part| holds(part, record)),
        Node::Any(parts) => parts.iter().any(|part| holds(part, record)),
        Node::Not(inner) => !holds(inner, record),
        Node::Field(field, test) => match field.value_of(record) {
            Some(AttrValue::Array(items)) => items.iter().any(|item| passes(field, test, item)),
            Some(value) => passes(field, test, &value),
            None => false,
        },
        Node::AnyWords(wanted) => texts(record).iter().any(|text| has_words(text, wanted)),
    }
}

fn passes(field: &LogField, test: &Test, value: &AttrValue) -> bool {
    match test {
        Test::Exists => true,
        Test::Equals(FilterValue::Str(wanted)) if *field == LogField::Severity => {
            value.to_text().eq_ignore_ascii_case(wanted)
        }
        Test::Equals(FilterValue::Str(wanted)) => value.to_text() == *wanted,
        Test::Equals(wanted) => compare(value, wanted) == Some(Ordering::Equal),
        Test::Words(wanted) => has_words(&value.to_text(), wanted),
        Test::Phrase(wanted) => {
            let found: Vec<_> = words(&value.to_text()).collect();
            wanted.is_empty() || found.windows(wanted.len()).any(|window| window == wanted)
        }
        Test::Contains(wanted) => value.to_text().contains(wanted),
        Test::Wildcard(pattern) if *field == LogField::Body => {
            words(&value.to_text()).any(|word| glob_matches(pattern, &word))
        }
        Test::Wildcard(pattern) => glob_matches(pattern, &value.to_text()),
        Test::Regex(regex) if *field == LogField::Body => {
            words(&value.to_text()).any(|word| regex.is_match(&word))
        }
        Test::Regex(regex) => regex.is_match(&value.to_text()),
        Test::Range(from, to) => above(value, from) && below(value, to),
    }
}

fn above(value: &AttrValue, bound: &Bound) -> bool {
    match bound {
        Bound::Unbounded => true,
        Bound::Included(end) => compare(value, end).is_some_and(Ordering::is_ge),
        Bound::Excluded(end) => compare(value, end).is_some_and(Ordering::is_gt),
    }
}

fn below(value: &AttrValue, bound: &Bound) -> bool {
    match bound {
        Bound::Unbounded => true,
        Bound::Included(end) => compare(value, end).is_some_and(Ordering::is_le),
        Bound::Excluded(end) => compare(value, end).is_some_and(Ordering::is_lt),
    }
}

/// Compares by the filter's type: numbers by value, texts by bytes.
fn compare(value: &AttrValue, with: &FilterValue) -> Option<Ordering> {
    match (value, with) {
        (AttrValue::Int(own), FilterValue::Int(other)) => Some(own.cmp(other)),
        (AttrValue::Str(own), FilterValue::Int(other)) => match own.parse::<i64>() {
            Ok(own) => Some(own.cmp(other)),
            Err(_) => own.parse::<f64>().ok()?.partial_cmp(&(*other as f64)),
        },
        (AttrValue::Double(own), FilterValue::Int(other)) => own.partial_cmp(&(*other as f64)),
        (AttrValue::Int(own), FilterValue::Number(other)) => (*own as f64).partial_cmp(other),
        (AttrValue::Double(own), FilterValue::Number(other)) => own.partial_cmp(other),
        (AttrValue::Str(own), FilterValue::Number(other)) => {
            own.parse::<f64>().ok()?.partial_cmp(other)
        }
        (AttrValue::Bool(own), FilterValue::Bool(other)) => Some(own.cmp(other)),
        (AttrValue::Str(own), FilterValue::Bool(other)) => {
            own.parse::<bool>().ok().map(|own| own.cmp(other))
        }
        (AttrValue::Str(own), FilterValue::Str(other)) => Some(own.cmp(other)),
        _ => None,
    }
}

fn has_words(text: &str, wanted: &[String]) -> bool {
    let found: Vec<_> = words(text).collect();
    wanted.iter().all(|word| found.contains(word))
}

/// Every text of the record that a person might search.
fn texts(record: &LogRecord) -> Vec<String> {
    let mut found = vec![record.body.to_text(), LogField::Severity.text(record)];
    for (_, value) in record.attributes.iter().chain(record.resource.attributes.iter()) {
        found.push(value.to_text());
    }
    let ids = [LogField::TraceId, LogField::SpanId];
    found.extend(ids.iter().map(|field| field.text(record)));
    found
}

impl LogField {
    /// Returns the field's text, empty when it is not given.
    fn text(&self, record: &LogRecord) -> String {
        self.value_of(record).map(|value| value.to_text()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::Severity;
    use crate::model::time::TimestampNs;

    fn record() -> LogRecord {
        let mut record = LogRecord::new(TimestampNs(5), "User alice logged in from 10.0.0.1");
        record.severity = Severity::WARN;
        record.attributes.set("status", AttrValue::Int(503));
        record.attributes.set("path", "/api/v1".into());
        record
    }

    fn holds(filter: LogFilter) -> bool {
        LogMatcher::new(&filter).unwrap().matches(&record())
    }

    fn attribute(key: &str) -> LogField {
        LogField::Attribute(key.to_owned())
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn words_ignore_order_and_case_and_phrases_do_not_ignore_order() {
        assert!(holds(LogFilter::Words(LogField::Body, list(&["ALICE", "user"]))));
        assert!(holds(LogFilter::Phrase(LogField::Body, list(&["logged", "in"]))));
        assert!(!holds(LogFilter::Phrase(LogField::Body, list(&["in", "logged"]))));
        assert!(holds(LogFilter::AnyWords(list(&["api"]))));
    }

    #[test]
    fn numbers_compare_by_value_and_texts_by_bytes() {
        let status = || attribute("status");
        assert!(holds(LogFilter::Equals(status(), FilterValue::Number(503.0))));
        let from = Bound::Included(FilterValue::Int(500));
        assert!(holds(LogFilter::Range(status(), from.clone(), Bound::Unbounded)));
        assert!(!holds(LogFilter::Range(status(), Bound::Unbounded, from)));
        let path = Bound::Excluded(FilterValue::Str("/b".to_owned()));
        assert!(holds(LogFilter::Range(attribute("path"), Bound::Unbounded, path)));
    }

    #[test]
    fn wildcards_match_a_word_of_the_body_and_the_whole_of_other_fields() {
        assert!(holds(LogFilter::Wildcard(LogField::Body, "ALI*".to_owned())));
        assert!(!holds(LogFilter::Wildcard(attribute("path"), "api*".to_owned())));
        assert!(holds(LogFilter::Regex(attribute("path"), "/api/v[0-9]".to_owned())));
        assert!(LogMatcher::new(&LogFilter::Regex(LogField::Body, "(".to_owned())).is_err());
    }

    #[test]
    fn severity_ignores_case_and_a_field_that_is_not_given_fails_every_test_but_not() {
        let loud = FilterValue::Str("WARN".to_owned());
        assert!(holds(LogFilter::Equals(LogField::Severity, loud)));
        let missing = LogFilter::Exists(attribute("missing"));
        assert!(!holds(missing.clone()));
        assert!(holds(LogFilter::Not(Box::new(missing))));
    }
}
