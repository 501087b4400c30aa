//! Aggregations. Those that need no neighbours fold columns as they come and hold only their
//! groups; `topk` and its like gather.

mod fold;
mod ranked;
mod values;

use std::collections::HashMap;

use futures_util::future::BoxFuture;

use crate::base::error::{Error, Result};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::query::promql::ast::{Aggregate, AggregateOp, Node};
use crate::query::promql::engine::aggregate::fold::{Fold, Folding};
use crate::query::promql::engine::column::{Column, Grid, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::engine::repeatable::Spread;

/// Returns the labels of a series' group.
fn group_labels(labels: &Labels, grouping: &[String], without: bool) -> Labels {
    let listed = |name: &str| grouping.iter().any(|label| label == name);
    if without {
        return labels.without(|name| name == METRIC_NAME || listed(name));
    }
    if grouping.is_empty() {
        return Labels::empty();
    }
    labels.without(|name| !listed(name))
}

impl Evaluation {
    /// Evaluates an aggregation.
    pub(super) fn aggregate<'a>(
        &'a self,
        aggregate: &'a Aggregate,
        node: &'a Node,
        grid: Grid,
        sink: &'a mut (dyn Sink + 'a),
    ) -> BoxFuture<'a, Result<()>> {
        match aggregate.op {
            AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio => Box::pin(self.ranked(aggregate, node, grid, sink)),
            AggregateOp::CountValues => Box::pin(self.count_values(aggregate, grid, sink)),
            _ => Box::pin(self.folded(aggregate, grid, sink)),
        }
    }

    async fn folded(
        &self,
        aggregate: &Aggregate,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let mut quantiles = Vec::new();
        if let Some(parameter) = &aggregate.parameter {
            quantiles = self.scalar(parameter, grid).await?;
        }
        let mut groups = Groups {
            folding: Folding {
                evaluation: self,
                op: aggregate.op,
                span: aggregate.operand.bare().span,
            },
            aggregate,
            grid,
            places: HashMap::new(),
            groups: Vec::new(),
        };
        self.vector(&aggregate.operand, grid, &mut groups).await?;
        let doubtful = quantiles.iter().find(|q| !(0.0..=1.0).contains(*q));
        if let (Some(q), Some(parameter)) = (doubtful, &aggregate.parameter) {
            self.note(parameter.span, Note::InvalidQuantile(*q));
        }
        let Groups { folding, groups, .. } = groups;
        let mut made = Vec::with_capacity(groups.len());
        for group in groups {
            if self.doubt.heeded && !group.spread.is_orderless(aggregate.op) {
                self.doubt.note();
            }
            let mut column = Column::empty(group.labels, grid.steps);
            column.drop_name = group.drop_name;
            for (step, cell) in group.cells.into_iter().enumerate() {
                let q = quantiles.get(step).copied().unwrap_or(f64::NAN);
                if let Some(value) = folding.finish(cell, q) {
                    column.set(step, value);
                }
            }
            if !column.is_empty() {
                made.push(column);
            }
        }
        self.emit(made, sink).await
    }
}

/// One group on its way.
struct Group {
    labels: Labels,
    drop_name: bool,
    /// One a step.
    cells: Vec<Fold>,
    /// Of what, as long as the order of the series is heeded.
    spread: Spread,
}

/// Folds columns into groups as they come.
struct Groups<'a> {
    folding: Folding<'a>,
    aggregate: &'a Aggregate,
    grid: Grid,
    places: HashMap<Labels, usize>,
    groups: Vec<Group>,
}

impl Sink for Groups<'_> {
    fn push(&mut self, block: Vec<Column>) -> Result<()> {
        for column in block {
            let labels =
                group_labels(&column.labels, &self.aggregate.grouping, self.aggregate.without);
            let place = match self.places.get(&labels) {
                Some(place) => *place,
                None => {
                    self.folding.evaluation.budget.take_column(self.grid.steps as u64)?;
                    let cells = vec![Fold::default(); self.grid.steps];
                    let (labels_of, spread) = (labels.clone(), Spread::default());
                    self.groups.push(Group { labels: labels_of, drop_name: false, cells, spread });
                    self.places.insert(labels, self.groups.len() - 1);
                    self.groups.len() - 1
                }
            };
            let Some(group) = self.groups.get_mut(place) else {
                return Err(Error::internal("a group is missing"));
            };
            group.drop_name |= column.drop_name;
            if self.folding.evaluation.doubt.heeded {
                group.spread.add(&column.floats);
            }
            self.folding.fold(&mut group.cells, &column)?;
            self.folding.evaluation.budget.give_column(column.cost());
        }
        Ok(())
    }
}
