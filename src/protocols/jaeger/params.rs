//! The parameters of Jaeger's query API.

use std::time::Duration;

use serde_json::Value;

use crate::base::error::{Error, Result};
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{SpanKind, TraceId};
use crate::model::trace_query::{AttributeScope, SpanCondition, TraceSearch};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_500;
const HOUR_US: i64 = 3_600_000_000;

/// The pairs of a query string, in order; some names repeat.
pub type Pairs = Vec<(String, String)>;

/// What a search asks for.
pub enum Asked {
    /// These traces.
    ById(Vec<TraceId>),
    /// Traces with a span that fulfils this.
    Search(TraceSearch),
}

fn first<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    let found = pairs.iter().find(|(key, value)| key == name && !value.is_empty());
    found.map(|(_, value)| value.as_str())
}

/// Reads the parameters of a search; `now_us` ends it where nothing else is said.
///
/// # Errors
/// `InvalidInput` that names the parameter.
pub fn search(pairs: &Pairs, now_us: i64) -> Result<Asked> {
    let ids = pairs.iter().filter(|(key, _)| key == "traceID");
    let ids: Vec<TraceId> = ids.map(|(_, id)| trace_id(id)).collect::<Result<_>>()?;
    if !ids.is_empty() {
        return Ok(Asked::ById(ids));
    }
    let service =
        first(pairs, "service").ok_or_else(|| Error::invalid("parameter 'service' is required"))?;
    let mut all = vec![SpanCondition::Service(service.to_owned())];
    if let Some(name) = first(pairs, "operation").filter(|name| *name != "all") {
        all.push(SpanCondition::Name(name.to_owned()));
    }
    let least =
        first(pairs, "minDuration").map(|text| duration("minDuration", text)).transpose()?;
    let most = first(pairs, "maxDuration").map(|text| duration("maxDuration", text)).transpose()?;
    if least.is_some() || most.is_some() {
        all.push(SpanCondition::Duration(least.unwrap_or(0), most.unwrap_or(i64::MAX)));
    }
    for (key, value) in tags(pairs)? {
        all.push(tag_condition(key, value));
    }
    let limit = match first(pairs, "limit") {
        None => DEFAULT_LIMIT,
        Some(text) => {
            let wrong = || Error::invalid(format!("unable to parse param 'limit': {text:?}"));
            text.parse::<usize>().map_err(|_| wrong())?.clamp(1, MAX_LIMIT)
        }
    };
    let condition = SpanCondition::And(all);
    Ok(Asked::Search(TraceSearch { range: range(pairs, now_us)?, condition, limit }))
}

/// Reads a trace id of up to 32 hexadecimal digits.
///
/// # Errors
/// `InvalidInput`.
pub fn trace_id(text: &str) -> Result<TraceId> {
    TraceId::from_hex(text).ok_or_else(|| Error::invalid(format!("cannot parse trace ID {text:?}")))
}

/// Reads `start` and `end` (microseconds); without a start the look-back or the last hour counts.
fn range(pairs: &Pairs, now_us: i64) -> Result<TimeRange<TimestampNs>> {
    let micros = |name: &str| {
        let wrong = || {
            Error::invalid(format!(
                "unable to parse param '{name}': it is no number of microseconds"
            ))
        };
        first(pairs, name).map(|text| text.parse::<i64>().map_err(|_| wrong())).transpose()
    };
    let end = micros("end")?.unwrap_or(now_us);
    let start = match (micros("start")?, first(pairs, "lookback")) {
        (Some(start), _) => start,
        (None, Some(back)) if back != "custom" => {
            end.saturating_sub(duration("lookback", back)? / 1_000)
        }
        _ => end.saturating_sub(48 * HOUR_US),
    };
    let ns = |us: i64| TimestampNs(us.saturating_mul(1_000));
    // The end includes its whole microsecond.
    Ok(TimeRange::new(ns(start), TimestampNs(ns(end).0.saturating_add(999))))
}

/// Reads a Go duration such as `1.2s`, `100ms` or `500us`, in nanoseconds.
fn duration(name: &str, text: &str) -> Result<i64> {
    let wrong =
        || Error::invalid(format!("unable to parse param '{name}': {text:?} is no duration"));
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.');
        let (number, tail) = rest.split_at(digits.ok_or_else(wrong)?);
        let unit_end =
            tail.find(|character: char| character.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let seconds = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        total += Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        rest = tail;
    }
    i64::try_from(total.as_nanos()).map_err(|_| wrong())
}

