//! Pages of rows, one whole record, and what stands around it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::access::Caller;
use crate::api::ApiState;
use crate::api::answer::{ApiResult, Noted};
use crate::api::filters;
use crate::api::logs::row::{self, Row};
use crate::api::params::Params;
use crate::base::error::Error;
use crate::model::log_filter::LogFilter;
use crate::model::log_query::{Direction, LogHit, LogPage, LogSearch, LogSelect};
use crate::model::resource::{AttrValue, Attributes};
use crate::model::time::{TimeRange, TimestampNs};

/// Rows of one page.
const MAX_ROWS: usize = 2_000;
/// How far around a record its context is looked for.
const CONTEXT_NS: i64 = 3_600 * 1_000_000_000;

/// A page of rows, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    /// How many records match in all.
    pub(crate) total: u64,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// Answers `from to q f scope limit after`.
pub(crate) async fn search(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> ApiResult<Noted<Page>> {
    let limit = params.count("limit", 200, MAX_ROWS)?;
    let filter = filters::logs(&params)?;
    let after = match params.get("after") {
        "" => None,
        text => Some(row::position(text)?),
    };
    let select = LogSelect { indices: Vec::new(), range: params.range()?, filter };
    let search = LogSearch { select, direction: Direction::Backward, after, limit };
    let page = state.services.logs.search(&caller, search).await?;
    let full = page.hits.len() == limit;
    let next = page.hits.last().filter(|_| full).map(|hit| row::cursor(hit.position));
    let LogPage { hits, total, warnings } = page;
    let value = Page { rows: hits.iter().map(Row::of).collect(), total, next };
    Ok(Json(Noted { value, warnings }))
}

/// Answers `index id`: the whole record.
pub(crate) async fn record(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> ApiResult<Value> {
    let hit = found(&state, &caller, &params).await?;
    let record = &hit.record;
    Ok(Json(json!({
        "row": Row::of(&hit),
        "body": value_of(&record.body),
        "severity_text": record.severity_text,
        "severity_number": record.severity.0,
        "trace": record.trace_id.map(|id| id.to_string()),
        "span": record.span_id.map(|id| id.to_string()),
        "attributes": object(&record.attributes),
        "resource": object(&record.resource.attributes),
        "logger": record.scope.name,
    })))
}

/// Answers `index id count`: rows of the same service before and after a record.
pub(crate) async fn context(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> ApiResult<Value> {
    let limit = params.count("count", 20, 500)?;
    let hit = found(&state, &caller, &params).await?;
    let at = hit.position.timestamp.0;
    let range = TimeRange::new(
        TimestampNs(at.saturating_sub(CONTEXT_NS)),
        TimestampNs(at.saturating_add(CONTEXT_NS)),
    );
    let around = |direction| LogSearch {
        select: LogSelect { indices: Vec::new(), range, filter: same_service(&hit) },
        direction,
        after: Some(hit.position),
        limit,
    };
    let before = state.services.logs.search(&caller, around(Direction::Backward)).await?;
    let after = state.services.logs.search(&caller, around(Direction::Forward)).await?;
    let newer: Vec<Row> = after.hits.iter().rev().map(Row::of).collect();
    let older: Vec<Row> = before.hits.iter().map(Row::of).collect();
    Ok(Json(json!({"newer": newer, "row": Row::of(&hit), "older": older})))
}

fn same_service(hit: &LogHit) -> LogFilter {
    use crate::model::log_filter::{FilterValue, LogField};
    match hit.record.service_name() {
        "" => LogFilter::Not(Box::new(LogFilter::Exists(LogField::Service))),
        name => LogFilter::Equals(LogField::Service, FilterValue::Str(name.to_owned())),
    }
}

async fn found(state: &ApiState, caller: &Caller, params: &Params) -> Result<LogHit, Error> {
    let (index, id) = (params.needed("index")?, params.needed("id")?);
    let hit = state.services.logs.get(caller, index, id).await?;
    hit.ok_or_else(|| Error::not_found("the record is gone; retention may have removed it"))
}

fn object(attributes: &Attributes) -> Value {
    let pairs = attributes.iter().map(|(key, value)| (key.to_owned(), value_of(value)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

/// The value as JSON; what cannot be written is null.
fn value_of(value: &AttrValue) -> Value {
    let mut text = String::new();
    value.write_json(&mut text);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
