//! An expression with its instant or its range, in the forms and the words of Prometheus' API.

use std::time::Duration;

use crate::access::Caller;
use crate::api::ApiState;
use crate::base::error::{Error, Result};
use crate::model::answer::Answer;
use crate::model::cost::Watch;
use crate::model::time::{TimeRange, TimestampMs};
use crate::service::{Expression, InstantQuery, RangeQuery};
use crate::wire::prometheus_api::text::{parse_seconds, parse_time};

/// The parts of a question as they were sent: instants in seconds or RFC 3339, lengths in seconds or
/// in Prometheus' syntax. Absent ones are `None`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    /// The expression.
    pub(crate) query: String,
    /// The instant; by default now.
    pub(crate) time: Option<String>,
    /// The first step of a range.
    pub(crate) start: Option<String>,
    /// The end that no step passes.
    pub(crate) end: Option<String>,
    /// The distance of steps.
    pub(crate) step: Option<String>,
}

/// A question that can be asked.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// At one instant.
    Instant(InstantQuery),
    /// At every step of a range.
    Range(RangeQuery),
}

impl Question {
    /// Reads the parts. With one of `start`, `end` and `step` it is a range.
    ///
    /// # Errors
    /// `InvalidInput` in Prometheus' words for what cannot be read, for a range of too many steps,
    /// and for a range beside an instant.
    pub(crate) fn read(parts: &Parts, timeout: Option<Duration>, state: &ApiState) -> Result<Self> {
        let Parts { query, time, start, end, step } = parts;
        let parsed = Expression::parse(query).map_err(|error| wrong("query", error.message()));
        if start.is_none() && end.is_none() && step.is_none() {
            let time = match time {
                Some(time) => instant("time", time)?,
                None => TimestampMs(state.clock.now_ms()),
            };
            return Ok(Question::Instant(InstantQuery {
                expression: parsed?,
                time,
                timeout,
                lookback: None,
            }));
        }
        if time.is_some() {
            return Err(wrong("time", "a query has either a time, or start, end and step"));
        }
        let sent = |part: &Option<String>| part.clone().unwrap_or_default();
        let range = TimeRange::new(instant("start", &sent(start))?, instant("end", &sent(end))?);
        if range.is_empty() {
            return Err(wrong("end", "end timestamp must not be before start time"));
        }
        let step = length("step", &sent(step))?;
        if step < Duration::from_millis(1) {
            let text = "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(wrong("step", text));
        }
        let expression = parsed?;
        expression.check_stepwise().map_err(|error| wrong("query", error.message()))?;
        let query = RangeQuery { expression, range, step, timeout, lookback: None, afresh: false };
        query.check_steps(state.services.metrics.max_steps())?;
        Ok(Question::Range(query))
    }

    /// Returns the expression.
    pub(crate) fn expression(&self) -> &Expression {
        match self {
            Question::Instant(query) => &query.expression,
            Question::Range(query) => &query.expression,
        }
    }

    /// Asks.
    ///
    /// # Errors
    /// Permission, limits, and those of the evaluation.
    pub(crate) async fn ask(
        self,
        state: &ApiState,
        caller: &Caller,
        watch: Watch,
    ) -> Result<Answer> {
        let metrics = &state.services.metrics;
        match self {
            Question::Instant(query) => metrics.watched_instant(caller, query, watch).await,
            Question::Range(query) => metrics.watched_range(caller, query, watch).await,
        }
    }
}

/// Reads how long something may take.
///
/// # Errors
/// `InvalidInput` for what is no length of time, or a negative one.
pub(crate) fn timeout(text: &str) -> Result<Duration> {
    let seconds = parse_seconds(text);
    let seconds = seconds
        .ok_or_else(|| wrong("timeout", format!("cannot parse {text:?} to a valid duration")));
    Duration::try_from_secs_f64(seconds?)
        .map_err(|_| wrong("timeout", "it is negative or too long"))
}

fn wrong(name: &str, problem: impl std::fmt::Display) -> Error {
    Error::invalid(format!("invalid parameter {name:?}: {problem}"))
}

fn instant(name: &str, text: &str) -> Result<TimestampMs> {
    let problem = || wrong(name, format!("cannot parse {text:?} to a valid timestamp"));
    parse_time(text).ok_or_else(problem)
}

/// Reads a length; a negative one is none.
fn length(name: &str, text: &str) -> Result<Duration> {
    let problem = || wrong(name, format!("cannot parse {text:?} to a valid duration"));
    let seconds = parse_seconds(text).ok_or_else(problem)?;
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
