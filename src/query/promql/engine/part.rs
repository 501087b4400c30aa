//! Some steps of a range query, for whoever knows the others.

use std::sync::Arc;

use crate::base::error::Result;
use crate::model::answer::{Answer, Held};
use crate::query::promql::ast::Expr;
use crate::query::promql::engine::budget::Budget;
use crate::query::promql::engine::column::Grid;
use crate::query::promql::engine::context::QueryTimes;
use crate::query::promql::engine::repeatable::Doubt;
use crate::query::promql::engine::{Engine, finish};
use crate::storage::metric_store::MetricStore;

/// The answer at some steps of a range query.
pub(in crate::query::promql) struct Part {
    pub answer: Answer,
    /// Whether another evaluation of the same points, at these or more steps, has the same values at
    /// them bit by bit. It is never so where there are histograms.
    pub repeatable: bool,
}

impl Engine {
    /// Answers a range query at its steps from `from` to `to`, as if they were among all others.
    ///
    /// # Errors
    /// Those of [`Engine::range`].
    pub(in crate::query::promql) async fn part(
        &self,
        expr: &Expr,
        query: QueryTimes,
        (from, to): (i64, i64),
    ) -> Result<Part> {
        let mut evaluation = self.evaluation(expr, query);
        evaluation.doubt = Doubt::heeding();
        let grid = Grid { instant: false, ..Grid::range(from, to, query.step) };
        let value = self.within_time(evaluation.over(expr, grid)).await?;
        let repeatable = evaluation.doubt.is_excluded();
        Ok(Part { answer: finish(value, &evaluation, expr), repeatable })
    }

    /// Accounts for series of these lengths that are held without an evaluation.
    ///
    /// # Errors
    /// `LimitExceeded` and `Unavailable` as where they are evaluated.
    pub(in crate::query::promql) fn hold(
        &self,
        lengths: impl Iterator<Item = usize>,
    ) -> Result<Held> {
        let budget = Budget::new(self.options.max_samples, self.options.room.clone());
        for length in lengths {
            budget.take_column(length as u64)?;
        }
        Ok(Held::of(Arc::new(budget)))
    }

    /// Returns the store that is asked.
    pub(in crate::query::promql) fn store(&self) -> &dyn MetricStore {
        self.store.as_ref()
    }
}
