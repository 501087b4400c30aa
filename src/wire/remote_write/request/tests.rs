use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::model::histogram::{CounterResetHint, Span};
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::stale::{STALE_NAN_BITS, is_stale};
use crate::model::time::TimestampMs;
use crate::wire::remote_write::labels::{RawLabel, pack};
use crate::wire::remote_write::message::{BucketSpan, WireHistogram};

/// `prometheus.TimeSeries`
#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<FloatSample>,
    #[prost(message, repeated, tag = "3")]
    exemplars: Vec<WireExemplar>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<WireHistogram>,
}

/// `prometheus.Label`; bytes instead of texts, so that tests can send what is none.
#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// `prometheus.Sample`
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct FloatSample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// `prometheus.Exemplar`
#[derive(Clone, PartialEq, prost::Message)]
struct WireExemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

/// The whole message, as a sender encodes it.
#[derive(Clone, PartialEq, prost::Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<WireMetadata>,
}

fn labels(pairs: &[(&'static str, &'static str)]) -> Vec<Label> {
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    pairs.iter().map(|(name, value)| Label { name: bytes(name), value: bytes(value) }).collect()
}

fn series(pairs: &[(&'static str, &'static str)], points: &[(i64, f64)]) -> TimeSeries {
    let samples = points
        .iter()
        .map(|(timestamp, value)| FloatSample { value: *value, timestamp: *timestamp });
    TimeSeries { labels: labels(pairs), samples: samples.collect(), ..TimeSeries::default() }
}

/// Decodes version 1.0 without knowing any labels before.
fn decode(body: &[u8]) -> Result<Decoded> {
    super::decode(Schema::V1, body, &LabelCache::new(1 << 20))
}

fn encoded(timeseries: Vec<TimeSeries>) -> Bytes {
    WriteRequest { timeseries, metadata: Vec::new() }.encode_to_vec().into()
}

