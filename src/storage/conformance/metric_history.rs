//! What the metric port promises about points that come much later than they are old.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use crate::base::error::ErrorKind;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::receipt::Receipt;
use crate::model::reject::RejectReason;
use crate::model::sample::Sample;
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::conformance::metric::{
    NOON, Subject, append, exemplar, expect_floats, floats, full_histogram, histograms, labels,
    select_metric,
};
use crate::storage::metric_store::{KEEPABLE, MetricStore};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

pub(super) async fn run(subject: &dyn Subject) {
    for flushed in [false, true] {
        history_goes_behind_the_window_and_outlives_restarts(subject, flushed).await;
        the_first_point_of_a_time_stays_and_its_like_is_taken(subject, flushed).await;
        history_leaves_the_window_of_appends_where_it_is(subject, flushed).await;
    }
    every_kind_of_point_may_be_history(subject).await;
    times_that_cannot_be_kept_are_refused(subject).await;
    a_closed_store_takes_no_history(subject).await;
}

async fn flush_if(store: &dyn MetricStore, flushed: bool) {
    if flushed {
        store.flush().await.unwrap();
    }
}

async fn backfill(store: &dyn MetricStore, series: Vec<SeriesWrite>) -> Receipt {
    store.backfill(MetricBatch { series, metadata: Vec::new() }).await.unwrap()
}

async fn history_goes_behind_the_window_and_outlives_restarts(
    subject: &dyn Subject,
    flushed: bool,
) {
    let store = subject.empty().await;
    append(&*store, vec![floats(&labels("live", []), &[(0, 1.0)])]).await;
    let old: Vec<_> = (0..500).map(|i| (-40 * DAY + i * HOUR / 2, i as f64)).collect();
    let receipt = backfill(&*store, vec![floats(&labels("live", []), &old)]).await;
    assert_eq!((receipt.accepted, receipt.rejected), (500, vec![]));
    let fresh = labels("only_old", [("from", "elsewhere")]);
    let receipt = backfill(&*store, vec![floats(&fresh, &[(-400 * DAY, 0.5)])]).await;
    assert_eq!(receipt.accepted, 1);
    let all = [&old[..], &[(0, 1.0)]].concat();
    expect_floats(&*store, "live", &all).await;
    flush_if(&*store, flushed).await;
    expect_floats(&*store, "live", &all).await;
    expect_floats(&*store, "only_old", &[(-400 * DAY, 0.5)]).await;
    assert_eq!(store.stats().max_time, Some(TimestampMs(NOON)));
    let Some(store) = subject.reopened(store).await else { return };
    expect_floats(&*store, "live", &all).await;
    expect_floats(&*store, "only_old", &[(-400 * DAY, 0.5)]).await;
    store.flush().await.unwrap();
    expect_floats(&*store, "live", &all).await;
}

async fn the_first_point_of_a_time_stays_and_its_like_is_taken(
    subject: &dyn Subject,
    flushed: bool,
) {
    let store = subject.empty().await;
    let series = labels("twice", []);
    append(&*store, vec![floats(&series, &[(0, 1.0)])]).await;
    let old = [(-2 * DAY, 1.0), (-2 * DAY + 1, -0.0)];
    backfill(&*store, vec![floats(&series, &old)]).await;
    flush_if(&*store, flushed).await;
    let again = backfill(&*store, vec![floats(&series, &old)]).await;
    assert_eq!((again.accepted, again.rejected), (2, vec![]));
    // Another value at a known time: refused while the first is in memory, else passed over.
    let other = backfill(&*store, vec![floats(&series, &[(-2 * DAY + 1, 0.0)])]).await;
    if !flushed {
        let reasons: Vec<_> = other.rejected.iter().map(|one| one.reason).collect();
        assert_eq!(reasons, [RejectReason::DuplicateTimestamp]);
    }
    let wanted = [old[0], old[1], (0, 1.0)];
    expect_floats(&*store, "twice", &wanted).await;
    store.flush().await.unwrap();
    expect_floats(&*store, "twice", &wanted).await;
}

async fn history_leaves_the_window_of_appends_where_it_is(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let series = labels("window", []);
    append(&*store, vec![floats(&series, &[(0, 1.0)])]).await;
    backfill(&*store, vec![floats(&series, &[(-9 * DAY, 9.0)])]).await;
    flush_if(&*store, flushed).await;
    let late = floats(&series, &[(-HOUR - 1, 2.0), (-HOUR, 3.0)]);
    let batch = MetricBatch { series: vec![late], metadata: Vec::new() };
    let receipt = store.append(batch).await.unwrap();
    assert_eq!((receipt.accepted, receipt.rejected[0].reason), (1, RejectReason::TooOld));
    expect_floats(&*store, "window", &[(-9 * DAY, 9.0), (-HOUR, 3.0), (0, 1.0)]).await;
    // An empty store that is filled from the past has the past's newest point.
    let store = subject.empty().await;
    backfill(&*store, vec![floats(&series, &[(-9 * DAY, 9.0)])]).await;
    flush_if(&*store, flushed).await;
    append(&*store, vec![floats(&series, &[(-9 * DAY - HOUR, 8.0), (0, 1.0)])]).await;
}

async fn every_kind_of_point_may_be_history(subject: &dyn Subject) {
    let store = subject.empty().await;
    append(&*store, vec![floats(&labels("kinds", []), &[(0, 1.0)])]).await;
    let mut old = histograms(&labels("kinds", []), &[(-3 * DAY, full_histogram(3))]);
    old.exemplars = vec![exemplar(-3 * DAY, "t", 0.5)];
    assert_eq!(backfill(&*store, vec![old.clone()]).await.accepted, 1);
    store.flush().await.unwrap();
    let found = select_metric(&*store, "kinds").await;
    assert_eq!(found[0].histograms.len(), 1);
    assert!(found[0].histograms[0].histogram.same_counts(&old.histograms[0].histogram));
    let exemplars = store.exemplars(vec![], TimeRange::<TimestampMs>::ALL).await.unwrap();
    assert_eq!(exemplars[0].exemplars, old.exemplars);
}

async fn times_that_cannot_be_kept_are_refused(subject: &dyn Subject) {
    let store = subject.empty().await;
    let samples = [KEEPABLE.start.0 - 1, KEEPABLE.start.0, KEEPABLE.end.0 + 1];
    let samples = samples.map(|at| Sample::new(at, 1.0)).to_vec();
    let write = SeriesWrite { labels: labels("ends", []), samples, ..SeriesWrite::default() };
    let receipt = backfill(&*store, vec![write]).await;
    assert_eq!(receipt.accepted, 1);
    let mut reasons: Vec<_> = receipt.rejected.iter().map(|one| one.reason.as_str()).collect();
    reasons.sort_unstable();
    let mut wanted = [RejectReason::TooOld, RejectReason::TooFarInFuture].map(|one| one.as_str());
    wanted.sort_unstable();
    assert_eq!(reasons, wanted);
}

async fn a_closed_store_takes_no_history(subject: &dyn Subject) {
    let store = subject.empty().await;
    store.close().await.unwrap();
    let refused = store.backfill(MetricBatch::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}
