use super::*;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::query::promql::parse;
use crate::storage::memory::metric::MemoryMetricStore;

async fn engine_over(samples: &[(&str, i64, f64)], options: EngineOptions) -> Engine {
    let store = MemoryMetricStore::new(Duration::from_secs(86_400));
    for (name, at, value) in samples {
        let labels = Labels::from_pairs([("__name__", *name)]);
        let write = SeriesWrite::sample(labels, Sample::new(*at, *value));
        store.append(MetricBatch { series: vec![write], metadata: Vec::new() }).await.unwrap();
    }
    Engine::new(Arc::new(store), options)
}

async fn ask(engine: &Engine, query: &str) -> Result<Answer> {
    engine.instant(&parse(query).unwrap(), TimestampMs(60_000)).await
}

#[tokio::test]
async fn the_deepest_queries_that_parse_are_answered_on_a_small_stack() {
    let engine = engine_over(&[("a", 60_000, 1.0)], EngineOptions::default()).await;
    let chain = vec!["a"; 99].join(" + ");
    let calls = format!("{}a{}", "abs(".repeat(98), ")".repeat(98));
    let sums = format!("{}a{}", "sum(".repeat(98), ")".repeat(98));
    for query in [chain, calls, sums] {
        let answer = ask(&engine, &query).await.unwrap();
        assert!(matches!(answer.value, Value::Vector(samples) if samples.len() == 1), "{query}");
    }
}

#[tokio::test]
async fn a_query_past_its_sample_budget_ends_with_the_right_error() {
    let options = EngineOptions { max_samples: 2, ..EngineOptions::default() };
    let samples: Vec<_> = (0..10).map(|step| ("a", step * 1_000, 1.0)).collect();
    let engine = engine_over(&samples, options).await;
    let error = ask(&engine, "sum_over_time(a[1m])").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let error = ask(&engine, "sum_over_time(vector(1)[1y:1ms])").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

#[tokio::test]
async fn a_range_query_of_too_many_steps_is_refused() {
    let engine = engine_over(&[], EngineOptions::default()).await;
    let expr = parse("a").unwrap();
    let ask = |end, step| engine.range(&expr, TimestampMs(0), TimestampMs(end), step);
    let error = ask(12_000_000, Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(ask(11_000_000, Duration::from_secs(1)).await.is_ok());
    assert!(ask(1, Duration::ZERO).await.is_err());
}
