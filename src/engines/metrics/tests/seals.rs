//! Days in their final form: sealed, read, written to again, deleted from, copied.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::engines::kit::container::Container;
use crate::engines::kit::disk::Disk;
use crate::engines::metrics::day::SEALED;
use crate::engines::metrics::tests::lives::{HOUR, Writes, everything, expect_same};
use crate::engines::metrics::tests::{DIR, House, open_copy};
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::sample::Sample;
use crate::model::series::LabelQuery;
use crate::model::time::{Day, TimeRange, TimestampMs};
use crate::storage::conformance::metric::{NOON, OUT_OF_ORDER_WINDOW};
use crate::storage::lifecycle::{Lifecycle, RetentionLimits};
use crate::storage::memory::metric::MemoryMetricStore;
use crate::storage::metric_store::{MetricStore, SelectHints, SelectQuery};

const ALL: TimeRange<TimestampMs> = TimeRange::<TimestampMs>::ALL;

fn file(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn exists(house: &House, name: &str) -> bool {
    !house.disk.bytes(&file(name)).is_empty()
}

fn day(at: i64) -> Day {
    Day::of_ms(TimestampMs(at))
}

fn range(start: i64, end: i64) -> TimeRange<TimestampMs> {
    TimeRange::new(TimestampMs(start), TimestampMs(end))
}

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("all", "yes"), ("own", name)])
}

fn named(name: &str) -> Vec<Vec<Matcher>> {
    vec![vec![Matcher::equal("__name__", name)]]
}

/// Three series with a point a minute for twenty minutes from `from` on, each with one exemplar.
fn minutes(from: i64) -> MetricBatch {
    let series = ["a", "b", "c"].map(|name| {
        let samples = (0..20).map(|minute| Sample::new(from + minute * 60_000, minute as f64));
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", name)]),
            value: 1.0,
            timestamp: TimestampMs(from),
        };
        SeriesWrite {
            samples: samples.collect(),
            exemplars: vec![exemplar],
            ..SeriesWrite::sample(labels(name), Sample::new(from, 0.0))
        }
    });
    MetricBatch { series: series.to_vec(), metadata: Vec::new() }
}

async fn values(store: &dyn MetricStore, name: &str) -> Vec<String> {
    let query = LabelQuery { match_sets: Vec::new(), range: ALL, limit: None };
    store.label_values(name, query).await.unwrap().items
}

async fn counts(store: &dyn MetricStore) -> Vec<usize> {
    everything(store, ALL).await.iter().map(|series| series.samples.len()).collect()
}

#[tokio::test]
async fn a_long_life_with_seals_and_deletions_shows_what_memory_shows() {
    for seed in 0..4 {
        let mut house = House::new();
        let oracle = MemoryMetricStore::new(OUT_OF_ORDER_WINDOW);
        let random = StdRng::seed_from_u64(seed);
        let mut writes = Writes { random, now: NOON + 8 * HOUR };
        for _ in 0..60 {
            let batch = writes.batch();
            house.engine.append(batch.clone()).await.unwrap();
            oracle.append(batch).await.unwrap();
            match writes.random.random_range(0..12) {
                0..2 => house.engine.flush().await.unwrap(),
                2 => house = house.reopen(|_| ()).await,
                3..5 => {
                    let through = Day(day(writes.now).0 - writes.random.random_range(0..2));
                    house.engine.seal(through).await.unwrap();
                }
                5 => house.engine.purge_deleted().await.unwrap(),
                6..8 => {
                    let name = format!("s{}.*", writes.random.random_range(0..10));
                    let sets = vec![vec![Matcher::new(MatchOp::Regex, "__name__", name).unwrap()]];
                    let end = writes.now - writes.random.random_range(0..6 * HOUR);
                    let range = range(end - writes.random.random_range(0..9 * HOUR), end);
                    let met = house.engine.delete(sets.clone(), range).await.unwrap();
                    assert_eq!(met, oracle.delete(sets, range).await.unwrap());
                }
                _ => {}
            }
            if writes.random.random_range(0..6) == 0 {
                expect_same(&*house.engine, &oracle, writes.now).await;
                let found = values(&*house.engine, "__name__").await;
                assert_eq!(found, values(&oracle, "__name__").await);
            }
        }
        house.engine.seal(day(writes.now)).await.unwrap();
        expect_same(&*house.engine, &oracle, writes.now).await;
        let house = house.reopen(|_| ()).await;
        expect_same(&*house.engine, &oracle, writes.now).await;
        assert_eq!(house.engine.damaged_blocks(), 0);
    }
}

