//! The suite of the trace port: what [`TraceStore`] promises, checked on any implementation.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::batch::SpanBatch;
use crate::model::resource::{AttrValue, Attributes, Resource};
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{
    Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, StatusCode, TraceId,
};
use crate::model::trace_query::{AttributeScope, Dependency, SpanCondition, TraceSearch};
use crate::storage::lifecycle::RetentionLimits;
use crate::storage::trace_store::TraceStore;

/// 2026-11-23T12:00:00Z in nanoseconds. A clock of the store under test stands here.
pub const NOON: i64 = 1_795_435_200_000_000_000;
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Makes the stores that the suite checks.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens a new, empty store.
    async fn empty(&self) -> Arc<dyn TraceStore>;

    /// Ends `store` without flushing it and opens its data again; `None` when nothing is kept.
    async fn reopened(&self, store: Arc<dyn TraceStore>) -> Option<Arc<dyn TraceStore>> {
        drop(store);
        None
    }
}

/// Runs the whole suite.
///
/// # Panics
/// When the store breaks a promise.
pub async fn run(subject: &dyn Subject) {
    nothing_is_found_in_an_empty_store(&*subject.empty().await).await;
    a_span_comes_back_whole(&*subject.empty().await).await;
    repeated_spans_are_kept_once(&*subject.empty().await).await;
    a_repeated_span_is_not_found_by_what_was_not_kept(&*subject.empty().await).await;
    late_spans_join_their_trace(&*subject.empty().await).await;
    searches_choose_by_each_condition(&*subject.empty().await).await;
    results_are_newest_first_and_say_when_they_were_cut(&*subject.empty().await).await;
    services_operations_and_calls_are_listed(&*subject.empty().await).await;
    a_large_trace_is_whole(&*subject.empty().await).await;
    retention_drops_days_but_not_the_live_one(&*subject.empty().await).await;
    everything_is_there_once_after_a_crash(subject).await;
}

/// Builds a span of trace `trace` that begins `at` nanoseconds after noon and lasts a second.
pub fn span(trace: u8, id: u8, service: &str, name: &str, at: i64) -> Span {
    Span {
        trace_id: TraceId([trace; 16]),
        span_id: SpanId([id; 8]),
        parent_span_id: None,
        trace_state: String::new(),
        flags: 1,
        name: name.to_owned(),
        kind: SpanKind::Server,
        start: TimestampNs(NOON + at),
        end: TimestampNs(NOON + at + SECOND),
        attributes: Attributes::default(),
        events: Vec::new(),
        links: Vec::new(),
        status: Status::default(),
        resource: Arc::new(Resource::of_service(service)),
        scope: Arc::default(),
    }
}

fn rich_span() -> Span {
    let mut rich = span(1, 1, "shop-ü", "GET /", 5);
    rich.parent_span_id = Some(SpanId([9; 8]));
    rich.trace_state = "a=b".into();
    rich.kind = SpanKind::Client;
    rich.status = Status { code: StatusCode::Error, message: "boom".into() };
    let nested = AttrValue::Map(vec![("k".into(), AttrValue::Bytes(vec![0, 255]))]);
    rich.attributes.set("list", AttrValue::Array(vec![AttrValue::Int(-1), nested]));
    rich.attributes.set("pi", AttrValue::Double(3.25));
    rich.attributes.set("yes", AttrValue::Bool(true));
    rich.attributes.set("none", AttrValue::Empty);
    let mut attributes = Attributes::default();
    attributes.set("exception.type", "E".into());
    let timestamp = TimestampNs(NOON + 7);
    rich.events.push(SpanEvent {
        timestamp,
        name: "exception".into(),
        attributes: attributes.clone(),
    });
    let (trace_id, span_id) = (TraceId([8; 16]), SpanId([8; 8]));
    rich.links.push(SpanLink { trace_id, span_id, trace_state: "c=d".into(), attributes });
    rich
}

async fn write(store: &dyn TraceStore, spans: Vec<Span>) {
    let count = spans.len() as u64;
    let receipt = store.append(SpanBatch { spans }).await.unwrap();
    assert_eq!((receipt.accepted, receipt.rejected), (count, vec![]));
}

/// Searches before and after a flush: where spans lie must not matter.
async fn search(store: &dyn TraceStore, condition: SpanCondition) -> Vec<u8> {
    let range = TimeRange::new(TimestampNs(NOON), TimestampNs(NOON + 100 * SECOND));
    let search = TraceSearch { range, condition, limit: 100 };
    let found = store.search(search).await.unwrap();
    assert!(!found.truncated);
    found.items.iter().map(|trace| trace.trace_id.0[0]).collect()
}

