//! What the metric port promises about deletion.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use crate::base::error::ErrorKind;
use crate::model::batch::SeriesWrite;
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::sample::StartTime;
use crate::model::series::LabelQuery;
use crate::model::time::{Day, TimeRange, TimestampMs};
use crate::storage::conformance::metric::{
    NOON, Subject, all_labels, append, bits, exemplar, expect_floats, floats, full_histogram,
    histograms, labels, matcher, range, select_metric,
};
use crate::storage::metric_store::MetricStore;

const HOUR: i64 = 3_600_000;
const ALL: TimeRange<TimestampMs> = TimeRange::<TimestampMs>::ALL;

pub(super) async fn run(subject: &dyn Subject) {
    for flushed in [false, true] {
        both_ends_of_the_deleted_range_belong_to_it(subject, flushed).await;
        a_series_goes_when_one_whole_set_holds(subject, flushed).await;
        points_of_every_kind_go_with_their_starts_and_exemplars(subject, flushed).await;
        series_without_points_are_in_no_label_question(subject, flushed).await;
        what_is_written_after_a_deletion_stays(subject, flushed).await;
        deletions_outlive_restarts_and_sealing(subject, flushed).await;
    }
    days_that_are_in_no_memory_are_deleted_from(subject).await;
    a_closed_store_deletes_nothing(subject).await;
}

async fn flush_if(store: &dyn MetricStore, flushed: bool) {
    if flushed {
        store.flush().await.unwrap();
    }
}

async fn delete(store: &dyn MetricStore, metric: &str, range: TimeRange<TimestampMs>) -> u64 {
    let named = vec![Matcher::equal("__name__", metric)];
    store.delete(vec![named], range).await.unwrap().series
}

async fn expect_nothing(store: &dyn MetricStore, metric: &str) {
    assert_eq!(select_metric(store, metric).await, vec![], "points of {metric}");
}

async fn both_ends_of_the_deleted_range_belong_to_it(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let samples: Vec<_> = (0..6).map(|i| (i * 1_000, i as f64)).collect();
    append(&*store, vec![floats(&labels("edges", []), &samples)]).await;
    append(&*store, vec![floats(&labels("other", []), &samples)]).await;
    flush_if(&*store, flushed).await;
    let empty = TimeRange::new(TimestampMs(NOON + 2_000), TimestampMs(NOON + 1_000));
    assert_eq!(delete(&*store, "edges", empty).await, 0);
    assert_eq!(delete(&*store, "nothing", ALL).await, 0);
    expect_floats(&*store, "edges", &samples).await;
    assert_eq!(delete(&*store, "edges", range(1_000, 2_000)).await, 1);
    let left = [samples[0], samples[3], samples[4], samples[5]];
    expect_floats(&*store, "edges", &left).await;
    // Between points, and over what is gone already.
    delete(&*store, "edges", range(1_001, 2_999)).await;
    expect_floats(&*store, "edges", &left).await;
    delete(&*store, "edges", range(1_500, 4_000)).await;
    expect_floats(&*store, "edges", &[samples[0], samples[5]]).await;
    expect_floats(&*store, "other", &samples).await;
    store.purge_deleted().await.unwrap();
    store.purge_deleted().await.unwrap();
    expect_floats(&*store, "edges", &[samples[0], samples[5]]).await;
    expect_floats(&*store, "other", &samples).await;
}

async fn a_series_goes_when_one_whole_set_holds(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    for (metric, job) in [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "x")] {
        append(&*store, vec![floats(&labels(metric, [("job", job)]), &[(0, 1.0)])]).await;
    }
    flush_if(&*store, flushed).await;
    let sets = vec![
        vec![Matcher::equal("__name__", "a"), Matcher::equal("job", "y")],
        vec![matcher("__name__", MatchOp::Regex, "b|d"), matcher("job", MatchOp::NotEqual, "y")],
    ];
    assert_eq!(store.delete(sets, ALL).await.unwrap().series, 2);
    let left = store.series(all_labels()).await.unwrap().items;
    let wanted =
        [("a", "x"), ("b", "y"), ("c", "x")].map(|(metric, job)| labels(metric, [("job", job)]));
    assert_eq!(left, wanted);
}

async fn points_of_every_kind_go_with_their_starts_and_exemplars(
    subject: &dyn Subject,
    flushed: bool,
) {
    let store = subject.empty().await;
    let series = labels("mixed", []);
    let mut write = floats(&series, &[(0, 1.0), (2_000, 2.0), (5_000, 3.0)]);
    let start = |at: i64| StartTime {
        timestamp: TimestampMs(NOON + at),
        start: TimestampMs(NOON + at - 500),
    };
    write.starts = vec![start(0), start(2_000), start(5_000)];
    write.exemplars = vec![
        exemplar(100, "kept", 1.0),
        exemplar(2_000, "gone", 2.0),
        exemplar(3_001, "late", 3.0),
    ];
    let hists = histograms(&series, &[(1_000, full_histogram(1)), (4_000, full_histogram(2))]);
    append(&*store, vec![write]).await;
    append(&*store, vec![hists]).await;
    flush_if(&*store, flushed).await;
    assert_eq!(delete(&*store, "mixed", range(1_000, 3_000)).await, 1);
    let found = select_metric(&*store, "mixed").await;
    assert_eq!(found.len(), 1);
    assert_eq!(bits(&found[0]), [(0, 1.0_f64.to_bits()), (5_000, 3.0_f64.to_bits())]);
    let times: Vec<_> = found[0].histograms.iter().map(|one| one.timestamp.0 - NOON).collect();
    assert_eq!(times, [4_000]);
    assert_eq!(found[0].starts, [start(0), start(5_000)]);
    let exemplars = store.exemplars(vec![], ALL).await.unwrap();
    let traces: Vec<_> = exemplars[0].exemplars.iter().map(|one| one.value).collect();
    assert_eq!(traces, [1.0, 3.0]);
    delete(&*store, "mixed", ALL).await;
    expect_nothing(&*store, "mixed").await;
    assert_eq!(store.exemplars(vec![], ALL).await.unwrap(), vec![]);
}

