//! History in: requests of remote write whose points may be as old as they like. An address of our
//! own, because Prometheus has none for this: it takes files from `promtool`.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::access::{Caller, Scope};
use crate::base::decompress::Encoding;
use crate::base::error::Result;
use crate::http::body;
use crate::http::error::plain;
use crate::ingest::Door;
use crate::model::batch::MetricBatch;
use crate::model::receipt::Receipt;
use crate::model::reject::Reject;
use crate::protocols::prometheus::PrometheusState;
use crate::wire::remote_write::{Decoded, Schema, decode};

const SIGNAL: &str = "metrics";

/// Takes a batch of history. Answers 200 when all that was not refused is durable and visible, with
/// how much that is and what was refused by reason: an importer goes on.
pub(crate) async fn import(
    State(state): State<PrometheusState>,
    caller: Caller,
    request: Request,
) -> Response {
    if let Err(error) = caller.require(Scope::Admin) {
        return plain(&error);
    }
    match take(&state, request).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => plain(&error),
    }
}

async fn take(state: &PrometheusState, request: Request) -> Result<Value> {
    let (parts, body) = request.into_parts();
    let cap = state.limits.write_bytes;
    let sent = body::collect(&parts.headers, body, cap).await?;
    let _room = state.ingest.reserve(Door::Import, SIGNAL, sent.len())?;
    let inflated: Bytes = body::inflate(Encoding::Snappy, sent, cap).await?;
    let Decoded { batch, rejects } = decode(Schema::V1, &inflated, state.written.labels())?;
    for reject in &rejects {
        state.ingest.reject(Door::Import, SIGNAL, reject.reason, reject.count);
    }
    let (histograms, exemplars) = counts(&batch);
    let receipt = state.ingest.history(Door::Import, batch).await?;
    Ok(json!({
        "accepted": receipt.accepted,
        "histograms": histograms.min(receipt.accepted),
        "exemplars": exemplars,
        "rejected": refusals(&rejects, &receipt),
    }))
}

fn counts(batch: &MetricBatch) -> (u64, u64) {
    let histograms: usize = batch.series.iter().map(|write| write.histograms.len()).sum();
    let exemplars: usize = batch.series.iter().map(|write| write.exemplars.len()).sum();
    (histograms as u64, exemplars as u64)
}

/// Returns what was refused by reason, each with its first message.
fn refusals(rejects: &[Reject], receipt: &Receipt) -> Vec<Value> {
    let by_codec = rejects.iter().map(|one| (one.reason, one.count, &one.message));
    let by_store = receipt.rejected.iter().map(|one| (one.reason, one.count, &one.message));
    let mut reasons = BTreeMap::new();
    for (reason, count, message) in by_codec.chain(by_store) {
        reasons.entry(reason).or_insert((0, message)).0 += count;
    }
    let one = |(reason, (count, message)): (crate::model::reject::RejectReason, (u64, &String))| json!({"reason": reason.as_str(), "count": count, "message": message});
    reasons.into_iter().map(one).collect()
}
