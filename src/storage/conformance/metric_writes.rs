//! What the metric port promises about writes: exact values, duplicates, order.
#![allow(clippy::unwrap_used, reason = "a suite fails by panicking")]

use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, Span};
use crate::model::matcher::Matcher;
use crate::model::receipt::Receipt;
use crate::model::reject::RejectReason;
use crate::model::sample::StartTime;
use crate::model::stale::{STALE_NAN_BITS, stale_nan};
use crate::model::time::TimestampMs;
use crate::storage::conformance::metric::{
    NOON, OUT_OF_ORDER_WINDOW, Subject, append, bits, exemplar, expect_floats, floats,
    full_histogram, histograms, labels, range, select, select_metric, select_query,
};
use crate::storage::metric_store::{KEEPABLE, MetricStore, SelectQuery};

pub(super) async fn run(subject: &dyn Subject) {
    every_bit_of_a_float_comes_back(subject).await;
    every_part_of_a_histogram_comes_back(subject).await;
    nothing_is_said_of_resets_around_a_late_histogram(subject).await;
    starts_come_back_with_their_points(subject).await;
    an_empty_batch_is_accepted(subject).await;
    a_repeated_point_is_accepted_and_stored_once(subject).await;
    another_value_for_a_known_timestamp_is_refused(subject).await;
    a_timestamp_holds_one_point_of_either_type(subject).await;
    after_a_flush_the_first_write_still_wins(subject).await;
    points_in_any_order_within_the_window_come_back_sorted(subject).await;
    points_older_than_the_window_are_refused_and_their_neighbours_kept(subject).await;
    the_window_counts_from_the_newest_point_before_the_batch(subject).await;
    late_points_join_what_was_flushed(subject).await;
    times_without_a_day_are_refused_and_move_no_window(subject).await;
    a_receipt_counts_histograms_and_exemplars(subject).await;
}

async fn write(store: &dyn MetricStore, series: Vec<SeriesWrite>) -> Receipt {
    store.append(MetricBatch { series, metadata: Vec::new() }).await.unwrap()
}

/// Returns (index, count, reason) of every refusal.
fn refusals(receipt: &Receipt) -> Vec<(usize, u64, RejectReason)> {
    receipt.rejected.iter().map(|one| (one.index, one.count, one.reason)).collect()
}

async fn every_bit_of_a_float_comes_back(subject: &dyn Subject) {
    let store = subject.empty().await;
    let values = [
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        stale_nan(),
        f64::NAN,
        f64::from_bits(0x7ff8_0000_dead_beef),
        f64::from_bits(0xfff8_0000_0000_0001),
        f64::MAX,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        0.1 + 0.2,
        1e300,
        -123_456.789,
        9_007_199_254_740_993.0,
    ];
    let samples: Vec<_> = values.iter().enumerate().map(|(i, v)| (i as i64 * 1_000, *v)).collect();
    append(&*store, vec![floats(&labels("exact", []), &samples)]).await;
    expect_floats(&*store, "exact", &samples).await;
    let found = select_metric(&*store, "exact").await;
    assert_eq!(found[0].samples[4].value.to_bits(), STALE_NAN_BITS);
    store.flush().await.unwrap();
    expect_floats(&*store, "exact", &samples).await;
}

async fn every_part_of_a_histogram_comes_back(subject: &dyn Subject) {
    let store = subject.empty().await;
    let custom = Histogram {
        counter_reset_hint: CounterResetHint::Gauge,
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: 3.0,
        sum: f64::INFINITY,
        positive_spans: vec![Span { offset: 0, length: 3 }],
        positive_buckets: vec![1.0, 0.0, 2.0],
        custom_values: vec![0.05, 0.1],
        ..Histogram::default()
    };
    let stale = Histogram { sum: stale_nan(), ..Histogram::default() };
    let mut written: Vec<_> = (0..20).map(|i| (i64::from(i) * 15_000, full_histogram(i))).collect();
    written.push((400_000, custom));
    written.push((415_000, stale));
    written.push((430_000, full_histogram(7)));
    append(&*store, vec![histograms(&labels("latency", []), &written)]).await;
    for flushed in [false, true] {
        let found = select_metric(&*store, "latency").await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].histograms.len(), written.len(), "flushed: {flushed}");
        for (found, (at, wanted)) in found[0].histograms.iter().zip(&written) {
            assert_eq!(found.timestamp.0 - NOON, *at);
            assert!(found.histogram.same_counts(wanted), "{:?} is not {wanted:?}", found.histogram);
        }
        let hints = found[0].histograms.iter().map(|one| one.histogram.counter_reset_hint);
        let (unknown, rising) = (CounterResetHint::Unknown, CounterResetHint::NotReset);
        let mut wanted = [&[unknown][..], &[rising; 19]].concat();
        wanted.extend([CounterResetHint::Gauge, unknown, unknown]);
        assert_eq!(hints.collect::<Vec<_>>(), wanted);
        store.flush().await.unwrap();
    }
}

