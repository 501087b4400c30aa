//! Elasticsearch's aggregations: the request becomes plain data, the result becomes JSON.

use serde_json::{Map, Value};

use crate::base::duration::parse_duration;
use crate::model::aggregation::{
    Aggregation, AggregationResult, Bucket, BucketKey, MetricKind, NamedAggregation, Statistics,
    TermsKey, TermsOrder,
};
use crate::model::log_filter::LogField;
use crate::model::time::TimestampNs;
use crate::wire::elasticsearch::document::instant;
use crate::wire::elasticsearch::fields::resolve;
use crate::wire::elasticsearch::source::rfc3339;

const MAX_DEPTH: usize = 8;
const DEFAULT_PERCENTS: [f64; 7] = [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];

/// Reads the `aggs` of a search.
///
/// # Errors
/// A reason that names what is unknown or malformed.
pub fn decode(aggs: &Value) -> Result<Vec<NamedAggregation>, String> {
    decode_at(aggs, 0)
}

fn decode_at(aggs: &Value, depth: usize) -> Result<Vec<NamedAggregation>, String> {
    if depth > MAX_DEPTH {
        return Err(format!("aggregations nest deeper than {MAX_DEPTH}"));
    }
    let aggs = aggs.as_object().ok_or("aggregations must be an object")?;
    aggs.iter().map(|(name, body)| decode_one(name, body, depth)).collect()
}

fn decode_one(name: &str, body: &Value, depth: usize) -> Result<NamedAggregation, String> {
    let body = body.as_object().ok_or_else(|| format!("aggregation [{name}] is not an object"))?;
    let within = match body.get("aggs").or(body.get("aggregations")) {
        Some(inner) => decode_at(inner, depth + 1)?,
        None => Vec::new(),
    };
    let mut kinds =
        body.iter().filter(|(key, _)| !matches!(key.as_str(), "aggs" | "aggregations" | "meta"));
    let (Some((kind, options)), None) = (kinds.next(), kinds.next()) else {
        return Err(format!("aggregation [{name}] must have exactly one type"));
    };
    let kind = decode_kind(kind, options).map_err(|why| format!("aggregation [{name}]: {why}"))?;
    if matches!(kind, Aggregation::Metric(..)) && !within.is_empty() {
        return Err(format!("aggregation [{name}] cannot have aggregations within"));
    }
    Ok(NamedAggregation { name: name.to_owned(), kind, within })
}

fn decode_kind(kind: &str, options: &Value) -> Result<Aggregation, String> {
    let field = || {
        let name = options.get("field").and_then(Value::as_str);
        name.map(resolve)
            .ok_or_else(|| format!("[{kind}] needs a [field]; scripts are not supported"))
    };
    let metric = |metric: MetricKind| Ok(Aggregation::Metric(metric, field()?));
    match kind {
        "date_histogram" => date_histogram(field()?, options),
        "histogram" => histogram(field()?, options),
        "terms" => terms(field()?, options),
        "avg" => metric(MetricKind::Avg),
        "sum" => metric(MetricKind::Sum),
        "min" => metric(MetricKind::Min),
        "max" => metric(MetricKind::Max),
        "value_count" => metric(MetricKind::ValueCount),
        "cardinality" => metric(MetricKind::Cardinality),
        "stats" => metric(MetricKind::Stats),
        "extended_stats" => metric(MetricKind::ExtendedStats),
        "percentiles" => metric(MetricKind::Percentiles(percents(options)?)),
        other => Err(format!(
            "type [{other}] is not supported; supported are date_histogram, histogram, terms, avg, sum, min, max, value_count, cardinality, stats, extended_stats, percentiles"
        )),
    }
}

fn percents(options: &Value) -> Result<Vec<f64>, String> {
    let Some(given) = options.get("percents") else { return Ok(DEFAULT_PERCENTS.to_vec()) };
    let number = |value: &Value| {
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        number.filter(|percent| (0.0..=100.0).contains(percent))
    };
    let list = given.as_array().ok_or("[percents] must be a list")?;
    list.iter()
        .map(|value| number(value).ok_or_else(|| format!("{value} is no percentage")))
        .collect()
}

fn min_count(options: &Value, otherwise: u64) -> u64 {
    let given = options.get("min_doc_count");
    given
        .and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
        .unwrap_or(otherwise)
}

