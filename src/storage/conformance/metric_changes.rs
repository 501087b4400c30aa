//! What the metric port promises about what changed since a moment. A store that does not follow its
//! changes promises nothing.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use crate::model::batch::MetricBatch;
use crate::model::matcher::Matcher;
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::changes::ChangeMark;
use crate::storage::conformance::metric::{NOON, Subject, append, floats, labels};
use crate::storage::metric_store::MetricStore;

const MINUTE: i64 = 60_000;

pub(super) async fn run(subject: &dyn Subject) {
    every_kind_of_change_is_told_when_it_is_done(subject).await;
    a_closed_store_tells_nothing(subject).await;
}

/// Checks that nothing from `minute` on counts as unchanged.
fn expect_changed(store: &dyn MetricStore, since: ChangeMark, minute: i64) {
    let at = TimestampMs(NOON + minute * MINUTE);
    let told = store.unchanged_before(since);
    assert!(told.is_none_or(|told| told <= at), "{told:?}, but {at:?} changed");
}

async fn every_kind_of_change_is_told_when_it_is_done(subject: &dyn Subject) {
    let store = subject.empty().await;
    let series = labels("metric", []);
    append(&*store, vec![floats(&series, &[(0, 1.0), (10 * MINUTE, 2.0)])]).await;
    let Some(first) = store.changes() else { return };
    append(&*store, vec![floats(&series, &[(20 * MINUTE, 3.0), (11 * MINUTE, 3.0)])]).await;
    expect_changed(&*store, first, 11);
    store.flush().await.unwrap();
    let Some(second) = store.changes() else { return };
    append(&*store, vec![floats(&labels("other", []), &[(5 * MINUTE, 1.0)])]).await;
    expect_changed(&*store, second, 5);
    let Some(third) = store.changes() else { return };
    let old = floats(&series, &[(-3_000 * MINUTE, 1.0)]);
    let batch = MetricBatch { series: vec![old], metadata: Vec::new() };
    store.backfill(batch).await.unwrap();
    expect_changed(&*store, third, -3_000);
    let Some(fourth) = store.changes() else { return };
    let range = TimeRange::new(TimestampMs(NOON + 5 * MINUTE), TimestampMs(NOON + 15 * MINUTE));
    store.delete(vec![vec![Matcher::equal("__name__", "metric")]], range).await.unwrap();
    expect_changed(&*store, fourth, 5);
    expect_changed(&*store, first, -3_000);
}

async fn a_closed_store_tells_nothing(subject: &dyn Subject) {
    let store = subject.empty().await;
    let Some(mark) = store.changes() else { return };
    store.close().await.unwrap();
    assert_eq!((store.changes(), store.unchanged_before(mark)), (None, None));
}
