//! Many queries in one request, each answered by a line as soon as it is done.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use crate::access::{Caller, Scope};
use crate::api::ApiState;
use crate::api::answer::ApiError;
use crate::api::metrics::columns::{Line, Steps};
use crate::api::metrics::question::{Parts, Question, timeout};
use crate::base::error::{Error, Result};
use crate::http::body;
use crate::model::cost::Watch;
use crate::wire::prometheus_api::error_type::{error_type, evaluation_error_type};

/// Bytes of a request, as sent and inflated.
const BODY_BYTES: usize = 10 << 20;
/// Queries of one request.
const MAX_QUERIES: usize = 100;
/// Pieces of lines that wait for the client.
const PIECES: usize = 4;
/// How long the client may take for a piece before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// The request as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    queries: Vec<Entry>,
    timeout: Option<Word>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    query: String,
    time: Option<Word>,
    start: Option<Word>,
    end: Option<Word>,
    step: Option<Word>,
}

/// An instant or a length: a number of seconds, or a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Number(serde_json::Number),
    Text(String),
}

impl Word {
    fn text(self) -> String {
        match self {
            Word::Number(number) => number.to_string(),
            Word::Text(text) => text,
        }
    }
}

/// A query by its id.
struct Named {
    id: String,
    parts: Parts,
}

/// Answers `{"queries":[{"id","query","time"} or {"id","query","start","end","step"}],"timeout"}`,
/// in the forms of Prometheus' API, with one line a query in the order in which they are done. The
/// timeout holds for all together. An answer that lacks an id was broken off.
///
/// # Errors
/// `Forbidden` without the scope, `InvalidInput` for a body that is none, for an id that comes twice
/// and for too many queries, `LimitExceeded` for a body past its cap, `Unavailable` when there are
/// too many batches. What is wrong with one query is told in its line.
pub(crate) async fn query_batch(
    State(state): State<ApiState>,
    caller: Caller,
    request: Request,
) -> std::result::Result<Response, ApiError> {
    caller.require(Scope::Read)?;
    let turn = state.batches.clone().try_acquire_owned();
    let turn =
        turn.map_err(|_| Error::unavailable("too many batches are open", Duration::from_secs(5)))?;
    let body = body::read(request, BODY_BYTES).await?;
    let (queries, within) = read(&body)?;
    let (sender, receiver) = mpsc::channel(PIECES);
    let tasks = state.tasks.clone();
    let work = Work { state, caller, within, out: Out::new(sender), _turn: turn };
    tasks.spawn("metrics.query_batch", work.run(queries, tasks.stop_token()));
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<_, Error>(piece), receiver))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(pieces)).into_response())
}

/// Reads a request, and checks what holds for all of its queries.
fn read(body: &[u8]) -> Result<(Vec<Named>, Option<Duration>)> {
    let batch: Batch = serde_json::from_slice(body)
        .map_err(|error| Error::invalid(format!("the body is no batch of queries: {error}")))?;
    let count = batch.queries.len();
    if count > MAX_QUERIES {
        return Err(Error::invalid(format!("{count} queries are more than {MAX_QUERIES}")));
    }
    let mut seen = HashSet::new();
    let twice = batch.queries.iter().find(|query| !seen.insert(query.id.as_str()));
    if let Some(Entry { id, .. }) = twice {
        return Err(Error::invalid(format!("the id {id:?} comes twice")));
    }
    let within = batch.timeout.map(|word| timeout(&word.text())).transpose()?;
    let named = batch.queries.into_iter().map(|entry| {
        let Entry { id, query, time, start, end, step } = entry;
        let [time, start, end, step] = [time, start, end, step].map(|word| word.map(Word::text));
        Named { id, parts: Parts { query, time, start, end, step } }
    });
    Ok((named.collect(), within))
}

/// Where lines go: one at a time, so that the pieces of two never mix.
struct Out {
    sender: mpsc::Sender<Bytes>,
    line: Mutex<()>,
    /// Nobody takes lines any more.
    is_gone: CancellationToken,
}

