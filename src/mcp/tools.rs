//! What each tool answers.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::access::Caller;
use crate::base::clock::SharedClock;
use crate::base::error::{Error, Result};
use crate::mcp::text::{UNTRUSTED, clean, clean_json, fitting, instant};
use crate::model::answer::{SampleValue, Value as QueryValue};
use crate::model::labels::Labels;
use crate::model::log_filter::LogField;
use crate::model::log_query::{Direction, LogHit, LogPosition, LogSearch, LogSelect};
use crate::model::resource::{AttrValue, Attributes};
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{Span, StatusCode, TraceId};
use crate::service::{Expression, InstantQuery, LogsService, MakeService, Services};

/// The longest text of one field.
const MAX_TEXT: usize = 2_000;

/// Reads a tool's arguments.
///
/// # Errors
/// `InvalidInput` that names what is wrong.
pub(crate) fn arguments<T: DeserializeOwned>(arguments: Value) -> Result<T> {
    serde_json::from_value(arguments)
        .map_err(|error| Error::invalid(format!("invalid arguments: {error}")))
}

/// The arguments of `metrics_query`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsQuery {
    query: String,
    time: Option<String>,
    token_budget: Option<u64>,
}

/// The arguments of `logs_search`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogsSearch {
    query: String,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    token_budget: Option<u64>,
}

/// The arguments of `trace_get`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TraceGet {
    trace_id: String,
    token_budget: Option<u64>,
}

/// The arguments of `list-scenarios`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListScenarios {
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    token_budget: Option<u64>,
}

/// The arguments of `get-scenario`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetScenario {
    #[serde(rename = "scenarioId")]
    scenario_id: u64,
}

/// The arguments of `run-scenario`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunScenario {
    #[serde(rename = "scenarioId")]
    scenario_id: u64,
    data: Option<Map<String, Value>>,
    wait: Option<bool>,
}

/// Evaluates a PromQL expression at one instant.
pub(crate) async fn metrics_query(
    services: &Services,
    clock: &SharedClock,
    caller: &Caller,
    asked: MetricsQuery,
) -> Result<Value> {
    let now = TimestampNs(clock.now_ns());
    let time = asked.time.as_deref().map_or(Ok(now), |text| instant(text, now))?.to_ms();
    let expression = Expression::parse(&asked.query)?;
    let query = InstantQuery { expression, time, timeout: None, lookback: None };
    let answer = services.metrics.instant(caller, query).await?;
    let (kind, series) = match answer.value {
        QueryValue::Scalar(value, at) => {
            ("scalar", vec![json!({"value": number(value), "time_ms": at.0})])
        }
        QueryValue::Str(text, at) => {
            ("string", vec![json!({"value": clean(&text, MAX_TEXT), "time_ms": at.0})])
        }
        QueryValue::Vector(samples) => {
            let one = |sample: &crate::model::answer::VectorSample| {
                let value = match &sample.value {
                    SampleValue::Float(value) => number(*value),
                    SampleValue::Histogram(histogram) => {
                        json!({"count": number(histogram.count), "sum": number(histogram.sum)})
                    }
                };
                json!({"labels": labels(&sample.labels), "value": value, "time_ms": sample.timestamp.0})
            };
            ("vector", samples.iter().map(one).collect())
        }
        QueryValue::Matrix(series) => {
            let one = |series: &crate::model::series::SeriesData| {
                let points = series.samples.iter();
                let points: Vec<Value> = points
                    .map(|sample| json!([sample.timestamp.0, number(sample.value)]))
                    .collect();
                json!({"labels": labels(&series.labels), "values": points})
            };
            ("matrix", series.iter().map(one).collect())
        }
    };
    let warnings = answer.warnings.into_iter().chain(answer.infos).collect();
    let mut result = cut("series", series, None, asked.token_budget, warnings);
    result["result_type"] = json!(kind);
    Ok(result)
}

/// Searches log records, newest first.
pub(crate) async fn logs_search(
    services: &Services,
    clock: &SharedClock,
    caller: &Caller,
    asked: LogsSearch,
) -> Result<Value> {
    let now = TimestampNs(clock.now_ns());
    let end = asked.to.as_deref().map_or(Ok(now), |text| instant(text, now))?;
    let start = instant(asked.from.as_deref().unwrap_or("now-1h"), now)?;
    let filter = LogsService::parse_lucene(&asked.query, true, &LogField::from_name)?;
    let select = LogSelect { indices: Vec::new(), range: TimeRange::new(start, end), filter };
    let after = asked.cursor.as_deref().map(position).transpose()?;
    let limit = asked.limit.unwrap_or(50).clamp(1, 1_000);
    let search = LogSearch { select, direction: Direction::Backward, after, limit };
    let page = services.logs.search(caller, search).await?;
    let records = page.hits.iter().map(record).collect();
    let mut result = cut("records", records, Some(page.total), asked.token_budget, page.warnings);
    let returned = result["returned"].as_u64().unwrap_or(0);
    if returned < page.total {
        result["truncated"] = json!(true);
        if let Some(last) = page.hits.get((returned as usize).saturating_sub(1)) {
            let LogPosition { timestamp, sequence } = last.position;
            result["cursor"] = json!(format!("{}:{sequence}", timestamp.0));
        }
    }
    Ok(result)
}

