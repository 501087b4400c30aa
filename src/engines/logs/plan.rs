//! Turns a filter into a question to the index of a day: exactly, or as something that finds at
//! least what the filter finds.

use std::ops::Bound as End;

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, Occur, Query, RangeQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use crate::engines::logs::schema::{Fields, number_term, spelled_number, term};
use crate::model::log_filter::{Bound, FilterValue, LogField, LogFilter};
use crate::model::time::{TimeRange, TimestampNs};
use crate::storage::log_eval::split_all;

/// What to ask an index.
#[derive(Debug)]
pub(super) enum Plan {
    /// No record can match.
    Nothing,
    /// Every record may match; `exact` when every record does.
    Everything { exact: bool },
    /// Those that the query finds may match; `exact` when they do.
    Query { query: Box<dyn Query>, exact: bool },
}

impl Plan {
    /// Returns whether what is found needs no second look.
    pub(super) fn is_exact(&self) -> bool {
        match self {
            Plan::Nothing => true,
            Plan::Everything { exact } | Plan::Query { exact, .. } => *exact,
        }
    }

    /// Returns the query; `None` when nothing can match.
    pub(super) fn query(&self) -> Option<&dyn Query> {
        match self {
            Plan::Nothing => None,
            Plan::Everything { .. } => Some(&AllQuery),
            Plan::Query { query, .. } => Some(query.as_ref()),
        }
    }

    /// Plans a filter.
    pub(super) fn of(filter: &LogFilter, fields: &Fields) -> Plan {
        match filter {
            LogFilter::All => Plan::Everything { exact: true },
            LogFilter::Nothing => Plan::Nothing,
            LogFilter::And(inner) => Plan::all_of(inner.iter().map(|one| Plan::of(one, fields))),
            LogFilter::Or(inner) => Plan::any_of(inner.iter().map(|one| Plan::of(one, fields))),
            LogFilter::Not(inner) => Plan::of(inner, fields).negated(),
            LogFilter::Equals(field, value) => equals(field, value, fields),
            LogFilter::Words(field, asked) => {
                let exact = *field == LogField::Body;
                words_of(field, &split_all(asked), exact, fields)
            }
            LogFilter::Phrase(field, asked) => {
                let asked = split_all(asked);
                let exact = *field == LogField::Body && asked.len() == 1;
                words_of(field, &asked, exact, fields)
            }
            LogFilter::Contains(field, text) => words_of(field, &inner_words(text), false, fields),
            LogFilter::Range(LogField::Timestamp, low, high) => time_range(low, high, fields),
            LogFilter::AnyWords(asked) => {
                let one = |word: &String| either(fields, &term(word));
                Plan::all_of(split_all(asked).iter().map(one)).inexact()
            }
            LogFilter::Wildcard(_, _)
            | LogFilter::Regex(_, _)
            | LogFilter::Range(_, _, _)
            | LogFilter::Exists(_) => Plan::Everything { exact: false },
        }
    }

    /// Plans that all of `parts` hold.
    pub(super) fn all_of(parts: impl Iterator<Item = Plan>) -> Plan {
        let (mut queries, mut all_exact) = (Vec::new(), true);
        for part in parts {
            all_exact &= part.is_exact();
            match part {
                Plan::Nothing => return Plan::Nothing,
                Plan::Everything { .. } => {}
                Plan::Query { query, .. } => queries.push(query),
            }
        }
        match queries.len() {
            0 => Plan::Everything { exact: all_exact },
            _ => {
                let query = Box::new(BooleanQuery::intersection(queries));
                Plan::Query { query, exact: all_exact }
            }
        }
    }

    /// Plans that one of `parts` holds.
    pub(super) fn any_of(parts: impl Iterator<Item = Plan>) -> Plan {
        let (mut queries, mut all_exact, mut everything) = (Vec::new(), true, None);
        for part in parts {
            all_exact &= part.is_exact();
            match part {
                Plan::Nothing => {}
                Plan::Everything { exact } => everything = Some(exact || everything == Some(true)),
                Plan::Query { query, .. } => queries.push(query),
            }
        }
        match everything {
            Some(exact) => Plan::Everything { exact },
            None if queries.is_empty() => Plan::Nothing,
            None => Plan::Query { query: Box::new(BooleanQuery::union(queries)), exact: all_exact },
        }
    }

    fn negated(self) -> Plan {
        match self {
            Plan::Nothing => Plan::Everything { exact: true },
            Plan::Everything { exact: true } => Plan::Nothing,
            Plan::Query { query, exact: true } => {
                let all: Box<dyn Query> = Box::new(AllQuery);
                let parts = vec![(Occur::Must, all), (Occur::MustNot, query)];
                Plan::Query { query: Box::new(BooleanQuery::new(parts)), exact: true }
            }
            _ => Plan::Everything { exact: false },
        }
    }

