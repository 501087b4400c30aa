//! A day of metrics in its live and in its final form: bytes, and the time that sealing takes.
//!
//! Input: 10,000 series × 1 day at 15 s, of five targets with the labels of a node exporter; 40 %
//! are constant, the rest counters, CPU seconds, gauges of bytes and of decimals, buckets and a few
//! floats of full precision. Or a recording: `METRICS_RECORDING` names a gzip file of expositions,
//! each behind a line `# scrape MILLISECONDS`; its first 5,760 scrapes are taken as one day of every
//! target. `METRICS_SERIES` and `METRICS_JITTER` (ms) change the number of series and the times.
//! Guards the sealed codecs, the sharing of times, and the packing.
//! Wanted: at most 0.30 B a sample sealed, everything included, and at most 150 ns of one core at
//! 3 GHz a sample.
//!
//! Run: `cargo bench --bench metrics_seal`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints and may panic")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
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
use belvedere::model::time::{Day, TimeRange, TimestampMs};
use belvedere::storage::lifecycle::Lifecycle;
use belvedere::storage::metric_store::{MetricStore, SelectHints, SelectQuery};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const TARGETS: usize = 5;
const SCRAPES: i64 = 5_760;
const START_MS: i64 = 1_795_392_000_000;
/// A flush every two hours, as a timer does.
const SCRAPES_PER_FLUSH: i64 = 480;

fn setting(name: &str, otherwise: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A day of values of the series of one target.
struct Source {
    names: Vec<(String, Vec<(String, String)>)>,
    values: Vec<Vec<f64>>,
}

impl Source {
    fn labels(&self, series: usize, target: usize) -> Labels {
        let (name, own) = &self.names[series];
        let instance = format!("10.0.0.{target}:9100");
        let mut pairs = vec![("__name__", name.as_str()), ("instance", &instance), ("job", "node")];
        pairs.extend(own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Labels::from_pairs(pairs)
    }

    fn synthetic(series: usize) -> Self {
        let mut random = StdRng::seed_from_u64(1);
        let name = |i: usize| {
            let own = vec![("device".to_owned(), format!("dev{}", i / 50))];
            (format!("node_metric_{}_total", i % 50), own)
        };
        let values = (0..series).map(|i| one_day(i, &mut random)).collect();
        Source { names: (0..series).map(name).collect(), values }
    }

    fn recorded(path: &str) -> Self {
        let file = std::fs::File::open(path).unwrap();
        let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut scrapes = 0;
        for line in BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines() {
            // A recording that is still being made ends in the middle.
            let Ok(line) = line else { break };
            if line.starts_with("# scrape") {
                scrapes += 1;
            }
            if line.starts_with('#') || scrapes > SCRAPES {
                continue;
            }
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let own = found.entry(name.to_owned()).or_default();
            let value = value.parse().unwrap();
            let last = own.last().copied().unwrap_or(value);
            own.resize(scrapes as usize - 1, last);
            own.push(value);
        }
        found
            .values_mut()
            .for_each(|own| own.resize(SCRAPES.min(scrapes) as usize, own[own.len() - 1]));
        let names = found.keys().map(|name| parse_name(name)).collect();
        Source { names, values: found.into_values().collect() }
    }
}

fn parse_name(text: &str) -> (String, Vec<(String, String)>) {
    let Some((name, rest)) = text.split_once('{') else { return (text.to_owned(), Vec::new()) };
    let rest = rest.trim_end_matches('}');
    let pairs = rest.split("\",").filter_map(|pair| pair.split_once("=\""));
    let own = pairs.map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned()));
    (name.to_owned(), own.collect())
}

/// Returns the values of the `i`-th series; two of five are constant.
fn one_day(i: usize, random: &mut StdRng) -> Vec<f64> {
    let mut total = random.random_range(0..1_000_000_i64);
    let mut level = random.random_range(100_000..4_000_000_i64);
    let rate = 1 << random.random_range(0..12);
    let mut step = || match i % 20 {
        0..8 => total as f64,
        8..11 => {
            total += random.random_range(0..rate);
            total as f64
        }
        11..13 => {
            // Something happens now and then.
            total += i64::from(random.random_range(0..40) == 0) * random.random_range(1..9);
            total as f64
        }
        13..16 => {
            total += random.random_range(0..150);
            total as f64 / 100.0
        }
        16..18 => {
            level += random.random_range(-20..21) * i64::from(random.random_range(0..3) == 0);
            (level * 4_096) as f64
        }
        18 => {
            level += random.random_range(-30..31);
            level as f64 / 1_000.0
        }
        _ if i % 100 == 19 => random.random::<f64>() * 100.0,
        _ => {
            total += random.random_range(0..3);
            total as f64
        }
    };
    (0..SCRAPES).map(|_| step()).collect()
}

