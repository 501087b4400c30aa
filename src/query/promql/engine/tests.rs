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

/// Asks with and without a watcher, before whom every part is evaluated where it stands.
async fn both_ways(engine: &Engine, query: &str) -> (Answer, Answer) {
    let (expr, step) = (parse(query).unwrap(), Duration::from_secs(10));
    let ask = |engine: Engine| {
        let expr = expr.clone();
        async move { engine.range(&expr, TimestampMs(0), TimestampMs(60_000), step).await.unwrap() }
    };
    (ask(engine.clone()).await, ask(engine.watching(Watch::Totals)).await)
}

#[tokio::test]
async fn a_part_that_repeats_is_read_once_and_gives_the_same() {
    let names = ["a_total", "b_total", "gauge"];
    let samples: Vec<_> = (0..=12)
        .flat_map(|step| names.map(|name| (name, step * 5_000, (step * 3 % 7 + step) as f64)))
        .collect();
    let engine = engine_over(&samples, EngineOptions::default()).await;
    let cases = [
        ("a_total / on() (a_total + on() b_total)", 2, 3),
        ("sum(rate(a_total[20s])) / (sum(rate(a_total[20s])) > 0)", 1, 2),
        ("sum(rate(a_total[20s])) / count(rate(a_total[20s]))", 1, 2),
        ("(a_total) - -a_total", 1, 2),
        ("a_total - a_total offset 10s", 2, 2),
        ("max_over_time(a_total[20s:5s]) - a_total", 2, 2),
        ("max_over_time(a_total[20s:5s]) - max_over_time(a_total[20s:5s])", 1, 2),
        // What is said of it is said of both places, or of the last.
        ("rate(gauge[20s]) / rate(gauge[20s])", 2, 2),
        ("a_total", 1, 1),
    ];
    for (query, once, each) in cases {
        let (own, watched) = both_ways(&engine, query).await;
        assert_eq!(own.value, watched.value, "{query}");
        assert_eq!((own.warnings, own.infos), (watched.warnings, watched.infos), "{query}");
        assert_eq!((own.stats.series, watched.stats.series), (once, each), "{query}");
    }
}

#[tokio::test]
async fn a_part_that_gives_much_is_not_kept() {
    let names: Vec<_> = (0..40).map(|number| format!("a{number}")).collect();
    let samples: Vec<_> = names.iter().map(|name| (name.as_str(), 0, 1.0)).collect();
    let query = r#"count({__name__=~"a.*"}) + sum({__name__=~"a.*"})"#;
    for (max_samples, reads) in [(40 * 7 * 16, 40), (40 * 7 * 16 - 16, 80)] {
        let options = EngineOptions { max_samples, ..EngineOptions::default() };
        let engine = engine_over(&samples, options).await;
        let (own, watched) = both_ways(&engine, query).await;
        assert_eq!(own.value, watched.value);
        assert_eq!((own.stats.series, watched.stats.series), (reads, 80));
    }
}

/// Returns the labels that are told for an expression at the only instant there is.
async fn labels_of(engine: &Engine, query: &str) -> Vec<Labels> {
    match ask(engine, query).await.unwrap().value {
        Value::Vector(samples) => samples.into_iter().map(|sample| sample.labels).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn of_equal_values_those_stay_that_stay_in_prometheus() {
    let values = [("a", 304.0), ("b", 304.0), ("c", 234.0), ("d", f64::NAN), ("e", 304.0)];
    let samples: Vec<_> = values.iter().map(|(name, value)| (*name, 60_000, *value)).collect();
    let engine = engine_over(&samples, EngineOptions::default()).await;
    for (query, names) in [
        (r#"bottomk(2, {__name__=~"[abc]"})"#, vec!["c", "b"]),
        (r#"bottomk(1, {__name__=~"[ab]"})"#, vec!["a"]),
        (r#"topk(2, {__name__=~"[abc]"})"#, vec!["a", "b"]),
        (r#"topk(2, {__name__=~"[cde]"})"#, vec!["e", "c"]),
        (r#"topk(2, {__name__=~"[cd]"})"#, vec!["c", "d"]),
    ] {
        let found = labels_of(&engine, query).await;
        let found: Vec<_> = found.iter().map(Labels::metric_name).collect();
        assert_eq!(found, names, "{query}");
    }
}

#[tokio::test]
async fn absent_names_what_the_first_equality_of_a_label_fixes() {
    let engine = engine_over(&[], EngineOptions::default()).await;
    for (query, pairs) in [
        (r#"absent(a{job="x", job="y", is="z"})"#, vec![("is", "z")]),
        (r#"absent(a{job="x", job=~".+"})"#, vec![]),
        (r#"absent(a{job=~".+", job="x"})"#, vec![("job", "x")]),
        (r#"absent(a{job!="y", job="x"})"#, vec![]),
        (r#"absent(a{job=~"x|", job="x"})"#, vec![("job", "x")]),
    ] {
        assert_eq!(labels_of(&engine, query).await, [Labels::from_pairs(pairs)], "{query}");
    }
}

#[tokio::test]
async fn a_series_of_both_sides_of_or_is_one_series_named_as_at_its_first_step() {
    let times = [0, 10, 60];
    let samples: Vec<_> = times.iter().map(|at| ("a", at * 1_000, 1.0)).collect();
    let engine = engine_over(&samples, EngineOptions::default()).await;
    let ask = async |query: &str, start: i64| {
        let (expr, step) = (parse(query).unwrap(), Duration::from_secs(10));
        let answer = engine.range(&expr, TimestampMs(start), TimestampMs(60_000), step).await;
        match answer.unwrap().value {
            Value::Matrix(series) => series
                .into_iter()
                .map(|one| (one.labels.metric_name().to_owned(), one.samples.len()))
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    let query = "sum_over_time(a[20s]) or a";
    assert_eq!(ask(query, 0).await, [(String::new(), 7)]);
    assert_eq!(ask(query, 40_000).await, [("a".to_owned(), 3)]);
}

#[tokio::test]
async fn a_query_may_read_more_than_it_holds_at_a_time() {
    let names: Vec<_> = (0..200).map(|number| format!("a{number}")).collect();
    let each =
        names.iter().flat_map(|name| (0..60).map(move |at| (name.as_str(), at * 1_000, 1.0)));
    let samples: Vec<_> = each.collect();
    let options = EngineOptions { max_samples: 5_000, ..EngineOptions::default() };
    let engine = engine_over(&samples, options).await;
    let expr = parse(r#"sum({__name__=~"a.*"})"#).unwrap();
    let step = Duration::from_secs(10);
    let answer = engine.range(&expr, TimestampMs(0), TimestampMs(60_000), step).await.unwrap();
    assert!(matches!(answer.value, Value::Matrix(series) if series[0].samples[6].value == 200.0));
    assert!(answer.stats.samples > 10_000);
}
