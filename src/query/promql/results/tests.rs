use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::sample::Sample;
use crate::model::time::TimeRange;
use crate::query::promql::engine::EngineOptions;
use crate::query::promql::parse;
use crate::storage::lifecycle::Lifecycle;
use crate::storage::memory::metric::MemoryMetricStore;
use crate::storage::metric_store::MetricStore;

const STEP_MS: i64 = 60_000;

/// A store with an engine whose answers are kept, and one whose answers are not.
struct House {
    store: Arc<MemoryMetricStore>,
    engine: Engine,
    results: RangeResults,
}

impl House {
    fn new(bytes: u64) -> Self {
        let store = Arc::new(MemoryMetricStore::new(Duration::from_secs(86_400)));
        let engine = Engine::new(store.clone(), EngineOptions::default());
        let options = ResultOptions { bytes, least_samples: 1 };
        House { store, engine: engine.clone(), results: RangeResults::new(engine, options) }
    }

    /// A house with an hour of `a_total`, one sample a minute.
    async fn lived_in() -> Self {
        let house = House::new(1 << 20);
        for minute in 0..=60 {
            house.write("a_total", minute, minute as f64).await;
        }
        house
    }

    async fn write(&self, name: &str, minute: i64, value: f64) {
        let labels = Labels::from_pairs([("__name__", name), ("job", "one")]);
        let write = SeriesWrite::sample(labels, Sample::new(minute * STEP_MS, value));
        let batch = MetricBatch { series: vec![write], metadata: Vec::new() };
        self.store.append(batch).await.unwrap();
    }

    /// Asks for the steps between two minutes and checks the answer against one that is evaluated.
    async fn ask(&self, query: &str, minutes: (i64, i64)) -> Outcome {
        let (start, end) = (TimestampMs(minutes.0 * STEP_MS), TimestampMs(minutes.1 * STEP_MS));
        let (expr, step) = (parse(query).unwrap(), Duration::from_millis(STEP_MS as u64));
        let wanted = self.engine.range(&expr, start, end, step).await.unwrap();
        let (found, outcome) = self.results.answer(&expr, (start, end), step).await.unwrap();
        assert_eq!(found.value, wanted.value, "{query}");
        assert_eq!((found.warnings, found.infos), (wanted.warnings, wanted.infos), "{query}");
        if outcome == Outcome::Partial {
            assert!(found.stats.samples < wanted.stats.samples, "{query}");
        }
        outcome
    }
}

#[tokio::test]
async fn a_range_that_moves_on_is_answered_from_what_was_answered_before() {
    let house = House::lived_in().await;
    let query = "rate(a_total[5m])";
    assert_eq!(house.ask(query, (10, 60)).await, Outcome::Miss);
    assert_eq!(house.ask(query, (10, 60)).await, Outcome::Hit);
    assert_eq!(house.ask(query, (20, 50)).await, Outcome::Hit);
    house.write("a_total", 61, 61.0).await;
    assert_eq!(house.ask(query, (10, 60)).await, Outcome::Hit);
    assert_eq!(house.ask(query, (11, 61)).await, Outcome::Partial);
    assert_eq!(house.ask(query, (11, 61)).await, Outcome::Hit);
    assert_eq!(house.ask(query, (5, 65)).await, Outcome::Partial);
    assert_eq!(house.ask(query, (5, 65)).await, Outcome::Hit);
    assert_eq!(house.ask(query, (65, 90)).await, Outcome::Miss);
}

#[tokio::test]
async fn what_comes_late_or_is_deleted_is_seen_at_once() {
    let house = House::lived_in().await;
    assert_eq!(house.ask("sum(a_total)", (10, 60)).await, Outcome::Miss);
    house.write("b_total", 30, 1.0).await;
    assert_eq!(house.ask("sum(a_total)", (10, 60)).await, Outcome::Partial);
    assert_eq!(house.ask("sum({job=\"one\"})", (10, 60)).await, Outcome::Miss);
    house.write("c_total", 40, 7.0).await;
    assert_eq!(house.ask("sum({job=\"one\"})", (10, 60)).await, Outcome::Partial);
    let range = TimeRange::new(TimestampMs(50 * STEP_MS), TimestampMs(55 * STEP_MS));
    let all = vec![vec![Matcher::equal("job", "one")]];
    house.store.delete(all, range).await.unwrap();
    assert_eq!(house.ask("sum({job=\"one\"})", (10, 60)).await, Outcome::Partial);
    house.write("a_total", 2, 1.0).await;
    assert_eq!(house.ask("sum({job=\"one\"})", (10, 60)).await, Outcome::Hit);
    house.write("d_total", 2, 1.0).await;
    assert_eq!(house.ask("sum({job=\"one\"})", (10, 60)).await, Outcome::Miss);
}

