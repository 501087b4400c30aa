//! What is written reads back; what is asked is understood.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::base::error::ErrorKind;
use crate::model::histogram::{CUSTOM_BUCKETS_SCHEMA, CounterResetHint, Histogram, Span};
use crate::model::labels::Labels;
use crate::model::matcher::MatchOp;
use crate::model::sample::{HistogramSample, Sample};
use crate::model::series::SeriesData;
use crate::model::stale::stale_nan;
use crate::model::time::{TimeRange, TimestampMs};
use crate::wire::remote_read::chunks::Chunks;
use crate::wire::remote_read::reader;
use crate::wire::remote_read::{ResponseType, decode, float_chunk, push_frames};

/// Any bits, and those that differ from their neighbours in few of them.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (0_u32..1_000).prop_map(f64::from),
        Just(0.1),
        Just(-0.0),
        Just(stale_nan()),
    ]
}

/// Distances of all widths that the encoding tells apart.
fn distance() -> impl Strategy<Value = i64> {
    prop_oneof![Just(15_000_i64), 1_i64..40_000, 1_i64..2_000_000, 1_i64..1 << 50]
}

proptest! {
    #[test]
    fn floats_read_back_bit_by_bit(
        start in -(1_i64 << 40)..1 << 40,
        points in prop::collection::vec((distance(), value()), 0..130),
    ) {
        let mut at = start;
        let mut samples = Vec::new();
        for (distance, value) in points {
            samples.push(Sample::new(at, value));
            at += distance;
        }
        let wanted: Vec<_> =
            samples.iter().map(|one| (one.timestamp.0, one.value.to_bits())).collect();
        prop_assert_eq!(reader::floats(&float_chunk::encode(&samples)), wanted);
    }
}

#[test]
fn a_float_chunk_has_the_bytes_that_prometheus_writes() {
    // Worked out by hand from the format: 2 samples, 1 ms and 2 ms, values 0 and 1.
    let samples = [Sample::new(1, 0.0), Sample::new(2, 1.0)];
    // Difference 0x3ff0…: 2 zeros before, 52 behind, 10 bits between.
    let head = [0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    // 11 00010 001010 1111111111, filled up.
    let wanted = [&head[..], &[0b1100_0100, 0b0101_0111, 0b1111_1110]].concat();
    assert_eq!(float_chunk::encode(&samples), wanted);
}

fn histogram(seed: u32, hint: CounterResetHint) -> Histogram {
    let seed = f64::from(seed);
    Histogram {
        counter_reset_hint: hint,
        schema: 3,
        zero_threshold: 2_f64.powi(-128),
        zero_count: seed,
        count: 10.0 + seed,
        sum: 0.1 * seed,
        positive_spans: vec![Span { offset: -300, length: 2 }, Span { offset: 4, length: 1 }],
        positive_buckets: vec![1.0 + seed, 2.5, 3.0],
        negative_spans: vec![Span { offset: 1, length: 1 }],
        negative_buckets: vec![seed],
        ..Histogram::default()
    }
}

fn at(ms: i64, histogram: Histogram) -> HistogramSample {
    HistogramSample { timestamp: TimestampMs(ms), histogram: Arc::new(histogram) }
}

/// Points in their order, and of each chunk its two bits with the number of its points.
type ReadBack = (Vec<(i64, Histogram)>, Vec<(u8, usize)>);

/// Reads the chunks of a series.
fn read_back(series: &SeriesData) -> ReadBack {
    let (mut points, mut sizes) = (Vec::new(), Vec::new());
    for chunk in Chunks::of(series) {
        assert_eq!(chunk.encoding, 3);
        let (known, mut found) = reader::histograms(&chunk.data);
        assert_eq!((found[0].0, found[found.len() - 1].0), (chunk.min_ms, chunk.max_ms));
        sizes.push((known, found.len()));
        points.append(&mut found);
    }
    (points, sizes)
}

fn without_hint(histogram: &Histogram) -> Histogram {
    let counter_reset_hint = CounterResetHint::Unknown;
    Histogram { counter_reset_hint, ..histogram.clone() }
}

#[test]
fn histograms_read_back_and_a_chunk_ends_where_resets_or_layouts_do() {
    use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
    let finer = Histogram { zero_threshold: 0.3, ..histogram(9, NotReset) };
    let custom = Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        custom_values: vec![-1.0, 0.0, 0.005, 2.5, 1e9, 0.1 + 0.2],
        positive_spans: vec![Span { offset: 0, length: 7 }],
        positive_buckets: vec![1.0; 7],
        count: 7.0,
        ..Histogram::default()
    };
    let stale = Histogram { sum: stale_nan(), ..histogram(0, NotReset) };
    let samples = vec![
        at(0, histogram(1, Unknown)),
        at(15_000, histogram(2, NotReset)),
        at(30_001, histogram(3, NotReset)),
        at(45_000, histogram(0, Reset)),
        at(60_000, stale.clone()),
        at(75_000, histogram(1, NotReset)),
        at(90_000, finer),
        at(105_000, custom),
        at(120_000, histogram(4, Gauge)),
        at(1 << 45, histogram(3, Gauge)),
        at((1 << 45) + 1, histogram(3, Unknown)),
    ];
    let series = SeriesData { histograms: samples.clone(), ..SeriesData::default() };
    let (points, sizes) = read_back(&series);
    assert_eq!(sizes, [(0, 3), (2, 2), (1, 1), (1, 1), (0, 1), (3, 2), (0, 1)]);
    assert_eq!(points.len(), samples.len());
    for ((found_at, found), wanted) in points.iter().zip(&samples) {
        assert_eq!(*found_at, wanted.timestamp.0);
        match wanted.histogram.is_stale() {
            true => assert!(found.is_stale() && found.positive_buckets.is_empty()),
            false => assert!(without_hint(&wanted.histogram).same_bits(found), "{found:?}"),
        }
    }
    // A series may begin with its end.
    let series = SeriesData { histograms: vec![at(5, stale)], ..SeriesData::default() };
    assert!(read_back(&series).0[0].1.is_stale());
}