/// Returns the spans of a trace.
pub(crate) async fn trace_get(
    services: &Services,
    caller: &Caller,
    asked: TraceGet,
) -> Result<Value> {
    let id = TraceId::from_hex(&asked.trace_id);
    let id = id.ok_or_else(|| Error::invalid("trace_id must be 1 to 32 hexadecimal digits"))?;
    let trace = services.traces.trace(caller, id).await?;
    let trace = trace.ok_or_else(|| Error::not_found(format!("there is no trace {id}")))?;
    let spans: Vec<Value> = trace.spans.iter().map(span).collect();
    let total = spans.len() as u64;
    let mut result = cut("spans", spans, Some(total), asked.token_budget, Vec::new());
    result["trace_id"] = json!(id.to_string());
    Ok(result)
}

/// Lists scenarios.
pub(crate) async fn list_scenarios(
    make: &MakeService,
    caller: &Caller,
    asked: ListScenarios,
) -> Result<Value> {
    let limit = asked.limit.unwrap_or(50).clamp(1, 500);
    let page = make.list_scenarios(caller, asked.offset, limit).await?;
    let scenarios = page.scenarios.into_iter().map(|one| clean_json(one, MAX_TEXT)).collect();
    let mut result = cut("scenarios", scenarios, None, asked.token_budget, Vec::new());
    let returned = result["returned"].as_u64().unwrap_or(0) as usize;
    if result["truncated"] == json!(true) || page.next_offset.is_some() {
        result["truncated"] = json!(true);
        result["cursor"] = json!((asked.offset + returned).to_string());
    }
    Ok(result)
}

/// Returns one scenario.
pub(crate) async fn get_scenario(
    make: &MakeService,
    caller: &Caller,
    asked: GetScenario,
) -> Result<Value> {
    let scenario = make.get_scenario(caller, asked.scenario_id).await?;
    Ok(json!({"scenario": clean_json(scenario, MAX_TEXT), "untrusted": UNTRUSTED}))
}

/// Runs a scenario.
pub(crate) async fn run_scenario(
    make: &MakeService,
    caller: &Caller,
    asked: RunScenario,
) -> Result<Value> {
    let data = Value::Object(asked.data.unwrap_or_default());
    let wait = asked.wait.unwrap_or(true);
    let run = make.run_scenario(caller, asked.scenario_id, data, wait).await?;
    let mut result = json!({"executionId": run.execution_id, "untrusted": UNTRUSTED});
    if let Some(status) = run.status {
        result["status"] = json!(status);
    }
    if let Some(outputs) = run.outputs {
        result["outputs"] = clean_json(outputs, MAX_TEXT);
    }
    Ok(result)
}

/// Puts as many items as the budget allows under `name`, and says what was cut.
fn cut(
    name: &str,
    mut items: Vec<Value>,
    total: Option<u64>,
    budget: Option<u64>,
    warnings: Vec<String>,
) -> Value {
    let all = items.len();
    items.truncate(fitting(&items, budget));
    let returned = items.len();
    json!({
        name: items,
        "returned": returned,
        "total": total.unwrap_or(all as u64),
        "truncated": returned < all,
        "warnings": warnings,
        "untrusted": UNTRUSTED,
    })
}

/// Numbers that JSON has no form for are texts, as in Prometheus' API.
fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}

fn labels(labels: &Labels) -> Value {
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), json!(clean(value, MAX_TEXT))));
    Value::Object(pairs.collect())
}

fn attributes(attributes: &Attributes) -> Value {
    let pairs = attributes
        .iter()
        .map(|(key, value)| (key.to_owned(), json!(clean(&value.to_text(), MAX_TEXT))));
    Value::Object(pairs.collect())
}

fn record(hit: &LogHit) -> Value {
    let record = &hit.record;
    let body = if record.body == AttrValue::Empty { String::new() } else { record.body.to_text() };
    json!({
        "time": rfc3339(record.timestamp),
        "severity": record.severity.word(),
        "service": clean(record.service_name(), MAX_TEXT),
        "body": clean(&body, MAX_TEXT),
        "trace_id": record.trace_id.map(|id| id.to_string()).unwrap_or_default(),
        "span_id": record.span_id.map(|id| id.to_string()).unwrap_or_default(),
        "attributes": attributes(&record.attributes),
        "index": record.index,
        "id": record.id,
    })
}

fn span(span: &Span) -> Value {
    let status = match span.status.code {
        StatusCode::Unset => "unset",
        StatusCode::Ok => "ok",
        StatusCode::Error => "error",
    };
    let events: Vec<Value> = span
        .events
        .iter()
        .map(|event| json!({"name": clean(&event.name, MAX_TEXT), "attributes": attributes(&event.attributes)}))
        .collect();
    json!({
        "span_id": span.span_id.to_string(),
        "parent_span_id": span.parent_span_id.map(|id| id.to_string()).unwrap_or_default(),
        "service": clean(span.service_name(), MAX_TEXT),
        "name": clean(&span.name, MAX_TEXT),
        "kind": span.kind.word(),
        "start": rfc3339(span.start),
        "duration_ms": span.duration_ns() as f64 / 1e6,
        "status": status,
        "status_message": clean(&span.status.message, MAX_TEXT),
        "attributes": attributes(&span.attributes),
        "events": events,
    })
}

fn rfc3339(at: TimestampNs) -> String {
    let timestamp = jiff::Timestamp::from_nanosecond(i128::from(at.0));
    timestamp.map_or_else(|_| at.0.to_string(), |timestamp| format!("{timestamp:.3}"))
}

fn position(cursor: &str) -> Result<LogPosition> {
    let parts = cursor.split_once(':').and_then(|(ns, sequence)| {
        let timestamp = TimestampNs(ns.parse().ok()?);
        Some(LogPosition { timestamp, sequence: sequence.parse().ok()? })
    });
    parts.ok_or_else(|| Error::invalid("cursor must be one that an earlier result gave"))
}