async fn nothing_is_said_of_resets_around_a_late_histogram(subject: &dyn Subject) {
    let store = subject.empty().await;
    let series = labels("latecomer", []);
    let hints = async || {
        let found = select_metric(&*store, "latecomer").await;
        let histograms = found[0].histograms.iter();
        histograms.map(|one| one.histogram.counter_reset_hint).collect::<Vec<_>>()
    };
    let (unknown, rising) = (CounterResetHint::Unknown, CounterResetHint::NotReset);
    let (first, second) = ((0, full_histogram(1)), (60_000, full_histogram(2)));
    append(&*store, vec![histograms(&series, &[first, second])]).await;
    assert_eq!(hints().await, [unknown, rising]);
    append(&*store, vec![histograms(&series, &[(30_000, full_histogram(9))])]).await;
    assert_eq!(hints().await, [unknown, unknown, unknown]);
    let claimed = Histogram { counter_reset_hint: rising, ..full_histogram(9) };
    append(&*store, vec![histograms(&series, &[(30_000, claimed)])]).await;
    store.flush().await.unwrap();
    append(&*store, vec![histograms(&series, &[(70_000, full_histogram(3))])]).await;
    append(&*store, vec![histograms(&series, &[(10_000, full_histogram(8))])]).await;
    assert_eq!(hints().await[..4], [unknown; 4]);
}

async fn starts_come_back_with_their_points(subject: &dyn Subject) {
    let store = subject.empty().await;
    let start = |at, start| StartTime {
        timestamp: TimestampMs(NOON + at),
        start: TimestampMs(NOON + start),
    };
    let mut write = floats(&labels("begun", []), &[(0, 1.0), (15_000, 2.0), (30_000, 3.0)]);
    write.starts = vec![start(0, -5_000), start(30_000, 16_000)];
    append(&*store, vec![write.clone()]).await;
    // The first start of a point stays, like its first value.
    write.starts = vec![start(0, -9_000), start(15_000, -9_000)];
    append(&*store, vec![write]).await;
    let wanted = [start(0, -5_000), start(15_000, -9_000), start(30_000, 16_000)];
    for _ in 0..2 {
        assert_eq!(select_metric(&*store, "begun").await[0].starts, wanted);
        let some = SelectQuery {
            range: range(10_000, 20_000),
            ..select_query(vec![Matcher::equal("__name__", "begun")])
        };
        assert_eq!(select(&*store, some).await[0].starts, wanted[1..2]);
        store.flush().await.unwrap();
    }
}

async fn an_empty_batch_is_accepted(subject: &dyn Subject) {
    let store = subject.empty().await;
    assert_eq!(write(&*store, Vec::new()).await, Receipt::default());
    let nothing = floats(&labels("nothing", []), &[]);
    assert_eq!(write(&*store, vec![nothing]).await, Receipt::default());
    assert_eq!(select_metric(&*store, "nothing").await, vec![]);
}

async fn a_repeated_point_is_accepted_and_stored_once(subject: &dyn Subject) {
    let store = subject.empty().await;
    let series = labels("repeated", []);
    let samples = [(0, 1.0), (15_000, stale_nan()), (30_000, -0.0)];
    append(&*store, vec![floats(&series, &samples), floats(&series, &samples)]).await;
    append(&*store, vec![floats(&series, &samples)]).await;
    append(&*store, vec![histograms(&labels("repeated_h", []), &[(0, full_histogram(1))])]).await;
    append(&*store, vec![histograms(&labels("repeated_h", []), &[(0, full_histogram(1))])]).await;
    expect_floats(&*store, "repeated", &samples).await;
    assert_eq!(select_metric(&*store, "repeated_h").await[0].histograms.len(), 1);
    store.flush().await.unwrap();
    append(&*store, vec![floats(&series, &samples)]).await;
    expect_floats(&*store, "repeated", &samples).await;
    store.flush().await.unwrap();
    expect_floats(&*store, "repeated", &samples).await;
}

