//! Answers of range queries that are kept, so that a dashboard that is loaded again costs only what is
//! new.
//!
//! In: a range query. Out: the answer that [`Engine::range`] gives, bit by bit; only NaN is NaN,
//! whatever its payload. Of what was answered before, those steps are taken over before which no point
//! changed since: the store tells how far that is. The others are evaluated, and the whole is kept in
//! place of what was. Two questions are the same when text, step and the remainder of the start by
//! the step are.
//!
//! An answer is kept only if every step of it depends on nothing but the points up to that step
//! ([`stepwise`]), if another evaluation would repeat it bit by bit (the engine tells), if there is
//! nothing to say besides, and if it was not cheap anyway.
//!
//! Deliberately absent: answers to questions at one instant, what an evaluation costs, and waiting for
//! an equal question that is being answered: both are.

mod stepwise;
mod stored;
mod kept;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};
use parking_lot::Mutex;

use crate::base::error::{ErrorKind, Result};
use crate::model::answer::{Answer, Held, Value};
use crate::model::series::{SelectStats, SeriesData};
use crate::model::time::TimestampMs;
use crate::query::promql::ast::Expr;
use crate::query::promql::engine::{Engine, Part, QueryTimes, range_times};
use crate::query::promql::results::kept::{Kept, Key};
use crate::query::promql::results::stepwise::is_stepwise;
use crate::query::promql::results::stored::{Span, Stored, joined};
use crate::storage::changes::ChangeMark;
use crate::storage::metric_store::KEEPABLE;
use crate::telemetry::{instruments, names};

/// What is kept.
#[derive(Debug, Clone, Copy)]
pub struct ResultOptions {
    /// Bytes of all kept answers; one takes at most a quarter of them.
    pub bytes: u64,
    /// An answer for which fewer samples were looked at is not worth keeping.
    pub least_samples: u64,
}

impl ResultOptions {
    /// Keeps what takes about a millisecond or more to evaluate, in so many bytes.
    pub fn of_bytes(bytes: u64) -> Self {
        ResultOptions { bytes, least_samples: 10_000 }
    }
}

/// One answer takes at most this part of the room.
const LARGEST_PART: u64 = 4;

/// Fewer known steps than this part of all are not worth taking over.
const LEAST_KNOWN_PART: i64 = 8;

/// Answers range queries, from what is kept and from an engine.
pub struct RangeResults {
    engine: Engine,
    options: ResultOptions,
    kept: Mutex<Kept>,
    answered: Counter<u64>,
    evicted: Counter<u64>,
    bytes: Gauge<f64>,
}

/// How a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// From what was kept alone.
    Hit,
    /// From what was kept, and some steps were evaluated.
    Partial,
    /// All steps were evaluated.
    Miss,
    /// Likewise, because answers to such a question are never kept.
    Unfit,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Outcome::Hit => "hit",
            Outcome::Partial => "partial",
            Outcome::Miss => "miss",
            Outcome::Unfit => "unfit",
        }
    }
}

/// A question whose answer may be kept.
#[derive(Clone)]
struct Question<'a> {
    expr: &'a Expr,
    query: QueryTimes,
    key: Key,
    /// All its steps.
    steps: Span,
    /// From before anything was evaluated: what changes meanwhile has changed since.
    mark: ChangeMark,
}

impl RangeResults {
    /// Keeps nothing yet. It counts on the meter that is installed now.
    pub fn new(engine: Engine, options: ResultOptions) -> Self {
        let about = "Answered range queries, by how much of the answer was kept from earlier ones.";
        let answered = instruments::counter(names::RESULTS_ANSWERED, about);
        let about = "Kept answers of range queries that gave way to others.";
        let evicted = instruments::counter(names::RESULTS_EVICTED, about);
        let bytes = instruments::gauge(names::RESULTS_BYTES, "Kept answers of range queries.");
        RangeResults { engine, options, kept: Mutex::default(), answered, evicted, bytes }
    }

    /// Answers a query at every `step` from `start` to `end`, both included. The answer's statistics
    /// tell what was read for it now.
    ///
    /// # Errors
    /// Those of [`Engine::range`], except that what is known is not read, and so takes no time and is
    /// not too much to read.
    pub async fn range(
        &self,
        expr: &Expr,
        start: TimestampMs,
        end: TimestampMs,
        step: Duration,
    ) -> Result<Answer> {
        let (answer, outcome) = self.answer(expr, (start, end), step).await?;
        self.answered.add(1, &[KeyValue::new("outcome", outcome.as_str())]);
        Ok(answer)
    }

