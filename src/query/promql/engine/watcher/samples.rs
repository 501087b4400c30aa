//! Counts the samples that selectors look at as Prometheus does: at every step those that the step
//! sees, and a histogram for as many floats as fit into its place.

use crate::model::histogram::Histogram;
use crate::model::series::{SeriesData, SeriesHour};
use crate::query::promql::ast::Edges;
use crate::query::promql::engine::column::{Column, Counts, Grid};
use crate::query::promql::engine::context::Evaluation;
use crate::query::promql::engine::watcher::Watcher;
use crate::query::promql::engine::windows::Slide;

/// What Prometheus says a histogram takes beside its lists, and a list's item, in bytes.
const HISTOGRAM_BYTES: usize = 168;
const ITEM_BYTES: usize = 8;
/// What it says a float with its time takes.
const FLOAT_BYTES: usize = 16;

/// Returns for how many floats a histogram counts.
fn size(histogram: &Histogram) -> u64 {
    let items = histogram.positive_spans.len()
        + histogram.negative_spans.len()
        + histogram.positive_buckets.len()
        + histogram.negative_buckets.len()
        + histogram.custom_values.len();
    ((HISTOGRAM_BYTES + items * ITEM_BYTES + ITEM_BYTES) / FLOAT_BYTES) as u64
}

impl Watcher {
    fn add(&self, grid: Grid, sizes: impl Iterator<Item = (usize, u64)>) {
        let mut samples = self.samples.lock();
        for (step, size) in sizes {
            let step = match grid.counts {
                Counts::Nowhere => return,
                Counts::EachStep if self.each_step => step,
                Counts::EachStep | Counts::FirstStep => 0,
            };
            if let Some(counter) = samples.get_mut(step) {
                *counter += size;
            }
        }
    }
}

impl Evaluation {
    /// Counts what an instant vector selector found of one series.
    pub(in crate::query::promql::engine) fn count_column(&self, grid: Grid, column: &Column) {
        let Some(watcher) = &self.watcher else { return };
        let at = |step: usize| match column.histogram(step) {
            Some(histogram) => size(histogram),
            None => u64::from(column.present(step)),
        };
        watcher.add(grid, (0..grid.steps).map(|step| (step, at(step))));
    }

    /// Counts what a range vector selector found of one series.
    pub(in crate::query::promql::engine) fn count_series(&self, grid: Grid, data: &SeriesData) {
        let Some(watcher) = &self.watcher else { return };
        let histograms = data.histograms.iter().map(|sample| size(&sample.histogram));
        let all = data.samples.len() as u64 + histograms.sum::<u64>();
        watcher.add(grid, std::iter::once((0, all)));
    }

    /// Counts what the windows over one series see at each step.
    pub(in crate::query::promql::engine) fn count_windows(&self, slide: &Slide, data: &SeriesData) {
        let Some(watcher) = &self.watcher else { return };
        let mut sizes = vec![0; data.histograms.len() + 1];
        for (place, sample) in data.histograms.iter().enumerate() {
            sizes[place + 1] = sizes[place] + size(&sample.histogram);
        }
        let at = |step: usize| {
            let end = slide.looks.at(slide.grid.at(step));
            let start = end.saturating_sub(slide.range);
            let (first, last) = match slide.edges {
                Edges::Plain => (start, end),
                Edges::Anchored => (start - slide.lookback, end),
                Edges::Smoothed => (start - slide.lookback, end + slide.lookback),
            };
            let floats = |time| data.samples.partition_point(|one| one.timestamp.0 <= time);
            let histograms = |time| data.histograms.partition_point(|one| one.timestamp.0 <= time);
            let floats = floats(last).saturating_sub(floats(first)) as u64;
            floats + sizes[histograms(last)].saturating_sub(sizes[histograms(first)])
        };
        watcher.add(slide.grid, (0..slide.grid.steps).map(|step| (step, at(step))));
    }

    /// Counts the samples of the hours that one step sees.
    pub(in crate::query::promql::engine) fn count_hours(
        &self,
        grid: Grid,
        step: usize,
        hours: &[SeriesHour],
    ) {
        let Some(watcher) = &self.watcher else { return };
        let all = hours.iter().map(|hour| hour.count).sum();
        watcher.add(grid, std::iter::once((step, all)));
    }
}
