//! Range functions over whole hours answer the same from sealed aggregates as from points.

use std::sync::Arc;
use std::time::Duration;

use belvedere::base::clock::SystemClock;
use belvedere::engines::kit::EngineContext;
use belvedere::engines::kit::disk::RealDisk;
use belvedere::engines::kit::log::{Log, LogOptions};
use belvedere::engines::metrics::{Engine, MetricOptions};
use belvedere::model::answer::Value;
use belvedere::model::batch::{MetricBatch, SeriesWrite};
use belvedere::model::labels::Labels;
use belvedere::model::sample::{Sample, StartTime};
use belvedere::model::series::SelectStats;
use belvedere::model::stale::stale_nan;
use belvedere::model::time::{DAY_MS, Day, TimestampMs};
use belvedere::query::promql::{self, EngineOptions, parse};
use belvedere::storage::lifecycle::Lifecycle;
use belvedere::storage::memory::metric::MemoryMetricStore;
use belvedere::storage::metric_store::MetricStore;

const FIRST_DAY: i32 = 20_779;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

const FUNCTIONS: [&str; 9] = [
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "first_over_time",
    "last_over_time",
    "sum_over_time",
    "avg_over_time",
    "rate",
    "increase",
];

/// Numbers without a pattern.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn start_of(day: i32) -> i64 {
    Day(day).range_ms().start.0
}

/// One day of a series whose values are of some kind; its points often lie at full hours.
fn day_of(kind: usize, day: i32, dice: &mut Dice, total: &mut f64) -> SeriesWrite {
    let mut samples = Vec::new();
    let mut at = start_of(day);
    while at < start_of(day + 1) {
        let jitter = if dice.roll(3) == 0 { dice.roll(60_000) as i64 } else { 0 };
        let gap = kind == 7 && dice.roll(40) == 0;
        let value = match kind {
            0 => {
                *total = if dice.roll(150) == 0 {
                    dice.roll(9) as f64
                } else {
                    *total + dice.roll(90) as f64
                };
                *total
            }
            1 | 7 => {
                *total += dice.roll(1_000) as f64;
                *total
            }
            2 => dice.roll(10_000) as f64 / 100.0 - 30.0,
            3 => dice.roll(400) as f64 - 200.0,
            4 => {
                [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, 3.5][dice.roll(6) as usize]
            }
            5 => {
                *total += dice.roll(1_000) as f64 / 1_000.0;
                *total
            }
            8 if dice.roll(9) == 0 => stale_nan(),
            _ => dice.roll(50) as f64,
        };
        if at + jitter < start_of(day + 1) {
            samples.push(Sample::new(at + jitter, value));
        }
        at += if gap { 5 * HOUR_MS } else { 4 * MINUTE_MS };
    }
    let mut write =
        SeriesWrite { samples, ..SeriesWrite::sample(named(kind), Sample::new(0, 0.0)) };
    if kind == 6 {
        let start = |sample: &Sample| StartTime {
            timestamp: sample.timestamp,
            start: TimestampMs(sample.timestamp.0 - 90_000),
        };
        write.starts = write.samples.iter().map(start).collect();
    }
    write
}

fn named(kind: usize) -> Labels {
    Labels::from_pairs([("__name__", "m_total"), ("kind", kind.to_string().as_str())])
}

struct Both {
    _dir: tempfile::TempDir,
    engine: Arc<Engine>,
    memory: Arc<MemoryMetricStore>,
}