fn open(dir: &std::path::Path) -> Engine {
    let disk = Arc::new(RealDisk);
    let log = Log::open(disk.clone(), &dir.join("wal"), LogOptions::default()).unwrap();
    let clock = Arc::new(SystemClock);
    let context = EngineContext { log, disk, dir: dir.join("metrics"), clock };
    Engine::open(context, MetricOptions::default()).unwrap()
}

async fn append_all(engine: &Engine, source: &Source) -> u64 {
    let jitter = setting("METRICS_JITTER", 0);
    let mut random = StdRng::seed_from_u64(2);
    let labels: Vec<Vec<Labels>> = (0..TARGETS)
        .map(|target| (0..source.names.len()).map(|one| source.labels(one, target)).collect())
        .collect();
    let mut accepted = 0;
    let scrapes = source.values[0].len();
    for scrape in 0..scrapes {
        for (target, labels) in labels.iter().enumerate() {
            let late = if jitter > 0 { random.random_range(0..jitter) } else { 0 };
            let at = START_MS + scrape as i64 * 15_000 + target as i64 * 2_741 + late;
            // Targets live at different times of the day.
            let moved = (scrape + target * scrapes / TARGETS) % scrapes;
            let series = labels.iter().enumerate().map(|(number, labels)| {
                let sample = Sample::new(at, source.values[number][moved]);
                SeriesWrite::sample(labels.clone(), sample)
            });
            let batch = MetricBatch { series: series.collect(), metadata: Vec::new() };
            accepted += engine.append(batch).await.unwrap().accepted;
        }
        if (scrape as i64 + 1) % SCRAPES_PER_FLUSH == 0 {
            engine.flush().await.unwrap();
        }
    }
    engine.flush().await.unwrap();
    accepted
}

async fn read_all(engine: &Engine, range: TimeRange<TimestampMs>) -> u64 {
    let matchers = vec![Matcher::equal("job", "node")];
    let query = SelectQuery { matchers, range, hints: SelectHints::default(), max_samples: None };
    let mut cursor = engine.select(query).await.unwrap();
    let mut samples = 0;
    while let Some(block) = cursor.next_block().await.unwrap() {
        samples += block.iter().map(|data| data.samples.len() as u64).sum::<u64>();
    }
    samples
}

fn report(what: &str, samples: u64, took: Duration) {
    let each = took.as_nanos() as f64 / samples as f64;
    println!("{what:<28} {:>9.1} ms {each:>8.1} ns/sample", took.as_secs_f64() * 1e3);
}

fn report_size(what: &str, samples: u64, bytes: u64) {
    println!("{what:<28} {bytes:>12} B {:>8.3} B/sample", bytes as f64 / samples as f64);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let series = setting("METRICS_SERIES", 10_000) as usize / TARGETS;
    let source = match std::env::var("METRICS_RECORDING") {
        Ok(path) => Source::recorded(&path),
        Err(_) => Source::synthetic(series),
    };
    let constant = source.values.iter().filter(|own| own.iter().all(|one| *one == own[0])).count();
    let (of_target, share) = (source.values.len(), constant as f64 / source.values.len() as f64);
    println!("{of_target} series of {TARGETS} targets each, {:.0} % constant", share * 100.0);
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let start = Instant::now();
    let all = append_all(&engine, &source).await;
    report("append and flush", all, start.elapsed());
    report_size("live", all, engine.disk_bytes());
    let everything = TimeRange::<TimestampMs>::ALL;
    let start = Instant::now();
    assert_eq!(read_all(&engine, everything).await, all);
    report("read live", all, start.elapsed());
    let start = Instant::now();
    let through = Day::of_ms(TimestampMs(START_MS + SCRAPES * 16_000));
    assert!(engine.seal(through).await.unwrap() > 0);
    report("seal", all, start.elapsed());
    report_size("sealed", all, engine.disk_bytes());
    let start = Instant::now();
    assert_eq!(read_all(&engine, everything).await, all);
    report("read sealed", all, start.elapsed());
    let noon = START_MS + 12 * 3_600_000;
    let hour = TimeRange::new(TimestampMs(noon), TimestampMs(noon + 3_600_000));
    let start = Instant::now();
    let some = read_all(&engine, hour).await;
    report("read one sealed hour", some, start.elapsed());
    engine.close().await.unwrap();
    drop(engine);
    let start = Instant::now();
    let engine = open(dir.path());
    report("open", all, start.elapsed());
    assert_eq!(read_all(&engine, hour).await, some);
}
