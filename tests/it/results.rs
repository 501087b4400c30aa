//! Kept answers of range queries are what an evaluation answers, whatever happens to the store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use belvedere::base::clock::SystemClock;
use belvedere::base::error::Result;
use belvedere::engines::kit::EngineContext;
use belvedere::engines::kit::disk::RealDisk;
use belvedere::engines::kit::log::{Log, LogOptions};
use belvedere::engines::metrics::{Engine, MetricOptions};
use belvedere::model::answer::{Answer, Value};
use belvedere::model::batch::{MetricBatch, SeriesWrite};
use belvedere::model::histogram::{Histogram, Span};
use belvedere::model::labels::Labels;
use belvedere::model::matcher::Matcher;
use belvedere::model::sample::{HistogramSample, Sample, StartTime};
use belvedere::model::series::SeriesData;
use belvedere::model::stale::stale_nan;
use belvedere::model::time::{DAY_MS, Day, TimeRange, TimestampMs};
use belvedere::query::promql::{self, EngineOptions, RangeResults, ResultOptions, parse};
use belvedere::storage::lifecycle::{Lifecycle, RetentionLimits};
use belvedere::storage::metric_store::MetricStore;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const FIRST_DAY: i32 = 20_779;
const MINUTE_MS: i64 = 60_000;

/// Expressions of all kinds, those that are never kept among them.
const QUERIES: [&str; 42] = [
    "requests_total",
    "{job=~\"a|b\"}",
    "rate(requests_total[5m])",
    "sum by (job) (rate(requests_total[5m]))",
    "avg by (job) (load)",
    "avg(rate(requests_total[10m]))",
    "sum(load) / count(load)",
    "max by (job) (load) - on (job) min by (job) (load)",
    "stddev(load)",
    "sum by (job) (wild)",
    "avg(wild) * sum(-wild)",
    "quantile by (job) (0.9, load)",
    "topk(2, load)",
    "bottomk by (job) (1, rate(requests_total[5m]))",
    "limitk(3, load)",
    "limit_ratio(0.5, load)",
    "count_values(\"value\", round(load, 20))",
    "histogram_quantile(0.9, sum by (le) (rate(latency_bucket[5m])))",
    "histogram_quantile(0.5, rate(native[5m]))",
    "histogram_count(native) + histogram_sum(native)",
    "sum(rate(native[5m]))",
    "native",
    "load > 50 or vector(1)",
    "load unless on (host) (requests_total > 500)",
    "load and on (host) requests_total",
    "absent(load{host=\"3\"})",
    "absent_over_time(load{host=\"gone\"}[5m])",
    "max_over_time(sum(load)[20m:3m])",
    "avg_over_time(load[15m] offset 7m)",
    "increase(requests_total[1h])",
    "sum_over_time(load[1h])",
    "changes(load[10m]) + resets(requests_total[10m])",
    "label_replace(load, \"place\", \"$1\", \"host\", \"(.).*\")",
    "predict_linear(load[10m], 600) * time() / 1e9",
    "timestamp(load) + hour()",
    "start_timestamp(requests_total)",
    "scalar(sum(load)) + load",
    "load * on (host) group_right () requests_total",
    "{job=\"a\"} * 1",
    "sum by (__name__) ({job=\"b\"} or -load)",
    "load @ end() + load offset -5m",
    "rate(requests_total[5m] smoothed)",
];

struct House {
    _dir: tempfile::TempDir,
    store: Arc<Engine>,
    engine: promql::Engine,
    results: RangeResults,
    random: StdRng,
    now: i64,
    /// Writes that come late.
    held_back: Vec<SeriesWrite>,
}

fn open(dir: &Path) -> Arc<Engine> {
    let disk = Arc::new(RealDisk);
    let log = Log::open(disk.clone(), &dir.join("wal"), LogOptions::default()).unwrap();
    let context =
        EngineContext { log, disk, dir: dir.join("metrics"), clock: Arc::new(SystemClock) };
    let window = Duration::from_secs(7_200);
    let options = MetricOptions { out_of_order_window: window, ..MetricOptions::default() };
    Arc::new(Engine::open(context, options).unwrap())
}

