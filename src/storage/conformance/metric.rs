//! The suite of the metric port: what [`MetricStore`] promises, checked on any implementation.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::histogram::{Histogram, Span};
use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::sample::{HistogramSample, Sample};
use crate::model::series::{LabelQuery, SeriesData};
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::conformance::{
    metric_changes, metric_deletes, metric_history, metric_keeps, metric_reads, metric_writes,
};
use crate::storage::metric_store::{MetricStore, SelectHints, SelectQuery};

/// The out-of-order window of every store under test.
pub const OUT_OF_ORDER_WINDOW: Duration = Duration::from_secs(3_600);

/// The instant around which the suite writes: 2026-11-23T12:00:00Z in milliseconds. A clock of the
/// store under test stands here.
pub const NOON: i64 = 1_795_435_200_000;

/// Makes the stores that the suite checks.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens a new, empty store with [`OUT_OF_ORDER_WINDOW`].
    async fn empty(&self) -> Arc<dyn MetricStore>;

    /// Ends `store` without flushing it and opens its data again; `None` when nothing is kept.
    async fn reopened(&self, store: Arc<dyn MetricStore>) -> Option<Arc<dyn MetricStore>> {
        drop(store);
        None
    }
}

/// Runs the whole suite.
///
/// # Panics
/// When the store breaks a promise.
pub async fn run(subject: &dyn Subject) {
    metric_writes::run(subject).await;
    metric_reads::run(subject).await;
    metric_keeps::run(subject).await;
    metric_deletes::run(subject).await;
    metric_history::run(subject).await;
    metric_changes::run(subject).await;
}

/// Builds labels from a metric name and more pairs.
pub(super) fn labels<const N: usize>(metric: &str, pairs: [(&str, &str); N]) -> Labels {
    Labels::from_pairs([("__name__", metric)].into_iter().chain(pairs))
}

/// Builds a write of float samples given as (milliseconds after noon, value).
pub(super) fn floats(labels: &Labels, samples: &[(i64, f64)]) -> SeriesWrite {
    let samples = samples.iter().map(|(at, value)| Sample::new(NOON + at, *value)).collect();
    SeriesWrite { labels: labels.clone(), samples, ..SeriesWrite::default() }
}

/// Builds a write of histograms given as (milliseconds after noon, histogram).
pub(super) fn histograms(labels: &Labels, samples: &[(i64, Histogram)]) -> SeriesWrite {
    let histograms = samples.iter().map(|(at, histogram)| HistogramSample {
        timestamp: TimestampMs(NOON + at),
        histogram: Arc::new(histogram.clone()),
    });
    let histograms = histograms.collect();
    SeriesWrite { labels: labels.clone(), histograms, ..SeriesWrite::default() }
}

/// Builds a histogram whose every part is used and depends on `seed`.
pub(super) fn full_histogram(seed: u32) -> Histogram {
    let seed = f64::from(seed);
    Histogram {
        schema: 3,
        zero_threshold: 1e-128,
        zero_count: seed,
        count: 10.0 + 4.0 * seed,
        sum: -0.1 * seed,
        positive_spans: vec![Span { offset: -3, length: 2 }, Span { offset: 4, length: 1 }],
        positive_buckets: vec![1.0 + seed, 2.5, 3.0],
        negative_spans: vec![Span { offset: 1, length: 1 }],
        negative_buckets: vec![seed],
        ..Histogram::default()
    }
}

/// Builds an exemplar at milliseconds after noon.
pub(super) fn exemplar(at: i64, trace: &str, value: f64) -> Exemplar {
    let labels = Labels::from_pairs([("trace_id", trace)]);
    Exemplar { labels, value, timestamp: TimestampMs(NOON + at) }
}

/// Appends and expects everything to be taken.
pub(super) async fn append(store: &dyn MetricStore, series: Vec<SeriesWrite>) {
    let batch = MetricBatch { series, metadata: Vec::new() };
    let count = batch.sample_count() as u64;
    let receipt = store.append(batch).await.unwrap();
    assert_eq!(receipt.rejected, vec![]);
    assert_eq!(receipt.accepted, count);
}

/// Builds a matcher.
pub(super) fn matcher(name: &str, op: MatchOp, value: &str) -> Matcher {
    Matcher::new(op, name, value).unwrap()
}

/// Builds a closed range in milliseconds after noon.
pub(super) fn range(start: i64, end: i64) -> TimeRange<TimestampMs> {
    TimeRange::new(TimestampMs(NOON.saturating_add(start)), TimestampMs(NOON.saturating_add(end)))
}

/// Builds a question without limits about all time.
pub(super) fn select_query(matchers: Vec<Matcher>) -> SelectQuery {
    let range = TimeRange::<TimestampMs>::ALL;
    SelectQuery { matchers, range, hints: SelectHints::default(), max_samples: None }
}

/// Builds a question about the labels of all series of all time.
pub(super) fn all_labels() -> LabelQuery {
    LabelQuery { match_sets: Vec::new(), range: TimeRange::<TimestampMs>::ALL, limit: None }
}

/// Reads a selection to its end, sorts it by labels and checks what every selection promises.
pub(super) async fn select(store: &dyn MetricStore, query: SelectQuery) -> Vec<SeriesData> {
    let range = query.range;
    let mut cursor = store.select(query).await.unwrap();
    let mut found = Vec::new();
    while let Some(block) = cursor.next_block().await.unwrap() {
        assert!(!block.is_empty(), "a block is never empty");
        found.extend(block);
    }
    assert_eq!(cursor.warnings(), Vec::<String>::new());
    found.sort_by(|one, other| one.labels.cmp(&other.labels));
    assert!(found.windows(2).all(|pair| pair[0].labels != pair[1].labels), "each series once");
    for data in &found {
        let floats = data.samples.iter().map(|sample| sample.timestamp);
        let histograms = data.histograms.iter().map(|sample| sample.timestamp);
        let (floats, histograms): (Vec<_>, Vec<_>) = (floats.collect(), histograms.collect());
        assert!(floats.is_sorted() && histograms.is_sorted(), "points are in time order");
        let mut all = [floats, histograms].concat();
        assert!(!all.is_empty(), "a series without points is not selected");
        assert!(all.iter().all(|at| range.contains(*at)), "points lie inside the range");
        all.sort();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "one point a timestamp");
    }
    found
}

/// Selects all points of one metric.
pub(super) async fn select_metric(store: &dyn MetricStore, metric: &str) -> Vec<SeriesData> {
    select(store, select_query(vec![Matcher::equal("__name__", metric)])).await
}

/// Returns the points of one series as (milliseconds after noon, bits of the value).
pub(super) fn bits(data: &SeriesData) -> Vec<(i64, u64)> {
    data.samples.iter().map(|one| (one.timestamp.0 - NOON, one.value.to_bits())).collect()
}

/// Expects `metric` to be one series with exactly these float samples.
pub(super) async fn expect_floats(store: &dyn MetricStore, metric: &str, samples: &[(i64, f64)]) {
    let found = select_metric(store, metric).await;
    let found: Vec<_> = found.iter().map(bits).collect();
    let wanted: Vec<_> = samples.iter().map(|(at, value)| (*at, value.to_bits())).collect();
    assert_eq!(found, vec![wanted], "samples of {metric}");
}
