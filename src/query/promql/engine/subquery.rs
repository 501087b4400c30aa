//! Subqueries: an instant vector at the instants of a grid of its own.

use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::model::histogram::CounterResetHint;
use crate::model::series::SeriesData;
use crate::query::promql::ast::Subquery;
use crate::query::promql::engine::budget::too_many_samples;
use crate::query::promql::engine::column::{Column, Counts, Grid};
use crate::query::promql::engine::context::Evaluation;

impl Evaluation {
    /// Evaluates what the windows of `outer` can reach, with the grid of its instants. They are
    /// multiples of the step, so that they do not depend on when the query is asked. Samples that
    /// are looked at inside count as `counts` says.
    pub(super) async fn subquery(
        &self,
        subquery: &Subquery,
        outer: Grid,
        counts: Counts,
    ) -> Result<(Vec<Column>, Grid)> {
        let looks = self.looks(&subquery.timing)?;
        let range = self.length(&subquery.range, false)?;
        let step = match &subquery.step {
            Some(step) => self.length(step, false)?,
            None => {
                let default = self.options.default_subquery_interval.as_millis();
                i64::try_from(default).unwrap_or(i64::MAX)
            }
        };
        if step <= 0 {
            return Err(Error::invalid("the step of a subquery must be at least 1ms"));
        }
        let open_start = looks.at(outer.start).saturating_sub(range);
        let mut start = open_start.div_euclid(step) * step;
        if start <= open_start {
            start += step;
        }
        let counts = if outer.counts == Counts::Nowhere { Counts::Nowhere } else { counts };
        let grid = Grid { counts, ..Grid::range(start, looks.at(outer.end()), step) };
        if grid.steps as u64 > self.budget.left() {
            return Err(too_many_samples());
        }
        let columns = self.gather(&subquery.operand, grid).await?;
        Ok((columns, grid))
    }
}

/// Forgets what histograms say of resets: a subquery may skip or repeat samples.
pub(super) fn forget_resets(data: &mut SeriesData) {
    for sample in &mut data.histograms {
        let hint = sample.histogram.counter_reset_hint;
        if matches!(hint, CounterResetHint::Reset | CounterResetHint::NotReset) {
            Arc::make_mut(&mut sample.histogram).counter_reset_hint = CounterResetHint::Unknown;
        }
    }
}
