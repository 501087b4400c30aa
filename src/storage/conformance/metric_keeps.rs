//! What the metric port promises about keeping: metadata, retention, the end and a new start.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use crate::base::error::ErrorKind;
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::matcher::Matcher;
use crate::model::series::SeriesData;
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::conformance::metric::{
    NOON, Subject, all_labels, append, exemplar, expect_floats, floats, full_histogram, histograms,
    labels, select_metric, select_query,
};
use crate::storage::lifecycle::RetentionLimits;
use crate::storage::metric_store::MetricStore;

const DAY: i64 = 86_400_000;

pub(super) async fn run(subject: &dyn Subject) {
    the_last_word_on_a_family_counts(subject).await;
    flush_keeps_everything_and_may_be_repeated(subject).await;
    retention_drops_whole_days_by_time_but_never_the_live_one(subject).await;
    a_closed_store_is_unavailable(subject).await;
    what_was_acknowledged_is_there_after_a_restart_exactly_once(subject).await;
    restarts_and_flushes_in_any_order_lose_nothing(subject).await;
}

fn family(metric: &str, kind: MetricType, help: &str) -> MetricMetadata {
    let (help, unit) = (help.to_owned(), "bytes".to_owned());
    MetricMetadata { metric: metric.to_owned(), kind, help, unit }
}

async fn tell(store: &dyn MetricStore, metadata: Vec<MetricMetadata>) {
    let receipt = store.append(MetricBatch { series: Vec::new(), metadata }).await.unwrap();
    assert_eq!((receipt.accepted, receipt.rejected), (0, vec![]));
}

async fn the_last_word_on_a_family_counts(subject: &dyn Subject) {
    let store = subject.empty().await;
    let first = family("b", MetricType::Unknown, "");
    tell(&*store, vec![first, family("a", MetricType::Gauge, "ü")]).await;
    store.flush().await.unwrap();
    tell(&*store, vec![family("b", MetricType::Counter, "better")]).await;
    let wanted = [family("a", MetricType::Gauge, "ü"), family("b", MetricType::Counter, "better")];
    assert_eq!(store.metadata(None).await.unwrap(), wanted);
    assert_eq!(store.metadata(Some("b")).await.unwrap(), wanted[1..]);
    assert_eq!(store.metadata(Some("c")).await.unwrap(), vec![]);
}

async fn flush_keeps_everything_and_may_be_repeated(subject: &dyn Subject) {
    let store = subject.empty().await;
    let before = write_some_of_everything(&*store).await;
    for _ in 0..3 {
        store.flush().await.unwrap();
        assert_same(&before, &everything(&*store).await);
    }
}

async fn retention_drops_whole_days_by_time_but_never_the_live_one(subject: &dyn Subject) {
    let store = subject.empty().await;
    let samples: Vec<_> = (-5..=0).map(|day| (day * DAY, day as f64)).collect();
    for sample in &samples {
        append(&*store, vec![floats(&labels("kept", []), &[*sample])]).await;
    }
    let gone = labels("gone", []);
    let receipt = append_late(&*store, floats(&gone, &[(-1_000, 1.0)])).await;
    assert_eq!(receipt, 1);
    store.flush().await.unwrap();
    let limits =
        |oldest_ms: i64| RetentionLimits { oldest_ns: oldest_ms * 1_000_000, max_bytes: None };
    let nothing = store.enforce_retention(limits(NOON - 9 * DAY)).await.unwrap();
    assert_eq!(nothing.partitions, Vec::<String>::new());
    // Noon three days ago lies inside the day of 2026-11-20, which stays.
    let dropped = store.enforce_retention(limits(NOON - 3 * DAY)).await.unwrap();
    assert_eq!(dropped.partitions, ["2026-11-18", "2026-11-19"]);
    expect_floats(&*store, "kept", &samples[2..]).await;
    let dropped = store.enforce_retention(limits(NOON + 90 * DAY)).await.unwrap();
    assert_eq!(dropped.partitions, ["2026-11-20", "2026-11-21", "2026-11-22"]);
    expect_floats(&*store, "kept", &samples[5..]).await;
    expect_floats(&*store, "gone", &[(-1_000, 1.0)]).await;
}

async fn append_late(store: &dyn MetricStore, write: SeriesWrite) -> u64 {
    let batch = MetricBatch { series: vec![write], metadata: Vec::new() };
    store.append(batch).await.unwrap().accepted
}

