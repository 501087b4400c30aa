//! Day files of every format version that was ever released are read as they were written.
//!
//! A golden file holds the rows of one day: table, key and value, each behind its length. Set
//! `UPDATE_GOLDEN` to write those of the current version anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engines::kit::container::Container;
use crate::engines::kit::disk::Disk;
use crate::engines::kit::faulty_disk::FaultyDisk;
use crate::engines::kit::new_container::NewContainer;
use crate::engines::metrics::codec::bytes::{Reader, put_bytes};
use crate::engines::metrics::day::TABLES;
use crate::engines::metrics::tests::lives::{everything, without_hints};
use crate::engines::metrics::tests::{DIR, House, open_copy};
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, Span};
use crate::model::labels::Labels;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::stale::stale_nan;
use crate::model::time::{Day, TimeRange, TimestampMs};
use crate::storage::conformance::metric::{NOON, OUT_OF_ORDER_WINDOW};
use crate::storage::lifecycle::Lifecycle;
use crate::storage::memory::metric::MemoryMetricStore;
use crate::storage::metric_store::MetricStore;

const POINTS: i64 = 300;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics").join(name)
}

/// A number without a pattern for each number.
fn noise(number: i64) -> u64 {
    let mixed = (number.unsigned_abs() ^ 0x9e37_79b9).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 11
}

fn value(series: usize, point: i64) -> f64 {
    match (series, point) {
        (0, _) => 42.0,
        (1, 100) => stale_nan(),
        (1, _) => (point * 1_000 + (noise(point) % 700) as i64) as f64,
        (2, 7) => -0.0,
        (2, 8) => f64::INFINITY,
        (2, 9) => f64::from_bits(0x7ff8_0000_dead_beef),
        (2, _) => (noise(point) % 100_000) as f64 / 1_000.0,
        (3, _) => noise(point) as f64 / 7e15,
        (4, _) => ((noise(point % 16) % 50) * 4_096) as f64,
        _ => (1_u64 << 53) as f64 + (point * 2) as f64,
    }
}

fn histogram(point: i64) -> Histogram {
    let observed = point as f64 + (point % 3) as f64 / 2.0;
    let custom = point >= 200;
    Histogram {
        schema: if custom { CUSTOM_BUCKETS_SCHEMA } else { 3 },
        counter_reset_hint: if point < 50 {
            CounterResetHint::Gauge
        } else {
            CounterResetHint::Unknown
        },
        count: observed * 3.0,
        sum: observed / 10.0,
        zero_count: if custom { 0.0 } else { observed },
        zero_threshold: if custom { 0.0 } else { 1e-128 },
        positive_spans: vec![Span { offset: if custom { 0 } else { -4 }, length: 2 }],
        positive_buckets: vec![observed, observed],
        custom_values: if custom { vec![0.5, 2.5] } else { Vec::new() },
        ..Histogram::default()
    }
}

/// One day of what a store can hold.
fn day() -> MetricBatch {
    let at = |point: i64| NOON - 3_600_000 + point * 15_000 + (noise(point) % 40) as i64;
    let mut series = Vec::new();
    for number in 0..6 {
        let name = format!("golden_{number}");
        let labels = Labels::from_pairs([("__name__", name.as_str()), ("all", "yes")]);
        let skipped = |point: &i64| number != 5 || *point % 90 > 3;
        let samples: Vec<_> = (0..POINTS)
            .filter(skipped)
            .map(|point| Sample::new(at(point), value(number, point)))
            .collect();
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", "5d3f")]),
            value: 0.25,
            timestamp: TimestampMs(at(3)),
        };
        let starts = samples.iter().filter(|_| number == 1).map(|sample| StartTime {
            timestamp: sample.timestamp,
            start: TimestampMs(NOON - 9_000_000),
        });
        let (starts, exemplars) = (starts.collect(), vec![exemplar]);
        series.push(SeriesWrite { labels, samples, starts, exemplars, ..SeriesWrite::default() });
    }
    let labels = Labels::from_pairs([("__name__", "golden_histogram"), ("all", "yes")]);
    let histograms = (0..POINTS).map(|point| HistogramSample {
        timestamp: TimestampMs(at(point)),
        histogram: Arc::new(histogram(point)),
    });
    let histograms = histograms.collect();
    series.push(SeriesWrite { labels, histograms, ..SeriesWrite::default() });
    let family = MetricMetadata {
        metric: "golden_1".to_owned(),
        kind: MetricType::Counter,
        help: "Always the same.".to_owned(),
        unit: String::new(),
    };
    MetricBatch { series, metadata: vec![family] }
}

fn put_row(out: &mut Vec<u8>, table: &str, key: &[u8], value: &[u8]) {
    for part in [table.as_bytes(), key, value] {
        put_bytes(out, part);
    }
}

/// Writes the golden files of the current version.
async fn update() {
    let house = House::new();
    house.engine.append(day()).await.unwrap();
    house.engine.flush().await.unwrap();
    for name in ["live-3", "sealed-3"] {
        if name == "sealed-3" {
            house.engine.seal(Day::of_ms(TimestampMs(NOON))).await.unwrap();
        }
        let copy = Path::new("/copies").join(name);
        house.engine.snapshot(&copy).await.unwrap();
        let disk: Arc<dyn Disk> = Arc::new(house.disk.clone());
        let file = Container::open(&disk, &copy.join("2026-11-23.redb"), 1 << 20).unwrap();
        let mut rows = Vec::new();
        for table in TABLES {
            let see = |key: &[u8], value: crate::base::error::Result<Vec<u8>>| {
                put_row(&mut rows, table, key, &value.unwrap());
                Ok(())
            };
            file.snapshot().unwrap().visit(table, see).unwrap();
        }
        std::fs::write(golden(name), rows).unwrap();
    }
}

#[tokio::test]
async fn every_version_is_read_as_it_was_written() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        update().await;
    }
    let oracle = MemoryMetricStore::new(OUT_OF_ORDER_WINDOW);
    oracle.append(day()).await.unwrap();
    let all = TimeRange::<TimestampMs>::ALL;
    for name in ["live-1", "live-2", "sealed-2", "live-3", "sealed-3"] {
        let memory = FaultyDisk::default();
        let disk: Arc<dyn Disk> = Arc::new(memory.clone());
        let files = Path::new(DIR);
        let new = NewContainer::create(&disk, &files.join("2026-11-23.redb"), 1 << 20).unwrap();
        let rows = std::fs::read(golden(name)).unwrap();
        let mut rows = Reader::new(&rows);
        while !rows.rest().is_empty() {
            let name = rows.text().unwrap();
            let table = TABLES.into_iter().find(|table| *table == name).unwrap();
            let (key, value) = (rows.bytes().unwrap(), rows.bytes().unwrap());
            new.change().put(table, key, value).unwrap();
        }
        new.finish().unwrap();
        let engine = open_copy(&memory, files);
        let (found, wanted) = (everything(&*engine, all).await, everything(&oracle, all).await);
        assert_eq!(found.len(), 7);
        for (found, wanted) in found.iter().zip(&wanted) {
            let (found, wanted) = (without_hints(found.clone()), without_hints(wanted.clone()));
            assert_eq!(found, wanted, "{name}");
        }
        let exemplars = engine.exemplars(vec![], all).await.unwrap();
        assert_eq!(exemplars, oracle.exemplars(vec![], all).await.unwrap());
        assert_eq!(engine.metadata(None).await.unwrap(), day().metadata);
        assert_eq!(engine.damaged_blocks(), 0);
    }
}
