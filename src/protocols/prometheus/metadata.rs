//! What is known of metric families.

use axum::extract::State;

use crate::access::Caller;
use crate::base::error::Error;
use crate::model::batch::MetricMetadata;
use crate::protocols::prometheus::PrometheusState;
use crate::protocols::prometheus::error::{ApiError, ApiResult};
use crate::protocols::prometheus::params::Params;
use crate::protocols::prometheus::response::success;
use crate::wire::prometheus_api::json::{push_list, push_object, push_text};

/// Answers `{name: [{type, help, unit}]}`.
pub(crate) async fn metadata(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    let limit = bound(&params, "limit")?;
    // Here, and only here, 0 means no bound, too.
    let limit_per_metric =
        Some(bound(&params, "limit_per_metric")?).filter(|most| *most > 0).unwrap_or(usize::MAX);
    let metric = params.get("metric");
    let known = state.services.metrics.metadata(&caller, metric).await?;
    let families = known.chunk_by(|one, next| one.metric == next.metric).take(limit);
    Ok(success(&[], |out| {
        push_object(
            out,
            families.map(|family| (family[0].metric.as_str(), family)),
            |out, family| {
                push_list(out, family.iter().take(limit_per_metric), push_one);
            },
        );
    }))
}

fn push_one(out: &mut Vec<u8>, about: &MetricMetadata) {
    let entries =
        [("type", about.kind.word()), ("unit", about.unit.as_str()), ("help", about.help.as_str())];
    push_object(out, entries, push_text);
}

/// A negative number, which is also the default, means no bound.
fn bound(params: &Params, name: &str) -> Result<usize, ApiError> {
    let Some(text) = params.get(name) else { return Ok(usize::MAX) };
    let number: i64 =
        text.parse().map_err(|_| Error::invalid(format!("{name} must be a number")))?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}
