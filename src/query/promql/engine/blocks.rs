//! Blocks of series from the store, accounted for while they are held.

use std::sync::Arc;
use std::time::Instant;

use crate::base::error::Result;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::HistogramSample;
use crate::model::series::SeriesData;
use crate::model::time::{TimeRange, TimestampMs};
use crate::query::promql::ast::Selector;
use crate::query::promql::engine::column::{Grid, histogram_cost};
use crate::query::promql::engine::context::{Evaluation, Looks};
use crate::query::promql::engine::watcher::WatchedSelector;
use crate::query::promql::histogram;
use crate::storage::metric_store::{SelectHints, SelectQuery, SeriesCursor};

/// What an hour takes of memory, in samples.
const HOUR_COST: u64 = 6;

/// A cursor that accounts for what it hands out.
pub(super) struct Blocks<'e> {
    evaluation: &'e Evaluation,
    cursor: Box<dyn SeriesCursor>,
    counts_only: bool,
    /// Samples of the block that was handed out last.
    held: u64,
    /// What the selection takes besides, in bytes.
    selected: u64,
    watched: Option<WatchedSelector<'e>>,
}

impl Blocks<'_> {
    /// Returns the next block; the one before counts as given back.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<SeriesData>>> {
        self.evaluation.budget.give(std::mem::take(&mut self.held));
        self.evaluation.turn.next().await;
        let begin = self.watched.as_ref().map(|_| Instant::now());
        let next = self.cursor.next_block().await?;
        if let (Some(watched), Some(begin)) = (&mut self.watched, begin) {
            watched.read(begin, next.as_deref().unwrap_or_default());
        }
        let Some(mut block) = next else { return Ok(None) };
        let doubt = &self.evaluation.doubt;
        if doubt.heeded && block.iter().any(|data| !data.histograms.is_empty()) {
            doubt.note();
        }
        if self.counts_only {
            block.iter_mut().for_each(|data| count_only(&mut data.histograms));
        }
        let cost = block.iter().map(series_cost).sum();
        self.evaluation.budget.take(cost)?;
        self.held = cost;
        Ok(Some(block))
    }
}

impl Drop for Blocks<'_> {
    /// Keeps what the store says of the selection, whether all of it was read or not.
    fn drop(&mut self) {
        self.evaluation.budget.give(self.held);
        self.evaluation.budget.give_bytes(self.selected);
        let stats = self.cursor.stats();
        let mut told = self.evaluation.told.lock();
        told.warnings.extend(self.cursor.warnings());
        told.stats.add(&stats);
        if let Some(watched) = &self.watched {
            watched.told(&stats);
        }
    }
}

/// Returns how much of a query's budget a series takes.
pub(super) fn series_cost(data: &SeriesData) -> u64 {
    let histograms = data.histograms.iter().map(|sample| histogram_cost(&sample.histogram));
    data.samples.len() as u64 + data.hours.len() as u64 * HOUR_COST + histograms.sum::<u64>()
}

/// Leaves of each histogram its count and sum, and says whether it was reset since the one before
/// where the store does not say.
fn count_only(histograms: &mut [HistogramSample]) {
    let mut last: Option<Arc<Histogram>> = None;
    for sample in histograms.iter_mut().filter(|sample| !sample.histogram.is_stale()) {
        let known = Arc::clone(&sample.histogram);
        let mut hint = known.counter_reset_hint;
        if let Some(last) = last.replace(Arc::clone(&known))
            && hint == CounterResetHint::Unknown
        {
            let reset = histogram::detect_reset(&known, &last);
            hint = if reset { CounterResetHint::Reset } else { CounterResetHint::NotReset };
        }
        sample.histogram = Arc::new(Histogram {
            counter_reset_hint: hint,
            schema: known.schema,
            count: known.count,
            sum: known.sum,
            ..Histogram::default()
        });
    }
}

/// How far around each look samples are wanted: after `look - before`, up to `look + after`.
pub(super) struct Reach {
    pub before: i64,
    pub after: i64,
    /// Whether each look and what it reaches back to are full hours.
    pub whole_hours: bool,
}

impl Reach {
    /// Reaches for points, wherever they are.
    pub(super) fn points(before: i64, after: i64) -> Self {
        Reach { before, after, whole_hours: false }
    }
}

impl Evaluation {
    /// Opens a cursor over what the looks of `grid` can reach.
    pub(super) async fn blocks(
        &self,
        selector: &Selector,
        looks: Looks,
        grid: Grid,
        reach: Reach,
        function: &str,
    ) -> Result<Blocks<'_>> {
        let first = looks.at(grid.start).saturating_sub(reach.before).saturating_add(1);
        let last = looks.at(grid.end()).saturating_add(reach.after);
        let query = SelectQuery {
            matchers: selector.matchers.clone(),
            range: TimeRange::new(TimestampMs(first), TimestampMs(last)),
            hints: SelectHints {
                step_ms: if grid.steps > 1 { grid.step } else { 0 },
                range_ms: reach.before,
                function: function.to_owned(),
                whole_hours: reach.whole_hours,
            },
            // Each block is accounted for while it is held; all of them may be more than that.
            max_samples: None,
        };
        let begin = self.watcher.as_ref().map(|_| Instant::now());
        let cursor = self.store.select(query).await?;
        let selected = cursor.held_bytes();
        self.budget.take_bytes(selected)?;
        let counts_only = selector.counts_only;
        let watched = begin.and_then(|begin| WatchedSelector::opened(self, selector, begin));
        Ok(Blocks { evaluation: self, cursor, counts_only, held: 0, selected, watched })
    }
}
