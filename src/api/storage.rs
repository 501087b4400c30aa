//! What is kept: per signal, per day, in memory; and what the series consist of.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use crate::access::Caller;
use crate::api::ApiState;
use crate::api::answer::ApiResult;
use crate::api::params::Params;
use crate::base::duration::format_duration;
use crate::base::error::Result;
use crate::model::matcher::Matcher;
use crate::model::reject::RejectReason;
use crate::model::store::{PartitionFacts, StoreFacts};
use crate::service::{Expression, StoreReport};

/// The most names of a list.
const MAX_LISTED: usize = 10_000;

/// Answers bytes, partitions and damage by signal, the log, the memory and the head.
pub(crate) async fn storage(State(state): State<ApiState>, caller: Caller) -> ApiResult<Value> {
    let facts = state.services.status.facts(&caller).await?;
    let kept = state.services.status.storage(&caller).await?;
    let signals: Vec<Value> = kept.stores.iter().map(signal).collect();
    let head = &kept.head;
    Ok(Json(json!({
        "signals": signals,
        "log_bytes": kept.log_bytes,
        "disk_budget_bytes": facts.disk_budget,
        "memory": {
            "anonymous_bytes": kept.anonymous_bytes,
            "budget_bytes": facts.memory_budget,
        },
        "head": {
            "series": head.active_series,
            "max_series": facts.max_active_series,
            "samples": head.head_samples,
        },
        "metrics_min_ms": head.min_time.map(|at| at.0),
        "metrics_max_ms": head.max_time.map(|at| at.0),
    })))
}

fn signal(store: &StoreReport) -> Value {
    let StoreFacts { partitions, damage } = &store.facts;
    json!({
        "signal": store.signal,
        "bytes": store.disk_bytes,
        "retention": format_duration(store.kept),
        "partitions": partitions.iter().map(partition).collect::<Vec<_>>(),
        "damage": {"count": damage.count, "places": damage.places},
    })
}

fn partition(one: &PartitionFacts) -> Value {
    json!({
        "day": one.day.to_string(),
        "bytes": one.bytes,
        "state": one.state.word(),
        "series": one.series,
        "points": one.points,
        "min_ms": one.times.map(|times| times.start.0),
        "max_ms": one.times.map(|times| times.end.0),
    })
}

/// Answers which names, labels, pairs and senders the series of the last two hours are of, the
/// largest `limit` each; `match[]` restricts it. Beside them stands what the doors refused.
pub(crate) async fn cardinality(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> ApiResult<Value> {
    let limit = params.count("limit", 10, MAX_LISTED)?;
    let match_sets: Result<Vec<Vec<Matcher>>> =
        params.all("match[]").map(Expression::parse_selector).collect();
    let facts = state.services.status.facts(&caller).await?;
    let head = state.services.status.metric_stats(&caller).await?;
    let offenders = state.services.status.offenders(&caller).await?;
    let found = state.services.status.cardinality_of(&caller, match_sets?, limit).await?;
    let list = |counts: &[(String, u64)]| {
        let one = |(name, count): &(String, u64)| json!({"name": name, "count": count});
        counts.iter().take(limit).map(one).collect::<Vec<_>>()
    };
    let refused: Vec<Value> = offenders
        .metrics
        .iter()
        .take(limit)
        .map(|metric| {
            let reason =
                |(reason, count): &(RejectReason, u64)| (reason.as_str().to_owned(), json!(count));
            json!({
                "name": metric.name,
                "count": metric.total(),
                "reasons": metric.refused.iter().map(reason).collect::<Map<_, _>>(),
                "values_by_label": list(&metric.values),
            })
        })
        .collect();
    let warnings: Vec<String> = found
        .truncated
        .then(|| format!("only {} series were looked at", found.series))
        .into_iter()
        .collect();
    Ok(Json(json!({
        "series": found.series,
        "label_pairs": found.label_pairs,
        "active_series": head.active_series,
        "max_active_series": facts.max_active_series,
        "by_metric": list(&found.series_by_metric),
        "by_job": list(&found.series_by_job),
        "by_pair": list(&found.series_by_pair),
        "values_by_label": list(&found.values_by_label),
        "bytes_by_label": list(&found.bytes_by_label),
        "refused_by_metric": refused,
        "refused_by_label": list(&offenders.labels),
        "warnings": warnings,
    })))
}
