//! What the log port promises about finding: filters, ranges, indices, order and pages.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::sync::Arc;

use crate::base::error::ErrorKind;
use crate::model::log::{LogRecord, Severity};
use crate::model::log_filter::{Bound, FilterValue, LogField, LogFilter};
use crate::model::resource::{AttrValue, Resource};
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{SpanId, TraceId};
use crate::storage::conformance::log::{
    DAY, NOON, Subject, add, everywhere, flush, ids, page, record,
};
use crate::storage::log_store::{Direction, LogSelect};

pub(super) async fn run(subject: &dyn Subject) {
    for flushed in [false, true] {
        every_condition_finds_what_it_says(subject, flushed).await;
        ranges_hold_both_ends_to_the_nanosecond(subject, flushed).await;
        index_patterns_choose(subject, flushed).await;
        pages_neither_lose_nor_repeat(subject, flushed).await;
    }
    a_broken_pattern_is_refused(subject).await;
}

/// Five records that differ in every field.
pub(super) fn samples() -> Vec<LogRecord> {
    let mut plain = record(0, "plain", "GET /users/42 took 12ms; user_id=7");
    plain.severity = Severity::INFO;
    plain.resource = Arc::new(Resource::of_service("shop"));
    plain.attributes.set("status", AttrValue::Int(200));
    plain.attributes.set("user.name", AttrValue::from("Zoë O'Hara"));
    let mut traced =
        record(1, "traced", "connection refused: Verbindung zur Größe ÄÖÜ 東京 failed");
    traced.severity = Severity(18);
    traced.severity_text = "SEVERE".to_owned();
    traced.trace_id = TraceId::from_hex("0af7651916cd43dd8448eb211c80319c");
    traced.span_id = SpanId::from_hex("b7ad6b7169203331");
    traced.resource = Arc::new(Resource::of_service("Shop"));
    traced.attributes.set("status", AttrValue::from("500"));
    let mut nested = record(2, "nested", "");
    nested.body = AttrValue::Map(vec![
        ("msg".into(), AttrValue::from("disk \"sda\" failed")),
        ("free".into(), AttrValue::Double(0.5)),
    ]);
    let inner = vec![("inner".to_owned(), AttrValue::Bool(true))];
    nested.attributes.set("outer", AttrValue::Map(inner));
    let tags = ["line\nbreak", "b"].map(AttrValue::from);
    nested.attributes.set("tags", AttrValue::Array(tags.to_vec()));
    nested.attributes.set("status", AttrValue::Double(404.5));
    let mut word = record(3, "word", "refused connection");
    word.severity_text = "Odd".to_owned();
    word.attributes.set("big", AttrValue::Int(i64::MAX));
    word.attributes.set("empty", AttrValue::Empty);
    let mut bare = record(4, "bare", &format!("{} end", "x".repeat(300)));
    bare.body = AttrValue::Str(format!("{} end", "x".repeat(300)));
    vec![plain, traced, nested, word, bare]
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn attribute(key: &str) -> LogField {
    LogField::Attribute(key.to_owned())
}

fn text(text: &str) -> FilterValue {
    FilterValue::Str(text.to_owned())
}

fn not(filter: LogFilter) -> LogFilter {
    LogFilter::Not(Box::new(filter))
}

fn field_conditions() -> Vec<(LogFilter, &'static [&'static str])> {
    use LogFilter::{Equals, Exists, Range, Regex, Wildcard};
    let status = || attribute("status");
    vec![
        (Equals(LogField::Service, text("shop")), &["plain"]),
        (Equals(LogField::Resource("service.name".into()), text("Shop")), &["traced"]),
        (Equals(LogField::Severity, text("Error")), &["traced"]),
        (Equals(LogField::Severity, text("odd")), &["word"]),
        (Equals(LogField::TraceId, text("0af7651916cd43dd8448eb211c80319c")), &["traced"]),
        (Equals(LogField::SpanId, text("b7ad6b7169203331")), &["traced"]),
        (Equals(LogField::Id, text("bare")), &["bare"]),
        (Equals(LogField::Body, text("refused connection")), &["word"]),
        (Equals(LogField::Body, text("refused")), &[]),
        (Equals(LogField::Timestamp, FilterValue::Int(NOON + 3)), &["word"]),
        (Equals(status(), FilterValue::Int(500)), &["traced"]),
        (Equals(status(), FilterValue::Number(404.5)), &["nested"]),
        (Equals(attribute("user.name"), text("Zoë O'Hara")), &["plain"]),
        (Equals(attribute("outer.inner"), FilterValue::Bool(true)), &["nested"]),
        (Equals(attribute("tags"), text("line\nbreak")), &["nested"]),
        (Equals(attribute("big"), FilterValue::Int(i64::MAX)), &["word"]),
        (Equals(attribute("big"), FilterValue::Int(i64::MAX - 1)), &[]),
        (Wildcard(LogField::Service, "?hop".into()), &["plain", "traced"]),
        (Wildcard(LogField::Body, "REF*D".into()), &["traced", "word"]),
        (Regex(LogField::Service, "s.*".into()), &["plain"]),
        (Regex(LogField::Body, "conn[a-z]+".into()), &["traced", "word"]),
        (
            Range(status(), Bound::Included(FilterValue::Int(404)), Bound::Unbounded),
            &["traced", "nested"],
        ),
        (
            Range(status(), Bound::Unbounded, Bound::Excluded(FilterValue::Number(404.5))),
            &["plain"],
        ),
        (Exists(LogField::TraceId), &["traced"]),
        (Exists(attribute("outer.inner")), &["nested"]),
        (Exists(attribute("empty")), &[]),
        (Exists(LogField::Severity), &["plain", "traced", "word"]),
    ]
}

