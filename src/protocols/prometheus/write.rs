//! Remote write 1.0.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::access::{Caller, Scope};
use crate::base::decompress::Encoding;
use crate::base::error::{Error, ErrorKind, Result};
use crate::http::body;
use crate::http::error::plain;
use crate::ingest::Door;
use crate::model::receipt::Receipt;
use crate::model::reject::{Reject, RejectReason};
use crate::protocols::prometheus::PrometheusState;
use crate::wire::remote_write::{Decoded, Schema, decode};

const SIGNAL: &str = "metrics";
/// How many refused series an answer names.
const NAMED: usize = 5;

/// Takes a batch. Answers 204 when all of it is durable and visible; 400 with the reasons when a
/// part was refused, the rest being written; 503 or 429 when the sender should try again.
pub(crate) async fn write(
    State(state): State<PrometheusState>,
    caller: Caller,
    request: Request,
) -> Response {
    if let Err(error) = caller.require(Scope::Ingest) {
        return plain(&error);
    }
    let decoded = match read(&state, request).await {
        Ok(decoded) => decoded,
        Err(error) => {
            if let Some(reason) = reason_of(error.kind()) {
                state.ingest.reject(Door::RemoteWrite, SIGNAL, reason, 1);
            }
            return plain(&error);
        }
    };
    let Decoded { batch, rejects } = decoded;
    for reject in &rejects {
        state.ingest.reject(Door::RemoteWrite, SIGNAL, reject.reason, reject.count);
    }
    match state.ingest.metrics(Door::RemoteWrite, batch).await {
        Ok(receipt) => match refusals(&rejects, &receipt) {
            None => StatusCode::NO_CONTENT.into_response(),
            Some(text) => plain(&Error::invalid(text)),
        },
        Err(error) => plain(&error),
    }
}

async fn read(state: &PrometheusState, request: Request) -> Result<Decoded> {
    let (parts, body) = request.into_parts();
    // Only the first version exists so far; another message is refused by name.
    let Schema::V1 = Schema::from_content_type(header(&parts.headers, CONTENT_TYPE.as_str()))?;
    check_encoding(&parts.headers)?;
    let cap = state.limits.write_bytes;
    let sent = body::collect(&parts.headers, body, cap).await?;
    let _room = state.ingest.reserve(Door::RemoteWrite, SIGNAL, sent.len())?;
    let inflated: Bytes = body::inflate(Encoding::Snappy, sent, cap).await?;
    decode(&inflated)
}

/// Snappy's block format is the only encoding of version 1.0, so no header means it, too.
fn check_encoding(headers: &HeaderMap) -> Result<()> {
    let value = header(headers, CONTENT_ENCODING.as_str());
    if value.is_empty() || value.eq_ignore_ascii_case("snappy") {
        return Ok(());
    }
    Err(Error::unsupported(format!("content encoding {value:?} is not remote write; send snappy")))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap_or("?")).trim()
}

/// Why the whole request was refused; `None` for what the door counted already.
fn reason_of(kind: ErrorKind) -> Option<RejectReason> {
    match kind {
        ErrorKind::LimitExceeded => Some(RejectReason::TooLarge),
        ErrorKind::Unsupported => Some(RejectReason::Unsupported),
        ErrorKind::Unavailable | ErrorKind::RateLimited => None,
        _ => Some(RejectReason::Malformed),
    }
}

/// Returns what was refused by the codec and by the stores, or `None` when all was taken.
fn refusals(rejects: &[Reject], receipt: &Receipt) -> Option<String> {
    let unread: u64 = rejects.iter().map(|reject| reject.count).sum();
    let messages: Vec<&str> = rejects
        .iter()
        .map(|reject| reject.message.as_str())
        .chain(receipt.rejected.iter().map(|rejection| rejection.message.as_str()))
        .collect();
    if messages.is_empty() {
        return None;
    }
    let refused = unread + receipt.rejected_count();
    let named = messages[..messages.len().min(NAMED)].join("; ");
    let more = match messages.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Some(format!("{} samples accepted, {refused} refused: {named}{more}", receipt.accepted))
}