impl Out {
    fn new(sender: mpsc::Sender<Bytes>) -> Self {
        Out { sender, line: Mutex::new(()), is_gone: CancellationToken::new() }
    }

    async fn write(&self, line: Line, state: &ApiState) {
        let _one_at_a_time = self.line.lock().await;
        for piece in line {
            let sent = tokio::select! {
                biased;
                sent = self.sender.send(Bytes::from(piece)) => sent.is_ok(),
                () = state.clock.sleep(PATIENCE) => false,
            };
            if !sent {
                self.is_gone.cancel();
                return;
            }
        }
    }
}

/// A batch under way. It runs by itself, so that no query keeps its turn while the client reads.
struct Work {
    state: ApiState,
    caller: Caller,
    within: Option<Duration>,
    out: Out,
    _turn: OwnedSemaphorePermit,
}

impl Work {
    /// Answers all queries, as many at one time as there are turns; each waits for its own. Ends
    /// early when the client is gone or the process ends, and with it what is computed.
    async fn run(self, queries: Vec<Named>, stop: CancellationToken) {
        let end = self.within.map(|within| self.state.clock.now_ms() + millis(within));
        let at_once = self.state.services.metrics.concurrency().max(1);
        let all = stream::iter(queries).for_each_concurrent(at_once, |query| async {
            let line = self.answer(query, end).await;
            self.out.write(line, &self.state).await;
        });
        tokio::select! {
            biased;
            () = all => {}
            () = self.out.sender.closed() => {}
            () = self.out.is_gone.cancelled() => {}
            () = stop.cancelled() => {}
        }
    }

    /// Answers one query; `end` is when all must be done, in epoch milliseconds.
    async fn answer(&self, query: Named, end: Option<i64>) -> Line {
        let Named { id, parts } = query;
        let left = end.map(|end| end.saturating_sub(self.state.clock.now_ms()).max(0));
        let left = left.map(|left| Duration::from_millis(left.unsigned_abs()));
        let question = match Question::read(&parts, left, &self.state) {
            Ok(question) => question,
            Err(error) => return Line::error(&id, error_type(error.kind()), &error),
        };
        let (steps, is_range) = match &question {
            Question::Instant(query) => (Steps::instant(query.time), false),
            Question::Range(query) => (Steps::of(query), true),
        };
        match question.ask(&self.state, &self.caller, Watch::Nothing).await {
            Ok(answer) => Line::answer(&id, answer, steps, is_range),
            Err(error) => Line::error(&id, evaluation_error_type(error.kind()), &error),
        }
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_read_whole_or_refused() {
        let (queries, within) = read(
            br#"{"queries":[{"id":"a","query":"up","time":1.5},{"id":"b","query":"up","start":"2026-01-01T00:00:00Z","end":2,"step":"1m"}],"timeout":"30s"}"#,
        )
        .unwrap();
        assert_eq!(within, Some(Duration::from_secs(30)));
        assert_eq!(queries[0].parts.time.as_deref(), Some("1.5"));
        assert_eq!(queries[1].parts.step.as_deref(), Some("1m"));
        let entry = r#"{"id":"a","query":"1"}"#;
        let many: Vec<_> =
            (0..=MAX_QUERIES).map(|id| format!(r#"{{"id":"{id}","query":"1"}}"#)).collect();
        for (wrong, why) in [
            (String::new(), "no batch"),
            ("{}".to_owned(), "queries"),
            (r#"{"queries":[{"query":"1"}]}"#.to_owned(), "id"),
            (r#"{"queries":[{"id":"a","query":"1","stop":1}]}"#.to_owned(), "stop"),
            (format!(r#"{{"queries":[{entry},{entry}]}}"#), "the id \"a\" comes twice"),
            (format!(r#"{{"queries":[{}]}}"#, many.join(",")), "101 queries"),
            (r#"{"queries":[],"timeout":-1}"#.to_owned(), "timeout"),
        ] {
            let error = read(wrong.as_bytes()).err().unwrap();
            assert!(error.message().contains(why), "{wrong}: {error}");
        }
    }
}