fn text_conditions() -> Vec<(LogFilter, &'static [&'static str])> {
    use LogFilter::{And, AnyWords, Contains, Or, Phrase, Words};
    let body = || LogField::Body;
    let failed = || Words(body(), texts(&["failed"]));
    let long = "x".repeat(300);
    vec![
        (LogFilter::All, &["plain", "traced", "nested", "word", "bare"]),
        (LogFilter::Nothing, &[]),
        (And(Vec::new()), &["plain", "traced", "nested", "word", "bare"]),
        (Or(Vec::new()), &[]),
        (Words(body(), texts(&["connection", "REFUSED"])), &["traced", "word"]),
        (Words(body(), texts(&["größe", "äöü"])), &["traced"]),
        (Words(body(), texts(&["東京"])), &["traced"]),
        (Words(body(), texts(&["user_id"])), &["plain"]),
        (Words(body(), texts(&["user"])), &[]),
        (Words(body(), texts(&["sda", "msg"])), &["nested"]),
        (Words(body(), vec![long.clone()]), &["bare"]),
        (Words(body(), vec![format!("{long}x")]), &[]),
        (Words(attribute("user.name"), texts(&["hara"])), &["plain"]),
        (Phrase(body(), texts(&["connection", "refused"])), &["traced"]),
        (Phrase(body(), texts(&["refused", "failed"])), &[]),
        (Contains(body(), "fused conn".into()), &["word"]),
        (Contains(body(), "/users/".into()), &["plain"]),
        (Contains(body(), "Refused".into()), &[]),
        (Contains(body(), "ÄÖÜ 東京 failed".into()), &["traced"]),
        (AnyWords(texts(&["shop"])), &["plain", "traced"]),
        (AnyWords(texts(&["severe"])), &["traced"]),
        (AnyWords(texts(&["404", "5"])), &["nested"]),
        (AnyWords(texts(&["shop", "took"])), &[]),
        (not(failed()), &["plain", "word", "bare"]),
        (
            not(LogFilter::Equals(attribute("status"), FilterValue::Int(200))),
            &["traced", "nested", "word", "bare"],
        ),
        (And(vec![failed(), not(LogFilter::Exists(LogField::Service))]), &["nested"]),
        (
            Or(vec![failed(), LogFilter::Equals(LogField::Service, text("shop"))]),
            &["plain", "traced", "nested"],
        ),
        (
            not(And(vec![failed(), LogFilter::Contains(body(), "sda".into())])),
            &["plain", "traced", "word", "bare"],
        ),
    ]
}

