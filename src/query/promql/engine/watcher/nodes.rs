//! What each node of a query's tree costs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::base::error::Result;
use crate::model::cost::PlanNode;
use crate::model::series::SelectStats;
use crate::query::promql::ast::{Kind, Node, Selector, Subquery};
use crate::query::promql::engine::column::{Column, Counts, Grid, Sink};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::watcher::Watcher;

/// The costs of all nodes, which are known by their addresses: the tree stands still meanwhile.
#[derive(Default)]
pub(super) struct Nodes {
    costs: HashMap<usize, Cost>,
    /// To which node a selector belongs.
    selectors: HashMap<usize, usize>,
}

/// What one node cost, all below it included.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    evaluations: u64,
    took: Duration,
    series: u64,
    points: u64,
    selected: Option<Selected>,
}

/// What the selections of one node cost.
#[derive(Debug, Clone, Copy, Default)]
struct Selected {
    took: Duration,
    /// Series and points that were read.
    read: (u64, u64),
    stats: SelectStats,
}

fn address<T>(of: &T) -> usize {
    std::ptr::from_ref(of).addr()
}

/// Returns the name of a node's kind in Prometheus' `parse_query`.
fn kind(node: &Node) -> &'static str {
    match &node.kind {
        Kind::Number(_) => "numberLiteral",
        Kind::Text(_) => "stringLiteral",
        Kind::Selector(_) => "vectorSelector",
        Kind::Matrix(_) => "matrixSelector",
        Kind::Subquery(_) => "subquery",
        Kind::Paren(_) => "parenExpr",
        Kind::Unary { .. } => "unaryExpr",
        Kind::Binary(_) => "binaryExpr",
        Kind::Aggregate(_) => "aggregation",
        Kind::Call(_) => "call",
    }
}

impl Nodes {
    /// Knows all nodes of a tree, without costs as yet.
    pub(super) fn of(root: &Node) -> Self {
        let mut nodes = Nodes::default();
        let mut todo = vec![root];
        while let Some(node) = todo.pop() {
            match &node.kind {
                Kind::Selector(selector) => nodes.belongs(selector, node),
                Kind::Matrix(matrix) => nodes.belongs(&matrix.selector, node),
                _ => {}
            }
            todo.extend(node.children());
        }
        nodes
    }

    fn belongs(&mut self, selector: &Selector, node: &Node) {
        self.selectors.insert(address(selector), address(node));
    }

    /// Returns the node that a selector belongs to.
    pub(super) fn node_of(&self, selector: &Selector) -> Option<usize> {
        self.selectors.get(&address(selector)).copied()
    }

    /// Adds a selection.
    pub(super) fn selected(
        &mut self,
        node: usize,
        took: Duration,
        read: (u64, u64),
        stats: &SelectStats,
    ) {
        let cost = self.costs.entry(node).or_default();
        let selected = cost.selected.get_or_insert_default();
        selected.took += took;
        selected.read = (selected.read.0 + read.0, selected.read.1 + read.1);
        selected.stats.add(stats);
    }

    fn evaluated(&mut self, node: &Node, took: Duration, (series, points): (u64, u64)) {
        let cost = self.costs.entry(address(node)).or_default();
        cost.evaluations += 1;
        cost.took += took;
        cost.series += series;
        cost.points += points;
    }

    /// Returns the tree with its costs. The parser bounds its depth.
    pub(super) fn plan(&self, node: &Node) -> PlanNode {
        let children: Vec<PlanNode> =
            node.children().into_iter().map(|one| self.plan(one)).collect();
        let mut cost = self.costs.get(&address(node)).copied().unwrap_or_default();
        if let (0, Some(Selected { took, read, stats: _ })) = (cost.evaluations, cost.selected) {
            // A range is no value of its own: what is known of it is what was read.
            (cost.evaluations, cost.took) = (1, took);
            (cost.series, cost.points) = read;
        }
        if let (Kind::Paren(_), 0, [inner]) = (&node.kind, cost.evaluations, &children[..]) {
            // The node above looked through the parentheses.
            (cost.evaluations, cost.took) = (inner.evaluations, inner.took);
            (cost.series, cost.points) = (inner.series, inner.points);
        }
        PlanNode {
            kind: kind(node),
            text: node.to_string(),
            start: node.span.start,
            end: node.span.end,
            evaluations: cost.evaluations,
            took: cost.took,
            series: cost.series,
            points: cost.points,
            select: cost.selected.map(|selected| selected.stats),
            children,
        }
    }
}

