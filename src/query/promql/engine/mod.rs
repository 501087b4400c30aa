//! Answers queries. An evaluation is a tree of operators that push blocks of columns to the operator
//! above: selectors stream blocks from the store, functions change columns in passing, aggregations
//! fold them at once, and only operators that must see everything gather.
//!
//! In: a checked tree and instants. Out: an answer with its notes. Every block is a point where the
//! evaluation can be cancelled (drop the future) and where others may run.

mod column;
mod sums;
mod notes;
mod repeatable;
mod context;
mod watcher;
mod evaluate;
mod repeats;
mod budget;
mod turns;
mod blocks;
mod select;
mod windows;
mod hours;
mod subquery;
mod binary;
mod aggregate;
mod functions;
mod answer;
mod part;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::answer::{Answer, Held, Value};
use crate::model::cost::Watch;
use crate::model::time::TimestampMs;
use crate::query::promql::ast::{Expr, Kind};
use crate::query::promql::engine::budget::Budget;
use crate::query::promql::engine::column::{Column, Grid};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::notes::Notes;
use crate::query::promql::engine::repeatable::Doubt;
use crate::query::promql::engine::repeats::Repeats;
use crate::query::promql::engine::turns::Turn;
use crate::query::promql::engine::watcher::Watcher;
use crate::query::promql::value_type::ValueType;
use crate::storage::metric_store::MetricStore;

pub use crate::query::promql::engine::budget::QueryRoom;
pub(in crate::query::promql) use crate::query::promql::engine::column::is_metadata_label;
pub(in crate::query::promql) use crate::query::promql::engine::context::QueryTimes;
pub(in crate::query::promql) use crate::query::promql::engine::notes::general;
pub(in crate::query::promql) use crate::query::promql::engine::part::Part;
pub(in crate::query::promql) use crate::query::promql::engine::sums::Sum;

/// How queries are answered.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How far a selector looks back for a sample.
    pub lookback: Duration,
    /// How many samples one query may hold at a time.
    pub max_samples: u64,
    /// The memory that it shares with other queries.
    pub room: QueryRoom,
    /// Distance of a subquery's instants when it names none.
    pub default_subquery_interval: Duration,
    /// After this the query ends with `Timeout`.
    pub timeout: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            lookback: Duration::from_secs(300),
            max_samples: 50_000_000,
            room: QueryRoom::unbounded(),
            default_subquery_interval: Duration::from_secs(60),
            timeout: Duration::from_secs(120),
        }
    }
}

/// The most steps of one range query.
const MAX_STEPS: i64 = 11_000;

/// Answers queries from one store. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    store: Arc<dyn MetricStore>,
    options: EngineOptions,
    watch: Watch,
}

impl Engine {
    /// Builds an engine over `store`.
    pub fn new(store: Arc<dyn MetricStore>, options: EngineOptions) -> Self {
        Engine { store, options, watch: Watch::Nothing }
    }

    /// Returns the same engine, but what it evaluates is watched.
    pub fn watching(&self, watch: Watch) -> Engine {
        Engine { watch, ..self.clone() }
    }

    /// Returns the same engine, but selectors look back so far; `None` changes nothing.
    pub fn looking_back(mut self, lookback: Option<Duration>) -> Engine {
        self.options.lookback = lookback.unwrap_or(self.options.lookback);
        self
    }

    /// Answers a query at one instant.
    ///
    /// # Errors
    /// `InvalidInput` when the data contradicts the query, `Unsupported` for what is not built,
    /// `LimitExceeded` past the sample budget, `Timeout`, and those of the store. Dropping the
    /// future cancels the query.
    pub async fn instant(&self, expr: &Expr, time: TimestampMs) -> Result<Answer> {
        let query = QueryTimes { start: time.0, end: time.0, step: 0 };
        self.within_time(self.answer_instant(expr, query)).await
    }

    /// Answers a query at every `step` from `start` to `end`, both included.
    ///
    /// # Errors
    /// As [`Engine::instant`]; `InvalidInput` also for a step of zero, more than 11,000 steps, or
    /// an expression that is neither scalar nor instant vector.
    pub async fn range(
        &self,
        expr: &Expr,
        start: TimestampMs,
        end: TimestampMs,
        step: Duration,
    ) -> Result<Answer> {
        let query = range_times(expr, start, end, step)?;
        self.within_time(self.answer_range(expr, query)).await
    }

