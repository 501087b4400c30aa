//! `/federate`: the newest point of every chosen series, for another Prometheus to scrape.

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::access::Caller;
use crate::base::error::{ErrorKind, Result};
use crate::http::error::{plain, plain_with};
use crate::model::answer::SampleValue;
use crate::protocols::prometheus::PrometheusState;
use crate::protocols::prometheus::params::Params;
use crate::service::Expression;
use crate::wire::exposition::{
    FederateForm, Federated, FederatedValue, encode_federated, federated_labels,
};

/// Answers text, or protobuf for who prefers it. Series whose newest point within the lookback is a
/// stale marker are left out; without a `match[]` nothing is chosen.
pub(crate) async fn federate(
    State(state): State<PrometheusState>,
    caller: Caller,
    headers: HeaderMap,
    params: Params,
) -> Response {
    let accept: Vec<&str> =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let form = FederateForm::accepted(&accept.join(","));
    match body(&state, &caller, &params, form).await {
        Ok(body) => (StatusCode::OK, [(CONTENT_TYPE, form.content_type())], body).into_response(),
        Err(error) => match error.kind() {
            ErrorKind::LimitExceeded => plain_with(StatusCode::UNPROCESSABLE_ENTITY, &error),
            _ => plain(&error),
        },
    }
}

async fn body(
    state: &PrometheusState,
    caller: &Caller,
    params: &Params,
    form: FederateForm,
) -> Result<Vec<u8>> {
    let match_sets: Result<Vec<_>> =
        params.all("match[]").map(Expression::parse_any_selector).collect();
    let newest = state.services.metrics.newest(caller, match_sets?).await?;
    let points: Vec<Federated<'_>> = newest
        .iter()
        .map(|one| Federated {
            labels: federated_labels(&one.labels, &state.external_labels),
            at: one.timestamp,
            value: match &one.value {
                SampleValue::Float(value) => FederatedValue::Float(*value),
                SampleValue::Histogram(histogram) => FederatedValue::Histogram(histogram),
            },
        })
        .collect();
    Ok(encode_federated(&points, form))
}
