//! Which label names, values and series there are.

use axum::extract::{Path, State};

use crate::access::Caller;
use crate::base::error::Error;
use crate::model::matcher::Matcher;
use crate::model::series::LabelQuery;
use crate::protocols::prometheus::PrometheusState;
use crate::protocols::prometheus::error::{ApiError, ApiResult};
use crate::protocols::prometheus::params::{Params, unescape_label};
use crate::protocols::prometheus::response::success;
use crate::service::Expression;
use crate::wire::prometheus_api::json::{push_labels, push_list, push_texts};

/// Prometheus' own words.
const CUT: &str = "results truncated due to limit";

/// Answers label names.
pub(crate) async fn names(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    let query = query(&params, ApiError::from)?;
    let found = state.services.metrics.labels(&caller, query).await?;
    let notes = notes(found.truncated, found.warnings);
    Ok(success(&notes, |out| push_texts(out, &found.items)))
}

/// Answers the values of the label in the path.
pub(crate) async fn values(
    State(state): State<PrometheusState>,
    Path(name): Path<String>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    let name = unescape_label(&name);
    let query = query(&params, ApiError::from)?;
    let found = state.services.metrics.label_values(&caller, &name, query).await?;
    let notes = notes(found.truncated, found.warnings);
    Ok(success(&notes, |out| push_texts(out, &found.items)))
}

/// Answers label sets; at least one `match[]` is needed.
pub(crate) async fn series(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    if params.all("match[]").next().is_none() {
        return Err(ApiError::from(Error::invalid("no match[] parameter provided")));
    }
    let unreadable = |error: Error| ApiError::parameter("match[]", error.message());
    let query = query(&params, unreadable)?;
    let found = state.services.metrics.series(&caller, query).await?;
    let notes = notes(found.truncated, found.warnings);
    Ok(success(&notes, |out| push_list(out, &found.items, push_labels)))
}

/// Reads what all three take; only one of them names the parameter of a selector that is wrong.
fn query(params: &Params, unreadable: impl Fn(Error) -> ApiError) -> Result<LabelQuery, ApiError> {
    let (limit, range) = (params.limit()?, params.range()?);
    let read = |text| Expression::parse_selector(text).map_err(&unreadable);
    let match_sets: Vec<Vec<Matcher>> =
        params.all("match[]").map(read).collect::<Result<_, _>>()?;
    Ok(LabelQuery { match_sets, range, limit })
}

fn notes(truncated: bool, mut warnings: Vec<String>) -> Vec<String> {
    if truncated {
        warnings.push(CUT.to_owned());
    }
    warnings
}