#[test]
fn unsorted_labels_and_stale_markers_arrive_as_sent() {
    let stale = f64::from_bits(STALE_NAN_BITS);
    let body = encoded(vec![series(
        &[("job", "a"), ("__name__", "up"), ("empty", "")],
        &[(1_000, 1.0), (2_000, stale)],
    )]);
    let decoded = decode(&body).unwrap();
    assert_eq!(decoded.rejects, vec![]);
    let write = &decoded.batch.series[0];
    assert_eq!(write.labels.to_string(), r#"{__name__="up", job="a"}"#);
    assert_eq!(write.samples[0].timestamp, TimestampMs(1_000));
    assert!(is_stale(write.samples[1].value));
}

#[test]
fn a_bad_series_never_costs_its_neighbours() {
    let mut not_text = series(&[("__name__", "b")], &[(1, 1.0)]);
    not_text.labels[0].value = Bytes::from_static(&[0xff, 0xfe]);
    let twice = series(&[("__name__", "c"), ("x", "1"), ("x", "2")], &[(1, 1.0), (2, 1.0)]);
    let nameless_label = series(&[("__name__", "d"), ("", "1")], &[(1, 1.0)]);
    let mut body = encoded(vec![not_text, twice, nameless_label]).to_vec();
    // A series whose framing is right and whose inside is not.
    body.extend([0x0a, 0x02, 0x0a, 0x7f]);
    body.extend(encoded(vec![series(&[("__name__", "good")], &[(1, 1.0)])]));
    let decoded = decode(&body).unwrap();
    let reasons: Vec<_> =
        decoded.rejects.iter().map(|reject| (reject.reason, reject.count)).collect();
    assert_eq!(
        reasons,
        vec![
            (RejectReason::Malformed, 1),
            (RejectReason::DuplicateLabel, 2),
            (RejectReason::InvalidLabels, 1),
            (RejectReason::Malformed, 1),
        ]
    );
    assert_eq!(decoded.batch.series.len(), 1);
    assert_eq!(decoded.batch.series[0].labels.metric_name(), "good");
}

#[test]
fn integer_and_float_histograms_become_absolute_counts() {
    let spans = vec![BucketSpan { offset: -2, length: 2 }, BucketSpan { offset: 3, length: 1 }];
    let integer = WireHistogram {
        count_int: Some(12),
        zero_count_int: Some(1),
        sum: 4.5,
        schema: 3,
        zero_threshold: 1e-128,
        positive_spans: spans.clone(),
        positive_deltas: vec![2, 3, -1],
        reset_hint: 2,
        timestamp: 7,
        ..WireHistogram::default()
    };
    let float = WireHistogram {
        count_float: Some(1.5),
        zero_count_float: Some(0.5),
        negative_spans: vec![BucketSpan { offset: 0, length: 1 }],
        negative_counts: vec![1.0],
        ..WireHistogram::default()
    };
    let lying = WireHistogram { positive_spans: spans, ..WireHistogram::default() };
    let mut miscounted = integer.clone();
    miscounted.count_int = Some(13);
    let mut write = series(&[("__name__", "h")], &[]);
    write.histograms = vec![integer, lying, float, miscounted];
    let decoded = decode(&encoded(vec![write])).unwrap();
    assert_eq!(decoded.rejects.len(), 1, "{:?}", decoded.rejects);
    assert_eq!(decoded.rejects[0].count, 2);
    let text = &decoded.rejects[0].message;
    assert!(text.starts_with("positive side: spans need 3 buckets, have 0 buckets"), "{text}");
    assert!(text.ends_with("than provided for series {__name__=\"h\"}"), "{text}");
    let histograms = &decoded.batch.series[0].histograms;
    let first = &histograms[0].histogram;
    assert_eq!(first.positive_buckets, vec![2.0, 5.0, 4.0]);
    assert_eq!(first.positive_spans[0], Span { offset: -2, length: 2 });
    assert_eq!((first.count, first.zero_count), (12.0, 1.0));
    assert_eq!(first.counter_reset_hint, CounterResetHint::NotReset);
    assert_eq!(histograms[0].timestamp, TimestampMs(7));
    assert_eq!(histograms[1].histogram.negative_buckets, vec![1.0]);
}

#[test]
fn exemplars_and_metadata_come_along() {
    let mut write = series(&[("__name__", "m")], &[(1, 1.0)]);
    write.exemplars =
        vec![WireExemplar { labels: labels(&[("trace_id", "abc")]), value: 0.5, timestamp: 9 }];
    let about = WireMetadata {
        kind: 1,
        metric_family_name: Bytes::from_static(b"m"),
        help: Bytes::from_static(b"what it is"),
        unit: Bytes::new(),
    };
    let request = WriteRequest { timeseries: vec![write], metadata: vec![about] };
    let decoded = decode(&request.encode_to_vec()).unwrap();
    assert_eq!(decoded.batch.series[0].exemplars[0].labels.get("trace_id"), Some("abc"));
    assert_eq!(decoded.batch.metadata[0].kind, MetricType::Counter);
    assert_eq!(decoded.batch.metadata[0].help, "what it is");
}

#[test]
fn every_truncation_is_an_error_or_a_shorter_request() {
    let points = [(1, 1.0), (2, 2.0)];
    let body = encoded(vec![series(&[("__name__", "a")], &points); 2]);
    let one_series = body.len() / 2;
    for length in 0..body.len() {
        let outcome = decode(&body.slice(..length));
        match length {
            0 => assert_eq!(outcome, Ok(Decoded::default())),
            whole if whole == one_series => assert_eq!(outcome.unwrap().batch.series.len(), 1),
            _ => assert!(outcome.is_err(), "truncated at {length}"),
        }
    }
}

#[test]
fn a_length_that_promises_gigabytes_is_refused_without_them() {
    let lie = Bytes::from_static(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert!(decode(&lie).is_err());
}

#[test]
fn a_body_of_empty_messages_is_refused_before_it_fills_memory() {
    let body = Bytes::from([0x0a, 0x00].repeat(600_000));
    assert_eq!(decode(&body).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_series_too_large_to_decode_costs_only_itself() {
    let points: Vec<(i64, f64)> = (0..80_000).map(|at| (1_700_000_000_000 + at, 1.0)).collect();
    let body = encoded(vec![
        series(&[("__name__", "long")], &points),
        series(&[("__name__", "good")], &[(1, 1.0)]),
    ]);
    let decoded = decode(&body).unwrap();
    assert_eq!(decoded.rejects[0].reason, RejectReason::TooLarge);
    assert_eq!(decoded.batch.series.len(), 1);
}

#[test]
fn labels_behind_the_points_count_like_those_before() {
    let mut body = series(&[("__name__", "m")], &[(1, 1.0)]).encode_to_vec();
    body.extend(series(&[("a", "b")], &[]).encode_to_vec());
    let mut request = vec![0x0a, body.len() as u8];
    request.extend(body);
    let decoded = decode(&request).unwrap();
    assert_eq!(decoded.batch.series[0].labels.to_string(), r#"{__name__="m", a="b"}"#);
}

#[test]
fn a_request_of_refused_series_keeps_few_texts() {
    let nameless = series(&[("", "x")], &[(1, 1.0)]);
    let decoded = decode(&encoded(vec![nameless; 3_000])).unwrap();
    assert_eq!(decoded.rejects.len(), MAX_REJECTS);
    assert_eq!(decoded.rejects.iter().map(|reject| reject.count).sum::<u64>(), 3_000);
}

/// Decodes one series by way of prost's structs.
fn by_prost(message: &[u8]) -> Option<(Labels, Vec<Sample>, usize)> {
    let wire = TimeSeries::decode(message).ok()?;
    let pairs: Vec<RawLabel<'_>> =
        wire.labels.iter().map(|label| (&label.name[..], &label.value[..])).collect();
    let samples = wire.samples.iter().map(|one| Sample::new(one.timestamp, one.value));
    Some((pack(&pairs).ok()?, samples.collect(), wire.exemplars.len()))
}

fn by_us(message: &[u8], cache: &LabelCache) -> Option<(Labels, Vec<Sample>, usize)> {
    let write = series::read(message, cache, &mut Vec::new()).ok()?;
    Some((write.labels, write.samples, write.exemplars.len()))
}

prop_compose! {
    fn any_labels()(
        pairs in prop::collection::vec(("[a-z_]{0,3}", ".{0,5}|[a-z]{120,140}"), 0..6),
        sorted in any::<bool>(),
    ) -> Vec<Label> {
        let mut pairs = pairs;
        if sorted {
            pairs.sort();
            pairs.dedup_by(|one, other| one.0 == other.0);
        }
        let label = |(name, value): (String, String)| Label {
            name: name.into_bytes().into(),
            value: value.into_bytes().into(),
        };
        pairs.into_iter().map(label).collect()
    }
}

prop_compose! {
    fn any_series()(
        labels in any_labels(),
        points in prop::collection::vec((any::<i64>(), any::<u64>()), 0..4),
        example in prop::option::of(any_labels()),
    ) -> TimeSeries {
        let samples = points.iter().map(|(timestamp, bits)| FloatSample {
            value: f64::from_bits(*bits),
            timestamp: *timestamp,
        });
        let exemplars = example.into_iter().filter(|labels| pack_wire(labels).is_some());
        let exemplars = exemplars.map(|labels| WireExemplar { labels, value: 1.0, timestamp: 5 });
        TimeSeries {
            labels,
            samples: samples.collect(),
            exemplars: exemplars.collect(),
            histograms: Vec::new(),
        }
    }
}

fn pack_wire(labels: &[Label]) -> Option<Labels> {
    pack(&labels.iter().map(|one| (&one.name[..], &one.value[..])).collect::<Vec<_>>()).ok()
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn no_flipped_byte_causes_a_panic(place in 0_usize..200, byte in any::<u8>()) {
        let mut write = series(&[("__name__", "h"), ("a", "b")], &[(1, 1.0)]);
        write.histograms = vec![WireHistogram {
            count_int: Some(1),
            positive_spans: vec![BucketSpan { offset: 1, length: 1 }],
            positive_deltas: vec![1],
            ..WireHistogram::default()
        }];
        let mut body = encoded(vec![write]).to_vec();
        let place = place % body.len();
        body[place] = byte;
        let _ = decode(&body);
    }

    #[test]
    fn series_are_read_as_prost_reads_them_known_or_not(wire in any_series()) {
        let cache = LabelCache::new(1 << 20);
        let message = wire.encode_to_vec();
        let wanted = by_prost(&message);
        for _ in 0..2 {
            prop_assert_eq!(by_us(&message, &cache), wanted.clone());
        }
    }

    #[test]
    fn torn_and_flipped_series_are_read_as_prost_reads_them(
        wire in any_series(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        length in any::<prop::sample::Index>(),
    ) {
        let cache = LabelCache::new(1 << 20);
        let mut message = wire.encode_to_vec();
        message.push(0);
        prop_assert_eq!(by_us(&message, &cache).is_some(), by_prost(&message).is_some());
        for (place, byte) in flips {
            let place = place.index(message.len());
            message[place] = byte;
        }
        message.truncate(length.index(message.len()) + 1);
        let (ours, wanted) = (by_us(&message, &cache), by_prost(&message));
        // Exemplars that are no labels are left out here and counted there.
        prop_assert_eq!(
            ours.map(|(labels, samples, _)| (labels, samples)),
            wanted.map(|(labels, samples, _)| (labels, samples))
        );
    }
}