async fn nothing_is_found_in_an_empty_store(store: &dyn TraceStore) {
    assert_eq!(store.trace(TraceId([1; 16])).await.unwrap(), None);
    assert!(search(store, SpanCondition::All).await.is_empty());
    let all = TimeRange::<TimestampNs>::ALL;
    assert!(store.services(all).await.unwrap().is_empty());
    assert!(store.operations("x", all).await.unwrap().is_empty());
    store.flush().await.unwrap();
}

async fn a_span_comes_back_whole(store: &dyn TraceStore) {
    write(store, vec![rich_span()]).await;
    for flushed in [false, true] {
        let trace = store.trace(TraceId([1; 16])).await.unwrap().unwrap();
        assert_eq!(trace.spans, vec![rich_span()], "flushed: {flushed}");
        store.flush().await.unwrap();
    }
}

async fn repeated_spans_are_kept_once(store: &dyn TraceStore) {
    let first = span(1, 1, "a", "first", 0);
    let again = span(1, 1, "a", "again", 3);
    let mut shared = span(1, 1, "b", "shared", 1);
    shared.kind = SpanKind::Client;
    write(store, vec![first.clone(), again.clone()]).await;
    write(store, vec![again.clone(), shared.clone()]).await;
    store.flush().await.unwrap();
    write(store, vec![again]).await;
    let trace = store.trace(TraceId([1; 16])).await.unwrap().unwrap();
    assert_eq!(trace.spans, vec![first, shared]);
}

async fn a_repeated_span_is_not_found_by_what_was_not_kept(store: &dyn TraceStore) {
    write(store, vec![span(1, 1, "a", "first", 0)]).await;
    write(store, vec![span(2, 1, "a", "first", 1)]).await;
    store.flush().await.unwrap();
    write(store, vec![span(1, 1, "a", "again", 9)]).await;
    for flushed in [false, true] {
        let again = search(store, SpanCondition::Name("again".into())).await;
        assert!(again.is_empty(), "{again:?}, flushed: {flushed}");
        assert_eq!(search(store, SpanCondition::All).await, [2, 1], "flushed: {flushed}");
        let range = TimeRange::new(TimestampNs(NOON), TimestampNs(NOON + SECOND));
        let one = TraceSearch { range, condition: SpanCondition::All, limit: 1 };
        let found = store.search(one).await.unwrap();
        assert_eq!(found.items[0].trace_id, TraceId([2; 16]), "flushed: {flushed}");
        assert!(found.truncated, "flushed: {flushed}");
        store.flush().await.unwrap();
    }
}

async fn late_spans_join_their_trace(store: &dyn TraceStore) {
    write(store, vec![span(1, 2, "a", "second", 10)]).await;
    store.flush().await.unwrap();
    write(store, vec![span(1, 1, "a", "first", 0), span(2, 1, "a", "other", 0)]).await;
    write(store, vec![span(1, 3, "a", "yesterday", -DAY)]).await;
    for _ in 0..2 {
        let trace = store.trace(TraceId([1; 16])).await.unwrap().unwrap();
        let names: Vec<_> = trace.spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["yesterday", "first", "second"]);
        store.flush().await.unwrap();
    }
}

async fn searches_choose_by_each_condition(store: &dyn TraceStore) {
    let mut failed = span(2, 1, "b", "pay", 1);
    failed.status.code = StatusCode::Error;
    failed.attributes.set("code", AttrValue::Int(500));
    failed.end = TimestampNs(failed.start.0 + 5 * SECOND);
    let mut client = span(3, 1, "b", "call", 2);
    client.kind = SpanKind::Client;
    let mut attributes = Attributes::default();
    attributes.set("exception.type", "Timeout".into());
    let timestamp = client.start;
    client.events.push(SpanEvent { timestamp, name: "exception".into(), attributes });
    write(store, vec![span(1, 1, "a", "pay", 0), failed, client]).await;
    let name = |name: &str| SpanCondition::Name(name.into());
    let attribute =
        |scope, key: &str, value: &str| SpanCondition::Attribute(scope, key.into(), value.into());
    let cases = [
        (SpanCondition::All, vec![3, 2, 1]),
        (SpanCondition::Service("b".into()), vec![3, 2]),
        (name("pay"), vec![2, 1]),
        (SpanCondition::Kind(SpanKind::Client), vec![3]),
        (SpanCondition::Error(true), vec![2]),
        (SpanCondition::Error(false), vec![3, 1]),
        (SpanCondition::Duration(5 * SECOND, 5 * SECOND), vec![2]),
        (SpanCondition::Duration(0, SECOND - 1), vec![]),
        (attribute(AttributeScope::Span, "code", "500"), vec![2]),
        (attribute(AttributeScope::Resource, "code", "500"), vec![]),
        (attribute(AttributeScope::Resource, "service.name", "a"), vec![1]),
        (attribute(AttributeScope::Any, "exception.type", "Timeout"), vec![3]),
        (attribute(AttributeScope::Span, "exception.type", "Timeout"), vec![]),
        (SpanCondition::And(vec![name("pay"), SpanCondition::Error(true)]), vec![2]),
        (SpanCondition::Or(vec![name("call"), SpanCondition::Service("a".into())]), vec![3, 1]),
        (SpanCondition::Not(Box::new(name("pay"))), vec![3]),
    ];
    for flushed in [false, true] {
        for (condition, expected) in &cases {
            let found = search(store, condition.clone()).await;
            assert_eq!(found, *expected, "{condition:?}, flushed: {flushed}");
        }
        store.flush().await.unwrap();
    }
}

