//! Evaluates a log filter on records: the one meaning that every log store gives it.
//!
//! A condition on a list holds when it holds for the whole list or for one of its items; words,
//! phrases and characters are looked for in the whole text, which for lists and maps is their JSON.

use std::cmp::Ordering;

use regex::Regex;

use crate::base::error::{Error, Result};
use crate::model::log::LogRecord;
use crate::model::log_filter::{Bound, FilterValue, LogField, LogFilter, words};
use crate::model::log_query::glob_matches;
use crate::model::resource::AttrValue;

/// Bytes that a compiled regular expression may take.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 256;

/// A filter that was checked once and then decides record by record.
#[derive(Debug)]
pub struct CompiledFilter {
    root: Node,
}

#[derive(Debug)]
enum Node {
    All,
    Nothing,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Field(LogField, Test),
    AnyWords(Vec<String>),
}

#[derive(Debug)]
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

impl CompiledFilter {
    /// Checks and compiles a filter.
    ///
    /// # Errors
    /// `InvalidInput` for a regular expression that does not compile or is too large, and for
    /// conditions nested deeper than 256.
    pub fn new(filter: &LogFilter) -> Result<Self> {
        Ok(CompiledFilter { root: compile(filter, 0)? })
    }

    /// Returns whether the condition holds for `record`.
    pub fn matches(&self, record: &LogRecord) -> bool {
        holds(&self.root, record)
    }
}

fn compile(filter: &LogFilter, depth: usize) -> Result<Node> {
    if depth > MAX_DEPTH {
        return Err(Error::invalid(format!("conditions are nested deeper than {MAX_DEPTH}")));
    }
    let list = |filters: &[LogFilter]| -> Result<Vec<Node>> {
        filters.iter().map(|inner| compile(inner, depth + 1)).collect()
    };
    let field = |field: &LogField, test| Node::Field(field.clone(), test);
    Ok(match filter {
        LogFilter::All => Node::All,
        LogFilter::Nothing => Node::Nothing,
        LogFilter::And(inner) => Node::And(list(inner)?),
        LogFilter::Or(inner) => Node::Or(list(inner)?),
        LogFilter::Not(inner) => Node::Not(Box::new(compile(inner, depth + 1)?)),
        LogFilter::Equals(of, value) => field(of, Test::Equals(value.clone())),
        LogFilter::Words(of, texts) => field(of, Test::Words(split_all(texts))),
        LogFilter::Phrase(of, texts) => field(of, Test::Phrase(split_all(texts))),
        LogFilter::Contains(of, text) => field(of, Test::Contains(text.clone())),
        LogFilter::Wildcard(LogField::Body, pattern) => {
            field(&LogField::Body, Test::Wildcard(pattern.to_lowercase()))
        }
        LogFilter::Wildcard(of, pattern) => field(of, Test::Wildcard(pattern.clone())),
        LogFilter::Regex(of, pattern) => field(of, Test::Regex(anchored(pattern)?)),
        LogFilter::Range(of, low, high) => field(of, Test::Range(low.clone(), high.clone())),
        LogFilter::Exists(of) => field(of, Test::Exists),
        LogFilter::AnyWords(texts) => Node::AnyWords(split_all(texts)),
    })
}

/// Brings asked words into the form in which texts are split.
pub fn split_all(texts: &[String]) -> Vec<String> {
    texts.iter().flat_map(|text| words(text)).collect()
}

fn anchored(pattern: &str) -> Result<Regex> {
    regex::RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(REGEX_SIZE_LIMIT)
        .build()
        .map_err(|error| Error::invalid(format!("regular expression {pattern:?}: {error}")))
}

fn holds(node: &Node, record: &LogRecord) -> bool {
    match node {
        Node::All => true,
        Node::Nothing => false,
        Node::And(inner) => inner.iter().all(|node| holds(node, record)),
        Node::Or(inner) => inner.iter().any(|node| holds(node, record)),
        Node::Not(inner) => !holds(inner, record),
        Node::Field(field, test) => match field.value_of(record) {
            None | Some(AttrValue::Empty) => false,
            Some(value) => passes(test, field, &value),
        },
        Node::AnyWords(asked) => any_text_has(record, asked),
    }
}

fn passes(test: &Test, field: &LogField, value: &AttrValue) -> bool {
    match test {
        Test::Words(asked) => has_words(&value.to_text(), asked),
        Test::Phrase(asked) => has_phrase(&value.to_text(), asked),
        Test::Contains(text) => value.to_text().contains(text.as_str()),
        Test::Exists => true,
        Test::Equals(_) | Test::Wildcard(_) | Test::Regex(_) | Test::Range(_, _) => {
            let of_item = match value {
                AttrValue::Array(items) => items.iter().any(|item| passes_whole(test, field, item)),
                _ => false,
            };
            of_item || passes_whole(test, field, value)
        }
    }
}