#[tokio::test]
async fn what_other_steps_decide_or_there_is_something_to_say_of_is_not_kept() {
    let house = House::lived_in().await;
    house.write("gauge", 30, 3.0).await;
    house.write("gauge", 31, 4.0).await;
    for query in ["a_total @ end()", "sum(a_total offset -1m)", "sort(a_total)"] {
        assert_eq!(house.ask(query, (10, 60)).await, Outcome::Unfit, "{query}");
    }
    assert_eq!(house.ask("a_total", (60, 60)).await, Outcome::Unfit);
    for _ in 0..2 {
        // It is noted that the name is no counter's.
        assert_eq!(house.ask("rate(gauge[5m])", (10, 60)).await, Outcome::Miss);
        assert_eq!(house.ask("stddev({job=\"one\"})", (10, 60)).await, Outcome::Miss);
    }
    let all = "sum(rate({job=\"one\"}[5m]))";
    assert_eq!(house.ask(all, (36, 60)).await, Outcome::Miss);
    assert_eq!(house.ask(all, (36, 60)).await, Outcome::Hit);
    assert_eq!(house.ask(all, (30, 60)).await, Outcome::Miss);
}

#[tokio::test]
async fn a_contradiction_among_new_points_is_told_as_if_nothing_was_known() {
    let house = House::lived_in().await;
    let query = "{job=\"one\"} * 2";
    assert_eq!(house.ask(query, (10, 60)).await, Outcome::Miss);
    house.write("b_total", 61, 1.0).await;
    house.write("a_total", 61, 1.0).await;
    let (expr, step) = (parse(query).unwrap(), Duration::from_millis(STEP_MS as u64));
    let (start, end) = (TimestampMs(11 * STEP_MS), TimestampMs(61 * STEP_MS));
    let wanted = house.engine.range(&expr, start, end, step).await.unwrap_err();
    let found = house.results.range(&expr, start, end, step).await.unwrap_err();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn what_has_no_room_or_is_shed_is_evaluated() {
    let house = House::lived_in().await;
    assert_eq!(house.ask("a_total", (0, 60)).await, Outcome::Miss);
    house.results.shed();
    assert_eq!(house.ask("a_total", (0, 60)).await, Outcome::Miss);
    assert_eq!(house.ask("a_total", (0, 60)).await, Outcome::Hit);
    let small = House::new(1_000);
    small.write("a_total", 1, 1.0).await;
    assert_eq!(small.ask("a_total", (0, 60)).await, Outcome::Miss);
    assert_eq!(small.ask("a_total", (0, 60)).await, Outcome::Miss);
}

#[tokio::test]
async fn a_closed_store_is_asked_although_the_answer_is_known() {
    let house = House::lived_in().await;
    assert_eq!(house.ask("a_total", (0, 60)).await, Outcome::Miss);
    house.store.close().await.unwrap();
    let (expr, step) = (parse("a_total").unwrap(), Duration::from_millis(STEP_MS as u64));
    let refused = house.results.range(&expr, TimestampMs(0), TimestampMs(60 * STEP_MS), step).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// Writers and askers at one time: an answer never lacks what was acknowledged before it was asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nothing_that_was_acknowledged_before_a_question_is_missing_from_its_answer() {
    let house = Arc::new(House::new(1 << 20));
    let written = Arc::new(AtomicU64::new(0));
    let (writer, known) = (Arc::clone(&house), Arc::clone(&written));
    let writing = tokio::spawn(async move {
        for number in 0..200_u64 {
            // Always a new series, at any minute.
            let name = format!("n{number}");
            writer.write(&name, number as i64 * 7 % 60, 1.0).await;
            known.store(number + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let expr = parse("count(count_over_time({job=\"one\"}[2h]))").unwrap();
    let step = Duration::from_millis(STEP_MS as u64);
    let mut partial = 0;
    while !writing.is_finished() {
        let least = written.load(Ordering::SeqCst);
        let range = (TimestampMs(0), TimestampMs(60 * STEP_MS));
        let (answer, outcome) = house.results.answer(&expr, range, step).await.unwrap();
        partial += u64::from(outcome == Outcome::Partial || outcome == Outcome::Hit);
        let Value::Matrix(series) = answer.value else { panic!("a range has a matrix") };
        let newest = series.first().and_then(|one| one.samples.last()).map_or(0.0, |one| one.value);
        assert!(newest >= least as f64, "{newest} of {least}");
    }
    writing.await.unwrap();
    assert!(partial > 0);
}