async fn results_are_newest_first_and_say_when_they_were_cut(store: &dyn TraceStore) {
    for trace in 1..=5_u8 {
        write(store, vec![span(trace, 1, "a", "x", i64::from(trace))]).await;
        if trace == 3 {
            store.flush().await.unwrap();
        }
    }
    let condition = SpanCondition::All;
    let range = TimeRange::new(TimestampNs(NOON + 1), TimestampNs(NOON + 4));
    let asked = TraceSearch { range, condition, limit: 3 };
    let found = store.search(asked.clone()).await.unwrap();
    let ids: Vec<u8> = found.items.iter().map(|trace| trace.trace_id.0[0]).collect();
    assert_eq!((ids, found.truncated), (vec![4, 3, 2], true));
    let found = store.search(TraceSearch { limit: 4, ..asked }).await.unwrap();
    assert_eq!((found.items.len(), found.truncated), (4, false));
}

async fn services_operations_and_calls_are_listed(store: &dyn TraceStore) {
    let mut child = span(1, 2, "db", "select", 1);
    child.parent_span_id = Some(SpanId([1; 8]));
    let mut inner = span(1, 3, "db", "parse", 2);
    inner.parent_span_id = Some(SpanId([2; 8]));
    write(store, vec![span(1, 1, "shop", "buy", 0), child]).await;
    store.flush().await.unwrap();
    write(store, vec![inner, span(2, 1, "shop", "look", 50 * SECOND)]).await;
    let range = TimeRange::new(TimestampNs(NOON), TimestampNs(NOON + 10 * SECOND));
    for _ in 0..2 {
        assert_eq!(store.services(range).await.unwrap(), ["db", "shop"]);
        let shop = store.operations("shop", range).await.unwrap();
        let names: Vec<_> = shop.iter().map(|one| (one.name.as_str(), one.kind)).collect();
        assert_eq!(names, [("buy", "server")]);
        let call = Dependency { parent: "shop".into(), child: "db".into(), calls: 1 };
        assert_eq!(store.dependencies(range).await.unwrap(), [call]);
        store.flush().await.unwrap();
    }
}

async fn a_large_trace_is_whole(store: &dyn TraceStore) {
    let spans = (0..10_000_u64).map(|number| {
        let mut one = span(7, 0, "big", "step", number as i64);
        one.span_id = SpanId((number + 1).to_be_bytes());
        one
    });
    let spans: Vec<Span> = spans.collect();
    for part in spans.chunks(1_000) {
        write(store, part.to_vec()).await;
    }
    store.flush().await.unwrap();
    let trace = store.trace(TraceId([7; 16])).await.unwrap().unwrap();
    assert_eq!(trace.spans.len(), 10_000);
    assert!(trace.spans == spans);
}

async fn retention_drops_days_but_not_the_live_one(store: &dyn TraceStore) {
    write(store, vec![span(1, 1, "a", "old", -3 * DAY), span(2, 1, "a", "new", 0)]).await;
    store.flush().await.unwrap();
    let limits = RetentionLimits { oldest_ns: i64::MAX, max_bytes: None };
    let dropped = store.enforce_retention(limits).await.unwrap();
    assert_eq!(dropped.partitions, ["2026-11-20"]);
    assert_eq!(store.trace(TraceId([1; 16])).await.unwrap(), None);
    assert!(store.trace(TraceId([2; 16])).await.unwrap().is_some());
}

async fn everything_is_there_once_after_a_crash(subject: &dyn Subject) {
    let mut store = subject.empty().await;
    let mut expected = Vec::new();
    for round in 1..=6_u8 {
        let at = i64::from(round) * DAY / 4 - DAY;
        let spans: Vec<Span> = (1..=20)
            .map(|id| span(1, id + 20 * (round - 1), "a", "x", at + i64::from(id)))
            .collect();
        expected.extend(spans.clone());
        write(&*store, spans).await;
        if round % 2 == 0 {
            store.flush().await.unwrap();
        }
        let Some(reopened) = subject.reopened(store).await else { return };
        store = reopened;
        let trace = store.trace(TraceId([1; 16])).await.unwrap().unwrap();
        assert_eq!(trace.spans.len(), expected.len(), "round {round}");
        assert!(trace.spans == expected, "round {round}");
    }
}
