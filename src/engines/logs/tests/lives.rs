//! Random lives: the engine answers as the memory store does, whatever is written, flushed and
//! reopened in between.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::engines::logs::tests::House;
use crate::model::batch::{LogBatch, LogOp};
use crate::model::log::{LogRecord, Severity};
use crate::model::log_filter::{Bound, FilterValue, LogField, LogFilter};
use crate::model::log_query::{Direction, LogOutcome, LogPage, LogReceipt, LogSearch, LogSelect};
use crate::model::resource::{AttrValue, Resource};
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::TraceId;
use crate::storage::conformance::log::NOON;
use crate::storage::lifecycle::Lifecycle;
use crate::storage::log_store::LogStore;
use crate::storage::memory::log::MemoryLogStore;

const HALF_DAY: i64 = 43_200_000_000_000;

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<LogOp>),
    Flush,
    Reopen,
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("error"),
        Just("Error"),
        Just("über"),
        Just("12"),
        Just("a_b"),
        Just("a"),
        Just("true"),
        Just("ΟΔΟΣ"),
        Just("x\ny"),
        Just("\"q\""),
        Just("4.5"),
    ];
    let divider = prop_oneof![Just(" "), Just(""), Just("-"), Just(".")];
    prop::collection::vec((piece, divider), 0..5)
        .prop_map(|pieces| pieces.iter().map(|(piece, end)| format!("{piece}{end}")).collect())
}

fn value() -> impl Strategy<Value = AttrValue> {
    let leaf = prop_oneof![
        4 => text().prop_map(AttrValue::Str),
        1 => any::<bool>().prop_map(AttrValue::Bool),
        2 => (-2_i64..14).prop_map(AttrValue::Int),
        1 => prop_oneof![Just(-0.0), Just(4.5), Just(12.0), Just(f64::NAN)]
            .prop_map(AttrValue::Double),
        1 => Just(AttrValue::Empty),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(AttrValue::Array),
            prop::collection::vec((key(), inner), 0..2).prop_map(AttrValue::Map),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just("k"), Just("l"), Just("k.l")].prop_map(str::to_owned)
}

fn record() -> impl Strategy<Value = LogRecord> {
    let place = (-2_i64..3, 0_i64..3, 0_u8..12, prop_oneof![Just("logs-a"), Just("logs-b")]);
    let said = (0_u8..25, prop_oneof![Just(""), Just("Odd"), Just("WARN")], value());
    let around = (prop::option::of((key(), value())), text(), prop::option::of(1_u8..4));
    (place, said, around).prop_map(|(place, said, around)| {
        let (half, ns, id, index) = place;
        let mut record = LogRecord::new(TimestampNs(NOON + half * HALF_DAY + ns), "");
        (record.index, record.id) = (index.to_owned(), id.to_string());
        record.severity = Severity(said.0);
        record.severity_text = said.1.to_owned();
        record.body = said.2;
        record.attributes.0.extend(around.0);
        record.resource = Resource::of_service(&around.1).into();
        record.trace_id = around.2.map(|byte| TraceId([byte; 16]));
        record
    })
}

fn step() -> impl Strategy<Value = Step> {
    let op = prop_oneof![
        6 => (record(), any::<bool>())
            .prop_map(|(record, replace)| LogOp::Put { record: Box::new(record), replace }),
        1 => (0_u8..12).prop_map(|id| LogOp::Delete { index: "logs-a".into(), id: id.to_string() }),
    ];
    prop_oneof![
        4 => prop::collection::vec(op, 1..8).prop_map(Step::Write),
        2 => Just(Step::Flush),
        1 => Just(Step::Reopen),
    ]
}

fn field() -> impl Strategy<Value = LogField> {
    prop_oneof![
        Just(LogField::Timestamp),
        Just(LogField::Severity),
        Just(LogField::Body),
        Just(LogField::Service),
        Just(LogField::TraceId),
        Just(LogField::Index),
        Just(LogField::Id),
        Just(LogField::Resource("service.name".into())),
        key().prop_map(LogField::Attribute),
        key().prop_map(LogField::Attribute),
        Just(LogField::Body),
    ]
}

fn asked() -> impl Strategy<Value = FilterValue> {
    prop_oneof![
        4 => text().prop_map(FilterValue::Str),
        1 => (-2_i64..14).prop_map(FilterValue::Int),
        1 => (-2_i64..3).prop_map(|half| FilterValue::Int(NOON + half * HALF_DAY + 1)),
        1 => prop_oneof![Just(0.0), Just(4.5), Just(12.0)].prop_map(FilterValue::Number),
        1 => any::<bool>().prop_map(FilterValue::Bool),
        1 => prop_oneof![Just("warn"), Just("ODD"), Just("logs-a"), Just("3"),
            Just("02020202020202020202020202020202")]
            .prop_map(|text| FilterValue::Str(text.into())),
    ]
}

