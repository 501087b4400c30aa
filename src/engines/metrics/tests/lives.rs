//! Long lives: writes, flushes, restarts, power cuts and damage.

use std::path::Path;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::engines::kit::container::Container;
use crate::engines::kit::disk::Disk;
use crate::engines::metrics::tests::{DIR, House};
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::histogram::{CounterResetHint, Histogram, Span};
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::series::SeriesData;
use crate::model::stale::stale_nan;
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::conformance::metric::{NOON, OUT_OF_ORDER_WINDOW};
use crate::storage::lifecycle::{Lifecycle, RetentionLimits};
use crate::storage::memory::metric::MemoryMetricStore;
use crate::storage::metric_store::{MetricStore, SelectHints, SelectQuery};

pub(super) const HOUR: i64 = 3_600_000;

/// Series that move on in time, step back within the window, repeat and contradict themselves.
pub(super) struct Writes {
    pub(super) random: StdRng,
    pub(super) now: i64,
}

impl Writes {
    pub(super) fn batch(&mut self) -> MetricBatch {
        self.now += self.random.random_range(0..900_000);
        let count = self.random.random_range(1..30);
        let series = (0..count).map(|_| self.series()).collect();
        MetricBatch { series, metadata: Vec::new() }
    }

    fn series(&mut self) -> SeriesWrite {
        let number = self.random.random_range(0..40_u32);
        let name = format!("s{number}");
        let labels = Labels::from_pairs([("__name__", name.as_str()), ("all", "yes")]);
        let count = self.random.random_range(1..80);
        let times: Vec<i64> =
            (0..count).map(|_| self.now - self.random.random_range(0..4_000) * 1_000).collect();
        let mut write = SeriesWrite { labels, ..SeriesWrite::default() };
        for at in times {
            if number % 4 == 1 {
                let start = TimestampMs(at - at.rem_euclid(7_000) - 1);
                write.starts.push(StartTime { timestamp: TimestampMs(at), start });
            }
            if number % 10 == 3 {
                write.histograms.push(self.histogram(at));
            } else {
                write.samples.push(Sample::new(at, self.value(at)));
            }
        }
        write
    }

    /// Mostly the same value for the same time, so that repetitions happen as well as conflicts.
    fn value(&mut self, at: i64) -> f64 {
        match self.random.random_range(0..20) {
            0 => stale_nan(),
            1 => f64::from_bits(self.random.random()),
            2 => -0.0,
            _ => (at / 1_000) as f64 / 100.0,
        }
    }

    fn histogram(&mut self, at: i64) -> HistogramSample {
        let length = self.random.random_range(0..3);
        let histogram = Histogram {
            count: (at / 1_000) as f64,
            positive_spans: vec![Span { offset: 1, length }],
            positive_buckets: vec![2.0; length as usize],
            ..Histogram::default()
        };
        HistogramSample { timestamp: TimestampMs(at), histogram: Arc::new(histogram) }
    }
}

/// Checks what a store says of resets, and forgets it: after a flush it may say less.
pub(super) fn without_hints(mut data: SeriesData) -> SeriesData {
    let mut previous: Option<Histogram> = None;
    for sample in &mut data.histograms {
        let known = Histogram::clone(&sample.histogram);
        let hint = known.counter_reset_hint;
        assert!(
            hint != CounterResetHint::NotReset
                || previous.is_none()
                || hint == known.settled_hint(previous.as_ref())
        );
        previous = Some(known);
        Arc::make_mut(&mut sample.histogram).counter_reset_hint = CounterResetHint::Unknown;
    }
    data
}

pub(super) async fn everything(
    store: &dyn MetricStore,
    range: TimeRange<TimestampMs>,
) -> Vec<SeriesData> {
    let matchers = vec![Matcher::equal("all", "yes")];
    let hints = SelectHints::default();
    let query = SelectQuery { matchers, range, hints, max_samples: None };
    let mut cursor = store.select(query).await.unwrap();
    let mut found = Vec::new();
    while let Some(block) = cursor.next_block().await.unwrap() {
        found.extend(block);
    }
    found.sort_by(|one, other| one.labels.cmp(&other.labels));
    found
}

pub(super) async fn expect_same(store: &dyn MetricStore, oracle: &dyn MetricStore, now: i64) {
    let all = TimeRange::<TimestampMs>::ALL;
    let some = TimeRange::new(TimestampMs(now - 5_000_000), TimestampMs(now - 1_000_000));
    for range in [all, some] {
        let (found, wanted) = (everything(store, range).await, everything(oracle, range).await);
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(without_hints(found.clone()), without_hints(wanted.clone()));
        }
    }
}

