//! The one way in for both transports: decode, ingest, count what was refused.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::Extensions;

use crate::access::{Caller, Scope};
use crate::base::error::{Error, ErrorKind, Result};
use crate::ingest::Door;
use crate::model::receipt::Receipt;
use crate::model::reject::Reject;
use crate::protocols::otlp::OtlpState;
use crate::wire::otlp::{
    DecodedMetrics, Encoding, Partial, Signal, decode_logs, decode_metrics, decode_traces,
};

/// How many refusals are quoted in a message to the sender.
const EXAMPLES: usize = 3;
/// Bodies from this size on are decoded off the request threads.
const DECODE_ASIDE: usize = 256 << 10;

/// Checks that the maker of a request may send telemetry.
///
/// # Errors
/// `Unauthenticated` or `Forbidden`.
pub(crate) fn check_caller(extensions: &Extensions) -> Result<()> {
    let stranger = || Error::new(ErrorKind::Unauthenticated, "the request was not authenticated");
    extensions.get::<Caller>().ok_or_else(stranger)?.require(Scope::Ingest)
}

/// Decodes a request and writes it; returns when it is durable and visible.
///
/// # Errors
/// `InvalidInput` when it is not readable as a whole, `Unavailable` when it cannot be written now.
pub(crate) async fn export(
    state: &OtlpState,
    door: Door,
    signal: Signal,
    encoding: Encoding,
    body: Bytes,
) -> Result<Partial> {
    let ingest = &state.ingest;
    let arrival = ingest.arrival();
    let decoding = ingest.reserve(door, signal.as_str(), body.len())?;
    let unread = |error: &Error| ingest.refuse_whole(door, signal.as_str(), error.kind());
    let size = body.len();
    match signal {
        Signal::Traces => {
            let decoded = aside(size, move || decode_traces(&body, encoding, arrival)).await;
            let decoded = decoded.inspect_err(unread)?;
            drop(decoding);
            let receipt = ingest.traces(door, decoded.batch).await?;
            let refused = receipt.rejected_count();
            Ok(partial(state, door, signal, decoded.rejects, &receipt, refused))
        }
        Signal::Logs => {
            let decoded = aside(size, move || decode_logs(&body, encoding)).await;
            let decoded = decoded.inspect_err(unread)?;
            drop(decoding);
            let receipt = ingest.logs(door, decoded.batch).await?.receipt;
            let refused = receipt.rejected_count();
            Ok(partial(state, door, signal, decoded.rejects, &receipt, refused))
        }
        Signal::Metrics => {
            let deltas = Arc::clone(&state.deltas);
            let decoded =
                aside(size, move || decode_metrics(&body, encoding, arrival, &deltas)).await;
            let decoded = decoded.inspect_err(unread)?;
            drop(decoding);
            let (batch, origins, rejects) = decoded.into_parts();
            let receipt = ingest.metrics(door, batch).await?;
            let refused = DecodedMetrics::refused_points(&origins, &receipt);
            Ok(partial(state, door, signal, rejects, &receipt, refused))
        }
    }
}

/// Runs a computation on a thread for long ones when the body it reads is large.
async fn aside<T: Send + 'static>(
    size: usize,
    decode: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if size < DECODE_ASIDE {
        return decode();
    }
    let failed = |error| Error::internal(format!("decoding failed: {error}"));
    tokio::task::spawn_blocking(decode).await.map_err(failed)?
}

/// Joins what the codec and the store refused; `refused` counts the latter in the signal's points.
fn partial(
    state: &OtlpState,
    door: Door,
    signal: Signal,
    rejects: Vec<Reject>,
    receipt: &Receipt,
    refused: u64,
) -> Partial {
    for reject in &rejects {
        state.ingest.reject(door, signal.as_str(), reject.reason, reject.count);
    }
    let rejected = refused + rejects.iter().map(|reject| reject.count).sum::<u64>();
    let by_codec = rejects.iter().map(|reject| reject.message.as_str());
    let by_store = receipt.rejected.iter().map(|rejection| rejection.message.as_str());
    let reasons: Vec<&str> = by_codec.chain(by_store).collect();
    if reasons.is_empty() {
        return Partial::default();
    }
    let more = reasons.len().saturating_sub(EXAMPLES);
    let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
    let examples = reasons[..reasons.len() - more].join("; ");
    Partial { rejected, message: format!("{rejected} rejected: {examples}{tail}") }
}
