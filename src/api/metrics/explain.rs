//! What a query costs, node by node.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::access::{Caller, Scope};
use crate::api::ApiState;
use crate::api::answer::ApiResult;
use crate::api::metrics::question::{Parts, Question, timeout};
use crate::api::params::{Form, Params};
use crate::base::error::Error;
use crate::model::answer;
use crate::model::cost::{PlanNode, QueryCost, QueryTimings, Watch};
use crate::model::series::SelectStats;

/// Evaluates `query` at `time`, or from `start` to `end` every `step`, and answers in place of its
/// value its tree, in which every node tells what it cost.
pub(crate) async fn explain(
    State(state): State<ApiState>,
    caller: Caller,
    Form(params): Form,
) -> ApiResult<Value> {
    caller.require(Scope::Read)?;
    let longest = Some(params.get("timeout")).filter(|text| !text.is_empty());
    let question = Question::read(&parts(&params), longest.map(timeout).transpose()?, &state)?;
    let text = question.expression().to_string();
    let answer = question.ask(&state, &caller, Watch::Nodes).await?;
    let Some(QueryCost { timings, samples, plan: Some(plan) }) = answer.cost.map(|cost| *cost)
    else {
        return Err(Error::internal("the evaluation was not watched").into());
    };
    let (result_type, series, points) = size(&answer.value);
    let metrics = &state.services.metrics;
    Ok(Json(json!({
        "query": text,
        "plan": node(&plan),
        "result": {"type": result_type, "series": series, "points": points},
        "timings": seconds(&timings),
        "samples": {"looked_at": samples.total, "peak": samples.peak},
        "select": select(&answer.stats),
        "limits": {"samples": metrics.max_samples(), "steps": metrics.max_steps()},
        "warnings": answer.warnings,
        "infos": answer.infos,
    })))
}

fn parts(params: &Params) -> Parts {
    let part = |key| Some(params.get(key)).filter(|text| !text.is_empty()).map(str::to_owned);
    Parts {
        query: params.get("query").to_owned(),
        time: part("time"),
        start: part("start"),
        end: part("end"),
        step: part("step"),
    }
}

/// The parser bounds the depth of the tree.
fn node(of: &PlanNode) -> Value {
    let mut told = json!({
        "kind": of.kind,
        "text": of.text,
        "start": of.start,
        "end": of.end,
        "evaluations": of.evaluations,
        "seconds": of.took.as_secs_f64(),
        "series": of.series,
        "points": of.points,
        "children": of.children.iter().map(node).collect::<Vec<_>>(),
    });
    if let Some(stats) = &of.select {
        told["select"] = select(stats);
    }
    told
}

/// What the store says of a selection; hours were read in place of their samples.
fn select(stats: &SelectStats) -> Value {
    let SelectStats { series, samples, hours, blobs, bytes } = stats;
    json!({
        "series": series,
        "samples": samples,
        "hours": hours,
        "by_hours": *hours > 0,
        "blobs": blobs,
        "bytes": bytes,
    })
}

fn seconds(timings: &QueryTimings) -> Value {
    json!({
        "queue": timings.exec_queue.as_secs_f64(),
        "preparation": timings.query_preparation.as_secs_f64(),
        "evaluation": timings.inner_eval.as_secs_f64(),
        "sort": timings.result_sort.as_secs_f64(),
        "total": timings.exec_total.as_secs_f64(),
    })
}

/// Returns the type of a value, and how many series and points it has.
fn size(value: &answer::Value) -> (&'static str, usize, usize) {
    match value {
        answer::Value::Scalar(..) => ("scalar", 1, 1),
        answer::Value::Str(..) => ("string", 1, 1),
        answer::Value::Vector(samples) => ("vector", samples.len(), samples.len()),
        answer::Value::Matrix(series) => {
            let points = series.iter().map(|one| one.samples.len() + one.histograms.len());
            ("matrix", series.len(), points.sum())
        }
    }
}