    fn inexact(self) -> Plan {
        match self {
            Plan::Nothing => Plan::Nothing,
            Plan::Everything { .. } => Plan::Everything { exact: false },
            Plan::Query { query, .. } => Plan::Query { query, exact: false },
        }
    }
}

/// Narrows `range` to what every match of `filter` must lie in, so that fewer days are opened.
pub(super) fn narrowed(
    range: TimeRange<TimestampNs>,
    filter: &LogFilter,
) -> TimeRange<TimestampNs> {
    match filter {
        LogFilter::And(parts) => parts.iter().fold(range, narrowed),
        LogFilter::Range(LogField::Timestamp, low, high) => {
            let mut range = range;
            if let Bound::Included(FilterValue::Int(at)) | Bound::Excluded(FilterValue::Int(at)) =
                low
            {
                range.start = range.start.max(TimestampNs(*at));
            }
            if let Bound::Included(FilterValue::Int(at)) | Bound::Excluded(FilterValue::Int(at)) =
                high
            {
                range.end = range.end.min(TimestampNs(*at));
            }
            range
        }
        _ => range,
    }
}

/// Plans that `field` has a term.
pub(super) fn has_term(field: Field, text: &str, exact: bool) -> Plan {
    let term = Term::from_field_text(field, text);
    Plan::Query { query: Box::new(TermQuery::new(term, IndexRecordOption::Basic)), exact }
}

fn either(fields: &Fields, text: &str) -> Plan {
    let places = [fields.body, fields.rest];
    Plan::any_of(places.into_iter().map(|field| has_term(field, text, false)))
}

fn equals(field: &LogField, value: &FilterValue, fields: &Fields) -> Plan {
    let unknown = Plan::Everything { exact: false };
    match (field, value) {
        (LogField::Severity, FilterValue::Str(text)) => {
            has_term(fields.severity, &term(&text.to_lowercase()), true)
        }
        (LogField::Service, FilterValue::Str(text)) => has_term(fields.service, &term(text), true),
        (LogField::TraceId, FilterValue::Str(text)) => has_term(fields.trace, &term(text), true),
        (LogField::SpanId, FilterValue::Str(text)) => has_term(fields.span, &term(text), true),
        (LogField::Index, FilterValue::Str(text)) => has_term(fields.index, &term(text), true),
        (LogField::Timestamp, FilterValue::Int(_)) => {
            let bound = Bound::Included(value.clone());
            time_range(&bound, &bound, fields)
        }
        (LogField::Body | LogField::Attribute(_) | LogField::Resource(_), value) => {
            let number = match value {
                FilterValue::Int(number) => Some(*number as f64),
                FilterValue::Number(number) => Some(*number),
                FilterValue::Str(text) => spelled_number(text),
                FilterValue::Bool(_) => None,
            };
            match (number, value) {
                (Some(number), _) => has_term(fields.rest, &number_term(number), false),
                (None, FilterValue::Bool(flag)) => either(fields, &flag.to_string()),
                (None, FilterValue::Str(text)) => {
                    let words = split_all(std::slice::from_ref(text));
                    Plan::all_of(words.iter().map(|word| either(fields, &term(word)))).inexact()
                }
                _ => unknown,
            }
        }
        _ => unknown,
    }
}

/// Plans that the field's text has these words.
fn words_of(field: &LogField, asked: &[String], exact: bool, fields: &Fields) -> Plan {
    let place = match field {
        LogField::Body => fields.body,
        LogField::Timestamp | LogField::Index | LogField::Id => {
            return Plan::Everything { exact: false };
        }
        _ => fields.rest,
    };
    if asked.is_empty() {
        return Plan::Everything { exact: false };
    }
    Plan::all_of(asked.iter().map(|word| has_term(place, &term(word), exact)))
}

/// Returns the words of `text` that are whole wherever a longer text holds it.
fn inner_words(text: &str) -> Vec<String> {
    let divides = |character: char| !(character.is_alphanumeric() || character == '_');
    let pieces: Vec<&str> = text.split(divides).collect();
    let inner = pieces.get(1..pieces.len().saturating_sub(1)).unwrap_or_default();
    inner.iter().filter(|piece| !piece.is_empty()).map(|piece| piece.to_lowercase()).collect()
}

fn time_range(low: &Bound, high: &Bound, fields: &Fields) -> Plan {
    let end = |bound: &Bound| match bound {
        Bound::Unbounded => Some(End::Unbounded),
        Bound::Included(FilterValue::Int(at)) => {
            Some(End::Included(Term::from_field_i64(fields.timestamp, *at)))
        }
        Bound::Excluded(FilterValue::Int(at)) => {
            Some(End::Excluded(Term::from_field_i64(fields.timestamp, *at)))
        }
        _ => None,
    };
    match (end(low), end(high)) {
        (Some(End::Unbounded), Some(End::Unbounded)) => Plan::Everything { exact: true },
        (Some(low), Some(high)) => {
            Plan::Query { query: Box::new(RangeQuery::new(low, high)), exact: true }
        }
        _ => Plan::Everything { exact: false },
    }
}