/// Reads `tags` (a JSON object) and `tag` (`key:value`, repeated).
fn tags(pairs: &Pairs) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for (name, value) in pairs {
        match name.as_str() {
            "tag" => {
                let wrong = || {
                    Error::invalid(format!(
                        "malformed 'tag' parameter, expecting key:value, received: {value}"
                    ))
                };
                let (key, value) = value.split_once(':').ok_or_else(wrong)?;
                found.push((key.to_owned(), value.to_owned()));
            }
            "tags" if !value.is_empty() => {
                let wrong = || {
                    Error::invalid(format!(
                        "malformed 'tags' parameter, cannot unmarshal JSON: {value}"
                    ))
                };
                let Ok(Value::Object(object)) = serde_json::from_str(value) else {
                    return Err(wrong());
                };
                for (key, value) in object {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    found.push((key, text));
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Tags that Jaeger derives from a span's own fields mean these fields.
fn tag_condition(key: String, value: String) -> SpanCondition {
    let attribute =
        |key: String, value: String| SpanCondition::Attribute(AttributeScope::Any, key, value);
    match (key.as_str(), value.as_str()) {
        ("error", "true") => {
            SpanCondition::Or(vec![SpanCondition::Error(true), attribute(key, value)])
        }
        ("error", "false") => SpanCondition::Error(false),
        ("otel.status_code", "ERROR") => SpanCondition::Error(true),
        ("span.kind", word) => match SpanKind::from_word(word) {
            Some(kind) => SpanCondition::Kind(kind),
            None => attribute(key, value),
        },
        _ => attribute(key, value),
    }
}

/// Reads the window of `/api/dependencies`: `endTs` and `lookback`, both milliseconds.
///
/// # Errors
/// `InvalidInput` that names the parameter.
pub fn window(pairs: &Pairs, now_us: i64) -> Result<TimeRange<TimestampNs>> {
    let millis = |name: &str, otherwise: i64| match first(pairs, name) {
        None => Ok(otherwise),
        Some(text) => text.parse::<i64>().map_err(|_| {
            Error::invalid(format!(
                "unable to parse param '{name}': it is no number of milliseconds"
            ))
        }),
    };
    let end = millis("endTs", now_us / 1_000)?;
    let start = end.saturating_sub(millis("lookback", 24 * HOUR_US / 1_000)?);
    let ns = |ms: i64| TimestampNs(ms.saturating_mul(1_000_000));
    Ok(TimeRange::new(ns(start), TimestampNs(ns(end).0.saturating_add(999_999))))
}

/// Returns the value of a parameter that must be there.
///
/// # Errors
/// `InvalidInput` that names it.
pub fn required<'a>(pairs: &'a Pairs, name: &str) -> Result<&'a str> {
    first(pairs, name).ok_or_else(|| Error::invalid(format!("parameter '{name}' is required")))
}

/// Returns the value of a parameter that may be there.
pub fn optional<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    first(pairs, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(given: &[(&str, &str)]) -> Pairs {
        given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn go_durations_are_read() {
        assert_eq!(duration("d", "1.5s").unwrap(), 1_500_000_000);
        assert_eq!(duration("d", "1h2ms").unwrap(), 3_600_002_000_000);
        assert_eq!(duration("d", "100us").unwrap(), 100_000);
        for wrong in ["5", "s", "1x", "1e9999h"] {
            assert!(duration("d", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_search_needs_a_service_and_understands_error_tags() {
        assert!(search(&pairs(&[]), 0).is_err());
        let asked = search(&pairs(&[("service", "a"), ("tags", r#"{"error":"true","n":5}"#)]), 0);
        let Ok(Asked::Search(search)) = asked else { panic!("no search") };
        let SpanCondition::And(all) = search.condition else { panic!("no list") };
        assert_eq!(all.len(), 3);
        assert!(matches!(&all[1], SpanCondition::Or(_)));
        assert_eq!(all[2], SpanCondition::Attribute(AttributeScope::Any, "n".into(), "5".into()));
    }
}
