//! What the log port promises about whole stores: scans, fields, retention, the end, a new start.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::sync::Arc;

use parking_lot::Mutex;

use crate::base::error::ErrorKind;
use crate::model::batch::LogBatch;
use crate::model::log_filter::{LogField, LogFilter};
use crate::model::resource::AttrValue;
use crate::storage::conformance::log::{
    DAY, INDEX, NOON, Subject, add, delete, everywhere, flush, ids, page, put, record, write,
};
use crate::storage::conformance::log_filters::samples;
use crate::storage::lifecycle::RetentionLimits;
use crate::storage::log_store::{
    Direction, FieldKind, FieldType, LogHit, LogPosition, LogStore, LogVisitor,
};

pub(super) async fn run(subject: &dyn Subject) {
    for flushed in [false, true] {
        records_come_back_as_they_were(subject, flushed).await;
        scans_show_the_named_fields_until_told_to_stop(subject, flushed).await;
        fields_and_indices_are_those_of_living_records(subject, flushed).await;
    }
    retention_drops_whole_days_by_time_but_never_the_live_one(subject).await;
    a_closed_store_is_unavailable(subject).await;
    restarts_and_flushes_in_any_order_lose_and_repeat_nothing(subject).await;
}

/// All that a store shows.
async fn everything(store: &dyn LogStore) -> Vec<LogHit> {
    page(store, everywhere(LogFilter::All), Direction::Forward, None, 1_000_000).await.0
}