#[test]
fn chunks_keep_the_order_of_time_and_are_of_one_kind_and_bounded() {
    let floats = |range: std::ops::Range<i64>| range.map(|at| Sample::new(at, at as f64));
    let series = SeriesData {
        samples: floats(0..250).chain(floats(300..301)).collect(),
        histograms: (250..253)
            .chain(260..262)
            .map(|ms| at(ms, histogram(ms as u32, CounterResetHint::NotReset)))
            .collect(),
        ..SeriesData::default()
    };
    let chunks: Vec<_> = Chunks::of(&series).collect();
    let shape: Vec<_> = chunks.iter().map(|one| (one.encoding, one.min_ms, one.max_ms)).collect();
    let wanted = [(1, 0, 119), (1, 120, 239), (1, 240, 249), (3, 250, 261), (1, 300, 300)];
    assert_eq!(shape, wanted);
}

#[test]
fn a_frame_has_one_series_its_question_and_a_sum_and_large_series_take_several() {
    let random = |at: i64| f64::from_bits((at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let samples: Vec<_> = (0..300_000).map(|at| Sample::new(at * 10, random(at))).collect();
    let series = SeriesData { samples: samples.clone(), ..SeriesData::default() };
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "ü")]);
    let mut bytes = Vec::new();
    push_frames(&mut bytes, 7, &labels, &series);
    let frames = reader::frames(&bytes);
    assert_eq!(frames.len(), 3, "{} bytes", bytes.len());
    let mut found = Vec::new();
    for frame in &frames {
        assert_eq!((frame.query, frame.series.len()), (7, 1));
        assert_eq!(reader::labels(&frame.series[0].labels), labels);
        for chunk in &frame.series[0].chunks {
            found.extend(reader::floats(&chunk.data));
        }
    }
    let wanted: Vec<_> = samples.iter().map(|one| (one.timestamp.0, one.value.to_bits())).collect();
    assert!(found == wanted);
    let mut nothing = Vec::new();
    push_frames(&mut nothing, 0, &labels, &SeriesData::default());
    assert_eq!(nothing, Vec::<u8>::new());
}

/// A request as Prometheus' client sends it: `up{job!="a"}` from 1 to 2, `rate` over 5 minutes.
const REQUEST: &[u8] = b"\x0a\x34\x08\x01\x10\x02\x1a\x0e\x12\x08__name__\x1a\x02up\x1a\x0a\x08\x01\
\x12\x03job\x1a\x01a\x22\x12\x08\xb0\xea\x01\x12\x04rate\x18\x01\x20\x02\x38\xe0\xa7\x12\x12\x02\x01\x00";

#[test]
fn a_request_of_prometheus_is_understood() {
    let request = decode(Bytes::from_static(REQUEST)).unwrap();
    assert_eq!(request.response_type, ResponseType::StreamedXorChunks);
    let query = &request.queries[0];
    assert_eq!(query.range, TimeRange::new(TimestampMs(1), TimestampMs(2)));
    let matchers: Vec<_> =
        query.matchers.iter().map(|one| (one.name.as_str(), one.op, one.value.as_str())).collect();
    assert_eq!(matchers, [("__name__", MatchOp::Equal, "up"), ("job", MatchOp::NotEqual, "a")]);
    assert_eq!((query.step_ms, query.range_ms, query.function.as_str()), (30_000, 300_000, "rate"));
}

#[test]
fn forms_are_negotiated_in_the_askers_order_and_unknown_ones_named() {
    let of = |accepted: &'static [u8]| decode(Bytes::from_static(accepted));
    assert_eq!(of(b"").unwrap().response_type, ResponseType::Samples);
    assert_eq!(of(b"\x12\x02\x00\x01").unwrap().response_type, ResponseType::Samples);
    // Unpacked, and behind one that nobody knows.
    let streamed = of(b"\x10\x09\x10\x01").unwrap().response_type;
    assert_eq!(streamed, ResponseType::StreamedXorChunks);
    let error = of(b"\x12\x01\x09").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().starts_with("server does not support any of the requested"), "{error}");
}

#[test]
fn broken_and_hostile_requests_are_refused() {
    let kind = |bytes: Vec<u8>| decode(Bytes::from(bytes)).err().map(|error| error.kind());
    for cut in 1..REQUEST.len() - 4 {
        assert_eq!(kind(REQUEST[..cut].to_vec()), Some(ErrorKind::InvalidInput), "cut at {cut}");
    }
    // A matcher of type 9, a pattern that does not compile, too many questions, too many conditions.
    assert_eq!(kind(b"\x0a\x04\x1a\x02\x08\x09".to_vec()), Some(ErrorKind::InvalidInput));
    let pattern = b"\x0a\x0a\x1a\x08\x08\x02\x12\x01a\x1a\x01(".to_vec();
    assert_eq!(kind(pattern), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(b"\x0a\x00".repeat(1_001)), Some(ErrorKind::InvalidInput));
    let many = b"\x1a\x00".repeat(10_001);
    let mut query = vec![0x0a];
    prost::encoding::encode_varint(many.len() as u64, &mut query);
    assert_eq!(kind([query, many].concat()), Some(ErrorKind::InvalidInput));
}
