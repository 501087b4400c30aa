//! Deletion, its end on disk, and copies: `/api/v1/admin/tsdb/*`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use crate::access::Caller;
use crate::base::error::Error;
use crate::protocols::prometheus::PrometheusState;
use crate::protocols::prometheus::error::{ApiError, ApiResult};
use crate::protocols::prometheus::params::Params;
use crate::protocols::prometheus::response::success;
use crate::service::Expression;
use crate::wire::prometheus_api::json::{push_object, push_text};

/// Deletes the points between `start` and `end`, by default all, of the series that a `match[]`
/// chooses. Needs credentials with the scope `admin`, even where everything else is open.
pub(crate) async fn delete_series(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    caller.require_deletion()?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::from(Error::invalid("no match[] parameter provided")));
    }
    let range = params.range()?;
    let read = |text| {
        Expression::parse_selector(text)
            .map_err(|error| ApiError::parameter("match[]", error.message()))
    };
    let match_sets = params.all("match[]").map(read).collect::<Result<_, _>>()?;
    state.services.upkeep.delete_series(&caller, match_sets, range).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Frees the space of what was deleted.
pub(crate) async fn clean_tombstones(
    State(state): State<PrometheusState>,
    caller: Caller,
) -> ApiResult {
    state.services.upkeep.purge_deleted(&caller).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Copies the store below `snapshots` in the data directory and answers the copy's name. Memory and
/// files cannot be told apart in a copy, so `skip_head` is read and the copy holds both anyway.
pub(crate) async fn snapshot(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    if let Some(text) = params.get("skip_head")
        && !is_bool(text)
    {
        let problem =
            format!("unable to parse boolean: strconv.ParseBool: parsing {text:?}: invalid syntax");
        return Err(ApiError::parameter("skip_head", problem));
    }
    let name = state.services.upkeep.snapshot(&caller).await?;
    Ok(success(&[], |out| push_object(out, [("name", name.as_str())], push_text)))
}

/// What Go reads as a truth value.
fn is_bool(text: &str) -> bool {
    ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"]
        .contains(&text)
}
