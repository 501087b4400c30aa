//! Remote write 1.0 and 2.0.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::access::{Caller, Scope};
use crate::base::decompress::{Encoding, decompress};
use crate::base::error::{Error, Result};
use crate::http::body;
use crate::http::error::plain;
use crate::ingest::Door;
use crate::model::receipt::Receipt;
use crate::model::reject::Reject;
use crate::protocols::prometheus::PrometheusState;
use crate::wire::remote_write::{Decoded, Schema, decode};

const SIGNAL: &str = "metrics";
/// How many refusals an answer names.
const NAMED: usize = 10;
/// Compressed bodies from this size on are inflated and decoded off the request threads.
const DECODE_ASIDE: usize = 64 << 10;

const SAMPLES_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// Takes a batch. Answers 204 when all of it is durable and visible; 400 with the reasons when a
/// part was refused, the rest being written; 503 or 429 when the sender should try again. Senders of
/// version 2.0 are told the numbers, whatever came of it: a success without them reads as loss.
pub(crate) async fn write(
    State(state): State<PrometheusState>,
    caller: Caller,
    request: Request,
) -> Response {
    if let Err(error) = caller.require(Scope::Ingest) {
        return plain(&error);
    }
    let (parts, body) = request.into_parts();
    let schema = match Schema::from_content_type(header(&parts.headers, CONTENT_TYPE.as_str())) {
        Ok(schema) => schema,
        Err(error) => {
            state.ingest.refuse_whole(Door::RemoteWrite, SIGNAL, error.kind());
            return plain(&error);
        }
    };
    let taken = take(&state, schema, &parts.headers, body).await;
    let (receipt, refusals) = match taken {
        Ok((receipt, rejects)) => {
            let refusals = refusals(&rejects, &receipt);
            (receipt, refusals.map(Error::invalid))
        }
        Err(error) => (Receipt::default(), Some(error)),
    };
    let mut response =
        refusals.map_or_else(|| StatusCode::NO_CONTENT.into_response(), |error| plain(&error));
    if schema == Schema::V2 {
        let samples = receipt.accepted.saturating_sub(receipt.histograms);
        let headers = response.headers_mut();
        headers.insert(SAMPLES_WRITTEN, HeaderValue::from(samples));
        headers.insert(HISTOGRAMS_WRITTEN, HeaderValue::from(receipt.histograms));
        headers.insert(EXEMPLARS_WRITTEN, HeaderValue::from(receipt.exemplars));
    }
    response
}

async fn take(
    state: &PrometheusState,
    schema: Schema,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Receipt, Vec<Reject>)> {
    let decoded = read(state, schema, headers, body).await.inspect_err(|error| {
        state.ingest.refuse_whole(Door::RemoteWrite, SIGNAL, error.kind());
    })?;
    state.written.count();
    let Decoded { batch, rejects } = decoded;
    for reject in &rejects {
        state.ingest.reject(Door::RemoteWrite, SIGNAL, reject.reason, reject.count);
    }
    let receipt = state.ingest.metrics(Door::RemoteWrite, batch).await?;
    Ok((receipt, rejects))
}

async fn read(
    state: &PrometheusState,
    schema: Schema,
    headers: &HeaderMap,
    body: Body,
) -> Result<Decoded> {
    check_encoding(headers)?;
    let cap = state.limits.write_bytes;
    let sent = body::collect(headers, body, cap).await?;
    let _room = state.ingest.reserve(Door::RemoteWrite, SIGNAL, sent.len())?;
    let written = Arc::clone(&state.written);
    let large = sent.len() >= DECODE_ASIDE;
    let decode = move |sent: Bytes| -> Result<Decoded> {
        let inflated = decompress(Encoding::Snappy, &sent, cap)?;
        decode(schema, &inflated, written.labels())
    };
    if !large {
        return decode(sent);
    }
    let failed = |error| Error::internal(format!("decoding failed: {error}"));
    tokio::task::spawn_blocking(move || decode(sent)).await.map_err(failed)?
}

/// Snappy's block format is the only encoding of both versions, so no header means it, too.
fn check_encoding(headers: &HeaderMap) -> Result<()> {
    let value = header(headers, CONTENT_ENCODING.as_str());
    if value.is_empty() || value.eq_ignore_ascii_case("snappy") {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "{value:.200} encoding (compression) is not accepted by this server; only snappy is \
         acceptable"
    )))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap_or("?")).trim()
}

/// Returns what was refused by the codec and by the stores, one refusal a line as Prometheus answers
/// them, or `None` when all was taken.
fn refusals(rejects: &[Reject], receipt: &Receipt) -> Option<String> {
    let by_codec = rejects.iter().map(|reject| reject.message.as_str());
    let by_store = receipt.rejected.iter().map(|rejection| rejection.message.as_str());
    let messages: Vec<&str> = by_codec.chain(by_store).collect();
    if messages.is_empty() {
        return None;
    }
    let mut text = messages[..messages.len().min(NAMED)].join("\n");
    if let more @ 1.. = messages.len().saturating_sub(NAMED) {
        text.push_str(&format!("\nand {more} more"));
    }
    Some(text)
}