async fn another_value_for_a_known_timestamp_is_refused(subject: &dyn Subject) {
    let store = subject.empty().await;
    let series = labels("duplicate", []);
    append(&*store, vec![floats(&series, &[(0, 0.0), (15_000, 2.0)])]).await;
    let other = labels("neighbour", []);
    let batch = vec![
        floats(&other, &[(0, 1.0)]),
        floats(&series, &[(0, -0.0), (15_000, stale_nan()), (30_000, 3.0)]),
    ];
    let receipt = write(&*store, batch).await;
    assert_eq!(receipt.accepted, 2);
    assert_eq!(refusals(&receipt), [(1, 2, RejectReason::DuplicateTimestamp)]);
    assert!(receipt.rejected[0].message.contains("duplicate"), "names the series");
    expect_floats(&*store, "duplicate", &[(0, 0.0), (15_000, 2.0), (30_000, 3.0)]).await;
    expect_floats(&*store, "neighbour", &[(0, 1.0)]).await;
}

async fn a_timestamp_holds_one_point_of_either_type(subject: &dyn Subject) {
    let store = subject.empty().await;
    let series = labels("mixed", []);
    append(&*store, vec![histograms(&series, &[(0, full_histogram(1))])]).await;
    append(&*store, vec![floats(&series, &[(15_000, 1.0)])]).await;
    let late_float = write(&*store, vec![floats(&series, &[(0, 5.0)])]).await;
    assert_eq!(refusals(&late_float), [(0, 1, RejectReason::DuplicateTimestamp)]);
    let late = write(&*store, vec![histograms(&series, &[(15_000, full_histogram(2))])]).await;
    assert_eq!(refusals(&late), [(0, 1, RejectReason::DuplicateTimestamp)]);
    for _ in 0..2 {
        let found = select_metric(&*store, "mixed").await;
        assert_eq!(bits(&found[0]), [(15_000, 1.0_f64.to_bits())]);
        assert_eq!(found[0].histograms.len(), 1);
        assert!(found[0].histograms[0].histogram.same_bits(&full_histogram(1)));
        store.flush().await.unwrap();
    }
}

async fn after_a_flush_the_first_write_still_wins(subject: &dyn Subject) {
    let store = subject.empty().await;
    let series = labels("first", []);
    append(&*store, vec![floats(&series, &[(0, 1.0), (15_000, 2.0)])]).await;
    store.flush().await.unwrap();
    // An engine may accept and ignore the first two, or refuse them.
    let batch = vec![
        floats(&series, &[(0, 7.0), (30_000, 3.0)]),
        histograms(&series, &[(15_000, full_histogram(1))]),
    ];
    let receipt = write(&*store, batch).await;
    assert_eq!(receipt.accepted + receipt.rejected_count(), 3);
    expect_floats(&*store, "first", &[(0, 1.0), (15_000, 2.0), (30_000, 3.0)]).await;
    store.flush().await.unwrap();
    expect_floats(&*store, "first", &[(0, 1.0), (15_000, 2.0), (30_000, 3.0)]).await;
}

async fn points_in_any_order_within_the_window_come_back_sorted(subject: &dyn Subject) {
    let store = subject.empty().await;
    let series = labels("shuffled", []);
    // 7 and 480 have no common divisor, so this visits every step once, far out of order.
    let order = (0..480).map(|i| (i * 7) % 480);
    let samples: Vec<_> = order.map(|step| (step * 7_000, step as f64)).collect();
    append(&*store, vec![floats(&series, &[(3_400_000, 0.5)])]).await;
    for part in samples.chunks(50) {
        append(&*store, vec![floats(&series, part)]).await;
    }
    let mut sorted = [samples, vec![(3_400_000, 0.5)]].concat();
    sorted.sort_by_key(|(at, _)| *at);
    expect_floats(&*store, "shuffled", &sorted).await;
    store.flush().await.unwrap();
    expect_floats(&*store, "shuffled", &sorted).await;
}