fn bound() -> impl Strategy<Value = Bound> {
    prop_oneof![
        Just(Bound::Unbounded),
        asked().prop_map(Bound::Included),
        asked().prop_map(Bound::Excluded),
    ]
}

fn filter() -> impl Strategy<Value = LogFilter> {
    let words = || prop::collection::vec(text(), 0..3);
    let pattern = || prop_oneof![Just("*"), Just("err*"), Just("?"), Just("*B*"), Just("1?")];
    let leaf = prop_oneof![
        Just(LogFilter::All),
        Just(LogFilter::Nothing),
        (field(), asked()).prop_map(|(field, value)| LogFilter::Equals(field, value)),
        (field(), asked()).prop_map(|(field, value)| LogFilter::Equals(field, value)),
        (field(), words()).prop_map(|(field, words)| LogFilter::Words(field, words)),
        (field(), words()).prop_map(|(field, words)| LogFilter::Phrase(field, words)),
        (field(), text()).prop_map(|(field, text)| LogFilter::Contains(field, text)),
        (field(), pattern()).prop_map(|(field, one)| LogFilter::Wildcard(field, one.into())),
        field().prop_map(|field| LogFilter::Regex(field, "[a-e].*|12".into())),
        (field(), bound(), bound())
            .prop_map(|(field, low, high)| { LogFilter::Range(field, low, high) }),
        field().prop_map(LogFilter::Exists),
        words().prop_map(LogFilter::AnyWords),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let many = || prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            many().prop_map(LogFilter::And),
            many().prop_map(LogFilter::Or),
            inner.clone().prop_map(|inner| LogFilter::Not(Box::new(inner))),
        ]
    })
}

/// What two stores must agree on; their sequences differ.
fn comparable(page: LogPage) -> (Vec<String>, u64) {
    let hit = |hit: crate::model::log_query::LogHit| format!("{} {:?}", hit.version, hit.record);
    (page.hits.into_iter().map(hit).collect(), page.total)
}

fn outcomes(answer: LogReceipt) -> String {
    let outcome = |outcome: &LogOutcome| match outcome {
        LogOutcome::Created(_) => "created".to_owned(),
        LogOutcome::Updated(_, version) => format!("updated {version}"),
        LogOutcome::Deleted(_, version) => format!("deleted {version}"),
        LogOutcome::Rejected => "rejected".to_owned(),
    };
    let list: Vec<_> = answer.outcomes.iter().map(outcome).collect();
    format!("{list:?} {:?}", answer.receipt)
}

async fn live(steps: Vec<Step>, filters: Vec<LogFilter>) {
    let oracle = MemoryLogStore::new();
    let mut house = House::new();
    for step in steps {
        match step {
            Step::Write(ops) => {
                let wanted = oracle.append(LogBatch { ops: ops.clone() }).await.unwrap();
                let found = house.engine.append(LogBatch { ops }).await.unwrap();
                assert_eq!(outcomes(found), outcomes(wanted));
            }
            Step::Flush => house.engine.flush().await.unwrap(),
            Step::Reopen => house = house.reopen(|_| ()).await,
        }
    }
    for (number, filter) in filters.into_iter().enumerate() {
        let half = TimeRange::new(TimestampNs(NOON - HALF_DAY), TimestampNs(NOON + 1));
        let all = TimeRange::<TimestampNs>::ALL;
        let select = LogSelect {
            indices: if number % 3 == 0 { vec!["*-a".to_owned()] } else { Vec::new() },
            range: if number % 4 == 0 { half } else { all },
            filter: filter.clone(),
        };
        let direction = if number % 2 == 0 { Direction::Forward } else { Direction::Backward };
        let limit = if number % 5 == 0 { 3 } else { 1_000 };
        let search = LogSearch { select: select.clone(), direction, after: None, limit };
        let wanted = oracle.search(search.clone()).await.unwrap();
        let found = house.engine.search(search).await.unwrap();
        assert_eq!(comparable(found), comparable(wanted), "{filter:?}");
        let wanted = oracle.count(select.clone()).await.unwrap();
        assert_eq!(house.engine.count(select).await.unwrap(), wanted, "{filter:?}");
    }
    let wanted = oracle.fields(&[]).await.unwrap();
    assert_eq!(house.engine.fields(&[]).await.unwrap(), wanted);
    assert_eq!(house.engine.indices().await.unwrap(), oracle.indices().await.unwrap());
}

#[test]
fn the_engine_answers_as_the_memory_store_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new_with_rng(
        Config { cases: 24, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let lives = (prop::collection::vec(step(), 1..12), prop::collection::vec(filter(), 40));
    runner
        .run(&lives, |(steps, filters)| {
            runtime.block_on(live(steps, filters));
            Ok(())
        })
        .unwrap();
}