    async fn answer(
        &self,
        expr: &Expr,
        (start, end): (TimestampMs, TimestampMs),
        step: Duration,
    ) -> Result<(Answer, Outcome)> {
        let query = range_times(expr, start, end, step)?;
        let Some(question) = self.question(expr, query) else {
            return Ok((self.engine.range(expr, start, end, step).await?, Outcome::Unfit));
        };
        if let Some((stored, known)) = self.known(&question)
            && let Some(answer) = self.completed(&question, &stored, known).await?
        {
            let all = known == question.steps;
            return Ok((answer, if all { Outcome::Hit } else { Outcome::Partial }));
        }
        let Span { first, last } = question.steps;
        let part = self.engine.part(expr, query, (first, last)).await?;
        let worth = part.answer.stats.samples + part.answer.stats.hours;
        if is_fit(&part) && worth >= self.options.least_samples {
            self.keep(question, &part.answer.value);
        }
        Ok((part.answer, Outcome::Miss))
    }

    /// Forgets everything, for want of memory.
    pub fn shed(&self) {
        *self.kept.lock() = Kept::default();
        self.bytes.record(0.0, &[]);
    }

    /// Returns what is asked if an answer to it may be kept: at one step it may mean something else
    /// than at several.
    fn question<'a>(&self, expr: &'a Expr, query: QueryTimes) -> Option<Question<'a>> {
        let steps = Span::of(query);
        let far = [steps.first, steps.last].map(|at| !KEEPABLE.contains(TimestampMs(at)));
        if steps.first >= steps.last || far.contains(&true) || !is_stepwise(&expr.root) {
            return None;
        }
        let mark = self.engine.store().changes()?;
        let phase = query.start.rem_euclid(query.step);
        let key = Key { text: Arc::clone(&expr.text), step: query.step, phase };
        Some(Question { expr, query, key, steps, mark })
    }

    /// Returns what was answered before, with the steps that are asked now and would be answered
    /// so again; `None` when they are not worth it.
    fn known(&self, question: &Question<'_>) -> Option<(Arc<Stored>, Span)> {
        let stored = self.kept.lock().get(&question.key)?;
        let unchanged = self.engine.store().unchanged_before(stored.mark())?;
        let known = stored.steps().within(question.steps).before(unchanged, question.query.step);
        let step = question.query.step;
        let worth = known.count(step) >= question.steps.count(step) / LEAST_KNOWN_PART;
        (known.count(step) > 0 && worth).then_some((stored, known))
    }

    /// Answers from what is known and evaluates the steps before and after; `None` when all steps
    /// must be evaluated together.
    async fn completed(
        &self,
        question: &Question<'_>,
        stored: &Stored,
        known: Span,
    ) -> Result<Option<Answer>> {
        let step = question.query.step;
        let held = self.engine.hold(stored.lengths(known))?;
        let middle = stored.series(known);
        let before = Span { first: question.steps.first, last: known.first - step };
        let Some(before) = self.missing(question, before).await? else { return Ok(None) };
        let after = Span { first: known.last + step, last: question.steps.last };
        let Some(after) = self.missing(question, after).await? else { return Ok(None) };
        let mut stats = before.stats;
        stats.add(&after.stats);
        let series = joined(joined(before.series, middle), after.series);
        let held = Held::of(Arc::new([held, before.held, after.held]));
        let value = Value::Matrix(series);
        if known != question.steps {
            self.keep(question.clone(), &value);
        }
        let (warnings, infos) = (Vec::new(), Vec::new());
        Ok(Some(Answer { value, warnings, infos, stats, cost: None, held }))
    }

    /// Evaluates steps that are not known; `None` when they have to be evaluated with all others.
    async fn missing(&self, question: &Question<'_>, steps: Span) -> Result<Option<Missing>> {
        if steps.first > steps.last {
            return Ok(Some(Missing::default()));
        }
        let Question { expr, query, .. } = question;
        let part = match self.engine.part(expr, *query, (steps.first, steps.last)).await {
            Ok(part) => part,
            // Which of several contradictions is told depends on all steps.
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Ok(None),
            Err(error) => return Err(error),
        };
        let fit = is_fit(&part);
        let Answer { value, stats, held, .. } = part.answer;
        match value {
            Value::Matrix(series) if fit => Ok(Some(Missing { series, stats, held })),
            Value::Matrix(_) | Value::Vector(_) | Value::Scalar(..) | Value::Str(..) => Ok(None),
        }
    }

    fn keep(&self, question: Question<'_>, value: &Value) {
        let Value::Matrix(series) = value else { return };
        let Question { query, key, steps, mark, .. } = question;
        let most = self.options.bytes / LARGEST_PART;
        let Some(stored) = Stored::of(series, steps, query.step, mark, most) else { return };
        let mut kept = self.kept.lock();
        let evicted = kept.put(key, Arc::new(stored), self.options.bytes);
        self.bytes.record(kept.bytes() as f64, &[]);
        drop(kept);
        if evicted > 0 {
            self.evicted.add(evicted, &[]);
        }
    }
}

/// Steps that were evaluated because they were not known.
#[derive(Default)]
struct Missing {
    series: Vec<SeriesData>,
    stats: SelectStats,
    held: Held,
}

/// Returns whether an answer may be kept, and may be joined with what was kept.
fn is_fit(part: &Part) -> bool {
    part.repeatable && part.answer.warnings.is_empty() && part.answer.infos.is_empty()
}

#[cfg(test)]
mod tests;
