//! Elasticsearch's query DSL becomes a filter tree.
//!
//! Scores do not exist here: `must`, `should` and `filter` only decide what matches. A clause that
//! is not known is an error that names it.

use serde_json::{Map, Value};

use crate::model::log_filter::{Bound, FilterValue, LogField, LogFilter, words};
use crate::wire::elasticsearch::document::instant;
use crate::wire::elasticsearch::fields::{is_full_text, resolve};

/// Reads the text of a `query_string`; given by the caller, because languages are not a codec's
/// matter. The second argument says whether words are joined by AND.
pub type TextParser<'a> = &'a dyn Fn(&str, bool) -> Result<LogFilter, String>;

/// How deep clauses may nest.
const MAX_DEPTH: usize = 50;

/// Reads one query clause.
///
/// # Errors
/// A reason that names what is unknown or malformed.
pub fn decode(clause: &Value, text: TextParser<'_>) -> Result<LogFilter, String> {
    decode_at(clause, text, 0)
}

fn decode_at(clause: &Value, text: TextParser<'_>, depth: usize) -> Result<LogFilter, String> {
    if depth > MAX_DEPTH {
        return Err(format!("the query nests deeper than {MAX_DEPTH} clauses"));
    }
    let Value::Object(clause) = clause else {
        return Err("query malformed, a clause is not an object".to_owned());
    };
    let mut entries = clause.iter();
    let (Some((name, body)), None) = (entries.next(), entries.next()) else {
        return Err("query malformed, a clause must have exactly one name".to_owned());
    };
    match name.as_str() {
        "match_all" => Ok(LogFilter::All),
        "match_none" => Ok(LogFilter::Nothing),
        "bool" => boolean(body, text, depth),
        "constant_score" => decode_at(part(body, "filter", name)?, text, depth + 1),
        "term" => term(body),
        "terms" => terms(body),
        "match" => match_words(body),
        "match_phrase" => phrase(body),
        "multi_match" | "simple_query_string" | "query_string" => query_text(name, body, text),
        "range" => range(body),
        "exists" => Ok(LogFilter::Exists(resolve(string_of(part(body, "field", name)?, name)?))),
        "prefix" => prefix(body),
        "wildcard" => wildcard(body),
        "regexp" => regexp(body),
        "ids" => ids(body),
        other => Err(format!(
            "query [{other}] is not supported; supported are match_all, match_none, bool, constant_score, term, terms, match, match_phrase, multi_match, query_string, simple_query_string, range, exists, prefix, wildcard, regexp, ids"
        )),
    }
}

fn boolean(body: &Value, text: TextParser<'_>, depth: usize) -> Result<LogFilter, String> {
    let body = body.as_object().ok_or("[bool] query malformed, expected an object")?;
    let mut all = Vec::new();
    let mut should = Vec::new();
    let mut minimum = None;
    for (name, value) in body {
        let clauses = || -> Result<Vec<LogFilter>, String> {
            let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            list.iter().map(|clause| decode_at(clause, text, depth + 1)).collect()
        };
        match name.as_str() {
            "must" | "filter" => all.extend(clauses()?),
            "must_not" => {
                all.extend(clauses()?.into_iter().map(|clause| LogFilter::Not(Box::new(clause))));
            }
            "should" => should = clauses()?,
            "minimum_should_match" => {
                let given = value.as_i64().or_else(|| value.as_str()?.parse().ok());
                minimum = Some(given.ok_or("[bool] minimum_should_match must be a number")?);
            }
            "boost" | "_name" | "adjust_pure_negative" => {}
            other => return Err(format!("[bool] query does not support [{other}]")),
        }
    }
    // Without must and filter, one should must hold; beside them none need to (they only score).
    let required = minimum.unwrap_or(i64::from(all.is_empty() && !should.is_empty()));
    match required {
        0 => {}
        1 => all.push(LogFilter::Or(should)),
        all_of if all_of == should.len() as i64 => all.extend(should),
        other => {
            return Err(format!(
                "[bool] minimum_should_match {other} is not supported; use 0, 1 or all"
            ));
        }
    }
    Ok(LogFilter::And(all))
}

fn part<'a>(body: &'a Value, key: &str, clause: &str) -> Result<&'a Value, String> {
    body.get(key).ok_or_else(|| format!("[{clause}] query malformed, no [{key}]"))
}

fn string_of<'a>(value: &'a Value, clause: &str) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| format!("[{clause}] query malformed, expected a text"))
}

/// A field, what stands under it, and the options beside that.
type FieldBody<'a> = (&'a str, &'a Value, Option<&'a Map<String, Value>>);