fn date_histogram(field: LogField, options: &Value) -> Result<Aggregation, String> {
    if field != LogField::Timestamp {
        return Err("date_histogram is only supported over @timestamp".to_owned());
    }
    let interval = ["fixed_interval", "interval", "calendar_interval"]
        .iter()
        .find_map(|name| options.get(name));
    let interval =
        interval.and_then(Value::as_str).ok_or("date_histogram needs a [fixed_interval]")?;
    let length = match interval {
        "minute" => "1m",
        "hour" => "1h",
        "day" => "1d",
        "month" | "1M" | "quarter" | "1q" | "year" | "1y" | "week" | "1w" => {
            return Err(format!(
                "calendar interval [{interval}] is not supported; use a fixed_interval such as 7d"
            ));
        }
        other => other,
    };
    let interval = parse_duration(length)?.as_nanos() as f64;
    if interval <= 0.0 {
        return Err("the interval must be more than 0".to_owned());
    }
    if options
        .get("time_zone")
        .and_then(Value::as_str)
        .is_some_and(|zone| !matches!(zone, "UTC" | "Z" | "utc" | "+00:00"))
    {
        return Err("date_histogram with a [time_zone] other than UTC is not supported".to_owned());
    }
    let offset = match options.get("offset") {
        None => 0.0,
        Some(Value::Number(ms)) => ms.as_f64().unwrap_or(0.0) * 1e6,
        Some(Value::String(text)) => {
            let (sign, length) = text
                .strip_prefix('-')
                .map_or((1.0, text.trim_start_matches('+')), |rest| (-1.0, rest));
            sign * parse_duration(length)?.as_nanos() as f64
        }
        Some(other) => return Err(format!("[offset] {other} is no duration")),
    };
    let end = |name: &str| {
        let value = options.get("extended_bounds").and_then(|bounds| bounds.get(name));
        value.and_then(instant).map(|at| at.0 as f64)
    };
    let bounds = end("min").zip(end("max"));
    Ok(Aggregation::Histogram { field, interval, offset, min_count: min_count(options, 0), bounds })
}

fn histogram(field: LogField, options: &Value) -> Result<Aggregation, String> {
    let number = |value: Option<&Value>| {
        value.and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok()))
    };
    let interval = number(options.get("interval")).filter(|interval| *interval > 0.0);
    let interval = interval.ok_or("histogram needs an [interval] more than 0")?;
    let offset = number(options.get("offset")).unwrap_or(0.0);
    let end =
        |name: &str| number(options.get("extended_bounds").and_then(|bounds| bounds.get(name)));
    let bounds = end("min").zip(end("max"));
    Ok(Aggregation::Histogram { field, interval, offset, min_count: min_count(options, 0), bounds })
}

fn terms(field: LogField, options: &Value) -> Result<Aggregation, String> {
    let size = options.get("size");
    let size =
        size.and_then(|size| size.as_u64().or_else(|| size.as_str()?.parse().ok())).unwrap_or(10);
    // Grafana sends 0 for "all"; old versions of Elasticsearch meant the same.
    let size = if size == 0 { 10_000 } else { size.min(10_000) as usize };
    let missing = options.get("missing").map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let order = terms_order(options.get("order"))?;
    Ok(Aggregation::Terms { field, size, order, min_count: min_count(options, 1), missing })
}

fn terms_order(order: Option<&Value>) -> Result<TermsOrder, String> {
    let order = match order {
        Some(Value::Array(list)) => list.first(),
        other => other,
    };
    let Some((key, direction)) =
        order.and_then(Value::as_object).and_then(|order| order.iter().next())
    else {
        return Ok(TermsOrder { by: TermsKey::Count, ascending: false });
    };
    let by = match key.as_str() {
        "_count" => TermsKey::Count,
        "_key" | "_term" => TermsKey::Key,
        metric => TermsKey::Metric(metric.to_owned()),
    };
    match direction.as_str() {
        Some("asc") => Ok(TermsOrder { by, ascending: true }),
        Some("desc") => Ok(TermsOrder { by, ascending: false }),
        _ => Err(format!("unknown order direction {direction}")),
    }
}

/// Writes the results as the `aggregations` of an answer.
pub fn encode(asked: &[NamedAggregation], results: &[(String, AggregationResult)]) -> Value {
    let mut json = Map::new();
    for (name, result) in results {
        if let Some(asked) = asked.iter().find(|asked| asked.name == *name) {
            json.insert(name.clone(), encode_one(asked, result));
        }
    }
    Value::Object(json)
}

fn encode_one(asked: &NamedAggregation, result: &AggregationResult) -> Value {
    match result {
        AggregationResult::Buckets { buckets, other_count } => {
            let is_time =
                matches!(&asked.kind, Aggregation::Histogram { field: LogField::Timestamp, .. });
            let list = buckets.iter().map(|bucket| encode_bucket(asked, bucket, is_time)).collect();
            let mut json = Map::new();
            if matches!(asked.kind, Aggregation::Terms { .. }) {
                json.insert("doc_count_error_upper_bound".into(), 0.into());
                json.insert("sum_other_doc_count".into(), (*other_count).into());
            }
            json.insert("buckets".into(), Value::Array(list));
            Value::Object(json)
        }
        AggregationResult::Number(value) => {
            let whole = matches!(
                asked.kind,
                Aggregation::Metric(MetricKind::ValueCount | MetricKind::Cardinality, _)
            );
            let value = match value {
                Some(number) if whole => Value::from(*number as u64),
                other => number_or_null(*other),
            };
            Value::Object(Map::from_iter([("value".to_owned(), value)]))
        }
        AggregationResult::Stats(stats) => {
            let extended = matches!(asked.kind, Aggregation::Metric(MetricKind::ExtendedStats, _));
            statistics(stats, extended)
        }
        AggregationResult::Percentiles(values) => {
            let values = values
                .iter()
                .map(|(percent, value)| (format!("{percent:?}"), number_or_null(*value)))
                .collect();
            Value::Object(Map::from_iter([("values".to_owned(), Value::Object(values))]))
        }
    }
}

