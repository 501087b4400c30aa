use std::sync::Arc;

use super::*;
use crate::model::answer::Answer;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::cost::PlanNode;
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::query::promql::{Engine, EngineOptions, parse};
use crate::storage::memory::metric::MemoryMetricStore;
use crate::storage::metric_store::MetricStore;

/// Two series `a` and one `b` with a sample every 10 s from 0 to 100 s.
async fn engine(watch: Watch) -> Engine {
    let store = MemoryMetricStore::new(Duration::from_secs(86_400));
    for (name, job) in [("a", "x"), ("a", "y"), ("b", "x")] {
        for step in 0..=10 {
            let labels = Labels::from_pairs([("__name__", name), ("job", job)]);
            let write = SeriesWrite::sample(labels, Sample::new(step * 10_000, step as f64));
            store.append(MetricBatch { series: vec![write], metadata: Vec::new() }).await.unwrap();
        }
    }
    Engine::new(Arc::new(store), EngineOptions::default()).watching(watch)
}

async fn range(watch: Watch, query: &str) -> Answer {
    let (start, end) = (TimestampMs(40_000), TimestampMs(100_000));
    let expr = parse(query).unwrap();
    engine(watch).await.range(&expr, start, end, Duration::from_secs(30)).await.unwrap()
}

async fn cost(watch: Watch, query: &str) -> QueryCost {
    *range(watch, query).await.cost.unwrap()
}

#[tokio::test]
async fn what_nobody_watches_costs_nothing_and_tells_nothing() {
    assert_eq!(range(Watch::Nothing, "sum(rate(a[20s]))").await.cost, None);
}

#[tokio::test]
async fn samples_count_at_every_step_that_sees_them() {
    let cases = [
        ("a", vec![2, 2, 2]),
        ("a + on (job) b", vec![3, 3, 3]),
        ("rate(a[20s])", vec![4, 4, 4]),
        ("count_over_time(a[1m] @ 30)", vec![8, 8, 8]),
        ("timestamp(a)", vec![2, 2, 2]),
        ("a smoothed", vec![0, 0, 0]),
        // Six instants of a subquery a series, not the samples behind them.
        ("max_over_time(rate(a[20s])[30s:5s])", vec![12, 12, 12]),
        ("1", vec![0, 0, 0]),
    ];
    for (query, expected) in cases {
        let QuerySamples { total, per_step, peak } = cost(Watch::Steps, query).await.samples;
        let at = [40_000, 70_000, 100_000].map(TimestampMs);
        let expected: Vec<_> = at.into_iter().zip(expected).collect();
        assert_eq!(per_step, expected, "{query}");
        assert_eq!(total, expected.iter().map(|(_, count)| count).sum::<u64>(), "{query}");
        assert!(peak > 0 || query == "1", "{query}");
        let plain = cost(Watch::Totals, query).await.samples;
        assert_eq!((plain.total, plain.per_step), (total, Vec::new()), "{query}");
    }
}

#[tokio::test]
async fn a_subquery_that_is_the_answer_counts_what_it_read() {
    let expr = parse("a[20s:10s]").unwrap();
    let answer = engine(Watch::Steps).await.instant(&expr, TimestampMs(100_000)).await.unwrap();
    let samples = answer.cost.unwrap().samples;
    assert_eq!((samples.total, samples.per_step), (4, vec![(TimestampMs(100_000), 4)]));
}

#[tokio::test]
async fn the_parts_of_the_time_add_up() {
    let QueryTimings { eval_total, result_sort, query_preparation, inner_eval, .. } =
        cost(Watch::Totals, "sum(a) + sum(b)").await.timings;
    assert_eq!(eval_total, result_sort + query_preparation + inner_eval);
    assert!(!result_sort.is_zero() && !query_preparation.is_zero() && !inner_eval.is_zero());
}

fn flat(node: &PlanNode, into: &mut Vec<(&'static str, String, u64, u64)>) {
    into.push((node.kind, node.text.clone(), node.series, node.points));
    node.children.iter().for_each(|child| flat(child, into));
}

#[tokio::test]
async fn every_node_tells_what_came_out_of_it() {
    let query = "sum(rate(a[20s])) / on () (timestamp(b) - 1)";
    let plan = cost(Watch::Nodes, query).await.plan.unwrap();
    let mut nodes = Vec::new();
    flat(&plan, &mut nodes);
    let expected = [
        ("binaryExpr", query, 1, 3),
        ("aggregation", "sum(rate(a[20s]))", 1, 3),
        ("call", "rate(a[20s])", 2, 6),
        ("matrixSelector", "a[20s]", 2, 16),
        ("parenExpr", "(timestamp(b) - 1)", 1, 3),
        ("binaryExpr", "timestamp(b) - 1", 1, 3),
        ("call", "timestamp(b)", 1, 3),
        ("vectorSelector", "b", 1, 11),
        ("numberLiteral", "1", 1, 3),
    ];
    let expected: Vec<_> =
        expected.map(|(kind, text, series, points)| (kind, text.to_owned(), series, points)).into();
    assert_eq!(nodes, expected);
    let rate = &plan.children[0].children[0];
    assert_eq!(&query[rate.start..rate.end], "rate(a[20s])");
    assert!(rate.children[0].select.is_some() && rate.select.is_none());
    assert!(rate.took >= rate.children[0].took && plan.took >= rate.took);
}
