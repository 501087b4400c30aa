//! Holds the real binary to `budget.memory` and `budget.disk` while a sender drives at both: more
//! series than fit, a tenth of them new every hour, and more days than fit. Time runs as the sender
//! says: an hour of samples passes in seconds.
//! `BELVEDERE_BUDGET_SERIES` says how many series (30,000), `BELVEDERE_BUDGET_MEMORY` the budget.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::appliance::{Appliance, start};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// Series of one request.
const BATCH: usize = 1_000;
/// How long a refused request is sent again before that is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends remote write, waits when it is told to, and counts how often that was.
pub(crate) struct Sender<'a> {
    pub(crate) appliance: &'a Appliance,
    pub(crate) refused: u64,
}

impl Sender<'_> {
    /// Sends one sample each of some series, until they are taken.
    pub(crate) fn send(&mut self, series: impl Iterator<Item = (String, f64)>, at: i64) {
        let mut request = Vec::new();
        for (name, value) in series {
            put_series(&name, at, value, &mut request);
        }
        let body = snap::raw::Encoder::new().compress_vec(&request).unwrap();
        let begin = Instant::now();
        loop {
            let kind = "application/x-protobuf";
            let answer = self.appliance.send("POST", "/api/v1/write", kind, &body);
            let status = answer.split(' ').nth(1).unwrap_or_default();
            if status.starts_with('2') {
                return;
            }
            assert!(matches!(status, "429" | "503"), "{answer}");
            assert!(answer.to_ascii_lowercase().contains("retry-after: "), "{answer}");
            assert!(begin.elapsed() < PATIENCE, "refused for {PATIENCE:?}: {answer}");
            self.refused += 1;
            thread::sleep(Duration::from_millis(300));
        }
    }
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a field of bytes.
fn put_field(tag: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    put_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

/// Appends a `TimeSeries` of `prometheus.WriteRequest` with one sample.
fn put_series(name: &str, at: i64, value: f64, out: &mut Vec<u8>) {
    let mut series = Vec::new();
    for (name, text) in [("__name__", "driven"), ("n", name)] {
        let mut label = Vec::new();
        put_field(0x0a, name.as_bytes(), &mut label);
        put_field(0x12, text.as_bytes(), &mut label);
        put_field(0x0a, &label, &mut series);
    }
    let mut sample = vec![0x09];
    sample.extend_from_slice(&value.to_le_bytes());
    sample.push(0x10);
    put_varint(at as u64, &mut sample);
    put_field(0x12, &sample, &mut series);
    put_field(0x0a, &series, out);
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The process's anonymous resident memory.
pub(crate) fn anonymous_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// What all files of a directory have allocated.
fn allocated(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    metadata.blocks() * 512 + entries.map(|entry| allocated(&entry.path())).sum::<u64>()
}

/// Calls `measure` again and again while `work` runs and returns the most it said.
pub(crate) fn most_during(measure: impl Fn() -> u64 + Sync, work: impl FnOnce()) -> u64 {
    let (most, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                most.fetch_max(measure(), Ordering::AcqRel);
                thread::sleep(Duration::from_millis(50));
            }
        });
        // A sender that fails must end the watch too.
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Release);
        if let Err(panic) = worked {
            std::panic::resume_unwind(panic);
        }
    });
    most.into_inner()
}

#[test]
fn memory_stays_under_its_budget_while_series_come_and_go() {
    let series = setting("BELVEDERE_BUDGET_SERIES", 30_000);
    let budget = setting("BELVEDERE_BUDGET_MEMORY", 128 << 20);
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "budget: {{memory: {}MiB}}\nmetrics: {{out_of_order_window: 1d}}\n\
             ingest: {{limits: {{series_per_metric: 0, new_series_per_second: 1000000, new_series_burst: 1000000}}}}\n",
        budget >> 20
    );
    let appliance = start(folder.path(), &config);
    let mut sender = Sender { appliance: &appliance, refused: 0 };
    // Three hours, a sample every ten minutes, a tenth of the series new every hour.
    let begin = now_ms() - 180 * MINUTE;
    let pid = appliance.child.id();
    let most = most_during(
        || anonymous_bytes(pid),
        || {
            for round in 0..18 {
                let first = round * series / 60;
                let at = begin + round as i64 * 10 * MINUTE;
                let numbers = (first..first + series).collect::<Vec<_>>();
                for numbers in numbers.chunks(BATCH) {
                    sender.send(
                        numbers.iter().map(|n| (n.to_string(), (*n % 97 + round) as f64)),
                        at,
                    );
                }
            }
        },
    );
    let refused = sender.refused;
    println!("{series} series: at most {} MiB of {}, {refused} refusals", most >> 20, budget >> 20);
    assert!(most <= budget, "{most} of {budget} bytes");
    let query = format!(
        "/api/v1/query?query=count(last_over_time(driven%5B15m%5D))&time={}",
        (begin + 170 * MINUTE) / 1_000
    );
    appliance.ask_until(&query, &format!("\"{series}\""));
    expect_counted(&appliance, refused);
}

/// Every refusal is counted by its reason.
fn expect_counted(appliance: &Appliance, refused: u64) {
    if refused > 0 {
        let metrics = appliance.ask("GET", "/metrics", "");
        let counted = metrics.lines().any(|line| {
            line.starts_with("belvedere_ingest_rejected_total") && line.contains("unavailable")
        });
        assert!(counted, "{refused} refusals are not counted");
    }
}

#[test]
fn the_disk_stays_under_its_budget_and_the_oldest_days_go_first() {
    const BUDGET: u64 = 96 << 20;
    const DAYS: i64 = 22;
    const SERIES: usize = 40_000;
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "budget: {{disk: {}MiB}}\nretention: {{metrics: 90d}}\n\
         metrics: {{out_of_order_window: 30d}}\n\
         ingest: {{limits: {{series_per_metric: 0, new_series_per_second: 1000000, new_series_burst: 1000000}}}}\n",
        BUDGET >> 20
    );
    let appliance = start(folder.path(), &config);
    let mut sender = Sender { appliance: &appliance, refused: 0 };
    let mut random = StdRng::seed_from_u64(1);
    let times: Vec<i64> = (0..DAYS).rev().map(|day| now_ms() - day * DAY).collect();
    let data = folder.path().join("data");
    let most = most_during(
        || allocated(&data),
        || {
            for at in &times {
                // Every day has series of its own, with names that do not compress well.
                for _ in 0..SERIES / BATCH {
                    let mut word = || format!("{:x}", random.random::<u64>());
                    let mut name = || (0..10).map(|_| word()).collect::<String>();
                    let series: Vec<_> = (0..BATCH).map(|_| (name(), 1.0)).collect();
                    sender.send(series.into_iter(), *at);
                }
                let flushed = appliance.ask("POST", "/api/x/admin/flush", "");
                assert!(flushed.starts_with("HTTP/1.1 200"), "{flushed}");
            }
        },
    );
    println!("at most {} MiB of {}, {} refusals", most >> 20, BUDGET >> 20, sender.refused);
    assert!(most <= BUDGET, "{most} of {BUDGET} bytes");
    // What is left are the newest days, without a hole.
    let there = |at: &i64| {
        let path = format!("/api/v1/query?query=count(driven)&time={}", at / 1_000 + 1);
        appliance.ask("GET", &path, "").contains(&format!("\"{SERIES}\""))
    };
    let kept: Vec<bool> = times.iter().map(there).collect();
    println!("days kept, oldest first: {kept:?}");
    assert!(kept.is_sorted() && !kept[0] && kept[kept.len() - 1], "{kept:?}");
    expect_counted(&appliance, sender.refused);
}
