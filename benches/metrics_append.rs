//! The way of a sample into the metric store, out of memory into files, and back.
//!
//! Input: 10,000 series with seven labels (a third each constants, counters and gauges of two
//! decimals), scraped every 15 s for two hours by four targets, one batch a target and scrape:
//! 4.8 million samples, through log, applier and head, in a temporary directory. Guards the record's
//! encoding, the label look-up, the freezing of chunks, the flush and the cursor.
//! Wanted: 5 million samples a second through the applier of one core at 3 GHz.
//!
//! Run: `cargo bench --bench metrics_append`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use belvedere::base::clock::SystemClock;
use belvedere::engines::kit::EngineContext;
use belvedere::engines::kit::disk::RealDisk;
use belvedere::engines::kit::log::{Log, LogOptions};
use belvedere::engines::metrics::{Engine, MetricOptions};
use belvedere::model::batch::{MetricBatch, SeriesWrite};
use belvedere::model::labels::Labels;
use belvedere::model::matcher::Matcher;
use belvedere::model::sample::Sample;
use belvedere::model::time::{TimeRange, TimestampMs};
use belvedere::storage::lifecycle::Lifecycle;
use belvedere::storage::metric_store::{MetricStore, SelectHints, SelectQuery};

const TARGETS: usize = 4;
const SERIES_OF_TARGET: usize = 2_500;
const SCRAPES: i64 = 480;
const START_MS: i64 = 1_795_435_200_000;

fn labels(target: usize, series: usize) -> Labels {
    let metric = format!("bench_metric_{}_total", series % 50);
    let (instance, pod) = (format!("10.0.0.{target}:9100"), format!("pod-{}", series / 50));
    Labels::from_pairs([
        ("__name__", metric.as_str()),
        ("cluster", "eu-west-1"),
        ("instance", instance.as_str()),
        ("job", "node"),
        ("namespace", "default"),
        ("pod", pod.as_str()),
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

fn batch(all: &[Labels], scrape: i64) -> MetricBatch {
    let at = START_MS + scrape * 15_000;
    let series = all.iter().enumerate().map(|(number, labels)| {
        SeriesWrite::sample(labels.clone(), Sample::new(at, value(number, scrape)))
    });
    MetricBatch { series: series.collect(), metadata: Vec::new() }
}

fn open(dir: &std::path::Path) -> Arc<Engine> {
    let disk = Arc::new(RealDisk);
    let log = Log::open(disk.clone(), &dir.join("wal"), LogOptions::default()).unwrap();
    let clock = Arc::new(SystemClock);
    let context = EngineContext { log, disk, dir: dir.join("metrics"), clock };
    Arc::new(Engine::open(context, MetricOptions::default()).unwrap())
}

/// Appends all scrapes and returns how long batches took to build, which is not the engine's.
async fn append_all(engine: &Arc<Engine>) -> Duration {
    let mut targets = tokio::task::JoinSet::new();
    for target in 0..TARGETS {
        let engine = Arc::clone(engine);
        targets.spawn(async move {
            let all: Vec<_> = (0..SERIES_OF_TARGET).map(|series| labels(target, series)).collect();
            let mut building = Duration::ZERO;
            for scrape in 0..SCRAPES {
                let start = Instant::now();
                let batch = batch(&all, scrape);
                building += start.elapsed();
                let receipt = engine.append(batch).await.unwrap();
                assert_eq!(receipt.accepted, SERIES_OF_TARGET as u64);
            }
            building
        });
    }
    let mut building = Duration::ZERO;
    while let Some(own) = targets.join_next().await {
        building += own.unwrap();
    }
    building
}

async fn read_all(engine: &Engine) -> u64 {
    let matchers = vec![Matcher::equal("job", "node")];
    let range = TimeRange::<TimestampMs>::ALL;
    let query = SelectQuery { matchers, range, hints: SelectHints::default(), max_samples: None };
    let mut cursor = engine.select(query).await.unwrap();
    let mut samples = 0;
    while let Some(block) = cursor.next_block().await.unwrap() {
        samples += block.iter().map(|data| data.samples.len() as u64).sum::<u64>();
    }
    samples
}

fn report(what: &str, samples: u64, took: Duration) {
    let rate = samples as f64 / took.as_secs_f64() / 1e6;
    println!("{what:<28} {:>9.1} ms {rate:>8.2} M samples/s", took.as_secs_f64() * 1e3);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let all = (TARGETS * SERIES_OF_TARGET) as u64 * SCRAPES as u64;
    let start = Instant::now();
    let building = append_all(&engine).await;
    report("append, durable", all, start.elapsed());
    println!(
        "{:<28} {:>9.1} ms (part of the above)",
        "building batches",
        building.as_secs_f64() * 1e3
    );
    let start = Instant::now();
    assert_eq!(read_all(&engine).await, all);
    report("read from memory", all, start.elapsed());
    let start = Instant::now();
    engine.flush().await.unwrap();
    report("flush", all, start.elapsed());
    let bytes = engine.disk_bytes();
    println!("{:<28} {bytes} B, {:.3} B/sample", "files", bytes as f64 / all as f64);
    let start = Instant::now();
    assert_eq!(read_all(&engine).await, all);
    report("read from files", all, start.elapsed());
    engine.close().await.unwrap();
}