fn encode_bucket(asked: &NamedAggregation, bucket: &Bucket, is_time: bool) -> Value {
    let mut json = Map::new();
    match &bucket.key {
        BucketKey::Number(ns) if is_time => {
            json.insert("key_as_string".into(), rfc3339(TimestampNs(*ns as i64)).into());
            json.insert("key".into(), ((*ns / 1e6).round() as i64).into());
        }
        BucketKey::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            json.insert("key".into(), (*number as i64).into());
        }
        BucketKey::Number(number) => drop(json.insert("key".into(), (*number).into())),
        BucketKey::Str(text) => drop(json.insert("key".into(), text.as_str().into())),
        BucketKey::Bool(flag) => {
            json.insert("key".into(), i32::from(*flag).into());
            json.insert("key_as_string".into(), flag.to_string().into());
        }
    }
    json.insert("doc_count".into(), bucket.count.into());
    if let Value::Object(within) = encode(&asked.within, &bucket.within) {
        json.extend(within);
    }
    Value::Object(json)
}

fn number_or_null(value: Option<f64>) -> Value {
    value.filter(|number| number.is_finite()).map_or(Value::Null, Value::from)
}

fn statistics(stats: &Statistics, extended: bool) -> Value {
    let some = |value: f64| (stats.count > 0).then_some(value);
    let mut json = Map::new();
    json.insert("count".into(), stats.count.into());
    json.insert("min".into(), number_or_null(some(stats.min)));
    json.insert("max".into(), number_or_null(some(stats.max)));
    json.insert("avg".into(), number_or_null(some(stats.sum / stats.count as f64)));
    json.insert("sum".into(), stats.sum.into());
    if extended {
        let mean = stats.mean;
        let variance = stats.variance();
        let deviation = variance.map(f64::sqrt);
        let squares = stats.squares + mean * mean * stats.count as f64;
        json.insert("sum_of_squares".into(), number_or_null(some(squares)));
        json.insert("variance".into(), number_or_null(variance));
        json.insert("std_deviation".into(), number_or_null(deviation));
        let bounds = Map::from_iter([
            ("upper".to_owned(), number_or_null(deviation.map(|deviation| mean + 2.0 * deviation))),
            ("lower".to_owned(), number_or_null(deviation.map(|deviation| mean - 2.0 * deviation))),
        ]);
        json.insert("std_deviation_bounds".into(), Value::Object(bounds));
    }
    Value::Object(json)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn grafanas_log_volume_is_understood() {
        let aggs = json!({"1": {"date_histogram": {"field": "@timestamp", "fixed_interval": "500ms",
            "min_doc_count": 0, "extended_bounds": {"min": 1000, "max": 2000}, "format": "epoch_millis"},
            "aggs": {"2": {"terms": {"field": "level.keyword", "size": "5", "order": {"_key": "asc"}}}}}});
        let asked = decode(&aggs).unwrap();
        let Aggregation::Histogram { interval, bounds, .. } = &asked[0].kind else { panic!() };
        assert_eq!((*interval, *bounds), (5e8, Some((1e9, 2e9))));
        assert!(matches!(asked[0].within[0].kind, Aggregation::Terms { size: 5, .. }));
    }

    #[test]
    fn what_is_unknown_is_named() {
        for (aggs, name) in [
            (json!({"a": {"geo_bounds": {"field": "x"}}}), "geo_bounds"),
            (
                json!({"a": {"date_histogram": {"field": "@timestamp", "calendar_interval": "month"}}}),
                "month",
            ),
            (json!({"a": {"avg": {"script": "x"}}}), "field"),
        ] {
            let error = decode(&aggs).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn results_have_elasticsearchs_shapes() {
        let asked =
            decode(&json!({"p": {"percentiles": {"field": "n", "percents": [95]}}})).unwrap();
        let results = [("p".to_owned(), AggregationResult::Percentiles(vec![(95.0, Some(3.0))]))];
        assert_eq!(encode(&asked, &results), json!({"p": {"values": {"95.0": 3.0}}}));
    }
}
