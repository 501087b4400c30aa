//! Orders to the stores: `POST /api/x/admin/{flush,seal}`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::access::Caller;
use crate::api::ApiState;
use crate::api::answer::ApiResult;
use crate::api::params::Params;
use crate::base::error::Error;
use crate::model::time::Day;
use crate::service::StoreUpkeep;

/// Moves what is in memory into files; answers what each store did.
pub(crate) async fn flush(State(state): State<ApiState>, caller: Caller) -> ApiResult<Value> {
    let done = state.services.upkeep.flush(&caller).await?;
    Ok(Json(json!({"took_ms": total(&done), "signals": signals(&done)})))
}

/// Rewrites the days up to `through` (`YYYY-MM-DD`, by default yesterday) into their final form;
/// `signal` restricts it to one store.
pub(crate) async fn seal(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> ApiResult<Value> {
    let day = |text| {
        Day::from_name(text)
            .ok_or_else(|| Error::invalid(format!("through={text:?} is no day like 2026-11-28")))
    };
    let through =
        Some(params.get("through")).filter(|text| !text.is_empty()).map(day).transpose()?;
    let signal = Some(params.get("signal")).filter(|signal| !signal.is_empty());
    let (through, done) = state.services.upkeep.seal(&caller, through, signal).await?;
    let sealed: usize = done.iter().map(|one| one.sealed).sum();
    Ok(Json(json!({
        "through": through.to_string(),
        "sealed": sealed,
        "took_ms": total(&done),
        "signals": signals(&done),
    })))
}

fn signals(done: &[StoreUpkeep]) -> Vec<Value> {
    let one = |store: &StoreUpkeep| {
        json!({
            "signal": store.signal,
            "sealed": store.sealed,
            "took_ms": ms(store.took),
            "disk_bytes": store.disk_bytes,
        })
    };
    done.iter().map(one).collect()
}

fn total(done: &[StoreUpkeep]) -> f64 {
    ms(done.iter().map(|one| one.took).sum())
}

/// Milliseconds with three digits after the point.
fn ms(took: Duration) -> f64 {
    took.as_micros() as f64 / 1_000.0
}