async fn every_condition_finds_what_it_says(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    add(&*store, samples()).await;
    flush(&*store, flushed).await;
    for (filter, wanted) in field_conditions().into_iter().chain(text_conditions()) {
        let found = ids(&*store, everywhere(filter.clone())).await;
        assert_eq!(found, wanted, "{filter:?}");
    }
}

async fn ranges_hold_both_ends_to_the_nanosecond(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    let times = [-DAY, -1, 0, 1, DAY];
    let records = times.iter().map(|at| record(*at, &at.to_string(), "x"));
    add(&*store, records.collect()).await;
    flush(&*store, flushed).await;
    let within = |start: i64, end: i64| LogSelect {
        indices: Vec::new(),
        range: TimeRange::new(TimestampNs(NOON + start), TimestampNs(NOON + end)),
        filter: LogFilter::All,
    };
    assert_eq!(ids(&*store, within(-1, 1)).await, ["-1", "0", "1"]);
    assert_eq!(ids(&*store, within(1, DAY - 1)).await, ["1"]);
    assert_eq!(ids(&*store, within(0, 0)).await, ["0"]);
    assert_eq!(ids(&*store, within(1, 0)).await, Vec::<String>::new());
    assert_eq!(ids(&*store, within(-2 * DAY, 2 * DAY)).await.len(), 5);
}

async fn index_patterns_choose(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    for (at, index) in ["logs-a", "logs-b", "other"].into_iter().enumerate() {
        let mut record = record(at as i64, index, "x");
        record.index = index.to_owned();
        add(&*store, vec![record]).await;
    }
    flush(&*store, flushed).await;
    let choices: [(&[&str], &[&str]); 5] = [
        (&["logs-*"], &["logs-a", "logs-b"]),
        (&["*", "-logs-b"], &["logs-a", "other"]),
        (&["other", "missing"], &["other"]),
        (&["missing"], &[]),
        (&["_all"], &["logs-a", "logs-b", "other"]),
    ];
    for (patterns, wanted) in choices {
        let select = LogSelect { indices: texts(patterns), ..everywhere(LogFilter::All) };
        assert_eq!(ids(&*store, select).await, wanted, "{patterns:?}");
    }
}

async fn pages_neither_lose_nor_repeat(subject: &dyn Subject, flushed: bool) {
    let store = subject.empty().await;
    // Equal timestamps keep the order of their arrival; some arrive after the flush.
    let records =
        |from: i64| (from..from + 12).map(|i| record(i % 3, &i.to_string(), "x")).collect();
    add(&*store, records(0)).await;
    flush(&*store, flushed).await;
    add(&*store, records(12)).await;
    let mut wanted: Vec<i64> = (0..24).collect();
    wanted.sort_by_key(|i| (i % 3, *i));
    for direction in [Direction::Forward, Direction::Backward] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (hits, total) =
                page(&*store, everywhere(LogFilter::All), direction, after, 5).await;
            assert_eq!(total, 24, "the total does not depend on the page");
            let Some(last) = hits.last() else { break };
            after = Some(last.position);
            found.extend(hits.iter().map(|hit| hit.record.id.parse::<i64>().unwrap()));
        }
        assert_eq!(found, wanted, "{direction:?}");
        wanted.reverse();
    }
    let (hits, total) =
        page(&*store, everywhere(LogFilter::All), Direction::Forward, None, 0).await;
    assert_eq!((hits.len(), total), (0, 24));
}

async fn a_broken_pattern_is_refused(subject: &dyn Subject) {
    let store = subject.empty().await;
    let broken = everywhere(LogFilter::Regex(LogField::Service, "(".into()));
    let refused = store.count(broken).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}
