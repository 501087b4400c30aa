//! New records as they arrive: one stream of server-sent events.
//!
//! Records arrive in any order of their own times, so the stream goes by their sequence, which
//! rises with each write: every turn reads the newest minutes and sends what it has not sent.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::access::Caller;
use crate::api::ApiState;
use crate::api::answer::ApiError;
use crate::api::filters;
use crate::api::logs::row::Row;
use crate::api::params::Params;
use crate::base::error::{Error, Result};
use crate::model::log_filter::LogFilter;
use crate::model::log_query::{Direction, LogHit, LogSearch, LogSelect};
use crate::model::time::{TimeRange, TimestampNs};

/// Time between two looks at the store.
const EVERY: Duration = Duration::from_millis(500);
/// Looks without news between two pings, which tell proxies and browsers that the line is up.
const QUIET_TURNS: u32 = 30;
/// Records of one look; what is more is told as a gap.
const MAX_ROWS: usize = 2_000;
/// How old a record may be by its own time when it arrives.
const LATE_NS: i64 = 600 * 1_000_000_000;
/// Looks until the stream ends and the browser asks again, so that none lasts for ever.
const MAX_TURNS: u32 = 3_600;

/// Answers `q f scope` with events `log` (rows, newest first), `gap` and `ping`. The id of an event
/// is the last sequence sent; a browser that comes back names it and goes on from there.
///
/// # Errors
/// `Unavailable` when there are too many streams, and those of the first look.
pub(crate) async fn tail(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
) -> std::result::Result<Response, ApiError> {
    let filter = filters::logs(&params)?;
    let turn = state.streams.clone().try_acquire_owned();
    let turn = turn
        .map_err(|_| Error::unavailable("too many live tails are open", Duration::from_secs(5)))?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let mut tail = Tail { state, caller, filter, sent: 0, quiet: 0, turns: 0, _turn: turn };
    tail.sent = match resumed {
        Some(sequence) => sequence,
        // Only what comes from now on; the page has the rest already.
        None => tail.look().await?.iter().map(|hit| hit.position.sequence).max().unwrap_or(0),
    };
    Ok(Sse::new(events(tail)).into_response())
}

/// A stream under way.
struct Tail {
    state: ApiState,
    caller: Caller,
    filter: LogFilter,
    /// The greatest sequence that was sent.
    sent: u64,
    quiet: u32,
    turns: u32,
    _turn: OwnedSemaphorePermit,
}

fn events(tail: Tail) -> impl Stream<Item = std::result::Result<Event, Infallible>> {
    stream::unfold(tail, |mut tail| async move {
        loop {
            tail.turns += 1;
            if tail.turns > MAX_TURNS || !tail.state.readiness.is_ready() {
                return None;
            }
            tail.state.clock.sleep(EVERY).await;
            if let Some(event) = tail.next().await {
                return Some((Ok(event), tail));
            }
        }
    })
}

impl Tail {
    /// Returns the event of one look, if there is something to tell.
    async fn next(&mut self) -> Option<Event> {
        let hits = match self.look().await {
            Ok(hits) => hits,
            Err(error) => {
                let words = json!({"error": error.message()}).to_string();
                return Some(Event::default().event("failure").data(words));
            }
        };
        let sent = self.sent;
        let full = hits.len() == MAX_ROWS;
        let mut new: Vec<LogHit> =
            hits.into_iter().filter(|hit| hit.position.sequence > sent).collect();
        if new.is_empty() {
            self.quiet += 1;
            if self.quiet < QUIET_TURNS {
                return None;
            }
            self.quiet = 0;
            return Some(Event::default().event("ping").data("{}"));
        }
        self.quiet = 0;
        // Nothing sent before is among them: there may be more than one look can hold.
        let gap = full && new.len() == MAX_ROWS;
        new.sort_by_key(|hit| std::cmp::Reverse(hit.position));
        self.sent = new.iter().map(|hit| hit.position.sequence).max().unwrap_or(sent);
        let rows: Vec<Row> = new.iter().map(Row::of).collect();
        let data = json!({"rows": rows, "gap": gap}).to_string();
        Some(Event::default().event("log").id(self.sent.to_string()).data(data))
    }

    /// Returns the newest records of the last minutes.
    async fn look(&self) -> Result<Vec<LogHit>> {
        let now = self.state.clock.now_ns();
        let range = TimeRange::new(
            TimestampNs(now.saturating_sub(LATE_NS)),
            TimestampNs(now.saturating_add(LATE_NS)),
        );
        let select = LogSelect { indices: Vec::new(), range, filter: self.filter.clone() };
        let direction = Direction::Backward;
        let search = LogSearch { select, direction, after: None, limit: MAX_ROWS };
        Ok(self.state.services.logs.search(&self.caller, search).await?.hits)
    }
}
