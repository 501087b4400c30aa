//! How long PromQL takes over 1,000 series × 24 h at 15 s, read from memory: guards the shapes that
//! dashboards ask most, and how long they take a step later, when answers are kept. Run with
//! `cargo bench --bench promql`; the profile and machine decide the figures, so compare only runs of
//! one place.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and ends when it cannot go on"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use belvedere::model::answer::Value;
use belvedere::model::batch::{MetricBatch, SeriesWrite};
use belvedere::model::labels::Labels;
use belvedere::model::sample::Sample;
use belvedere::model::time::TimestampMs;
use belvedere::query::promql::{Engine, EngineOptions, RangeResults, ResultOptions, parse};
use belvedere::storage::memory::metric::MemoryMetricStore;
use belvedere::storage::metric_store::MetricStore;

const SERIES: usize = 1_000;
const DAY_MS: i64 = 86_400_000;
const SCRAPE_MS: i64 = 15_000;
const STEP: Duration = Duration::from_secs(300);
const ROUNDS: usize = 3;

const QUERIES: [&str; 4] = [
    "rate(requests_total[5m])",
    "sum by (job) (rate(requests_total[5m]))",
    "sum(requests_total)",
    "max_over_time(requests_total[1h])",
];

async fn filled() -> Arc<dyn MetricStore> {
    let store = Arc::new(MemoryMetricStore::new(Duration::from_secs(7 * 86_400)));
    for series in 0..SERIES {
        let (job, instance) = (format!("job-{}", series % 10), format!("host-{series}"));
        let labels = Labels::from_pairs([
            ("__name__", "requests_total"),
            ("job", job.as_str()),
            ("instance", instance.as_str()),
        ]);
        let value = |index: i64| (index * (series as i64 % 7 + 1)) as f64;
        let samples = (0..=DAY_MS / SCRAPE_MS)
            .map(|index| Sample::new(index * SCRAPE_MS, value(index)))
            .collect();
        let write = SeriesWrite { labels, samples, ..SeriesWrite::default() };
        let batch = MetricBatch { series: vec![write], metadata: Vec::new() };
        store.append(batch).await.expect("the memory store takes it");
    }
    store
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let engine = Engine::new(filled().await, EngineOptions::default());
    for text in QUERIES {
        let expr = parse(text).expect("the query parses");
        let mut best = Duration::MAX;
        let mut series = 0;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let answer = engine
                .range(&expr, TimestampMs(0), TimestampMs(DAY_MS), STEP)
                .await
                .expect("the query is answered");
            best = best.min(start.elapsed());
            if let Value::Matrix(matrix) = answer.value {
                series = matrix.len();
            }
        }
        println!("{text:<44} {series:>5} series {:>9.1} ms", best.as_secs_f64() * 1e3);
        let again = reloaded(&engine, text).await;
        println!("{:<44} one step later {:>9.1} ms", "", again.as_secs_f64() * 1e3);
    }
}

/// Asks for a day that ends a step later each time, as a dashboard does, while answers are kept.
async fn reloaded(engine: &Engine, text: &str) -> Duration {
    let expr = parse(text).expect("the query parses");
    let results = RangeResults::new(engine.clone(), ResultOptions::of_bytes(256 << 20));
    let step = STEP.as_millis() as i64;
    let mut best = Duration::MAX;
    for round in 0..=ROUNDS as i64 {
        let end = DAY_MS - (ROUNDS as i64 - round) * step;
        let begin = Instant::now();
        let answer = results.range(&expr, TimestampMs(end - DAY_MS), TimestampMs(end), STEP);
        answer.await.expect("the query is answered");
        best = best.min(begin.elapsed());
    }
    best
}
