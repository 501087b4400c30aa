//! What the log port promises about writing, and the tools of the suite.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::batch::{LogBatch, LogOp};
use crate::model::log::LogRecord;
use crate::model::log_filter::LogFilter;
use crate::model::reject::RejectReason;
use crate::model::time::{TimeRange, TimestampNs};
use crate::storage::conformance::{log_filters, log_keeps};
use crate::storage::log_store::{
    Direction, LogHit, LogOutcome, LogPosition, LogReceipt, LogSearch, LogSelect, LogStore,
};

/// The instant around which the suite writes: 2026-11-23T12:00:00Z in nanoseconds. A clock of the
/// store under test stands here.
pub const NOON: i64 = 1_795_435_200_000_000_000;

/// Nanoseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000_000;

/// The index that the suite writes to unless it says another.
pub(super) const INDEX: &str = "logs-a";

/// Makes the stores that the suite checks.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens a new, empty store.
    async fn empty(&self) -> Arc<dyn LogStore>;

    /// Ends `store` without flushing it and opens its data again; `None` when nothing is kept.
    async fn reopened(&self, store: Arc<dyn LogStore>) -> Option<Arc<dyn LogStore>> {
        drop(store);
        None
    }
}

/// Runs the whole suite.
///
/// # Panics
/// When the store breaks a promise.
pub async fn run(subject: &dyn Subject) {
    for flushed in [false, true] {
        ids_are_unique_within_an_index(subject, flushed).await;
        versions_count_replacements_across_days(subject, flushed).await;
        operations_of_one_batch_see_each_other(subject, flushed).await;
    }
    log_filters::run(subject).await;
    log_keeps::run(subject).await;
}

/// Builds a record at nanoseconds after noon.
pub(super) fn record(at: i64, id: &str, body: &str) -> LogRecord {
    let mut record = LogRecord::new(TimestampNs(NOON + at), body);
    record.index = INDEX.to_owned();
    record.id = id.to_owned();
    record
}

/// Builds the operation that adds `record`, or puts it in the place of an older one.
pub(super) fn put(record: LogRecord, replace: bool) -> LogOp {
    LogOp::Put { record: Box::new(record), replace }
}

/// Builds the operation that removes `id`.
pub(super) fn delete(id: &str) -> LogOp {
    LogOp::Delete { index: INDEX.to_owned(), id: id.to_owned() }
}

/// Writes and checks what every receipt promises.
pub(super) async fn write(store: &dyn LogStore, ops: Vec<LogOp>) -> LogReceipt {
    let count = ops.len();
    let answer = store.append(LogBatch { ops }).await.unwrap();
    assert_eq!(answer.outcomes.len(), count);
    let rejected: Vec<_> = answer.receipt.rejected.iter().map(|one| one.index).collect();
    let outcomes = answer.outcomes.iter().enumerate();
    let refused = outcomes.filter(|(_, outcome)| **outcome == LogOutcome::Rejected);
    assert_eq!(rejected, refused.map(|(index, _)| index).collect::<Vec<_>>());
    assert_eq!(answer.receipt.accepted + answer.receipt.rejected_count(), count as u64);
    answer
}

/// Adds records, which must all be new.
pub(super) async fn add(store: &dyn LogStore, records: Vec<LogRecord>) {
    let answer = write(store, records.into_iter().map(|one| put(one, false)).collect()).await;
    assert_eq!(answer.receipt.rejected, vec![]);
    let created = |outcome: &LogOutcome| matches!(outcome, LogOutcome::Created(_));
    assert!(answer.outcomes.iter().all(created), "{:?}", answer.outcomes);
}

/// Moves memory into files when asked.
pub(super) async fn flush(store: &dyn LogStore, flushed: bool) {
    if flushed {
        store.flush().await.unwrap();
    }
}

/// Selects by a filter in every index and all of time.
pub(super) fn everywhere(filter: LogFilter) -> LogSelect {
    LogSelect { indices: Vec::new(), range: TimeRange::<TimestampNs>::ALL, filter }
}

/// Searches one page and checks what every page promises.
pub(super) async fn page(
    store: &dyn LogStore,
    select: LogSelect,
    direction: Direction,
    after: Option<LogPosition>,
    limit: usize,
) -> (Vec<LogHit>, u64) {
    let page = store.search(LogSearch { select, direction, after, limit }).await.unwrap();
    assert_eq!(page.warnings, Vec::<String>::new());
    assert!(page.hits.len() <= limit && page.hits.len() as u64 <= page.total);
    let places: Vec<_> = page.hits.iter().map(|hit| hit.position).collect();
    let ordered = |pair: &[LogPosition]| match direction {
        Direction::Forward => pair[0] < pair[1],
        Direction::Backward => pair[0] > pair[1],
    };
    assert!(places.windows(2).all(ordered), "{places:?}");
    assert!(page.hits.iter().all(|hit| hit.position.timestamp == hit.record.timestamp));
    (page.hits, page.total)
}