    async fn within_time<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.options.timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                let message = "query timed out in expression evaluation";
                Err(Error::new(ErrorKind::Timeout, message))
            }
        }
    }

    fn evaluation(&self, expr: &Expr, query: QueryTimes) -> Evaluation {
        let watcher = Watcher::new(self.watch, expr, query);
        let repeats = match watcher {
            None => Repeats::of(expr),
            Some(_) => Repeats::default(),
        };
        Evaluation {
            store: Arc::clone(&self.store),
            options: self.options.clone(),
            text: Arc::clone(&expr.text),
            query,
            budget: Arc::new(Budget::new(self.options.max_samples, self.options.room.clone())),
            turn: Turn::begin(),
            notes: Notes::default(),
            told: Mutex::default(),
            doubt: Doubt::default(),
            watcher,
            repeats,
        }
    }

    async fn answer_instant(&self, expr: &Expr, query: QueryTimes) -> Result<Answer> {
        let evaluation = self.evaluation(expr, query);
        let root = expr.root.bare();
        let at = TimestampMs(query.start);
        let grid = Grid::instant(query.start);
        let value = match root.value_type() {
            ValueType::Text => {
                let Kind::Text(text) = &root.kind else {
                    return Err(Error::internal("only literals are texts"));
                };
                Value::Str(text.clone(), at)
            }
            ValueType::Scalar => {
                let values = evaluation.scalar(root, grid).await?;
                Value::Scalar(values.first().copied().unwrap_or(f64::NAN), at)
            }
            ValueType::Vector => {
                let columns = evaluation.gather(root, grid).await?;
                let keep_order = answer::keeps_order(root);
                Value::Vector(evaluation.arranged(|| answer::vector(columns, at, keep_order))?)
            }
            ValueType::Matrix => {
                let series = evaluation.matrix(root, query.start).await?;
                Value::Matrix(evaluation.arranged(|| answer::sorted(series))?)
            }
        };
        Ok(finish(value, &evaluation, expr))
    }

    async fn answer_range(&self, expr: &Expr, query: QueryTimes) -> Result<Answer> {
        let evaluation = self.evaluation(expr, query);
        let grid = Grid::range(query.start, query.end, query.step);
        let value = evaluation.over(expr, grid).await?;
        Ok(finish(value, &evaluation, expr))
    }
}

/// Checks a range query and returns its times.
///
/// # Errors
/// Those of [`Engine::range`] that do not depend on data.
pub(in crate::query::promql) fn range_times(
    expr: &Expr,
    start: TimestampMs,
    end: TimestampMs,
    step: Duration,
) -> Result<QueryTimes> {
    let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    if step == 0 {
        let message = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(Error::invalid(message));
    }
    if end.0.saturating_sub(start.0) / step > MAX_STEPS {
        let message = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        return Err(Error::invalid(message));
    }
    let of = expr.root.value_type();
    if of != ValueType::Scalar && of != ValueType::Vector {
        let of = of.documented();
        let message = format!(
            "invalid expression type \"{of}\" for range query, must be Scalar or instant Vector"
        );
        return Err(Error::invalid(message));
    }
    Ok(QueryTimes { start: start.0, end: end.0, step })
}

impl Evaluation {
    /// Evaluates an expression at all steps.
    async fn over(&self, expr: &Expr, grid: Grid) -> Result<Value> {
        let columns = if expr.root.value_type() == ValueType::Scalar {
            let mut column = Column::empty(crate::model::labels::Labels::empty(), 0);
            column.floats = self.scalar(&expr.root, grid).await?;
            vec![column]
        } else {
            self.gather(&expr.root, grid).await?
        };
        Ok(Value::Matrix(self.arranged(|| answer::matrix(columns, grid))?))
    }
}

fn finish(value: Value, evaluation: &Evaluation, expr: &Expr) -> Answer {
    let (mut warnings, infos) = evaluation.notes.texts(&evaluation.text);
    let told = std::mem::take(&mut *evaluation.told.lock());
    warnings.extend(told.warnings);
    let watcher = evaluation.watcher.as_ref();
    let cost = watcher.map(|watcher| Box::new(watcher.cost(expr, evaluation.budget.peak())));
    let held = Held::of(evaluation.budget.clone());
    Answer { value, warnings, infos, stats: told.stats, cost, held }
}

#[cfg(test)]
mod tests;