impl Both {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk);
        let log = Log::open(disk.clone(), &dir.path().join("wal"), LogOptions::default()).unwrap();
        let clock = Arc::new(SystemClock);
        let context = EngineContext { log, disk, dir: dir.path().join("metrics"), clock };
        let window = Duration::from_secs(30 * 86_400);
        let options = MetricOptions { out_of_order_window: window, ..MetricOptions::default() };
        let engine = Arc::new(Engine::open(context, options).unwrap());
        Both { _dir: dir, engine, memory: Arc::new(MemoryMetricStore::new(window)) }
    }

    async fn append(&self, series: Vec<SeriesWrite>) {
        let batch = MetricBatch { series, metadata: Vec::new() };
        self.engine.append(batch.clone()).await.unwrap();
        self.memory.append(batch).await.unwrap();
    }

    async fn fill(&self, day: i32, dice: &mut Dice, totals: &mut [f64; 9]) {
        let series = totals.iter_mut().enumerate();
        let series = series.map(|(kind, total)| day_of(kind, day, dice, total)).collect();
        self.append(series).await;
    }

    /// Asks both over the whole time; returns what the engine read for it.
    async fn compare(&self, query: &str, start: i64, step: i64) -> SelectStats {
        let expr = parse(query).unwrap();
        let step_time = Duration::from_millis(step.unsigned_abs());
        let end = TimestampMs(start_of(FIRST_DAY + 3));
        let mut answers = Vec::new();
        let stores: [Arc<dyn MetricStore>; 2] = [self.engine.clone(), self.memory.clone()];
        for store in stores {
            let promql = promql::Engine::new(store, EngineOptions::default());
            let answer = promql.range(&expr, TimestampMs(start), end, step_time).await.unwrap();
            answers.push(answer);
        }
        let [found, wanted] = [&answers[0], &answers[1]].map(|answer| match &answer.value {
            Value::Matrix(series) => series,
            other => panic!("{other:?}"),
        });
        assert_eq!(found.len(), wanted.len(), "{query}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert_eq!(found.labels, wanted.labels, "{query}");
            for (found, wanted) in found.samples.iter().zip(&wanted.samples) {
                assert_eq!(found, wanted, "{query} of {}", wanted_name(&answers[1].value));
            }
            assert_eq!(found.samples.len(), wanted.samples.len(), "{query}");
        }
        assert_eq!(
            (&answers[0].warnings, &answers[0].infos),
            (&answers[1].warnings, &answers[1].infos)
        );
        answers[0].stats
    }

    async fn compare_all(&self) {
        for function in FUNCTIONS {
            for range in ["1h", "3h", "1d"] {
                for (offset, start, step) in
                    [("", 0, 1), ("", 0, 3), (" offset 2h", 0, 1), (" offset -1h", 5, 2)]
                {
                    let query = format!("{function}(m_total[{range}]{offset})");
                    let start = start_of(FIRST_DAY) + start * HOUR_MS;
                    let stats = self.compare(&query, start, step * HOUR_MS).await;
                    assert!(stats.hours > 0, "{query} was told from points");
                }
            }
        }
    }
}

fn wanted_name(value: &Value) -> String {
    match value {
        Value::Matrix(series) => format!("{} series", series.len()),
        _ => String::new(),
    }
}

#[tokio::test]
async fn hours_answer_as_points_do() {
    let both = Both::new();
    let (mut dice, mut totals) = (Dice(7), [0.0; 9]);
    both.fill(FIRST_DAY, &mut dice, &mut totals).await;
    both.fill(FIRST_DAY + 1, &mut dice, &mut totals).await;
    let nothing = both.compare("rate(m_total[1h])", start_of(FIRST_DAY), HOUR_MS).await;
    assert_eq!(nothing.hours, 0, "no day is sealed yet");
    assert_eq!(both.engine.seal(Day(FIRST_DAY + 1)).await.unwrap(), 2);
    both.fill(FIRST_DAY + 2, &mut dice, &mut totals).await;
    both.compare_all().await;
    both.engine.flush().await.unwrap();
    both.compare_all().await;
    let unaligned =
        both.compare("max_over_time(m_total[1h])", start_of(FIRST_DAY) + 1, HOUR_MS).await;
    assert_eq!(unaligned.hours, 0, "a range that starts within an hour needs points");
    assert!(unaligned.blobs > 0 && unaligned.bytes > 0 && unaligned.samples > 1_000);
    for function in ["stddev_over_time", "delta", "changes", "present_over_time"] {
        let query = format!("{function}(m_total[1h])");
        assert_eq!(both.compare(&query, start_of(FIRST_DAY), HOUR_MS).await.hours, 0);
    }
}

#[tokio::test]
async fn points_that_come_late_to_a_sealed_day_count() {
    let both = Both::new();
    let (mut dice, mut totals) = (Dice(11), [0.0; 9]);
    both.fill(FIRST_DAY, &mut dice, &mut totals).await;
    both.engine.seal(Day(FIRST_DAY)).await.unwrap();
    let late = start_of(FIRST_DAY) + DAY_MS / 2 + 1_234;
    both.append(vec![SeriesWrite::sample(named(3), Sample::new(late, 9_999.0))]).await;
    both.compare_all().await;
    both.engine.flush().await.unwrap();
    both.compare_all().await;
    both.engine.seal(Day(FIRST_DAY)).await.unwrap();
    both.compare_all().await;
}