#[tokio::test]
async fn a_sealed_day_takes_late_points_and_is_sealed_again() {
    let mut house = House::new();
    house.engine.append(minutes(NOON)).await.unwrap();
    let before = everything(&*house.engine, ALL).await;
    assert_eq!(house.engine.seal(Day(day(NOON).0 - 1)).await, Ok(0));
    assert_eq!(house.engine.seal(day(NOON)).await, Ok(1));
    assert_eq!(house.engine.seal(day(NOON)).await, Ok(0), "nothing came since");
    assert_eq!(everything(&*house.engine, ALL).await, before);
    for again in [false, true] {
        let late = Sample::new(NOON + 30_000 + i64::from(again), 7.0);
        // The first value of a known time stays.
        let other = Sample::new(NOON + 60_000, 9.0);
        for name in ["c", "d"] {
            let write = SeriesWrite {
                samples: vec![late, other],
                ..SeriesWrite::sample(labels(name), late)
            };
            let batch = MetricBatch { series: vec![write], metadata: Vec::new() };
            house.engine.append(batch).await.unwrap();
        }
        house.engine.flush().await.unwrap();
        house = house.reopen(|_| ()).await;
        let (c, d) = if again { (22, 3) } else { (21, 2) };
        assert_eq!(counts(&*house.engine).await, [20, 20, c, d]);
        let shown = everything(&*house.engine, ALL).await;
        assert_eq!(house.engine.seal_at_leisure(day(NOON)).await, Ok(1));
        assert_eq!(everything(&*house.engine, ALL).await, shown);
        let exemplars = house.engine.exemplars(named("c"), ALL).await.unwrap();
        assert_eq!(exemplars[0].exemplars.len(), 1);
    }
}

#[tokio::test]
async fn a_reader_of_the_old_file_goes_on_and_leftovers_of_a_crash_go() {
    let mut house = House::new();
    house.engine.append(minutes(NOON)).await.unwrap();
    house.engine.flush().await.unwrap();
    let query = SelectQuery {
        matchers: vec![Matcher::equal("all", "yes")],
        range: ALL,
        hints: SelectHints::default(),
        max_samples: None,
    };
    let mut cursor = house.engine.select(query).await.unwrap();
    house.engine.seal(day(NOON)).await.unwrap();
    assert_eq!(cursor.next_block().await.unwrap().unwrap().len(), 3);
    drop(cursor);
    let leftover = "tmp/2026-11-23.redb";
    assert!(!exists(&house, leftover));
    house = house.reopen(|disk| disk.put(&file(leftover), b"half a file")).await;
    assert!(!exists(&house, leftover));
    assert_eq!(counts(&*house.engine).await, [20, 20, 20]);
}

#[tokio::test]
async fn what_is_deleted_stays_deleted_and_what_comes_after_stays() {
    for sealed in [false, true] {
        let mut house = House::new();
        house.engine.append(minutes(NOON)).await.unwrap();
        if sealed {
            house.engine.seal(day(NOON)).await.unwrap();
        }
        let first_ten = range(i64::MIN, NOON + 9 * 60_000);
        assert_eq!(house.engine.delete(named("a"), first_ten).await.unwrap().series, 1);
        assert_eq!(house.engine.delete(named("b"), ALL).await.unwrap().series, 1);
        assert_eq!(house.engine.delete(named("b"), ALL).await.unwrap().series, 0);
        for purge in [false, true] {
            if purge {
                house.engine.purge_deleted().await.unwrap();
            }
            house = house.reopen(|_| ()).await;
            assert_eq!(counts(&*house.engine).await, [10, 20]);
            assert_eq!(values(&*house.engine, "own").await, ["a", "c"]);
            let exemplars = house.engine.exemplars(vec![], ALL).await.unwrap();
            assert_eq!(exemplars.len(), 1, "only that of c is left");
        }
        house.engine.append(minutes(NOON)).await.unwrap();
        house.engine.flush().await.unwrap();
        house = house.reopen(|_| ()).await;
        assert_eq!(counts(&*house.engine).await, [20, 20, 20]);
        assert_eq!(values(&*house.engine, "own").await, ["a", "b", "c"]);
        house.engine.seal(day(NOON)).await.unwrap();
        assert_eq!(counts(&*house.engine).await, [20, 20, 20]);
    }
}

#[tokio::test]
async fn a_copy_opens_with_all_that_was_acknowledged() {
    let house = House::new();
    house.engine.append(minutes(NOON)).await.unwrap();
    house.engine.seal(day(NOON)).await.unwrap();
    house.engine.delete(named("b"), range(NOON, NOON)).await.unwrap();
    house.engine.append(minutes(NOON + 24 * HOUR)).await.unwrap();
    let to = Path::new("/copy");
    house.engine.snapshot(to).await.unwrap();
    assert!(house.engine.snapshot(to).await.is_err(), "an older copy is not written over");
    let copy = open_copy(&house.disk, to);
    assert_eq!(everything(&*copy, ALL).await, everything(&*house.engine, ALL).await);
    assert_eq!(counts(&*copy).await, [40, 39, 40]);
}

#[tokio::test]
async fn damaged_files_count_as_bytes_and_go_with_their_day() {
    let mut house = House::new();
    house.engine.append(minutes(NOON)).await.unwrap();
    house.engine.flush().await.unwrap();
    let aside = "2026-11-22.redb.damaged";
    let damaged = vec![7; 1 << 20];
    house = house.reopen(|disk| disk.put(&file("2026-11-22.redb"), &damaged)).await;
    assert!(exists(&house, aside) && house.engine.disk_bytes() > 1 << 20);
    let limits = RetentionLimits { oldest_ns: 0, max_bytes: Some(1 << 20) };
    let dropped = house.engine.enforce_retention(limits).await.unwrap();
    assert_eq!(dropped.partitions, ["2026-11-22"]);
    assert!(!exists(&house, aside) && house.engine.disk_bytes() < 1 << 20);
    assert_eq!(counts(&*house.engine).await, [20, 20, 20]);
}

