//! Expressions: at an instant, over a range, and the exemplars behind them.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;

use crate::access::{Caller, Scope};
use crate::base::error::Error;
use crate::model::answer::{Answer, Value};
use crate::model::cost::Watch;
use crate::model::exemplar::Exemplar;
use crate::model::series::SeriesExemplars;
use crate::model::time::{TimeRange, TimestampMs};
use crate::protocols::prometheus::PrometheusState;
use crate::protocols::prometheus::error::{ApiError, ApiResult};
use crate::protocols::prometheus::params::Params;
use crate::protocols::prometheus::response::{answer, success};
use crate::service::{Expression, InstantQuery, RangeQuery};
use crate::wire::prometheus_api::json::{push_labels, push_list, push_text};
use crate::wire::prometheus_api::number::{push_float, push_timestamp};

/// Evaluates `query` at `time`, by default now.
pub(crate) async fn instant(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    let limit = params.limit()?;
    let time = params.time("time")?.unwrap_or_else(|| now(&state));
    let timeout = params.timeout()?;
    let lookback = params.lookback()?;
    let query = InstantQuery { expression: expression(&params)?, time, timeout, lookback };
    let found = state.services.metrics.watched_instant(&caller, query, watch(&params)).await;
    Ok(answer(cut(found.map_err(ApiError::execution)?, limit)))
}

/// Evaluates `query` from `start` to `end`, every `step`. Steps that were answered before may be taken
/// over, unless `nocache=1` or a `Cache-Control` of the request forbids it.
pub(crate) async fn range(
    State(state): State<PrometheusState>,
    caller: Caller,
    headers: HeaderMap,
    params: Params,
) -> ApiResult {
    let limit = params.limit()?;
    let range = TimeRange::new(params.required_time("start")?, params.required_time("end")?);
    if range.is_empty() {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step = step(&params)?;
    let (timeout, lookback) = (params.timeout()?, params.lookback()?);
    let expression = expression(&params)?;
    let stepwise = expression.check_stepwise();
    stepwise.map_err(|error| ApiError::parameter("query", error.message()))?;
    let afresh = afresh(&headers, &params);
    let query = RangeQuery { expression, range, step, timeout, lookback, afresh };
    query.check_steps(state.services.metrics.max_steps())?;
    let found = state.services.metrics.watched_range(&caller, query, watch(&params)).await;
    Ok(answer(cut(found.map_err(ApiError::execution)?, limit)))
}

/// Answers the exemplars of every series that `query` reads.
pub(crate) async fn exemplars(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    let range = params.range()?;
    if range.is_empty() {
        let text = "end timestamp must not be before start timestamp";
        return Err(ApiError::from(Error::invalid(text)));
    }
    let selectors = expression(&params)?.selectors();
    let found = state.services.metrics.exemplars(&caller, selectors, range).await?;
    Ok(success(&[], |out| push_list(out, &found, push_series)))
}

/// Answers `query` as Prometheus would write it.
pub(crate) async fn format(caller: Caller, params: Params) -> ApiResult {
    caller.require(Scope::Read)?;
    let text = expression(&params)?.pretty();
    Ok(success(&[], |out| push_text(out, &text)))
}

/// Answers the tree of `query`.
pub(crate) async fn parse(caller: Caller, params: Params) -> ApiResult {
    caller.require(Scope::Read)?;
    let tree = expression(&params)?.to_json().to_string();
    Ok(success(&[], |out| out.extend_from_slice(tree.as_bytes())))
}

fn now(state: &PrometheusState) -> TimestampMs {
    TimestampMs(state.clock.now_ms())
}

/// Reads `stats`: anything asks for what the query cost, `all` for the samples of each step as well.
fn watch(params: &Params) -> Watch {
    match params.get("stats") {
        None | Some("") => Watch::Nothing,
        Some("all") => Watch::Steps,
        Some(_) => Watch::Totals,
    }
}

/// Returns whether nothing that was answered before may be taken over: VictoriaMetrics' `nocache`, and
/// what a browser sends when somebody insists.
fn afresh(headers: &HeaderMap, params: &Params) -> bool {
    let said = params.get("nocache");
    let said = said.is_some_and(|said| !matches!(said, "0" | "f" | "false" | "no"));
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = directives.flat_map(|value| value.split(','));
    said || directives.any(|word| {
        let word = word.trim();
        word.eq_ignore_ascii_case("no-cache") || word.eq_ignore_ascii_case("no-store")
    })
}

fn expression(params: &Params) -> Result<Expression, ApiError> {
    Expression::parse(params.get("query").unwrap_or(""))
        .map_err(|error| ApiError::parameter("query", error.message()))
}

fn step(params: &Params) -> Result<Duration, ApiError> {
    let Some(seconds) = params.seconds("step")? else {
        return Err(ApiError::parameter("step", "cannot parse \"\" to a valid duration"));
    };
    let step = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if step < Duration::from_millis(1) {
        return Err(ApiError::parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    Ok(step)
}

/// Keeps the first `limit` series and says so.
fn cut(mut answer: Answer, limit: Option<usize>) -> Answer {
    let Some(limit) = limit else { return answer };
    let series = match &mut answer.value {
        Value::Vector(samples) => truncate(samples, limit),
        Value::Matrix(series) => truncate(series, limit),
        Value::Scalar(..) | Value::Str(..) => false,
    };
    if series {
        answer.warnings.push("results truncated due to limit".to_owned());
    }
    answer
}

fn truncate<T>(items: &mut Vec<T>, limit: usize) -> bool {
    let too_many = items.len() > limit;
    items.truncate(limit);
    too_many
}

fn push_series(out: &mut Vec<u8>, series: &SeriesExemplars) {
    out.extend_from_slice(b"{\"seriesLabels\":");
    push_labels(out, &series.labels);
    out.extend_from_slice(b",\"exemplars\":");
    push_list(out, &series.exemplars, push_exemplar);
    out.push(b'}');
}

fn push_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.extend_from_slice(b"{\"labels\":");
    push_labels(out, &exemplar.labels);
    out.extend_from_slice(b",\"value\":\"");
    push_float(out, exemplar.value);
    out.extend_from_slice(b"\",\"timestamp\":");
    push_timestamp(out, exemplar.timestamp);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_or_a_header_asks_for_everything_afresh() {
        let asks = |query: &str, header: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, header.parse().unwrap());
            afresh(&headers, &Params::of(query).unwrap())
        };
        for (query, header) in
            [("nocache=1", ""), ("", "no-cache"), ("nocache=0", "max-age=0, No-Store")]
        {
            assert!(asks(query, header), "{query} {header}");
        }
        for (query, header) in [("", ""), ("nocache=0", "max-age=0"), ("nocache=", "no-transform")]
        {
            assert!(!asks(query, header), "{query} {header}");
        }
    }
}
