//! From nodes to operators.

use futures_util::future::BoxFuture;

use crate::base::error::{Error, Result};
use crate::model::answer::SampleValue;
use crate::model::series::SeriesData;
use crate::model::stale::is_stale;
use crate::query::promql::ast::{Kind, Node};
use crate::query::promql::engine::answer;
use crate::query::promql::engine::binary::scalar_operation;
use crate::query::promql::engine::column::{Column, Counts, Grid, Mapped, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::histogram;

impl Evaluation {
    /// Evaluates an instant vector at every step and pushes its columns.
    pub(super) fn vector<'a>(
        &'a self,
        node: &'a Node,
        grid: Grid,
        sink: &'a mut (dyn Sink + 'a),
    ) -> BoxFuture<'a, Result<()>> {
        if grid.steps == 0 {
            return Box::pin(std::future::ready(Ok(())));
        }
        match &self.watcher {
            Some(watcher) if watcher.sees_nodes() => {
                Box::pin(self.watched_vector(watcher, node, grid, sink))
            }
            _ => match self.repeats.part(node) {
                Some(part) => Box::pin(self.once(part, node, grid, sink)),
                None => self.operator(node, grid, sink),
            },
        }
    }

    /// Each kind of node has a future of its own, so that one level of a deep query takes little
    /// of the stack.
    pub(super) fn operator<'a>(
        &'a self,
        node: &'a Node,
        grid: Grid,
        sink: &'a mut (dyn Sink + 'a),
    ) -> BoxFuture<'a, Result<()>> {
        match &node.kind {
            Kind::Paren(inner) => self.vector(inner, grid, sink),
            Kind::Selector(selector) => Box::pin(self.select(selector, node.span, grid, sink)),
            Kind::Unary { negate: false, operand } => self.vector(operand, grid, sink),
            Kind::Unary { negate: true, operand } => Box::pin(async move {
                let mut negated = Mapped { inner: sink, change: negate };
                self.vector(operand, grid, &mut negated).await
            }),
            Kind::Binary(binary) => self.binary(binary, node.span, grid, sink),
            Kind::Aggregate(aggregate) => self.aggregate(aggregate, node, grid, sink),
            Kind::Call(call) => self.call(call, node, grid, sink),
            Kind::Number(_) | Kind::Text(_) | Kind::Matrix(_) | Kind::Subquery(_) => {
                let error = Error::internal("the node is no instant vector");
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }

    /// Evaluates a scalar at every step.
    pub(super) fn scalar<'a>(
        &'a self,
        node: &'a Node,
        grid: Grid,
    ) -> BoxFuture<'a, Result<Vec<f64>>> {
        match &self.watcher {
            Some(watcher) if watcher.sees_nodes() => {
                Box::pin(self.watched_scalar(watcher, node, grid))
            }
            _ => self.scalar_operator(node, grid),
        }
    }

    /// Evaluates a scalar by the kind of its node.
    pub(super) fn scalar_operator<'a>(
        &'a self,
        node: &'a Node,
        grid: Grid,
    ) -> BoxFuture<'a, Result<Vec<f64>>> {
        Box::pin(async move {
            match &node.kind {
                Kind::Number(number) => Ok(vec![number.value; grid.steps]),
                Kind::Paren(inner) => self.scalar(inner, grid).await,
                Kind::Unary { negate, operand } => {
                    let mut values = self.scalar(operand, grid).await?;
                    if *negate {
                        values.iter_mut().for_each(|value| *value = -*value);
                    }
                    Ok(values)
                }
                Kind::Binary(binary) => {
                    let left = self.scalar(&binary.left, grid).await?;
                    let right = self.scalar(&binary.right, grid).await?;
                    let pairs = left.into_iter().zip(right);
                    Ok(pairs
                        .map(|(left, right)| scalar_operation(binary.op, left, right))
                        .collect())
                }
                Kind::Call(call) => self.scalar_call(call, grid).await,
                _ => Err(Error::internal("the node is no scalar")),
            }
        })
    }

    /// Evaluates a range vector at one instant.
    pub(super) async fn matrix(&self, node: &Node, at: i64) -> Result<Vec<SeriesData>> {
        match &node.kind {
            Kind::Matrix(matrix) => self.select_matrix(matrix, node.span, at).await,
            Kind::Subquery(subquery) => {
                let grid = Grid::instant(at);
                let (columns, inner) =
                    self.watched_subquery(node, subquery, grid, Counts::FirstStep).await?;
                let mut series = Vec::with_capacity(columns.len());
                for mut column in columns {
                    if column.drop_name {
                        column.labels =
                            crate::query::promql::engine::column::without_metadata(&column.labels);
                    }
                    series.push(answer::points(&column, inner));
                }
                series.retain(|data| !data.samples.is_empty() || !data.histograms.is_empty());
                Ok(series)
            }
            _ => Err(Error::internal("the node is no range vector")),
        }
    }
}

fn negate(column: &mut Column) -> Result<()> {
    column.drop_name = true;
    for value in column.floats.iter_mut().filter(|value| !is_stale(**value)) {
        *value = -*value;
    }
    for step in 0..column.histograms.len() {
        if let Some(known) = column.histogram(step) {
            let negated = histogram::scaled(known, -1.0);
            column.set(step, SampleValue::Histogram(negated.into()));
        }
    }
    Ok(())
}