async fn series_without_points_are_in_no_label_question(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    append(&*store, vec![floats(&labels("kept", [("job", "k")]), &[(0, 1.0)])]).await;
    let gone = labels("gone", [("job", "g"), ("only", "here")]);
    append(&*store, vec![floats(&gone, &[(0, 1.0), (1_000, 1.0)])]).await;
    flush_if(&*store, flushed).await;
    assert_eq!(delete(&*store, "gone", ALL).await, 1);
    assert_eq!(store.label_names(all_labels()).await.unwrap().items, ["__name__", "job"]);
    assert_eq!(store.label_values("job", all_labels()).await.unwrap().items, ["k"]);
    assert_eq!(store.label_values("only", all_labels()).await.unwrap().items, Vec::<String>::new());
    let matched = LabelQuery { match_sets: vec![vec![Matcher::equal("job", "g")]], ..all_labels() };
    assert_eq!(store.series(matched).await.unwrap().items, vec![]);
    store.purge_deleted().await.unwrap();
    assert_eq!(store.series(all_labels()).await.unwrap().items, [labels("kept", [("job", "k")])]);
}

async fn what_is_written_after_a_deletion_stays(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let series = labels("again", []);
    append(&*store, vec![floats(&series, &[(0, 1.0), (1_000, 2.0), (2_000, 3.0)])]).await;
    flush_if(&*store, flushed).await;
    delete(&*store, "again", ALL).await;
    expect_nothing(&*store, "again").await;
    // One at a deleted time with another value, one between, one later.
    let later = [(1_000, 20.0), (1_500, 25.0), (3_000, 30.0)];
    append(&*store, vec![floats(&series, &later)]).await;
    expect_floats(&*store, "again", &later).await;
    store.flush().await.unwrap();
    expect_floats(&*store, "again", &later).await;
    store.purge_deleted().await.unwrap();
    expect_floats(&*store, "again", &later).await;
    assert_eq!(store.series(all_labels()).await.unwrap().items, [series]);
    let Some(store) = subject.reopened(store).await else { return };
    expect_floats(&*store, "again", &later).await;
}

async fn deletions_outlive_restarts_and_sealing(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let samples: Vec<_> = (0..200).map(|i| (i * 15_000, i as f64)).collect();
    let series = ["kept", "cut", "gone"].map(|metric| floats(&labels(metric, []), &samples));
    append(&*store, series.to_vec()).await;
    flush_if(&*store, flushed).await;
    delete(&*store, "gone", ALL).await;
    delete(&*store, "cut", range(100 * 15_000, i64::MAX)).await;
    expect_floats(&*store, "cut", &samples[..100]).await;
    let store = match subject.reopened(store).await {
        Some(store) => store,
        None => return,
    };
    expect_all(&*store, &samples).await;
    store.flush().await.unwrap();
    expect_all(&*store, &samples).await;
    store.seal(Day::of_ms(TimestampMs(NOON))).await.unwrap();
    expect_all(&*store, &samples).await;
    store.purge_deleted().await.unwrap();
    let Some(store) = subject.reopened(store).await else { return };
    expect_all(&*store, &samples).await;
}

async fn expect_all(store: &dyn MetricStore, samples: &[(i64, f64)]) {
    expect_floats(store, "kept", samples).await;
    expect_floats(store, "cut", &samples[..100]).await;
    expect_nothing(store, "gone").await;
    let left = store.label_values("__name__", all_labels()).await.unwrap().items;
    assert_eq!(left, ["cut", "kept"]);
}

async fn days_that_are_in_no_memory_are_deleted_from(subject: &dyn Subject) {
    let store = subject.empty().await;
    let days: Vec<_> = (-3..=0).map(|day| (day * 24 * HOUR, day as f64)).collect();
    for day in &days {
        let write: SeriesWrite = floats(&labels("days", []), &[*day]);
        append(&*store, vec![write]).await;
        store.flush().await.unwrap();
    }
    store.seal(Day::of_ms(TimestampMs(NOON)).previous()).await.unwrap();
    assert_eq!(delete(&*store, "days", range(-49 * HOUR, -20 * HOUR)).await, 1);
    expect_floats(&*store, "days", &[days[0], days[3]]).await;
    let inside = LabelQuery { range: range(-50 * HOUR, -20 * HOUR), ..all_labels() };
    assert_eq!(store.series(inside).await.unwrap().items, vec![]);
    store.purge_deleted().await.unwrap();
    expect_floats(&*store, "days", &[days[0], days[3]]).await;
}

async fn a_closed_store_deletes_nothing(subject: &dyn Subject) {
    let store = subject.empty().await;
    store.close().await.unwrap();
    let refused = store.delete(vec![], ALL).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert_eq!(store.purge_deleted().await.unwrap_err().kind(), ErrorKind::Unavailable);
}