/// Returns the field and what stands under it, in `{"field": x}` or `{"field": {key: x, …}}`.
fn field_body<'a>(body: &'a Value, clause: &str, key: &str) -> Result<FieldBody<'a>, String> {
    let malformed = || format!("[{clause}] query malformed, expected one field");
    let fields = body.as_object().ok_or_else(malformed)?;
    let mut named = fields.iter().filter(|(name, _)| !matches!(name.as_str(), "boost" | "_name"));
    let (Some((field, value)), None) = (named.next(), named.next()) else {
        return Err(malformed());
    };
    match value {
        Value::Object(options) => {
            let value = options
                .get(key)
                .ok_or_else(|| format!("[{clause}] query malformed, no [{key}] for [{field}]"))?;
            Ok((field, value, Some(options)))
        }
        plain => Ok((field, plain, None)),
    }
}

/// Turns a JSON scalar into what a condition compares with.
fn scalar(value: &Value) -> Result<FilterValue, String> {
    match value {
        Value::String(text) => Ok(FilterValue::Str(text.clone())),
        Value::Number(number) => Ok(match number.as_i64() {
            Some(whole) => FilterValue::Int(whole),
            None => FilterValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::Bool(flag) => Ok(FilterValue::Bool(*flag)),
        other => Err(format!("expected a text, a number or a truth value, found {other}")),
    }
}

fn term(body: &Value) -> Result<LogFilter, String> {
    let (field, value, _) = field_body(body, "term", "value")?;
    equals(field, value)
}

fn terms(body: &Value) -> Result<LogFilter, String> {
    let (field, values, _) = field_body(body, "terms", "value")?;
    let values = values.as_array().ok_or("[terms] query malformed, expected a list of values")?;
    values.iter().map(|value| equals(field, value)).collect::<Result<_, _>>().map(LogFilter::Or)
}

/// A whole value; in full text also one of its words, as the terms of an analysed field are words.
fn equals(field: &str, value: &Value) -> Result<LogFilter, String> {
    let target = resolve(field);
    if target == LogField::Timestamp {
        let at = instant_value(value)?;
        return Ok(LogFilter::Range(target, Bound::Included(at.clone()), Bound::Included(at)));
    }
    let value = scalar(value)?;
    let as_word = match &value {
        FilterValue::Str(text) if is_full_text(field) && words(text).eq([text.to_lowercase()]) => {
            Some(LogFilter::Words(target.clone(), vec![text.to_lowercase()]))
        }
        _ => None,
    };
    let whole = LogFilter::Equals(target, value);
    Ok(match as_word {
        Some(word) => LogFilter::Or(vec![whole, word]),
        None => whole,
    })
}

fn match_words(body: &Value) -> Result<LogFilter, String> {
    let (field, value, options) = field_body(body, "match", "query")?;
    let operator = options.and_then(|options| options.get("operator")).and_then(Value::as_str);
    let all_words = operator.is_some_and(|operator| operator.eq_ignore_ascii_case("and"));
    match value {
        Value::String(text) if is_full_text(field) => {
            Ok(words_filter(&resolve(field), text, all_words))
        }
        exact => equals(field, exact),
    }
}

fn words_filter(field: &LogField, text: &str, all_words: bool) -> LogFilter {
    let words: Vec<String> = words(text).collect();
    if all_words {
        return LogFilter::Words(field.clone(), words);
    }
    LogFilter::Or(
        words.into_iter().map(|word| LogFilter::Words(field.clone(), vec![word])).collect(),
    )
}

fn phrase(body: &Value) -> Result<LogFilter, String> {
    let (field, value, _) = field_body(body, "match_phrase", "query")?;
    match value {
        Value::String(text) if is_full_text(field) => {
            Ok(LogFilter::Phrase(resolve(field), words(text).collect()))
        }
        exact => equals(field, exact),
    }
}

fn query_text(name: &str, body: &Value, text: TextParser<'_>) -> Result<LogFilter, String> {
    let query = string_of(part(body, "query", name)?, name)?;
    let operator = body.get("default_operator").or(body.get("operator")).and_then(Value::as_str);
    let all_words = operator.is_some_and(|operator| operator.eq_ignore_ascii_case("and"));
    let fields: Vec<&str> = body
        .get("fields")
        .and_then(Value::as_array)
        .map(|fields| {
            fields.iter().filter_map(Value::as_str).filter(|field| *field != "*").collect()
        })
        .unwrap_or_default();
    if name == "multi_match" {
        let each = |field: &&str| words_filter(&resolve(field), query, all_words);
        return Ok(match fields.is_empty() {
            true => LogFilter::AnyWords(words(query).collect()),
            false => LogFilter::Or(fields.iter().map(each).collect()),
        });
    }
    if !fields.is_empty() {
        return Err(format!(
            "[{name}] with [fields] is not supported; write field:text in the query"
        ));
    }
    text(query, all_words).map_err(|reason| format!("Failed to parse query [{query}]: {reason}"))
}

fn range(body: &Value) -> Result<LogFilter, String> {
    let fields = body.as_object().ok_or("[range] query malformed, expected one field")?;
    let (Some((field, Value::Object(ends))), 1) = (fields.iter().next(), fields.len()) else {
        return Err("[range] query malformed, expected one field with its ends".to_owned());
    };
    let target = resolve(field);
    let (mut low, mut high) = (Bound::Unbounded, Bound::Unbounded);
    for (name, value) in ends {
        if value.is_null() {
            continue;
        }
        let end = || match target {
            LogField::Timestamp => instant_value(value),
            _ => scalar(value),
        };
        match name.as_str() {
            "gte" | "from" => low = Bound::Included(end()?),
            "gt" => low = Bound::Excluded(end()?),
            "lte" | "to" => high = Bound::Included(end()?),
            "lt" => high = Bound::Excluded(end()?),
            "format" | "boost" | "time_zone" | "include_lower" | "include_upper" | "_name" => {}
            other => return Err(format!("[range] query does not support [{other}]")),
        }
    }
    Ok(LogFilter::Range(target, low, high))
}

/// Reads an instant as nanoseconds. Date maths (`now-1h`) is the caller's: it has the clock.
fn instant_value(value: &Value) -> Result<FilterValue, String> {
    let at = instant(value).ok_or_else(|| {
        format!("failed to parse date field [{value}]; send RFC 3339 or epoch milliseconds")
    })?;
    Ok(FilterValue::Int(at.0))
}

fn prefix(body: &Value) -> Result<LogFilter, String> {
    let (field, value, _) = field_body(body, "prefix", "value")?;
    let escaped = escape_glob(string_of(value, "prefix")?);
    Ok(LogFilter::Regex(resolve(field), format!("{escaped}.*")))
}

fn escape_glob(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        if "\\.+*?()|[]{}^$#&-~".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

fn wildcard(body: &Value) -> Result<LogFilter, String> {
    let (field, value, _) = field_body(body, "wildcard", "value")
        .or_else(|_| field_body(body, "wildcard", "wildcard"))?;
    Ok(LogFilter::Wildcard(resolve(field), string_of(value, "wildcard")?.to_owned()))
}

fn regexp(body: &Value) -> Result<LogFilter, String> {
    let (field, value, _) = field_body(body, "regexp", "value")?;
    Ok(LogFilter::Regex(resolve(field), string_of(value, "regexp")?.to_owned()))
}

fn ids(body: &Value) -> Result<LogFilter, String> {
    let values = part(body, "values", "ids")?;
    let list = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
    let each = |value: &Value| scalar(value).map(|id| LogFilter::Equals(LogField::Id, id));
    list.iter().map(each).collect::<Result<_, _>>().map(LogFilter::Or)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(query: Value) -> Result<LogFilter, String> {
        decode(&query, &|text, _| Ok(LogFilter::AnyWords(words(text).collect())))
    }

    #[test]
    fn the_filter_of_grafanas_log_panel_is_understood() {
        let query = json!({"bool": {"filter": [
            {"range": {"@timestamp": {"gte": 1000, "lte": 2000, "format": "epoch_millis"}}},
            {"query_string": {"analyze_wildcard": true, "query": "boom"}},
        ]}});
        let range = LogFilter::Range(
            LogField::Timestamp,
            Bound::Included(FilterValue::Int(1_000_000_000)),
            Bound::Included(FilterValue::Int(2_000_000_000)),
        );
        let expected = LogFilter::And(vec![range, LogFilter::AnyWords(vec!["boom".into()])]);
        assert_eq!(read(query), Ok(expected));
    }

    #[test]
    fn should_is_required_only_without_must() {
        let alone = json!({"bool": {"should": [{"match_all": {}}]}});
        assert_eq!(read(alone), Ok(LogFilter::And(vec![LogFilter::Or(vec![LogFilter::All])])));
        let beside = json!({"bool": {"must": {"match_all": {}}, "should": [{"match_none": {}}]}});
        assert_eq!(read(beside), Ok(LogFilter::And(vec![LogFilter::All])));
    }

    #[test]
    fn what_is_unknown_is_named() {
        let error = read(json!({"script_score": {}})).unwrap_err();
        assert!(error.contains("[script_score] is not supported"), "{error}");
        let mut deep = json!({"match_all": {}});
        for _ in 0..60 {
            deep = json!({"bool": {"must": deep}});
        }
        assert!(read(deep).unwrap_err().contains("deeper"));
    }

    #[test]
    fn a_term_on_a_keyword_is_exact_and_on_text_also_a_word() {
        assert_eq!(
            read(json!({"term": {"trace_id": "ab"}})),
            Ok(LogFilter::Equals(LogField::TraceId, FilterValue::Str("ab".into())))
        );
        assert!(matches!(
            read(json!({"term": {"message": {"value": "boom"}}})),
            Ok(LogFilter::Or(_))
        ));
        assert!(matches!(read(json!({"term": {"code.keyword": "x"}})), Ok(LogFilter::Equals(..))));
    }
}
