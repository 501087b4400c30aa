//! New records as they arrive: one stream of server-sent events, for all that a browser follows.
//!
//! Records arrive in any order of their own times, so the stream goes by their sequence, which
//! rises with each write: every turn reads the newest minutes and sends what it has not sent.

use std::collections::VecDeque;
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

/// Subscriptions of one stream: the pages that a browser shows at once.
const MAX_SUBSCRIPTIONS: usize = 16;

/// Answers every `sub`, a query string with `q f scope`, or without one its own `q f scope`, with
/// events `start`, `log` (`sub`, rows newest first, and whether some were left out), `failure` and `ping`.
/// The id of an event names the last sequence sent of each subscription, by commas; a browser that
/// comes back names it, or names it in `after`, and goes on from there.
///
/// # Errors
/// `Unavailable` when there are too many streams, `InvalidInput` for what cannot be read, and those
/// of the first look.
pub(crate) async fn tail(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
) -> std::result::Result<Response, ApiError> {
    let mut subscriptions = subscriptions(&params)?;
    let turn = state.streams.clone().try_acquire_owned();
    let turn = turn
        .map_err(|_| Error::unavailable("too many live tails are open", Duration::from_secs(5)))?;
    let named = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let mut resumed = named.unwrap_or(params.get("after")).split(',').map(str::parse);
    for one in &mut subscriptions {
        one.sent = match resumed.next() {
            Some(Ok(sequence)) => sequence,
            // Only what comes from now on; the page has the rest already.
            _ => {
                let hits = look(&state, &caller, &one.filter).await?;
                hits.iter().map(|hit| hit.position.sequence).max().unwrap_or(0)
            }
        };
    }
    let due = VecDeque::new();
    let mut tail = Tail { state, caller, subscriptions, due, quiet: 0, turns: 0, _turn: turn };
    let start = Event::default().event("start").id(tail.told()).data("{}");
    tail.due.push_back(start);
    Ok(Sse::new(events(tail)).into_response())
}

/// One view of the logs that is followed.
struct Subscription {
    /// What was asked for, as it was written.
    key: String,
    filter: LogFilter,
    /// The greatest sequence that was sent.
    sent: u64,
}

fn subscriptions(params: &Params) -> Result<Vec<Subscription>> {
    let one = |key: &str, params: &Params| {
        Ok(Subscription { key: key.to_owned(), filter: filters::logs(params)?, sent: 0 })
    };
    let keys: Vec<&str> = params.all("sub").collect();
    if keys.len() > MAX_SUBSCRIPTIONS {
        let why = format!("one stream has at most {MAX_SUBSCRIPTIONS} subscriptions");
        return Err(Error::invalid(why));
    }
    match keys.is_empty() {
        true => Ok(vec![one("", params)?]),
        false => keys.into_iter().map(|key| one(key, &Params::parse(key)?)).collect(),
    }
}

/// A stream under way.
struct Tail {
    state: ApiState,
    caller: Caller,
    subscriptions: Vec<Subscription>,
    /// Events of the last turn that are not sent yet.
    due: VecDeque<Event>,
    quiet: u32,
    turns: u32,
    _turn: OwnedSemaphorePermit,
}

fn events(tail: Tail) -> impl Stream<Item = std::result::Result<Event, Infallible>> {
    stream::unfold(tail, |mut tail| async move {
        loop {
            if let Some(event) = tail.due.pop_front() {
                return Some((Ok(event), tail));
            }
            tail.turns += 1;
            if tail.turns > MAX_TURNS || !tail.state.readiness.is_ready() {
                return None;
            }
            tail.state.clock.sleep(EVERY).await;
            tail.turn().await;
        }
    })
}

impl Tail {
    /// Looks once for every subscription, and makes the events of what is new.
    async fn turn(&mut self) {
        for place in 0..self.subscriptions.len() {
            let one = &self.subscriptions[place];
            match look(&self.state, &self.caller, &one.filter).await {
                Ok(hits) => self.tell(place, hits),
                Err(error) => {
                    let words = json!({"sub": one.key, "error": error.message()}).to_string();
                    self.due.push_back(Event::default().event("failure").data(words));
                }
            }
        }
        self.quiet = if self.due.is_empty() { self.quiet + 1 } else { 0 };
        if self.quiet == QUIET_TURNS {
            self.quiet = 0;
            self.due.push_back(Event::default().event("ping").data("{}"));
        }
    }

    fn tell(&mut self, place: usize, hits: Vec<LogHit>) {
        let one = &mut self.subscriptions[place];
        let sent = one.sent;
        let full = hits.len() == MAX_ROWS;
        let mut new: Vec<LogHit> =
            hits.into_iter().filter(|hit| hit.position.sequence > sent).collect();
        if new.is_empty() {
            return;
        }
        // Nothing sent before is among them: there may be more than one look can hold.
        let gap = full && new.len() == MAX_ROWS;
        new.sort_by_key(|hit| std::cmp::Reverse(hit.position));
        one.sent = new.iter().map(|hit| hit.position.sequence).max().unwrap_or(sent);
        let rows: Vec<Row> = new.iter().map(Row::of).collect();
        let data = json!({"sub": one.key, "rows": rows, "gap": gap}).to_string();
        let id = self.told();
        self.due.push_back(Event::default().event("log").id(id).data(data));
    }

    /// How far each subscription was told, as the id of an event.
    fn told(&self) -> String {
        let sent: Vec<String> = self.subscriptions.iter().map(|one| one.sent.to_string()).collect();
        sent.join(",")
    }
}

/// Returns the newest records of the last minutes.
async fn look(state: &ApiState, caller: &Caller, filter: &LogFilter) -> Result<Vec<LogHit>> {
    let now = state.clock.now_ns();
    let range = TimeRange::new(
        TimestampNs(now.saturating_sub(LATE_NS)),
        TimestampNs(now.saturating_add(LATE_NS)),
    );
    let select = LogSelect { indices: Vec::new(), range, filter: filter.clone() };
    let search = LogSearch { select, direction: Direction::Backward, after: None, limit: MAX_ROWS };
    Ok(state.services.logs.search(caller, search).await?.hits)
}