#[tokio::test]
async fn a_long_life_of_writes_flushes_and_restarts_shows_what_memory_shows() {
    for seed in 0..3 {
        let mut house = House::new();
        let oracle = MemoryMetricStore::new(OUT_OF_ORDER_WINDOW);
        let random = StdRng::seed_from_u64(seed);
        let mut writes = Writes { random, now: NOON + 11 * HOUR };
        for _ in 0..40 {
            let batch = writes.batch();
            let receipt = house.engine.append(batch.clone()).await.unwrap();
            let wanted = oracle.append(batch).await.unwrap();
            // After a flush the engine may take a contradiction and ignore it.
            assert!(receipt.accepted >= wanted.accepted);
            match writes.random.random_range(0..10) {
                0..3 => house.engine.flush().await.unwrap(),
                3 => house = house.reopen(|_| ()).await,
                _ => {}
            }
            if writes.random.random_range(0..8) == 0 {
                expect_same(&*house.engine, &oracle, writes.now).await;
            }
        }
        expect_same(&*house.engine, &oracle, writes.now).await;
    }
}

/// A batch that no other one resembles: one sample of each of ten series, and its number as value.
fn numbered(number: i64) -> MetricBatch {
    let series = (0..10).map(|i| {
        let name = format!("s{i}");
        let labels = Labels::from_pairs([("__name__", name.as_str()), ("all", "yes")]);
        // Every batch reaches some minutes back, over the end of the day.
        let at = NOON + 11 * HOUR + number * 20_000 - i * 300_000 + i;
        SeriesWrite::sample(labels, Sample::new(at, number as f64))
    });
    MetricBatch { series: series.collect(), metadata: Vec::new() }
}

/// Returns how many samples each batch has in the store.
async fn found(store: &dyn MetricStore, batches: i64) -> Vec<usize> {
    let mut counts = vec![0; batches as usize];
    for data in everything(store, TimeRange::<TimestampMs>::ALL).await {
        for sample in data.samples {
            counts[sample.value as usize] += 1;
        }
    }
    counts
}

#[tokio::test]
async fn a_flush_that_stops_between_two_days_is_finished_later_and_repeats_nothing() {
    for restart in [false, true] {
        let mut house = House::new();
        let days = [NOON, NOON + 24 * HOUR].map(|at| Sample::new(at, 1.0));
        let labels = Labels::from_pairs([("__name__", "two_days"), ("all", "yes")]);
        let series = SeriesWrite { labels, samples: days.to_vec(), ..SeriesWrite::default() };
        let batch = MetricBatch { series: vec![series], metadata: Vec::new() };
        house.engine.append(batch.clone()).await.unwrap();
        // Where the second day's file should be stands a directory.
        let [first, second] =
            ["2026-11-23.redb", "2026-11-24.redb"].map(|name| Path::new(DIR).join(name));
        house.disk.refuse_name(Some(&second));
        assert!(house.engine.flush().await.is_err());
        assert!(!house.disk.bytes(&first).is_empty());
        let shown = everything(&*house.engine, TimeRange::<TimestampMs>::ALL).await;
        assert_eq!(shown[0].samples, days);
        house.disk.refuse_name(None);
        if restart {
            house = house.reopen(|_| ()).await;
            // Only the day that is not in a file comes from the log.
            assert_eq!(house.engine.stats().head_samples, 1);
        }
        house.engine.flush().await.unwrap();
        house = house.reopen(|_| ()).await;
        assert_eq!(house.engine.stats().head_samples, 0);
        let shown = everything(&*house.engine, TimeRange::<TimestampMs>::ALL).await;
        assert_eq!(shown[0].samples, days);
    }
}

#[tokio::test]
async fn what_many_readers_take_from_files_and_memory_is_what_memory_shows() {
    let (house, oracle) = (House::new(), MemoryMetricStore::new(OUT_OF_ORDER_WINDOW));
    let points = |id: usize, from: i64| {
        let labels = [("__name__", "crowd"), ("all", "yes"), ("id", &format!("{id:03}"))];
        let at = |step: i64| NOON + step * 15_000;
        let samples =
            (from..from + 1_250).map(|step| Sample::new(at(step), (step * id as i64) as f64));
        let labels = Labels::from_pairs(labels);
        SeriesWrite { labels, samples: samples.collect(), ..SeriesWrite::default() }
    };
    for from in [0, 1_250] {
        let series = (0..200).map(|id| points(id, from)).collect();
        let batch = MetricBatch { series, metadata: Vec::new() };
        oracle.append(batch.clone()).await.unwrap();
        house.engine.append(batch).await.unwrap();
        if from == 0 {
            house.engine.flush().await.unwrap();
        }
    }
    expect_same(&*house.engine, &oracle, NOON + 20_000_000).await;
}