fn passes_whole(test: &Test, field: &LogField, value: &AttrValue) -> bool {
    match (test, field, value) {
        (Test::Equals(FilterValue::Str(asked)), LogField::Severity, AttrValue::Str(text)) => {
            asked.to_lowercase() == text.to_lowercase()
        }
        (Test::Equals(asked), _, _) => compare(value, asked) == Some(Ordering::Equal),
        (Test::Wildcard(pattern), LogField::Body, _) => {
            words(&value.to_text()).any(|word| glob_matches(pattern, &word))
        }
        (Test::Wildcard(pattern), _, _) => glob_matches(pattern, &value.to_text()),
        (Test::Regex(regex), LogField::Body, _) => {
            words(&value.to_text()).any(|word| regex.is_match(&word))
        }
        (Test::Regex(regex), _, _) => regex.is_match(&value.to_text()),
        (Test::Range(low, high), _, _) => {
            within(value, low, Ordering::Greater) && within(value, high, Ordering::Less)
        }
        _ => false,
    }
}

fn has_words(text: &str, asked: &[String]) -> bool {
    let mut missing: Vec<&String> = asked.iter().collect();
    for word in words(text) {
        if missing.is_empty() {
            break;
        }
        missing.retain(|asked| **asked != word);
    }
    missing.is_empty()
}

fn has_phrase(text: &str, asked: &[String]) -> bool {
    let found: Vec<String> = words(text).collect();
    asked.is_empty() || found.windows(asked.len()).any(|window| window == asked)
}

fn any_text_has(record: &LogRecord, asked: &[String]) -> bool {
    let mut found = false;
    for_each_text(record, &mut |value| found = found || has_words(&value.to_text(), asked));
    found
}

/// Shows the values that [`LogFilter::AnyWords`] looks into: body, severity, sent severity, service,
/// trace, span, and every attribute of record and resource, those of nested maps one by one.
pub fn for_each_text(record: &LogRecord, visit: &mut dyn FnMut(&AttrValue)) {
    let fields = [
        LogField::Body,
        LogField::Severity,
        LogField::Service,
        LogField::TraceId,
        LogField::SpanId,
    ];
    for value in fields.iter().filter_map(|field| field.value_of(record)) {
        visit(&value);
    }
    if !record.severity_text.is_empty() {
        visit(&AttrValue::Str(record.severity_text.clone()));
    }
    for entries in [&record.attributes.0, &record.resource.attributes.0] {
        entries.iter().for_each(|(_, value)| for_each_leaf(value, visit));
    }
}

fn for_each_leaf(value: &AttrValue, visit: &mut dyn FnMut(&AttrValue)) {
    match value {
        AttrValue::Map(inner) => inner.iter().for_each(|(_, value)| for_each_leaf(value, visit)),
        AttrValue::Empty => {}
        leaf => visit(leaf),
    }
}

/// Returns whether `value` lies on the `inside` side of a bound.
fn within(value: &AttrValue, bound: &Bound, inside: Ordering) -> bool {
    match bound {
        Bound::Unbounded => true,
        Bound::Included(end) => {
            compare(value, end).is_some_and(|order| order == inside || order == Ordering::Equal)
        }
        Bound::Excluded(end) => compare(value, end) == Some(inside),
    }
}

/// Compares a record's value with an asked one; `None` when they are of different worlds.
fn compare(value: &AttrValue, asked: &FilterValue) -> Option<Ordering> {
    match asked {
        FilterValue::Str(text) => match value {
            AttrValue::Int(_) | AttrValue::Double(_) => {
                numeric(value)?.partial_cmp(&Number::from_text(text)?)
            }
            _ => Some(value.to_text().as_str().cmp(text.as_str())),
        },
        FilterValue::Int(number) => numeric(value)?.partial_cmp(&Number::Int(*number)),
        FilterValue::Number(number) => numeric(value)?.partial_cmp(&Number::Float(*number)),
        FilterValue::Bool(flag) => match value {
            AttrValue::Bool(own) => Some(own.cmp(flag)),
            AttrValue::Str(text) => Some(text.parse::<bool>().ok()?.cmp(flag)),
            _ => None,
        },
    }
}

fn numeric(value: &AttrValue) -> Option<Number> {
    match value {
        AttrValue::Int(number) => Some(Number::Int(*number)),
        AttrValue::Double(number) => Some(Number::Float(*number)),
        AttrValue::Str(text) => Number::from_text(text),
        _ => None,
    }
}

/// A number that keeps all digits of a whole one.
#[derive(Debug, Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// Reads a finite number.
    fn from_text(text: &str) -> Option<Self> {
        if let Ok(whole) = text.parse() {
            return Some(Number::Int(whole));
        }
        text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Number::Float)
    }

    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        match (*self, *other) {
            (Number::Int(own), Number::Int(other)) => Some(own.cmp(&other)),
            (Number::Float(own), Number::Float(other)) => own.partial_cmp(&other),
            (Number::Int(own), Number::Float(other)) => compare_exactly(own, other),
            (Number::Float(own), Number::Int(other)) => {
                compare_exactly(other, own).map(Ordering::reverse)
            }
        }
    }
}