#[tokio::test]
async fn a_damaged_day_is_left_as_it_is() {
    let mut house = House::new();
    house.engine.append(minutes(NOON)).await.unwrap();
    house.engine.flush().await.unwrap();
    let path = file("2026-11-23.redb");
    house = house
        .reopen(|disk| {
            let disk: Arc<dyn Disk> = Arc::new(disk.clone());
            let file = Container::open(&disk, &path, 1 << 20).unwrap();
            file.write(|change| change.put("chunks", &[6, 0, 0, 0, 0], b"no blob")).unwrap();
        })
        .await;
    let before = house.disk.bytes(&path);
    assert!(house.engine.seal(day(NOON)).await.is_err());
    assert!(house.disk.bytes(&path) == before);
    assert!(!exists(&house, "tmp/2026-11-23.redb"));
}

/// Returns the aggregates of the first series of the day, if they are offered.
fn hours(house: &House) -> Option<Vec<(u8, u64, f64)>> {
    let places = house.engine.shared.places.read().clone();
    let mut damage = house.engine.shared.quarantine.notes();
    let mut view = places.day(day(NOON)).unwrap().view(&mut damage).unwrap()?;
    let hours = view.aggregates(0, ALL, &mut damage).unwrap()?;
    Some(hours.into_iter().map(|own| (own.hour, own.count, own.increase())).collect())
}

#[tokio::test]
async fn hours_are_offered_only_where_they_are_exact() {
    let house = House::new();
    house.engine.append(minutes(NOON - 10 * 60_000)).await.unwrap();
    house.engine.flush().await.unwrap();
    assert_eq!(hours(&house), None, "a live day has none");
    house.engine.seal(day(NOON)).await.unwrap();
    let wanted = Some(vec![(12, 11, 10.0), (13, 9, 8.0)]);
    assert_eq!(hours(&house), wanted);
    let late = SeriesWrite::sample(labels("a"), Sample::new(NOON + 1, 10.5));
    let batch = MetricBatch { series: vec![late], metadata: Vec::new() };
    house.engine.append(batch).await.unwrap();
    house.engine.flush().await.unwrap();
    assert_eq!(hours(&house), None, "a late point is not in them");
    house.engine.delete(named("a"), range(NOON + 1, NOON + 1)).await.unwrap();
    assert_eq!(hours(&house), None, "nor is a deletion");
    house.engine.seal(day(NOON)).await.unwrap();
    assert_eq!(hours(&house), wanted);
}

#[tokio::test]
async fn days_of_series_that_fill_more_than_a_page_come_back_whole_in_any_order() {
    let house = House::new();
    let mut random = StdRng::seed_from_u64(9);
    let names = ["a", "b", "c", "d", "e", "f"];
    for part in 0..8 {
        // A page holds some eight thousand points of noise; the last series has but one.
        let count = |number: usize| [2_500, 700, 1, 300, 2_499, 1][number];
        let series = names.iter().enumerate().map(|(number, name)| {
            let at = |point: i64| day(NOON).range_ms().start.0 + part * 3 * HOUR + point * 4_000;
            let samples = (0..count(number)).map(|point| Sample::new(at(point), random.random()));
            SeriesWrite {
                samples: samples.collect(),
                ..SeriesWrite::sample(labels(name), Sample::new(0, 0.0))
            }
        });
        let batch = MetricBatch { series: series.collect(), metadata: Vec::new() };
        house.engine.append(batch).await.unwrap();
    }
    let wanted = everything(&*house.engine, ALL).await;
    house.engine.seal(day(NOON)).await.unwrap();
    let path = Path::new("/copies/cut");
    house.engine.snapshot(path).await.unwrap();
    let disk: Arc<dyn Disk> = Arc::new(house.disk.clone());
    let sealed = Container::open(&disk, &path.join("2026-11-23.redb"), 1 << 20).unwrap();
    let mut cut = 0;
    let see = |key: &[u8], _| {
        cut += usize::from(key.len() > 4);
        Ok(())
    };
    sealed.snapshot().unwrap().visit(SEALED, see).unwrap();
    assert!(cut >= 4, "{cut} blobs begin with a part of an entry");
    assert_eq!(everything(&*house.engine, ALL).await, wanted);
    for (place, name) in names.iter().enumerate().rev() {
        let (matchers, hints) = (named(name).remove(0), SelectHints::default());
        let query = SelectQuery { matchers, range: ALL, hints, max_samples: None };
        let mut cursor = house.engine.select(query).await.unwrap();
        let found = cursor.next_block().await.unwrap().unwrap();
        assert_eq!(found, wanted[place..=place], "{name}");
    }
    assert_eq!(house.engine.damaged_blocks(), 0);
}