#[tokio::test]
async fn a_damaged_blob_costs_only_itself_and_is_told() {
    let mut house = House::new();
    for hour in 0..3 {
        let labels = Labels::from_pairs([("__name__", "damaged"), ("all", "yes")]);
        let write = SeriesWrite::sample(labels, Sample::new(NOON + hour * 2 * HOUR, 1.0));
        house.engine.append(MetricBatch { series: vec![write], metadata: vec![] }).await.unwrap();
    }
    house.engine.flush().await.unwrap();
    let path = Path::new(DIR).join("2026-11-23.redb");
    house = house
        .reopen(|disk| {
            let disk: Arc<dyn Disk> = Arc::new(disk.clone());
            let file = Container::open(&disk, &path, 1 << 20).unwrap();
            file.write(|change| change.put("chunks", &[7, 0, 0, 0, 0], b"no blob")).unwrap();
        })
        .await;
    for _ in 0..2 {
        let matchers = vec![Matcher::equal("__name__", "damaged")];
        let range = TimeRange::<TimestampMs>::ALL;
        let hints = SelectHints::default();
        let query = SelectQuery { matchers, range, hints, max_samples: None };
        let mut cursor = house.engine.select(query).await.unwrap();
        let block = cursor.next_block().await.unwrap().unwrap();
        assert_eq!(block[0].samples.len(), 2);
        assert_eq!(cursor.next_block().await.unwrap(), None);
        assert_eq!(cursor.warnings(), ["damaged metric blocks of 2026-11-23 were left out"]);
    }
    assert_eq!(house.engine.damaged_blocks(), 1);
}

#[tokio::test]
async fn a_file_that_is_no_container_is_put_aside() {
    let mut house = House::new();
    house.engine.append(numbered(0)).await.unwrap();
    house.engine.flush().await.unwrap();
    let path = Path::new(DIR).join("2026-11-20.redb");
    house = house.reopen(|disk| disk.put(&path, &[7; 100_000])).await;
    let names = house.disk.list(Path::new(DIR)).unwrap();
    assert!(!names.contains(&path) && names.contains(&path.with_extension("redb.damaged")));
    assert_eq!(found(&*house.engine, 1).await, [10]);
}

#[tokio::test]
async fn the_engine_tells_its_days_and_what_is_damaged_in_them() {
    let mut house = House::new();
    for day in 0..2 {
        let labels = Labels::from_pairs([("__name__", "told"), ("all", "yes")]);
        let write = SeriesWrite::sample(labels, Sample::new(NOON + day * 24 * HOUR, 1.0));
        house.engine.append(MetricBatch { series: vec![write], metadata: vec![] }).await.unwrap();
    }
    house.engine.flush().await.unwrap();
    let path = Path::new(DIR).join("2026-11-20.redb");
    house = house.reopen(|disk| disk.put(&path, &[7; 100_000])).await;
    let facts = house.engine.facts();
    let days: Vec<_> = facts.partitions.iter().map(|one| one.day.to_string()).collect();
    assert_eq!(days, ["2026-11-23", "2026-11-24"]);
    assert_eq!(facts.partitions[0].series, Some(1));
    let noon = TimestampMs(NOON);
    assert_eq!(facts.partitions[0].times, Some(TimeRange::new(noon, noon)));
    assert!(facts.partitions.iter().all(|one| one.bytes > 0));
    assert_eq!((facts.damage.count, &facts.damage.places[0][..]), (1, "2026-11-20.redb.damaged"));
}

#[tokio::test]
async fn retention_by_bytes_unlinks_the_oldest_days_and_never_the_newest() {
    let house = House::new();
    for day in 0..4 {
        let labels = Labels::from_pairs([("__name__", "sized"), ("all", "yes")]);
        let write = SeriesWrite::sample(labels, Sample::new(NOON + day * 24 * HOUR, 1.0));
        house.engine.append(MetricBatch { series: vec![write], metadata: vec![] }).await.unwrap();
        house.engine.flush().await.unwrap();
    }
    let all = house.engine.disk_bytes();
    let limits = |most| RetentionLimits { oldest_ns: 0, max_bytes: Some(most) };
    let dropped = house.engine.enforce_retention(limits(all - 1)).await.unwrap();
    assert_eq!(dropped.partitions, ["2026-11-23"]);
    assert!(house.engine.disk_bytes() < all);
    let dropped = house.engine.enforce_retention(limits(0)).await.unwrap();
    assert_eq!(dropped.partitions, ["2026-11-24", "2026-11-25"]);
    let left = everything(&*house.engine, TimeRange::<TimestampMs>::ALL).await;
    assert_eq!(left[0].samples.len(), 1);
}