impl House {
    fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let engine = promql::Engine::new(store.clone(), EngineOptions::default());
        let options = ResultOptions { bytes: 4 << 20, least_samples: 1 };
        let results = RangeResults::new(engine.clone(), options);
        let (random, held_back) = (StdRng::seed_from_u64(seed), Vec::new());
        // A day begins while the house is lived in.
        let now = Day(FIRST_DAY).range_ms().start.0 - 90 * MINUTE_MS;
        House { _dir: dir, store, engine, results, random, now, held_back }
    }

    fn one_in(&mut self, sides: u32) -> bool {
        self.random.random_range(0..sides) == 0
    }

    /// What one host says at `now`.
    fn host(&mut self, host: u32) -> Vec<SeriesWrite> {
        let (text, job, at) =
            (host.to_string(), if host.is_multiple_of(2) { "a" } else { "b" }, self.now);
        let labels = |name: &str| {
            [("__name__", name.to_owned()), ("host", text.clone()), ("job", job.to_owned())]
        };
        let requests = (at / 1_000 % 10_000) as f64 * f64::from(host + 1) / 7.0;
        let load = match self.random.random_range(0..60) {
            0 => stale_nan(),
            1 => [f64::NAN, f64::INFINITY, -0.0, 1e300, 1e-300][self.random.random_range(0..5)],
            _ => self.random.random::<f64>() * 100.0,
        };
        let mut requests = SeriesWrite::sample(
            Labels::from_pairs(labels("requests_total")),
            Sample::new(at, requests),
        );
        if host == 1 {
            let start = TimestampMs(at - at.rem_euclid(10_000_000));
            requests.starts.push(StartTime { timestamp: TimestampMs(at), start });
        }
        let scale = 2_f64.powi(self.random.random_range(-70..70));
        let wild = (self.random.random::<f64>() - 0.5) * scale;
        let mut writes = vec![
            SeriesWrite::sample(Labels::from_pairs(labels("wild")), Sample::new(at, wild)),
            requests,
            SeriesWrite::sample(Labels::from_pairs(labels("load")), Sample::new(at, load)),
        ];
        for (le, part) in [("0.1", 0.3), ("1", 0.7), ("+Inf", 1.0)] {
            let pairs = labels("latency_bucket").into_iter().chain([("le", le.to_owned())]);
            let count = ((at / 1_000 % 100_000) as f64 * part).floor();
            writes.push(SeriesWrite::sample(Labels::from_pairs(pairs), Sample::new(at, count)));
        }
        if (2..5).contains(&host) {
            let spans = vec![Span { offset: 0, length: 2 }];
            let count = (at / 60_000 % 1_000) as f64 * f64::from(host) / 7.0;
            let histogram = Histogram {
                count: 3.0 * count,
                sum: 2.5 * count,
                positive_spans: spans,
                positive_buckets: vec![count, 2.0 * count],
                ..Histogram::default()
            };
            let sample =
                HistogramSample { timestamp: TimestampMs(at), histogram: histogram.into() };
            let labels = Labels::from_pairs(labels("native"));
            writes.push(SeriesWrite { labels, histograms: vec![sample], ..SeriesWrite::default() });
        }
        writes
    }

    /// One minute goes by.
    async fn live(&mut self) {
        self.now += MINUTE_MS - 7_000 + self.random.random_range(0..14_000);
        let mut series = Vec::new();
        for host in 0..7 {
            let all = self.host(host);
            match self.random.random_range(0..30) {
                0 => self.held_back.extend(all),
                1 => {}
                _ => series.extend(all),
            }
        }
        if self.one_in(15) {
            series.append(&mut self.held_back);
        }
        if self.one_in(40) {
            let host = self.random.random_range(7..100);
            series.extend(self.host(host));
        }
        let batch = MetricBatch { series, metadata: Vec::new() };
        self.store.append(batch).await.unwrap();
        if self.one_in(60) {
            let old = self.host(3).into_iter().map(|mut write| {
                write.samples.iter_mut().for_each(|one| one.timestamp.0 -= 3 * 3_600_000);
                write.starts.clear();
                write
            });
            let batch = MetricBatch { series: old.collect(), metadata: Vec::new() };
            self.store.backfill(batch).await.unwrap();
        }
        self.upkeep().await;
    }

    async fn upkeep(&mut self) {
        if self.one_in(25) {
            self.store.flush().await.unwrap();
        }
        if self.one_in(70) {
            self.store.seal(Day::of_ms(TimestampMs(self.now - DAY_MS / 4))).await.unwrap();
        }
        if self.one_in(60) {
            let host = self.random.random_range(0..9_u32).to_string();
            let start = self.now - self.random.random_range(0..120) * MINUTE_MS;
            let range = TimeRange::new(TimestampMs(start), TimestampMs(start + 5 * MINUTE_MS));
            let sets = vec![vec![Matcher::equal("host", &host)]];
            self.store.delete(sets, range).await.unwrap();
        }
        if self.one_in(90) {
            self.store.purge_deleted().await.unwrap();
        }
        if self.one_in(200) {
            let oldest_ns = (self.now - DAY_MS / 24) * 1_000_000;
            let limits = RetentionLimits { oldest_ns, max_bytes: None };
            self.store.enforce_retention(limits).await.unwrap();
        }
    }

    /// Asks something, and returns how many samples were not read because the answer was known.
    async fn ask(&mut self) -> u64 {
        let query = QUERIES[self.random.random_range(0..QUERIES.len())];
        let step = [MINUTE_MS, 5 * MINUTE_MS, 60 * MINUTE_MS][self.random.random_range(0..3)];
        let length = step * [10, 30][self.random.random_range(0..2)];
        let back = if self.one_in(5) { 20 * MINUTE_MS } else { 0 };
        let end = (self.now - back).div_euclid(step) * step + if self.one_in(9) { 1 } else { 0 };
        let (start, end) = (TimestampMs(end - length), TimestampMs(end));
        let (expr, step) = (parse(query).unwrap(), Duration::from_millis(step as u64));
        let wanted = self.engine.range(&expr, start, end, step).await;
        let found = self.results.range(&expr, start, end, step).await;
        expect_same(query, &found, &wanted);
        let read = |answer: &Result<Answer>| {
            answer.as_ref().map_or(0, |answer| answer.stats.samples + answer.stats.hours)
        };
        read(&wanted).saturating_sub(read(&found))
    }
}

