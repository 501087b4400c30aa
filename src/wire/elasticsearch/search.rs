//! The body of a search, and the hits of its answer.

use serde_json::{Map, Value, json};

use crate::model::aggregation::NamedAggregation;
use crate::model::log_filter::{Bound, FilterValue, LogField, LogFilter};
use crate::model::log_query::{Direction, LogHit, LogPosition};
use crate::model::time::{TimeRange, TimestampNs};
use crate::wire::elasticsearch::aggs;
use crate::wire::elasticsearch::dsl;
use crate::wire::elasticsearch::fields::resolve;
use crate::wire::elasticsearch::source;

/// Elasticsearch's own default of `index.max_result_window`.
pub const MAX_RESULT_WINDOW: usize = 10_000;

/// A search as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchBody {
    /// The time range that the query demands at its top.
    pub range: TimeRange<TimestampNs>,
    /// What a record fulfils besides.
    pub filter: LogFilter,
    /// Records to skip.
    pub from: usize,
    /// Records to return.
    pub size: usize,
    /// Which way time runs.
    pub direction: Direction,
    /// How many sort values a hit shows: 0 without a sort.
    pub sort_values: usize,
    /// Where to go on.
    pub after: Option<LogPosition>,
    /// What to compute.
    pub aggregations: Vec<NamedAggregation>,
    /// Whether hits carry their `_source`.
    pub with_source: bool,
    /// Fields that hits show with their values.
    pub fields: Vec<String>,
}

/// Keys that change nothing here: scoring, caching, and what an answer always has.
const TOLERATED: [&str; 16] = [
    "track_total_hits",
    "timeout",
    "version",
    "seq_no_primary_term",
    "highlight",
    "explain",
    "track_scores",
    "stored_fields",
    "script_fields",
    "docvalue_fields",
    "fields",
    "preference",
    "ignore_unavailable",
    "profile",
    "runtime_mappings",
    "min_score",
];

/// Reads the body of a search; an absent body asks for everything.
///
/// # Errors
/// A reason that names what is unknown or malformed.
pub fn decode(body: &Value, text: dsl::TextParser<'_>) -> Result<SearchBody, String> {
    let empty = Map::new();
    let body = match body {
        Value::Null => &empty,
        Value::Object(body) => body,
        _ => return Err("the search body is not an object".to_owned()),
    };
    let mut search = SearchBody {
        range: TimeRange::<TimestampNs>::ALL,
        filter: LogFilter::All,
        from: 0,
        size: 10,
        direction: Direction::Backward,
        sort_values: 0,
        after: None,
        aggregations: Vec::new(),
        with_source: true,
        fields: Vec::new(),
    };
    for (key, value) in body {
        match key.as_str() {
            "query" => search.filter = dsl::decode(value, text)?,
            "aggs" | "aggregations" => search.aggregations = aggs::decode(value)?,
            "from" => search.from = whole(value, key)?,
            "size" => search.size = whole(value, key)?,
            "sort" => sort(value, &mut search)?,
            "search_after" => search.after = Some(search_after(value)?),
            "_source" => search.with_source = *value != Value::Bool(false),
            "script_fields" | "runtime_mappings" if has_entries(value) => {
                return Err(format!("[{key}] is not supported; scripts do not exist here"));
            }
            "fields" | "docvalue_fields" => search.fields.extend(field_names(value)),
            known if TOLERATED.contains(&known) => {}
            other => return Err(format!("unknown key [{other}] in the search body")),
        }
    }
    if search.from + search.size > MAX_RESULT_WINDOW {
        return Err(format!(
            "Result window is too large, from + size must be less than or equal to: [{MAX_RESULT_WINDOW}]; go on with search_after"
        ));
    }
    (search.range, search.filter) = split_time(search.filter);
    Ok(search)
}

fn has_entries(value: &Value) -> bool {
    value.as_object().is_some_and(|entries| !entries.is_empty())
}

fn whole(value: &Value, key: &str) -> Result<usize, String> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let number = number.and_then(|number| usize::try_from(number).ok());
    number
        .filter(|number| *number <= MAX_RESULT_WINDOW)
        .ok_or_else(|| format!("[{key}] must be a whole number up to {MAX_RESULT_WINDOW}"))
}

fn field_names(value: &Value) -> Vec<String> {
    let name =
        |entry: &Value| entry.as_str().or_else(|| entry.get("field")?.as_str()).map(str::to_owned);
    value.as_array().map(|list| list.iter().filter_map(name).collect()).unwrap_or_default()
}

/// Takes a sort by time, with `_doc` or `_score` beside it, in any of the forms clients send.
fn sort(value: &Value, search: &mut SearchBody) -> Result<(), String> {
    let mut keys: Vec<(&str, &str)> = Vec::new();
    let entries = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    for entry in entries {
        match entry {
            Value::String(text) => keys.push(text.split_once(':').unwrap_or((text, "asc"))),
            Value::Object(fields) => {
                for (name, order) in fields {
                    let order = order.as_str().or_else(|| order.get("order")?.as_str());
                    keys.push((name, order.unwrap_or("asc")));
                }
            }
            other => return Err(format!("[sort] {other} is not understood")),
        }
    }
    for (name, order) in &keys {
        match (resolve(name), *name) {
            (LogField::Timestamp, _) => {
                search.direction =
                    if *order == "asc" { Direction::Forward } else { Direction::Backward };
            }
            (_, "_doc" | "_score" | "_shard_doc") => {}
            _ => return Err(format!("sorting by [{name}] is not supported; sort by @timestamp")),
        }
    }
    search.sort_values = keys.len().min(2);
    Ok(())
}