/// Counts what a node hands on, and the time that whoever takes it needs for it: that is not the
/// node's own.
struct Outlet<'s> {
    inner: &'s mut (dyn Sink + 's),
    elsewhere: Duration,
    handed: (u64, u64),
}

impl Sink for Outlet<'_> {
    fn push(&mut self, block: Vec<Column>) -> Result<()> {
        let begin = Instant::now();
        let (series, points) = sums(&block);
        self.handed = (self.handed.0 + series, self.handed.1 + points);
        let pushed = self.inner.push(block);
        self.elsewhere += begin.elapsed();
        pushed
    }
}

/// Returns how many columns have a value, and how many values they have.
fn sums(columns: &[Column]) -> (u64, u64) {
    let (mut series, mut points) = (0, 0);
    for column in columns {
        let values = (0..column.floats.len()).filter(|step| column.present(*step)).count();
        series += u64::from(values > 0);
        points += values as u64;
    }
    (series, points)
}

impl Watcher {
    fn evaluated(&self, node: &Node, took: Duration, out: (u64, u64)) {
        if let Some(nodes) = &self.nodes {
            nodes.lock().evaluated(node, took, out);
        }
    }
}

impl Evaluation {
    /// Sees to it that what a selector made on the way reads is told of a node.
    pub(in crate::query::promql::engine) fn selects_for(&self, selector: &Selector, node: &Node) {
        let nodes = self.watcher.as_ref().and_then(|watcher| watcher.nodes.as_ref());
        if let Some(nodes) = nodes {
            nodes.lock().belongs(selector, node);
        }
    }

    /// Evaluates a vector and sees what that costs.
    pub(in crate::query::promql::engine) async fn watched_vector(
        &self,
        watcher: &Watcher,
        node: &Node,
        grid: Grid,
        sink: &mut (dyn Sink + '_),
    ) -> Result<()> {
        let begin = Instant::now();
        let mut outlet = Outlet { inner: sink, elsewhere: Duration::ZERO, handed: (0, 0) };
        let done = self.operator(node, grid, &mut outlet).await;
        let took = begin.elapsed().saturating_sub(outlet.elsewhere);
        watcher.evaluated(node, took, outlet.handed);
        done
    }

    /// Evaluates a scalar and sees what that costs.
    pub(in crate::query::promql::engine) async fn watched_scalar(
        &self,
        watcher: &Watcher,
        node: &Node,
        grid: Grid,
    ) -> Result<Vec<f64>> {
        let begin = Instant::now();
        let values = self.scalar_operator(node, grid).await;
        let points = values.as_ref().map_or(0, |values| values.len() as u64);
        watcher.evaluated(node, begin.elapsed(), (1, points));
        values
    }

    /// Evaluates a subquery, which is the kind of `node`, and sees what that costs if it is wanted.
    pub(in crate::query::promql::engine) async fn watched_subquery(
        &self,
        node: &Node,
        subquery: &Subquery,
        outer: Grid,
        counts: Counts,
    ) -> Result<(Vec<Column>, Grid)> {
        let begin = self.watcher.as_ref().map(|_| Instant::now());
        let (columns, grid) = self.subquery(subquery, outer, counts).await?;
        if let (Some(watcher), Some(begin)) = (&self.watcher, begin) {
            watcher.evaluated(node, begin.elapsed(), sums(&columns));
        }
        Ok((columns, grid))
    }
}