async fn records_come_back_as_they_were(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let mut wanted = samples();
    wanted[0].observed.0 = -5;
    wanted[0].source = Some(r#"{"a": 1}"#.into());
    wanted[1].scope = Arc::new(crate::model::resource::Scope {
        name: "lib".into(),
        version: "1.2".into(),
        attributes: wanted[0].attributes.clone(),
    });
    wanted[2].attributes.set("bytes", AttrValue::Bytes(vec![0, 255]));
    wanted[2].attributes.set("infinite", AttrValue::Double(f64::NEG_INFINITY));
    add(&*store, wanted.clone()).await;
    flush(&*store, flushed).await;
    let found: Vec<_> = everything(&*store).await.into_iter().map(|hit| hit.record).collect();
    assert_eq!(found, wanted);
    let hit = store.get(INDEX, "traced").await.unwrap().unwrap();
    assert_eq!(hit.record, wanted[1]);
}

/// A record's place with the values of the fields asked for.
type Seen = (LogPosition, Vec<Option<AttrValue>>);

/// Notes the values it is shown, at most `limit`.
struct Notes {
    limit: usize,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl LogVisitor for Notes {
    fn visit(&mut self, position: LogPosition, values: &[Option<AttrValue>]) -> bool {
        let mut seen = self.seen.lock();
        seen.push((position, values.to_vec()));
        seen.len() < self.limit
    }
}

async fn scans_show_the_named_fields_until_told_to_stop(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    add(&*store, samples()).await;
    flush(&*store, flushed).await;
    let fields = vec![LogField::Id, LogField::Attribute("status".into())];
    for (limit, wanted) in [(usize::MAX, 3), (2, 2)] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Box::new(Notes { limit, seen: Arc::clone(&seen) });
        let select = everywhere(LogFilter::Exists(fields[1].clone()));
        drop(store.scan(select, fields.clone(), notes).await.unwrap());
        let mut seen = Arc::into_inner(seen).unwrap().into_inner();
        assert_eq!(seen.len(), wanted);
        seen.sort_by_key(|(position, _)| *position);
        if wanted == 3 {
            let plain = vec![Some(AttrValue::from("plain")), Some(AttrValue::Int(200))];
            assert_eq!((seen[0].0.timestamp.0, &seen[0].1), (NOON, &plain));
        }
    }
}

async fn fields_and_indices_are_those_of_living_records(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    add(&*store, samples()).await;
    let mut elsewhere = record(9, "e", "x");
    elsewhere.index = "other".to_owned();
    elsewhere.attributes.set("status", AttrValue::Bool(true));
    elsewhere.attributes.set("only.here", AttrValue::Int(1));
    add(&*store, vec![elsewhere]).await;
    flush(&*store, flushed).await;
    write(&*store, vec![delete("word")]).await;
    let kind = |fields: &[FieldType], key: &str| {
        let of_key = |one: &&FieldType| one.field == LogField::Attribute(key.to_owned());
        fields.iter().find(of_key).map(|one| one.kind)
    };
    for _ in 0..2 {
        let here = store.fields(&[INDEX.to_owned()]).await.unwrap().items;
        assert!(here.is_sorted_by_key(|one| &one.field));
        // 200, "500" and 404.5 together.
        assert_eq!(kind(&here, "status"), Some(FieldKind::Text));
        assert_eq!(kind(&here, "outer.inner"), Some(FieldKind::Boolean));
        assert_eq!(kind(&here, "tags"), Some(FieldKind::Text));
        assert_eq!((kind(&here, "big"), kind(&here, "only.here")), (None, None));
        assert!(here.iter().any(|one| one.field == LogField::TraceId));
        let there = store.fields(&["oth*".to_owned()]).await.unwrap().items;
        assert_eq!(kind(&there, "status"), Some(FieldKind::Boolean));
        assert_eq!(kind(&there, "only.here"), Some(FieldKind::Long));
        let date = FieldType { field: LogField::Timestamp, kind: FieldKind::Date };
        assert_eq!((there.len(), &there[0]), (6, &date));
        let indices = store.indices().await.unwrap();
        let indices: Vec<_> = indices.iter().map(|one| (one.name.as_str(), one.records)).collect();
        assert_eq!(indices, [(INDEX, 4), ("other", 1)]);
        flush(&*store, flushed).await;
    }
}

async fn retention_drops_whole_days_by_time_but_never_the_live_one(subject: &dyn Subject) {
    let store = subject.empty().await;
    for day in -5..=0 {
        add(&*store, vec![record(day * DAY, &day.to_string(), "x")]).await;
    }
    let limits = |oldest_ns: i64| RetentionLimits { oldest_ns, max_bytes: None };
    store.flush().await.unwrap();
    let nothing = store.enforce_retention(limits(NOON - 9 * DAY)).await.unwrap();
    assert_eq!(nothing.partitions, Vec::<String>::new());
    // Noon three days ago lies inside the day of 2026-11-20, which stays.
    let dropped = store.enforce_retention(limits(NOON - 3 * DAY)).await.unwrap();
    assert_eq!(dropped.partitions, ["2026-11-18", "2026-11-19"]);
    assert_eq!(ids(&*store, everywhere(LogFilter::All)).await, ["-3", "-2", "-1", "0"]);
    assert_eq!(store.get(INDEX, "-4").await.unwrap(), None);
    add(&*store, vec![record(0, "-4", "its id is free again")]).await;
    let dropped = store.enforce_retention(limits(NOON + 90 * DAY)).await.unwrap();
    assert_eq!(dropped.partitions, ["2026-11-20", "2026-11-21", "2026-11-22"]);
    assert_eq!(ids(&*store, everywhere(LogFilter::All)).await, ["0", "-4"]);
}

async fn a_closed_store_is_unavailable(subject: &dyn Subject) {
    let store = subject.empty().await;
    add(&*store, samples()).await;
    store.close().await.unwrap();
    let refused = store.append(LogBatch::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let refused = store.count(everywhere(LogFilter::All)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert_eq!(store.flush().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

async fn restarts_and_flushes_in_any_order_lose_and_repeat_nothing(subject: &dyn Subject) {
    let mut store = subject.empty().await;
    let mut greatest = 0;
    for round in 0..8_i64 {
        // Each round adds, replaces into another day, and removes what earlier rounds wrote.
        let id = |number: i64| format!("{number}");
        let mut ops: Vec<_> =
            (0..5).map(|i| put(record(i * DAY / 2, &id(round * 5 + i), "new"), false)).collect();
        ops.push(put(record(-DAY, &id(round), "replaced"), true));
        ops.push(delete(&id(round * 2 + 1)));
        write(&*store, ops).await;
        if round % 3 != 0 {
            store.flush().await.unwrap();
        }
        let before = everything(&*store).await;
        let newest = before.iter().map(|hit| hit.position.sequence).max().unwrap();
        assert!(newest > greatest, "sequences never repeat, also across restarts");
        greatest = newest;
        let Some(reopened) = subject.reopened(store).await else { return };
        store = reopened;
        assert_eq!(everything(&*store).await, before, "round {round}");
        if round % 2 == 0 {
            store.flush().await.unwrap();
            assert_eq!(everything(&*store).await, before, "round {round}, flushed");
        }
    }
}