fn expect_same(query: &str, found: &Result<Answer>, wanted: &Result<Answer>) {
    let (found, wanted) = match (found, wanted) {
        (Ok(found), Ok(wanted)) => (found, wanted),
        (found, wanted) => {
            let kind = |answer: &Result<Answer>| answer.as_ref().err().map(|error| error.kind());
            assert_eq!(kind(found), kind(wanted), "{query}");
            return;
        }
    };
    assert_eq!((&found.warnings, &found.infos), (&wanted.warnings, &wanted.infos), "{query}");
    let (Value::Matrix(found), Value::Matrix(wanted)) = (&found.value, &wanted.value) else {
        panic!("{query} is no matrix");
    };
    let labels = |series: &[SeriesData]| -> Vec<_> {
        series.iter().map(|one| one.labels.to_string()).collect()
    };
    assert_eq!(labels(found), labels(wanted), "{query}");
    for (found, wanted) in found.iter().zip(wanted) {
        let bits = |data: &SeriesData| -> Vec<_> {
            let bits =
                |value: f64| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
            data.samples.iter().map(|one| (one.timestamp, bits(one.value))).collect()
        };
        assert_eq!(bits(found), bits(wanted), "{query} of {}", found.labels);
        assert_eq!(found.histograms, wanted.histograms, "{query}");
    }
}

#[tokio::test]
async fn kept_answers_are_what_is_evaluated_whatever_happens_to_the_store() {
    let (mut spared, mut asked) = (0, 0);
    for seed in 0..4 {
        let mut house = House::new(seed);
        for _ in 0..90 {
            house.live().await;
        }
        for _ in 0..260 {
            house.live().await;
            for _ in 0..4 {
                spared += u64::from(house.ask().await > 0);
                asked += 1;
            }
        }
        house.store.close().await.unwrap();
    }
    println!("{spared} of {asked} answers were known in part");
    assert!(spared * 5 > asked, "{spared} of {asked} answers were known in part");
}
