//! `POST /api/traces`: a thrift batch.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::access::{Caller, Scope};
use crate::base::error::Error;
use crate::http::body;
use crate::ingest::Door;
use crate::model::reject::RejectReason;
use crate::protocols::jaeger::error::CollectFault;
use crate::protocols::jaeger::{JaegerDoor, MAX_BODY};
use crate::wire::jaeger::batch;

/// The media types of thrift's binary protocol that clients send.
const THRIFT: [&str; 2] = ["application/x-thrift", "application/vnd.apache.thrift.binary"];

pub async fn take(
    State(door): State<JaegerDoor>,
    caller: Caller,
    request: Request,
) -> Result<Response, CollectFault> {
    caller.require(Scope::Ingest)?;
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or("").trim().to_owned();
    if !THRIFT.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        let text = format!("Unsupported content type: {kind:?}; send application/x-thrift");
        let error = Error::unsupported(text);
        door.ingest.refuse_whole(Door::JaegerThrift, "traces", error.kind());
        return Err(error.into());
    }
    let unread =
        |error: &Error| door.ingest.refuse_whole(Door::JaegerThrift, "traces", error.kind());
    let body = body::read(request, MAX_BODY).await.inspect_err(unread)?;
    let _reserved = door.ingest.reserve(Door::JaegerThrift, "traces", body.len())?;
    let refuse = |reason: RejectReason, count: u64| {
        door.ingest.reject(Door::JaegerThrift, "traces", reason, count);
    };
    let (spans, rejects) = batch::decode(&body).map_err(|reason| {
        refuse(RejectReason::Malformed, 1);
        Error::invalid(format!("Unable to process request body: {reason}"))
    })?;
    for reject in &rejects {
        refuse(reject.reason, reject.count);
    }
    let receipt = door.ingest.traces(Door::JaegerThrift, spans).await?;
    let first = rejects.first().map(|reject| reject.message.clone());
    match first.or_else(|| receipt.summary(3)) {
        // What was good is written; the sender is told that it was not everything.
        Some(reason) => Err(Error::invalid(format!("Some spans were refused: {reason}")).into()),
        None => Ok(StatusCode::ACCEPTED.into_response()),
    }
}