async fn a_closed_store_is_unavailable(subject: &dyn Subject) {
    let store = subject.empty().await;
    append(&*store, vec![floats(&labels("closing", []), &[(0, 1.0)])]).await;
    store.close().await.unwrap();
    let refused = store.append(MetricBatch::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let query = select_query(vec![Matcher::equal("__name__", "closing")]);
    let refused = store.select(query).await.err().map(|error| error.kind());
    assert_eq!(refused, Some(ErrorKind::Unavailable));
    assert_eq!(store.flush().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

async fn what_was_acknowledged_is_there_after_a_restart_exactly_once(subject: &dyn Subject) {
    for flushed in [false, true] {
        let store = subject.empty().await;
        let before = write_some_of_everything(&*store).await;
        if flushed {
            store.flush().await.unwrap();
        }
        let Some(store) = subject.reopened(store).await else { return };
        assert_same(&before, &everything(&*store).await);
        // The window still counts from the newest point.
        let late = append_late(&*store, floats(&labels("floats", []), &[(-2 * DAY, 1.0)])).await;
        assert_eq!(late, 0);
        store.close().await.unwrap();
        let Some(store) = subject.reopened(store).await else { return };
        assert_same(&before, &everything(&*store).await);
    }
}

async fn restarts_and_flushes_in_any_order_lose_nothing(subject: &dyn Subject) {
    let mut store = subject.empty().await;
    let series = labels("long", []);
    let mut written = Vec::new();
    for round in 0..12_i64 {
        // Each round reaches back into the window that the round before may have flushed.
        let samples: Vec<_> = (0..40)
            .map(|i| (round * 1_000_000 + i * 50_000 + round, (round * 40 + i) as f64))
            .collect();
        append(&*store, vec![floats(&series, &samples)]).await;
        written.extend(samples);
        if round % 3 != 0 {
            store.flush().await.unwrap();
        }
        if round % 2 == 0 {
            let Some(reopened) = subject.reopened(store).await else { return };
            store = reopened;
        }
        let mut sorted = written.clone();
        sorted.sort_by_key(|(at, _)| *at);
        expect_floats(&*store, "long", &sorted).await;
    }
}

/// All that a store shows.
#[derive(Debug)]
struct Everything {
    series: Vec<SeriesData>,
    metadata: Vec<MetricMetadata>,
    exemplars: Vec<String>,
    names: Vec<String>,
}

async fn write_some_of_everything(store: &dyn MetricStore) -> Everything {
    let samples: Vec<_> = (0..300).map(|i| (i * 60_000, i as f64 * 0.25)).collect();
    let mut with_exemplars = floats(&labels("floats", []), &samples);
    with_exemplars.exemplars = vec![exemplar(1_000, "t", 0.5), exemplar(70_000, "u", 0.25)];
    let hists: Vec<_> = (0..30).map(|i| (i64::from(i) * 60_000, full_histogram(i))).collect();
    append(store, vec![with_exemplars, histograms(&labels("hists", []), &hists)]).await;
    tell(store, vec![family("floats", MetricType::Gauge, "some")]).await;
    for i in 0..50 {
        let series = labels("many", [("i", format!("{i}").as_str())]);
        append(store, vec![floats(&series, &[(17_000_000 + i, i as f64)])]).await;
    }
    everything(store).await
}

async fn everything(store: &dyn MetricStore) -> Everything {
    let mut series = Vec::new();
    for metric in ["floats", "hists", "many"] {
        series.extend(select_metric(store, metric).await);
    }
    let exemplars = store.exemplars(vec![], TimeRange::<TimestampMs>::ALL).await.unwrap();
    Everything {
        series,
        metadata: store.metadata(None).await.unwrap(),
        exemplars: exemplars.iter().map(|one| format!("{one:?}")).collect(),
        names: store.label_names(all_labels()).await.unwrap().items,
    }
}

fn assert_same(wanted: &Everything, found: &Everything) {
    assert_eq!(wanted.series.len(), 52);
    assert_eq!(wanted.series, found.series);
    assert_eq!(wanted.metadata, found.metadata);
    assert_eq!((wanted.exemplars.len(), &wanted.exemplars), (1, &found.exemplars));
    assert_eq!(wanted.names, found.names);
}