/// Returns the ids that a selection finds, oldest first, and checks them against count and total.
pub(super) async fn ids(store: &dyn LogStore, select: LogSelect) -> Vec<String> {
    let count = store.count(select.clone()).await.unwrap();
    let (hits, total) = page(store, select, Direction::Forward, None, 1_000_000).await;
    assert_eq!((hits.len() as u64, total), (count, count));
    hits.into_iter().map(|hit| hit.record.id).collect()
}

fn reasons(answer: &LogReceipt) -> Vec<RejectReason> {
    answer.receipt.rejected.iter().map(|one| one.reason).collect()
}

async fn ids_are_unique_within_an_index(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let mut elsewhere = record(1, "x", "another index");
    elsewhere.index = "logs-b".to_owned();
    add(&*store, vec![record(0, "x", "first"), elsewhere]).await;
    flush(&*store, flushed).await;
    let answer = write(&*store, vec![put(record(5, "x", "second"), false), delete("y")]).await;
    assert_eq!(reasons(&answer), [RejectReason::Conflict, RejectReason::Missing]);
    let hit = store.get(INDEX, "x").await.unwrap().unwrap();
    assert_eq!((hit.version, hit.record), (1, record(0, "x", "first")));
    assert_eq!(store.get(INDEX, "y").await.unwrap(), None);
    assert_eq!(store.get("logs-", "ax").await.unwrap(), None);
    assert_eq!(ids(&*store, everywhere(LogFilter::All)).await, ["x", "x"]);
}

async fn versions_count_replacements_across_days(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    add(&*store, vec![record(0, "x", "one"), record(9, "y", "other")]).await;
    let mut last = 0;
    for (version, day) in [(2, -1), (3, -1), (4, 0), (5, 1)] {
        flush(&*store, flushed).await;
        let text = format!("version{version}");
        let answer = write(&*store, vec![put(record(day * DAY, "x", &text), true)]).await;
        let [LogOutcome::Updated(sequence, found)] = answer.outcomes[..] else {
            unreachable!("{answer:?}")
        };
        assert_eq!(found, version);
        assert!(sequence > last, "sequences rise");
        last = sequence;
        let hit = store.get(INDEX, "x").await.unwrap().unwrap();
        assert_eq!((hit.version, hit.position.sequence), (version, sequence));
        assert_eq!(hit.record.body.to_text(), text);
        assert_eq!(ids(&*store, everywhere(LogFilter::All)).await.len(), 2);
        let old = LogFilter::Words(crate::model::log_filter::LogField::Body, vec!["one".into()]);
        assert_eq!(store.count(everywhere(old)).await.unwrap(), 0);
    }
    flush(&*store, flushed).await;
    let answer = write(&*store, vec![delete("x"), delete("x")]).await;
    let [LogOutcome::Deleted(sequence, 6), LogOutcome::Rejected] = answer.outcomes[..] else {
        unreachable!("{answer:?}")
    };
    assert!(sequence > last);
    assert_eq!(ids(&*store, everywhere(LogFilter::All)).await, ["y"]);
    flush(&*store, flushed).await;
    assert_eq!(ids(&*store, everywhere(LogFilter::All)).await, ["y"]);
    add(&*store, vec![record(0, "x", "again")]).await;
    assert_eq!(store.get(INDEX, "x").await.unwrap().unwrap().version, 1);
}

async fn operations_of_one_batch_see_each_other(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    add(&*store, vec![record(0, "old", "old")]).await;
    flush(&*store, flushed).await;
    let ops = vec![
        put(record(1, "a", "one"), true),
        put(record(2, "a", "two"), false),
        put(record(3, "a", "three"), true),
        delete("old"),
        put(record(4, "old", "new"), false),
        delete("old"),
    ];
    let answer = write(&*store, ops).await;
    let kinds: Vec<_> = answer.outcomes.iter().map(|outcome| outcome_text(*outcome)).collect();
    let wanted = ["created", "rejected", "updated 2", "deleted 2", "created", "deleted 2"];
    assert_eq!(kinds, wanted);
    assert_eq!(reasons(&answer), [RejectReason::Conflict]);
    flush(&*store, flushed).await;
    assert_eq!(ids(&*store, everywhere(LogFilter::All)).await, ["a"]);
    let empty = write(&*store, Vec::new()).await;
    assert_eq!(empty, LogReceipt::default());
}

fn outcome_text(outcome: LogOutcome) -> String {
    match outcome {
        LogOutcome::Created(_) => "created".to_owned(),
        LogOutcome::Updated(_, version) => format!("updated {version}"),
        LogOutcome::Deleted(_, version) => format!("deleted {version}"),
        LogOutcome::Rejected => "rejected".to_owned(),
    }
}