/// Reads the sort values of an earlier hit: milliseconds, then this server's exact position.
fn search_after(value: &Value) -> Result<LogPosition, String> {
    let wrong = || "[search_after] must repeat the [sort] values of a hit".to_owned();
    let values = value.as_array().ok_or_else(wrong)?;
    if let Some(Value::String(exact)) = values.get(1) {
        let (ns, sequence) = exact.split_once(':').ok_or_else(wrong)?;
        let timestamp = TimestampNs(ns.parse().map_err(|_| wrong())?);
        return Ok(LogPosition { timestamp, sequence: sequence.parse().map_err(|_| wrong())? });
    }
    let ms = values.first().and_then(Value::as_i64).ok_or_else(wrong)?;
    // Only the time is known: go on behind every record of that millisecond.
    let timestamp = TimestampNs(ms.saturating_mul(1_000_000));
    Ok(LogPosition { timestamp, sequence: 0 })
}

/// Takes the time ranges at the top of a filter out of it, so that the store can prune by them.
pub fn split_time(filter: LogFilter) -> (TimeRange<TimestampNs>, LogFilter) {
    let mut range = TimeRange::<TimestampNs>::ALL;
    let rest = take_time(filter, &mut range);
    (range, rest)
}

fn take_time(filter: LogFilter, range: &mut TimeRange<TimestampNs>) -> LogFilter {
    match filter {
        LogFilter::And(parts) => {
            let mut rest: Vec<_> = parts.into_iter().map(|part| take_time(part, range)).collect();
            rest.retain(|part| *part != LogFilter::All);
            match rest.len() {
                0 => LogFilter::All,
                1 => rest.remove(0),
                _ => LogFilter::And(rest),
            }
        }
        LogFilter::Range(LogField::Timestamp, low, high) => {
            let start = match low {
                Bound::Included(FilterValue::Int(ns)) => ns,
                Bound::Excluded(FilterValue::Int(ns)) => ns.saturating_add(1),
                _ => i64::MIN,
            };
            let end = match high {
                // Milliseconds are what clients can say: the end includes its whole millisecond.
                Bound::Included(FilterValue::Int(ns)) if ns % 1_000_000 == 0 => {
                    ns.saturating_add(999_999)
                }
                Bound::Included(FilterValue::Int(ns)) => ns,
                Bound::Excluded(FilterValue::Int(ns)) => ns.saturating_sub(1),
                _ => i64::MAX,
            };
            range.start = range.start.max(TimestampNs(start));
            range.end = range.end.min(TimestampNs(end));
            LogFilter::All
        }
        other => other,
    }
}

/// Writes one hit.
pub fn encode_hit(search: &SearchBody, hit: &LogHit) -> Value {
    let record = &hit.record;
    let mut json = Map::new();
    json.insert("_index".into(), record.index.as_str().into());
    json.insert("_id".into(), record.id.as_str().into());
    json.insert("_score".into(), if search.sort_values > 0 { Value::Null } else { 1.0.into() });
    if search.with_source {
        let document = source::encode(record);
        let value = serde_json::from_str(&document).unwrap_or(Value::String(document));
        json.insert("_source".into(), value);
    }
    if !search.fields.is_empty() {
        json.insert("fields".into(), shown_fields(search, hit));
    }
    if search.sort_values > 0 {
        let ms = hit.position.timestamp.to_ms().0;
        let exact = format!("{}:{}", hit.position.timestamp.0, hit.position.sequence);
        let values = [Value::from(ms), Value::from(exact)];
        json.insert("sort".into(), Value::from(values[..search.sort_values].to_vec()));
    }
    Value::Object(json)
}

fn shown_fields(search: &SearchBody, hit: &LogHit) -> Value {
    let mut fields = Map::new();
    for name in &search.fields {
        let field = resolve(name);
        let value = match field {
            LogField::Timestamp => Some(json!(source::rfc3339(hit.record.timestamp))),
            _ => field.value_of(&hit.record).and_then(|value| {
                let mut text = String::new();
                value.write_json(&mut text);
                serde_json::from_str(&text).ok()
            }),
        };
        match value {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) => drop(fields.insert(name.clone(), Value::Array(list))),
            Some(one) => drop(fields.insert(name.clone(), Value::Array(vec![one]))),
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<SearchBody, String> {
        decode(&body, &|_, _| Ok(LogFilter::Nothing))
    }

    #[test]
    fn grafanas_sort_object_and_exact_paging_are_understood() {
        let body = json!({"size": 5, "sort": {"@timestamp": {"order": "asc"}, "_doc": {"order": "asc"}},
            "search_after": [1, "1000500:7"]});
        let search = read(body).unwrap();
        assert_eq!(search.direction, Direction::Forward);
        assert_eq!(search.sort_values, 2);
        let after = LogPosition { timestamp: TimestampNs(1_000_500), sequence: 7 };
        assert_eq!(search.after, Some(after));
    }

    #[test]
    fn the_time_range_is_taken_out_and_its_last_millisecond_is_whole() {
        let body =
            json!({"query": {"bool": {"filter": {"range": {"@timestamp": {"gte": 1, "lte": 2}}}}}});
        let search = read(body).unwrap();
        assert_eq!(search.range, TimeRange::new(TimestampNs(1_000_000), TimestampNs(2_999_999)));
        assert_eq!(search.filter, LogFilter::All);
    }

    #[test]
    fn what_would_be_ignored_silently_is_refused() {
        for body in [
            json!({"sort": ["price"]}),
            json!({"suggest": {}}),
            json!({"size": 20_000}),
            json!({"script_fields": {"a": {}}}),
        ] {
            assert!(read(body.clone()).is_err(), "{body}");
        }
    }
}