/// Compares without rounding the whole number to the nearest float.
fn compare_exactly(whole: i64, float: f64) -> Option<Ordering> {
    /// 2^63, the first float that is beyond every `i64`.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return None;
    }
    if float >= BEYOND {
        return Some(Ordering::Less);
    }
    if float < -BEYOND {
        return Some(Ordering::Greater);
    }
    let floor = float.floor();
    Some(whole.cmp(&(floor as i64)).then(floor.total_cmp(&float)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::Severity;
    use crate::model::time::TimestampNs;

    fn record() -> LogRecord {
        let mut record = LogRecord::new(TimestampNs(i64::MAX - 1), "GET /a-b took 12ms, Größe 7");
        record.severity = Severity::ERROR;
        record.attributes.set("big", AttrValue::Int(9_007_199_254_740_993));
        record.attributes.set("text", AttrValue::from("0500"));
        record.attributes.set("none", AttrValue::Empty);
        let tags = vec![AttrValue::from("a\"b"), AttrValue::Int(3)];
        record.attributes.set("tags", AttrValue::Array(tags));
        record.attributes.set("map", AttrValue::Map(vec![("in.ner".into(), AttrValue::from("x"))]));
        record
    }

    fn attribute(key: &str) -> LogField {
        LogField::Attribute(key.to_owned())
    }

    fn check(filter: LogFilter) -> bool {
        CompiledFilter::new(&filter).unwrap().matches(&record())
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn whole_numbers_and_instants_keep_all_their_digits() {
        let big = |value| check(LogFilter::Equals(attribute("big"), value));
        assert!(big(FilterValue::Int(9_007_199_254_740_993)));
        assert!(!big(FilterValue::Int(9_007_199_254_740_992)));
        assert!(!big(FilterValue::Number(9_007_199_254_740_992.0)));
        assert!(big(FilterValue::Str("9007199254740993".into())));
        let after = |ns| {
            let low = Bound::Excluded(FilterValue::Int(ns));
            check(LogFilter::Range(LogField::Timestamp, low, Bound::Unbounded))
        };
        assert!(after(i64::MAX - 2) && !after(i64::MAX - 1));
        assert_eq!(compare_exactly(i64::MAX, 9.3e18), Some(Ordering::Less));
        assert_eq!(compare_exactly(-2, -1.5), Some(Ordering::Less));
        assert_eq!(compare_exactly(-1, -1.5), Some(Ordering::Greater));
        assert_eq!(compare_exactly(0, f64::NAN), None);
    }

    #[test]
    fn numeric_texts_compare_by_value_and_texts_by_bytes() {
        assert!(check(LogFilter::Equals(attribute("text"), FilterValue::Number(500.0))));
        assert!(check(LogFilter::Equals(attribute("text"), FilterValue::Int(500))));
        assert!(!check(LogFilter::Equals(attribute("text"), FilterValue::Str("500".into()))));
        let error =
            |word: &str| LogFilter::Equals(LogField::Severity, FilterValue::Str(word.into()));
        assert!(check(error("ERROR")) && !check(error("warn")));
    }

    #[test]
    fn lists_match_by_item_and_nested_keys_by_path() {
        let tags = |value| check(LogFilter::Equals(attribute("tags"), value));
        assert!(tags(FilterValue::Str("a\"b".into())) && tags(FilterValue::Number(3.0)));
        assert!(tags(FilterValue::Str(r#"["a\"b",3]"#.into())) && !tags(FilterValue::Int(4)));
        assert!(check(LogFilter::Exists(attribute("map.in.ner"))));
        assert!(!check(LogFilter::Exists(attribute("none"))));
        assert!(!check(LogFilter::Not(Box::new(LogFilter::Exists(attribute("map"))))));
    }

    #[test]
    fn words_phrases_and_patterns_of_the_body_see_lower_case_words() {
        let body = LogField::Body;
        assert!(!check(LogFilter::Words(body.clone(), texts(&["grösse", "get"]))));
        assert!(check(LogFilter::Words(body.clone(), texts(&["größe", "GET"]))));
        assert!(check(LogFilter::Phrase(body.clone(), texts(&["a", "b", "took"]))));
        assert!(!check(LogFilter::Phrase(body.clone(), texts(&["b", "a"]))));
        assert!(check(LogFilter::Contains(body.clone(), "/a-b".into())));
        assert!(!check(LogFilter::Contains(body.clone(), "get".into())));
        assert!(check(LogFilter::Wildcard(body.clone(), "1?MS".into())));
        assert!(!check(LogFilter::Wildcard(body.clone(), "took 1*".into())));
        assert!(check(LogFilter::Regex(body.clone(), "[0-9]+ms".into())));
        assert!(!check(LogFilter::Regex(body, "too".into())));
        assert!(check(LogFilter::AnyWords(texts(&["0500"]))));
        assert!(!check(LogFilter::AnyWords(texts(&["0500", "get"]))), "one field has them all");
    }

    #[test]
    fn monstrous_filters_are_refused() {
        let huge = LogFilter::Regex(LogField::Body, "((a{1000}){1000}){1000}".into());
        assert!(CompiledFilter::new(&huge).is_err());
        let mut deep = LogFilter::All;
        for _ in 0..=MAX_DEPTH {
            deep = LogFilter::Not(Box::new(deep));
        }
        assert!(CompiledFilter::new(&deep).is_err());
    }
}
