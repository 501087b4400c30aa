//! What every operator of one evaluation shares.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use crate::base::error::{Error, Result};
use crate::model::series::SelectStats;
use crate::query::promql::ast::{At, DurationKind, DurationNode, Length, Node, Timing};
use crate::query::promql::engine::EngineOptions;
use crate::query::promql::engine::budget::Budget;
use crate::query::promql::engine::column::{Column, Grid, Sink};
use crate::query::promql::engine::notes::{Note, Notes};
use crate::query::promql::engine::repeatable::Doubt;
use crate::query::promql::engine::repeats::Repeats;
use crate::query::promql::engine::turns::Turn;
use crate::query::promql::engine::watcher::Watcher;
use crate::query::promql::position::Span;
use crate::storage::metric_store::MetricStore;

/// One evaluation of one query.
pub(super) struct Evaluation {
    pub store: Arc<dyn MetricStore>,
    pub options: EngineOptions,
    /// The query as it was written.
    pub text: Arc<str>,
    /// The instants of the whole query; subqueries have their own.
    pub query: QueryTimes,
    pub budget: Arc<Budget>,
    pub turn: Turn,
    pub notes: Notes,
    pub told: Mutex<Told>,
    pub doubt: Doubt,
    /// Sees what the evaluation costs; `None` when nobody asked.
    pub watcher: Option<Watcher>,
    /// None when somebody sees each part on its own.
    pub repeats: Repeats,
}

/// What the store said of selections.
#[derive(Default)]
pub(super) struct Told {
    /// Such as damage that it met.
    pub warnings: BTreeSet<String>,
    pub stats: SelectStats,
}

/// What `start()`, `end()`, `step()` and `range()` mean, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::query::promql) struct QueryTimes {
    pub start: i64,
    pub end: i64,
    /// 0 for an instant.
    pub step: i64,
}

/// When a selector or subquery looks, for each step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    /// Milliseconds back from the step.
    pub offset: i64,
    /// Instead of the step.
    pub fixed: Option<i64>,
}

impl Looks {
    /// Returns the instant that a step at `at` looks at.
    pub(super) fn at(&self, at: i64) -> i64 {
        self.fixed.unwrap_or(at).saturating_sub(self.offset)
    }
}

impl Evaluation {
    /// Adds a note about a node.
    pub(super) fn note(&self, span: Span, note: Note) {
        self.notes.add(span, note);
    }

    /// Evaluates a vector and keeps all of it.
    pub(super) fn gather<'a>(
        &'a self,
        node: &'a Node,
        grid: Grid,
    ) -> BoxFuture<'a, Result<Vec<Column>>> {
        Box::pin(async move {
            let mut columns: Vec<Column> = Vec::new();
            self.vector(node, grid, &mut columns).await?;
            Ok(columns)
        })
    }

    /// Hands a block on and lets other queries run.
    pub(super) async fn emit(&self, block: Vec<Column>, sink: &mut (dyn Sink + '_)) -> Result<()> {
        if !block.is_empty() {
            sink.push(block)?;
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Settles `offset` and `@`.
    pub(super) fn looks(&self, timing: &Timing) -> Result<Looks> {
        let offset = match &timing.offset {
            None => 0,
            Some(length) => self.length(length, true)?,
        };
        let fixed = timing.at.map(|at| match at {
            At::Instant(at) => at,
            At::Start => self.query.start,
            At::End => self.query.end,
        });
        Ok(Looks { offset, fixed })
    }

    /// Settles a length of time in milliseconds.
    pub(super) fn length(&self, length: &Length, may_be_negative: bool) -> Result<i64> {
        let node = match length {
            Length::Fixed(milliseconds) => return Ok(*milliseconds),
            Length::Computed(node) => node,
        };
        let seconds = self.seconds(node)?;
        let Span { start, end } = node.span;
        let fail = |what: &str| Err(Error::invalid(format!("{start}:{end}: {what}")));
        if !seconds.is_finite() {
            return fail("duration is NaN or infinite");
        }
        if seconds <= 0.0 && !may_be_negative {
            return fail("duration must be greater than 0");
        }
        if seconds.abs() > 9_223_372_036.0 {
            return fail("duration is out of range");
        }
        Ok((seconds * 1000.0) as i64)
    }

    fn seconds(&self, node: &DurationNode) -> Result<f64> {
        use crate::query::promql::ast::BinaryOp;
        let milliseconds = |value: i64| value as f64 / 1000.0;
        Ok(match &node.kind {
            DurationKind::Number(number) => number.value,
            DurationKind::Step => milliseconds(self.query.step),
            DurationKind::Range => milliseconds(self.query.end - self.query.start),
            DurationKind::Negate(inner) => -self.seconds(inner)?,
            DurationKind::Same(inner) => self.seconds(inner)?,
            DurationKind::MinOf(left, right) => self.seconds(left)?.min(self.seconds(right)?),
            DurationKind::MaxOf(left, right) => self.seconds(left)?.max(self.seconds(right)?),
            DurationKind::Binary(op, left, right) => {
                let (left, right) = (self.seconds(left)?, self.seconds(right)?);
                let Span { start, end } = node.span;
                match op {
                    BinaryOp::Add => left + right,
                    BinaryOp::Sub => left - right,
                    BinaryOp::Mul => left * right,
                    BinaryOp::Pow => left.powf(right),
                    BinaryOp::Div if right == 0.0 => {
                        return Err(Error::invalid(format!("{start}:{end}: division by zero")));
                    }
                    BinaryOp::Mod if right == 0.0 => {
                        return Err(Error::invalid(format!("{start}:{end}: modulo by zero")));
                    }
                    BinaryOp::Div => left / right,
                    BinaryOp::Mod => left % right,
                    _ => return Err(Error::internal("no operator of durations")),
                }
            }
        })
    }
}
