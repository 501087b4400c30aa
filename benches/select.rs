//! Reading series out of files: which there are, and their points.
//!
//! Input: 10,000 series with seven labels (a third each constants, counters and gauges of two
//! decimals), one point every 15 s for a day, 57.6 million points in one day's file, flushed every
//! two hours; read live and, once sealed, again. Asked are all series, a tenth of them by a metric
//! name's pattern, and one. Guards the series index, the packed blobs, the codec and the cursor.
//! Wanted: at most 3 ns a sample for decimals on one core at 3 GHz, besides the merging.
//!
//! Run: `cargo bench --bench select`; `SELECT_SERIES=1000` for a short run.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and may panic")]

use std::sync::Arc;
use std::time::Instant;

use belvedere::base::clock::SystemClock;
use belvedere::engines::kit::EngineContext;
use belvedere::engines::kit::disk::RealDisk;
use belvedere::engines::kit::log::{Log, LogOptions};
use belvedere::engines::metrics::{Engine, MetricOptions};
use belvedere::model::batch::{MetricBatch, SeriesWrite};
use belvedere::model::labels::Labels;
use belvedere::model::matcher::{MatchOp, Matcher};
use belvedere::model::sample::Sample;
use belvedere::model::series::LabelQuery;
use belvedere::model::time::{Day, TimeRange, TimestampMs};
use belvedere::storage::lifecycle::Lifecycle;
use belvedere::storage::metric_store::{MetricStore, SelectHints, SelectQuery};

const SCRAPES: i64 = 5_760;
const START_MS: i64 = 1_795_392_000_000;
const BATCH_SERIES: usize = 2_500;

fn labels(series: usize) -> Labels {
    let metric = format!("bench_metric_{:03}_total", series % 100);
    let instance = format!("10.0.{}.{}:9100", series / 100 / 200, series / 100 % 200);
    Labels::from_pairs([
        ("__name__", metric.as_str()),
        ("cluster", "eu-west-1"),
        ("instance", instance.as_str()),
        ("job", "node"),
        ("namespace", "default"),
        ("pod", format!("pod-{}", series / 100).as_str()),
        ("team", "platform"),
    ])
}

fn value(series: usize, scrape: i64) -> f64 {
    let mixed = (series as i64 * 7_919 + scrape * 104_729) % 1_000;
    match series % 3 {
        0 => series as f64,
        1 => (scrape * 40 + mixed % 40) as f64,
        _ => mixed as f64 / 100.0,
    }
}

async fn fill(engine: &Engine, all: &[Labels]) {
    for scrape in 0..SCRAPES {
        let at = START_MS + scrape * 15_000;
        for (part, labels) in all.chunks(BATCH_SERIES).enumerate() {
            let series = labels.iter().enumerate().map(|(place, labels)| {
                let number = part * BATCH_SERIES + place;
                SeriesWrite::sample(labels.clone(), Sample::new(at, value(number, scrape)))
            });
            let batch = MetricBatch { series: series.collect(), metadata: Vec::new() };
            engine.append(batch).await.unwrap();
        }
        if scrape % 480 == 479 {
            engine.flush().await.unwrap();
        }
    }
}

async fn read(engine: &Engine, what: &str, matcher: Matcher) {
    let whole = TimeRange::new(TimestampMs(START_MS), TimestampMs(START_MS + SCRAPES * 15_000));
    for round in ["first", "again"] {
        let query = SelectQuery {
            matchers: vec![matcher.clone()],
            range: whole,
            hints: SelectHints::default(),
            max_samples: None,
        };
        let began = Instant::now();
        let mut cursor = engine.select(query).await.unwrap();
        let opened = began.elapsed();
        let (mut series, mut samples, mut sum) = (0_u64, 0_u64, 0.0);
        while let Some(block) = cursor.next_block().await.unwrap() {
            for data in block {
                series += 1;
                samples += data.samples.len() as u64;
                sum += data.samples.last().map_or(0.0, |sample| sample.value);
            }
        }
        let took = began.elapsed();
        let each = took.as_nanos() as f64 / samples.max(1) as f64;
        println!(
            "  {what:<12} {round}: {series} series in {opened:?}, {samples} samples in {took:?}, {each:.2} ns each ({sum})"
        );
    }
}

async fn ask(engine: &Engine) {
    let all = Matcher::equal("job", "node");
    let tenth = Matcher::new(MatchOp::Regex, "__name__", "bench_metric_0[3-4][02468]_.*").unwrap();
    read(engine, "all", all).await;
    read(engine, "a tenth", tenth).await;
    read(engine, "one", Matcher::equal("instance", "10.0.0.7:9100")).await;
    let question = |set: Vec<Matcher>| LabelQuery {
        match_sets: if set.is_empty() { Vec::new() } else { vec![set] },
        range: TimeRange::<TimestampMs>::ALL,
        limit: None,
    };
    for (what, set) in [
        ("any", vec![]),
        ("one metric", vec![Matcher::equal("__name__", "bench_metric_007_total")]),
    ] {
        let began = Instant::now();
        let names = engine.label_names(question(set.clone())).await.unwrap().items.len();
        let named = began.elapsed();
        let values = engine.label_values("pod", question(set.clone())).await.unwrap().items.len();
        let valued = began.elapsed() - named;
        let series = engine.series(question(set)).await.unwrap().items.len();
        let listed = began.elapsed() - named - valued;
        println!(
            "  questions of {what}: {names} names {named:?}, {values} values {valued:?}, {series} series {listed:?}"
        );
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let count = std::env::var("SELECT_SERIES").map_or(10_000, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk);
    let log = Log::open(disk.clone(), &dir.path().join("wal"), LogOptions::default()).unwrap();
    let clock = Arc::new(SystemClock);
    let context = EngineContext { log, disk, dir: dir.path().join("metrics"), clock };
    let engine = Engine::open(context, MetricOptions::default()).unwrap();
    let all: Vec<_> = (0..count).map(labels).collect();
    let began = Instant::now();
    fill(&engine, &all).await;
    println!(
        "{count} series x 24 h written in {:?}, {} bytes on disk",
        began.elapsed(),
        engine.disk_bytes()
    );
    println!("live:");
    ask(&engine).await;
    let began = Instant::now();
    let sealed = engine.seal(Day::of_ms(TimestampMs(START_MS))).await.unwrap();
    println!("{sealed} day sealed in {:?}, {} bytes on disk", began.elapsed(), engine.disk_bytes());
    if sealed > 0 {
        ask(&engine).await;
    }
    engine.close().await.unwrap();
}