async fn points_older_than_the_window_are_refused_and_their_neighbours_kept(subject: &dyn Subject) {
    let store = subject.empty().await;
    let window = OUT_OF_ORDER_WINDOW.as_millis() as i64;
    append(&*store, vec![floats(&labels("newest", []), &[(0, 1.0)])]).await;
    let late = labels("late", []);
    let batch = vec![
        floats(&labels("only_old", []), &[(-window - 1, 1.0)]),
        floats(&late, &[(-window - 1, 1.0), (-window, 2.0), (-window + 1, 3.0)]),
        histograms(&labels("old_h", []), &[(-window - 1, full_histogram(1))]),
    ];
    let receipt = write(&*store, batch).await;
    assert_eq!(receipt.accepted, 2);
    let too_old = |index| (index, 1, RejectReason::TooOld);
    assert_eq!(refusals(&receipt), [too_old(0), too_old(1), too_old(2)]);
    expect_floats(&*store, "late", &[(-window, 2.0), (-window + 1, 3.0)]).await;
    assert_eq!(select_metric(&*store, "only_old").await, vec![]);
}

async fn the_window_counts_from_the_newest_point_before_the_batch(subject: &dyn Subject) {
    let store = subject.empty().await;
    let window = OUT_OF_ORDER_WINDOW.as_millis() as i64;
    let days: Vec<_> = (-3..=0).map(|day| (day * 24 * window, day as f64)).collect();
    append(&*store, vec![floats(&labels("backfill", []), &days)]).await;
    expect_floats(&*store, "backfill", &days).await;
    store.flush().await.unwrap();
    expect_floats(&*store, "backfill", &days).await;
    let receipt =
        write(&*store, vec![floats(&labels("backfill", []), &[(-window - 1, 9.0)])]).await;
    assert_eq!(refusals(&receipt), [(0, 1, RejectReason::TooOld)]);
}

async fn late_points_join_what_was_flushed(subject: &dyn Subject) {
    let store = subject.empty().await;
    let (series, other) = (labels("joined", []), labels("untouched", []));
    let early: Vec<_> = (0..100).map(|i| (i * 30_000, i as f64)).collect();
    let late: Vec<_> = (0..100).map(|i| (i * 30_000 + 15_000, i as f64 + 0.5)).collect();
    append(&*store, vec![floats(&series, &early), floats(&other, &early)]).await;
    store.flush().await.unwrap();
    append(&*store, vec![floats(&series, &late)]).await;
    let mut all = [early.clone(), late].concat();
    all.sort_by_key(|(at, _)| *at);
    expect_floats(&*store, "joined", &all).await;
    store.flush().await.unwrap();
    expect_floats(&*store, "joined", &all).await;
    expect_floats(&*store, "untouched", &early).await;
}

async fn times_without_a_day_are_refused_and_move_no_window(subject: &dyn Subject) {
    let store = subject.empty().await;
    let series = labels("ends_of_time", []);
    let at = [KEEPABLE.start, KEEPABLE.end].map(|at| at.0 - NOON);
    let samples = [(at[0] - 1, 1.0), (at[0], 2.0), (at[1] + 1, 3.0)];
    let receipt = write(&*store, vec![floats(&series, &samples)]).await;
    assert_eq!(receipt.accepted, 1);
    let mut refused = refusals(&receipt);
    refused.sort();
    assert_eq!(refused, [(0, 1, RejectReason::TooOld), (0, 1, RejectReason::TooFarInFuture)]);
    store.flush().await.unwrap();
    append(&*store, vec![floats(&series, &[(0, 5.0)])]).await;
    append(&*store, vec![floats(&series, &[(at[1], 6.0)])]).await;
    store.flush().await.unwrap();
    expect_floats(&*store, "ends_of_time", &[(at[0], 2.0), (0, 5.0), (at[1], 6.0)]).await;
}

async fn a_receipt_counts_histograms_and_exemplars(subject: &dyn Subject) {
    let store = subject.empty().await;
    let late = -(OUT_OF_ORDER_WINDOW.as_millis() as i64) - 1;
    append(&*store, vec![floats(&labels("newest", []), &[(0, 1.0)])]).await;
    let mut examples = floats(&labels("examples", []), &[(0, 1.0), (1_000, 2.0)]);
    examples.exemplars = vec![exemplar(500, "t", 1.0), exemplar(late, "too old", 1.0)];
    let counted = histograms(&labels("counted", []), &[(0, full_histogram(1))]);
    for _ in 0..2 {
        let receipt = write(&*store, vec![examples.clone(), counted.clone()]).await;
        assert_eq!((receipt.accepted, receipt.histograms, receipt.exemplars), (3, 1, 1));
    }
    let other = histograms(&labels("counted", []), &[(0, full_histogram(2))]);
    let receipt = write(&*store, vec![other]).await;
    assert_eq!((receipt.accepted, receipt.histograms), (0, 0));
}
