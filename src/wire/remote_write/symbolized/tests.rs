use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::base::error::ErrorKind;
use crate::wire::remote_write::message::BucketSpan;

#[derive(Clone, PartialEq, Message)]
struct WireRequest {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<WireSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct WireSeries {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<WireSample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<WireHistogram>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<WireExemplar>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<WireAbout>,
    #[prost(int64, tag = "6")]
    created_timestamp: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct WireSample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(int64, tag = "3")]
    start_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct WireExemplar {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct WireAbout {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
    #[prost(uint32, tag = "4")]
    unit_ref: u32,
}

const TEXTS: [&str; 9] =
    ["", "__name__", "m_bucket", "le", "0.5", "trace_id", "abc", "what it is", "seconds"];

fn sample(timestamp: i64, value: f64, start_timestamp: i64) -> WireSample {
    WireSample { value, timestamp, start_timestamp }
}

fn series(labels_refs: &[u32]) -> WireSeries {
    let samples = vec![sample(1_000, 1.0, 0)];
    WireSeries { labels_refs: labels_refs.to_vec(), samples, ..WireSeries::default() }
}

fn encoded(timeseries: Vec<WireSeries>) -> Vec<u8> {
    let symbols = TEXTS.map(str::to_owned).to_vec();
    WireRequest { symbols, timeseries }.encode_to_vec()
}

fn read(timeseries: Vec<WireSeries>) -> Decoded {
    decode(&encoded(timeseries), &LabelCache::new(1 << 20)).unwrap()
}

fn reason(wire: WireSeries) -> String {
    let decoded = read(vec![series(&[1, 2]), wire]);
    assert_eq!((decoded.batch.series.len(), decoded.rejects.len()), (1, 1));
    decoded.rejects[0].message.clone()
}

#[test]
fn a_whole_series_arrives_with_everything_that_is_said_of_it() {
    let mut wire = series(&[1, 2, 3, 4]);
    wire.samples.push(sample(2_000, 2.0, 1_500));
    wire.exemplars = vec![WireExemplar { labels_refs: vec![5, 6], value: 0.4, timestamp: 1_999 }];
    wire.metadata = Some(WireAbout { kind: 3, help_ref: 7, unit_ref: 8 });
    wire.created_timestamp = 500;
    let decoded = read(vec![wire.clone(), wire]);
    assert_eq!(decoded.rejects, vec![]);
    let write = &decoded.batch.series[0];
    assert_eq!(write.labels.to_string(), r#"{__name__="m_bucket", le="0.5"}"#);
    assert_eq!(write.samples.len(), 2);
    let start = |at, start| StartTime { timestamp: TimestampMs(at), start: TimestampMs(start) };
    assert_eq!(write.starts, [start(2_000, 1_500), start(1_000, 500)]);
    assert_eq!(write.exemplars[0].labels.get("trace_id"), Some("abc"));
    let about = MetricMetadata {
        metric: "m".to_owned(),
        kind: MetricType::Histogram,
        help: "what it is".to_owned(),
        unit: "seconds".to_owned(),
    };
    assert_eq!(decoded.batch.metadata, [about]);
}

#[test]
fn histograms_bring_their_own_start() {
    let mut wire = series(&[1, 2]);
    wire.samples.clear();
    let histogram = WireHistogram {
        count_int: Some(3),
        positive_spans: vec![BucketSpan { offset: 1, length: 1 }],
        positive_deltas: vec![3],
        timestamp: 1_000,
        start_timestamp: 900,
        ..WireHistogram::default()
    };
    wire.histograms = vec![histogram];
    let decoded = read(vec![wire]);
    let write = &decoded.batch.series[0];
    assert_eq!(write.histograms[0].histogram.count, 3.0);
    assert_eq!(write.starts[0].start, TimestampMs(900));
}

#[test]
fn known_labels_are_shared_and_unsorted_ones_sorted() {
    let cache = LabelCache::new(1 << 20);
    let body = encoded(vec![series(&[1, 2, 3, 4]), series(&[3, 4, 1, 2])]);
    let first = decode(&body, &cache).unwrap();
    let again = decode(&body, &cache).unwrap();
    let place = |decoded: &Decoded| decoded.batch.series[0].labels.as_bytes().as_ptr();
    assert_eq!(place(&first), place(&again));
    assert_eq!(first.batch.series[0].labels, first.batch.series[1].labels);
    assert_eq!(cache.len(), 1);
}

#[test]
fn a_bad_series_is_told_in_prometheus_words_and_costs_only_itself() {
    assert_eq!(
        reason(series(&[1, 2, 3])),
        "parsing labels for series [1 2 3]: invalid labelRefs length 3"
    );
    assert_eq!(
        reason(series(&[1, 999])),
        "parsing labels for series [1 999]: labelRefs 1 (name) = 999 (value) outside of symbols \
         table (size 9)"
    );
    let about = |help_ref, unit_ref| {
        let metadata = Some(WireAbout { kind: 1, help_ref, unit_ref });
        reason(WireSeries { metadata, ..series(&[1, 2]) })
    };
    let table = "outside of symbols table (size 9)";
    let parsing = "parsing metadata for series [1 2]: metadata";
    assert_eq!(about(0, 999), format!("{parsing} unit_ref 999 {table}"));
    assert_eq!(about(999, 0), format!("{parsing} help_ref 999 {table}"));
    assert_eq!(
        reason(WireSeries { samples: Vec::new(), ..series(&[1, 2]) }),
        r#"TimeSeries must contain at least one sample or histogram for series {__name__="m_bucket"}"#
    );
    assert_eq!(
        reason(series(&[1, 2, 3, 4, 3, 6])),
        r#"invalid labels for series, labels {__name__="m_bucket", le="0.5", le="abc"}, duplicated label le"#
    );
}

#[test]
fn a_bad_exemplar_costs_only_itself() {
    let mut wire = series(&[1, 2]);
    wire.exemplars = vec![
        WireExemplar { labels_refs: vec![5, 99], value: 0.4, timestamp: 1 },
        WireExemplar { labels_refs: vec![], value: 0.5, timestamp: 2 },
    ];
    let decoded = read(vec![wire]);
    assert_eq!(decoded.batch.series[0].exemplars.len(), 1);
    assert_eq!(
        decoded.rejects[0].message,
        "parsing exemplar for series {__name__=\"m_bucket\"}: labelRefs 5 (name) = 99 (value) \
         outside of symbols table (size 9)"
    );
}

#[test]
fn a_table_that_does_not_begin_with_nothing_is_refused() {
    let cache = LabelCache::new(1 << 20);
    assert_eq!(decode(&[], &cache), Ok(Decoded::default()));
    for symbols in [Vec::new(), vec!["__name__".to_owned(), String::new()]] {
        let request = WireRequest { symbols, timeseries: vec![series(&[0, 0])] };
        let error = decode(&request.encode_to_vec(), &cache).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn few_bytes_cannot_ask_for_gigabytes_of_labels() {
    let symbols = vec![String::new(), "__name__".to_owned(), "x".repeat(1_000_000)];
    let timeseries = vec![series(&[1, 2]); 300];
    let request = WireRequest { symbols: symbols.clone(), timeseries };
    let cache = LabelCache::new(1 << 20);
    let error = decode(&request.encode_to_vec(), &cache).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let names: Vec<_> = (0..200_u32).flat_map(|_| [2, 2]).collect();
    let request = WireRequest { symbols, timeseries: vec![series(&names)] };
    let decoded = decode(&request.encode_to_vec(), &cache).unwrap();
    assert_eq!(decoded.rejects[0].reason, RejectReason::TooLarge);
}

#[test]
fn a_message_of_the_other_version_holds_nothing() {
    let body = encoded(vec![series(&[1, 2])]);
    let cache = LabelCache::new(1 << 20);
    let read =
        crate::wire::remote_write::decode(crate::wire::remote_write::Schema::V1, &body, &cache);
    assert_eq!(read, Ok(Decoded::default()));
}

proptest! {
    #[test]
    fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes, &LabelCache::new(1 << 20));
    }

    #[test]
    fn no_flipped_byte_causes_a_panic(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut wire = series(&[1, 2, 3, 4]);
        wire.exemplars =
            vec![WireExemplar { labels_refs: vec![5, 6], value: 0.4, timestamp: 1_999 }];
        wire.metadata = Some(WireAbout { kind: 3, help_ref: 7, unit_ref: 8 });
        let mut body = encoded(vec![wire]);
        let place = place.index(body.len());
        body[place] = byte;
        let _ = decode(&body, &LabelCache::new(1 << 20));
    }
}
