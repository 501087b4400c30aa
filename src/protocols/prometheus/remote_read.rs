//! Remote read: raw points for another Prometheus.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::access::{Caller, Scope};
use crate::base::decompress::Encoding;
use crate::base::error::{Error, ErrorKind, Result};
use crate::http::body;
use crate::http::error::{plain, plain_with};
use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::series::SeriesData;
use crate::protocols::prometheus::PrometheusState;
use crate::service::Selection;
use crate::wire::remote_read::{
    QueryResult, ReadQuery, ReadRequest, ResponseType, STREAMED_CONTENT_TYPE, decode, push_frames,
    push_result,
};

/// Bytes of a streamed answer that are handed to the connection at one time.
const PIECE_BYTES: usize = 256 << 10;

/// Answers every question of the request, as samples in one message or as a stream of chunks,
/// whichever the asker names first. A streamed answer is held encoded until its series are in order.
pub(crate) async fn read(
    State(state): State<PrometheusState>,
    caller: Caller,
    request: Request,
) -> Response {
    if let Err(error) = caller.require(Scope::Read) {
        return plain(&error);
    }
    let answered = match question(&state, request).await {
        Ok(asked) => match asked.response_type {
            ResponseType::Samples => samples(&state, &caller, asked).await,
            ResponseType::StreamedXorChunks => streamed(&state, &caller, asked).await,
        },
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| refused(&error))
}

/// Prometheus knows 400 and 500 here; a client repeats neither.
fn refused(error: &Error) -> Response {
    match error.kind() {
        ErrorKind::Unsupported | ErrorKind::LimitExceeded => {
            plain_with(StatusCode::BAD_REQUEST, error)
        }
        _ => plain(error),
    }
}

async fn question(state: &PrometheusState, request: Request) -> Result<ReadRequest> {
    let (parts, sent) = request.into_parts();
    let cap = state.limits.read_bytes;
    let sent = body::collect(&parts.headers, sent, cap).await?;
    // Snappy's block format is the only encoding, whatever a header says.
    decode(body::inflate(Encoding::Snappy, sent, cap).await?)
}

async fn samples(state: &PrometheusState, caller: &Caller, asked: ReadRequest) -> Result<Response> {
    let mut response = Vec::new();
    for query in asked.queries {
        let external = state.external_labels.clone();
        let add = move |result: &mut QueryResult, series: SeriesData| {
            result.add(&merged(&series.labels, &external), &series);
        };
        let selection = selection(query, &state.external_labels);
        let result =
            state.services.metrics.fold_points(caller, selection, QueryResult::default(), add);
        push_result(&mut response, &result.await.map_err(|error| too_many(state, error))?);
    }
    let compressed = snap::raw::Encoder::new().compress_vec(&response);
    let compressed =
        compressed.map_err(|error| Error::internal(format!("compressing the answer: {error}")))?;
    let headers = [(CONTENT_TYPE, "application/x-protobuf"), (CONTENT_ENCODING, "snappy")];
    Ok((StatusCode::OK, headers, compressed).into_response())
}

/// The frames of one series, to be sorted by its labels.
type Encoded = (Labels, Bytes);

async fn streamed(
    state: &PrometheusState,
    caller: &Caller,
    asked: ReadRequest,
) -> Result<Response> {
    let mut pieces: Vec<Bytes> = Vec::new();
    for (place, query) in asked.queries.into_iter().enumerate() {
        let external = state.external_labels.clone();
        let add = move |encoded: &mut Vec<Encoded>, series: SeriesData| {
            let labels = merged(&series.labels, &external);
            let mut frames = Vec::new();
            push_frames(&mut frames, place, &labels, &series);
            encoded.push((labels, Bytes::from(frames)));
        };
        let selection = selection(query, &state.external_labels);
        let found = state.services.metrics.fold_points(caller, selection, Vec::new(), add);
        let mut found = found.await.map_err(|error| too_many(state, error))?;
        // A peer merges this with what it has itself, and relies on the order.
        found.sort_by(|one, other| one.0.cmp(&other.0));
        joined(found, &mut pieces);
    }
    let pieces = futures_util::stream::iter(pieces.into_iter().map(Ok::<_, Error>));
    let headers = [(CONTENT_TYPE, STREAMED_CONTENT_TYPE)];
    Ok((StatusCode::OK, headers, Body::from_stream(pieces)).into_response())
}

/// Joins frames into pieces that are worth a write each.
fn joined(found: Vec<Encoded>, pieces: &mut Vec<Bytes>) {
    let mut piece = Vec::new();
    for (_, frames) in found {
        piece.extend_from_slice(&frames);
        if piece.len() >= PIECE_BYTES {
            pieces.push(Bytes::from(std::mem::take(&mut piece)));
        }
    }
    if !piece.is_empty() {
        pieces.push(Bytes::from(piece));
    }
}

/// The asker takes its answer for labelled by us, so a condition on a label that only we add is
/// fulfilled by every series here that lacks it.
fn selection(query: ReadQuery, external: &Labels) -> Selection {
    let own = |matcher: Matcher| {
        let added = external.get(&matcher.name).unwrap_or("") == matcher.value;
        match matcher.op {
            MatchOp::Equal if added => Matcher::equal(matcher.name, ""),
            MatchOp::Equal | MatchOp::NotEqual | MatchOp::Regex | MatchOp::NotRegex => matcher,
        }
    };
    Selection {
        matchers: query.matchers.into_iter().map(own).collect(),
        range: query.range,
        step_ms: query.step_ms,
        range_ms: query.range_ms,
        function: query.function,
    }
}

/// The labels of a series with those of the appliance that it lacks.
fn merged(own: &Labels, external: &Labels) -> Labels {
    if external.is_empty() {
        return own.clone();
    }
    let mut labels = external.to_builder();
    for (name, value) in own.iter() {
        labels.set(name, value);
    }
    labels.build()
}

fn too_many(state: &PrometheusState, error: Error) -> Error {
    match error.kind() {
        ErrorKind::LimitExceeded => {
            let most = state.services.metrics.max_samples();
            Error::new(ErrorKind::LimitExceeded, format!("exceeded sample limit ({most})"))
        }
        _ => error,
    }
}
