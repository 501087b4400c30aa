//! Sees what an evaluation costs, where somebody asked for it: times, the samples that selectors
//! looked at, and what each node took. Without it nothing here is run.

mod nodes;
mod samples;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::model::cost::{QueryCost, QuerySamples, QueryTimings, Watch};
use crate::model::series::{SelectStats, SeriesData};
use crate::model::time::TimestampMs;
use crate::query::promql::ast::{Expr, Selector};
use crate::query::promql::engine::column::Grid;
use crate::query::promql::engine::context::{Evaluation, QueryTimes};
use crate::query::promql::engine::watcher::nodes::Nodes;

/// Watches one evaluation.
pub(super) struct Watcher {
    begin: Instant,
    grid: Grid,
    each_step: bool,
    /// Nanoseconds in which selectors found their series.
    preparing: AtomicU64,
    /// Nanoseconds in which the answer was made of columns.
    arranging: AtomicU64,
    /// One a step of the query, or only their sum.
    samples: Mutex<Vec<u64>>,
    nodes: Option<Mutex<Nodes>>,
}

impl Watcher {
    /// Starts the clock, or returns `None` when nothing is to be watched.
    pub(super) fn new(watch: Watch, expr: &Expr, query: QueryTimes) -> Option<Self> {
        let each_step = watch >= Watch::Steps;
        let nodes = match watch {
            Watch::Nothing => return None,
            Watch::Totals | Watch::Steps => None,
            Watch::Nodes => Some(Mutex::new(Nodes::of(&expr.root))),
        };
        let grid = match query.step {
            0 => Grid::instant(query.start),
            step => Grid::range(query.start, query.end, step),
        };
        let counters = if each_step { grid.steps } else { 1 };
        Some(Watcher {
            begin: Instant::now(),
            grid,
            each_step,
            preparing: AtomicU64::new(0),
            arranging: AtomicU64::new(0),
            samples: Mutex::new(vec![0; counters]),
            nodes,
        })
    }

    /// Returns whether each node is watched by itself.
    pub(super) fn sees_nodes(&self) -> bool {
        self.nodes.is_some()
    }

    /// Returns what the evaluation cost, which ends now; `peak` samples were held at most.
    pub(super) fn cost(&self, expr: &Expr, peak: u64) -> QueryCost {
        let eval_total = self.begin.elapsed();
        let query_preparation = Duration::from_nanos(self.preparing.load(Ordering::Relaxed));
        let result_sort = Duration::from_nanos(self.arranging.load(Ordering::Relaxed));
        let inner_eval = eval_total.saturating_sub(query_preparation).saturating_sub(result_sort);
        let timings = QueryTimings {
            eval_total,
            result_sort,
            query_preparation,
            inner_eval,
            exec_queue: Duration::ZERO,
            exec_total: eval_total,
        };
        let counted = self.samples.lock().clone();
        let total = counted.iter().sum();
        let mut per_step = Vec::new();
        if self.each_step {
            let at = |step| TimestampMs(self.grid.at(step));
            per_step = counted.into_iter().enumerate().map(|(step, n)| (at(step), n)).collect();
        }
        let plan = self.nodes.as_ref().map(|nodes| nodes.lock().plan(&expr.root));
        QueryCost { timings, samples: QuerySamples { total, per_step, peak }, plan }
    }
}

impl Evaluation {
    /// Makes the answer of columns, and sees how long that takes.
    pub(super) fn arranged<T>(&self, make: impl FnOnce() -> T) -> T {
        let Some(watcher) = &self.watcher else { return make() };
        let begin = Instant::now();
        let made = make();
        watcher.arranging.fetch_add(nanos(begin.elapsed()), Ordering::Relaxed);
        made
    }
}

/// Watches one selection, from its opening to its end.
pub(super) struct WatchedSelector<'e> {
    watcher: &'e Watcher,
    /// The node that it belongs to, if that is known.
    node: Option<usize>,
    took: Duration,
    /// Series and points that were read.
    read: (u64, u64),
}

impl<'e> WatchedSelector<'e> {
    /// Begins with a selection whose opening began at `begin`; `None` where nothing is watched.
    pub(super) fn opened(
        evaluation: &'e Evaluation,
        selector: &Selector,
        begin: Instant,
    ) -> Option<Self> {
        let watcher = evaluation.watcher.as_ref()?;
        let took = begin.elapsed();
        watcher.preparing.fetch_add(nanos(took), Ordering::Relaxed);
        let node = watcher.nodes.as_ref().and_then(|nodes| nodes.lock().node_of(selector));
        Some(WatchedSelector { watcher, node, took, read: (0, 0) })
    }

    /// Adds a block that was read; the reading began at `begin`.
    pub(super) fn read(&mut self, begin: Instant, block: &[SeriesData]) {
        self.took += begin.elapsed();
        let points = |data: &SeriesData| data.samples.len() + data.histograms.len();
        let hours = |data: &SeriesData| data.hours.len();
        let all: usize = block.iter().map(|data| points(data) + hours(data)).sum();
        self.read = (self.read.0 + block.len() as u64, self.read.1 + all as u64);
    }

    /// Takes in what the store says at the end.
    pub(super) fn told(&self, stats: &SelectStats) {
        if let (Some(node), Some(nodes)) = (self.node, &self.watcher.nodes) {
            nodes.lock().selected(node, self.took, self.read, stats);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
