use axum::body::Body;
use axum::http::Request;
use prost::Message;

use super::door::{Answered, Door, NOW_MS};
use crate::access::{Caller, Scope, Scopes};

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    series: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

/// Bytes instead of text, so that tests can send what is not UTF-8.
#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(bytes = "vec", tag = "1")]
    name: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Point {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

fn series(labels: &[(&[u8], &[u8])], timestamp: i64) -> TimeSeries {
    let labels =
        labels.iter().map(|(name, value)| Label { name: name.to_vec(), value: value.to_vec() });
    TimeSeries { labels: labels.collect(), samples: vec![Point { value: 1.0, timestamp }] }
}

fn good() -> TimeSeries {
    series(&[(b"__name__", b"good")], NOW_MS)
}

fn packed(series: Vec<TimeSeries>) -> Vec<u8> {
    let bytes = WriteRequest { series }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&bytes).unwrap()
}

async fn send(door: &Door, headers: &[(&str, &str)], body: Vec<u8>) -> Answered {
    let mut request = Request::builder().method("POST").uri("/api/v1/write");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    door.send(request.body(Body::from(body)).unwrap()).await
}

const USUAL: [(&str, &str); 2] =
    [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];

const SECOND: [(&str, &str); 2] = [
    ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    ("content-encoding", "snappy"),
];

/// The metric names that are stored.
async fn names(door: &Door) -> Vec<String> {
    let found = door.get("/api/v1/label/__name__/values").await.json();
    found["data"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_good_request_is_answered_with_204_and_found_at_once() {
    let door = Door::open();
    let answer = send(&door, &USUAL, packed(vec![good()])).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(names(&door).await, ["good"]);
    let again = send(&door, &USUAL, packed(vec![good()])).await;
    assert_eq!(again.status, 204, "a repetition is a success: {}", again.text);
}

#[tokio::test]
async fn other_types_and_encodings_get_415_with_a_reason() {
    let door = Door::open();
    for headers in [
        [("content-type", "application/json"), USUAL[1]],
        [("content-type", "application/x-protobuf;proto=yolo"), USUAL[1]],
        [USUAL[0], ("content-encoding", "gzip")],
        [SECOND[0], ("content-encoding", "zstd")],
    ] {
        let answer = send(&door, &headers, packed(vec![good()])).await;
        assert_eq!(answer.status, 415, "{headers:?}");
        assert!(answer.content_type.starts_with("text/plain") && !answer.text.is_empty());
    }
    assert_eq!(names(&door).await, Vec::<String>::new());
    let bare = send(&door, &[], packed(vec![good()])).await;
    assert_eq!(bare.status, 204, "no headers mean 1.0 and snappy: {}", bare.text);
}

#[tokio::test]
async fn empty_truncated_and_foreign_bodies_get_400() {
    let door = Door::open();
    let whole = packed(vec![good()]);
    let inner = WriteRequest { series: vec![good()] }.encode_to_vec();
    let cut = snap::raw::Encoder::new().compress_vec(&inner[..inner.len() - 1]).unwrap();
    for body in [Vec::new(), whole[..whole.len() - 1].to_vec(), b"not snappy".to_vec(), cut] {
        let answer = send(&door, &USUAL, body.clone()).await;
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text);
    }
    assert_eq!(names(&door).await, Vec::<String>::new());
}

#[tokio::test]
async fn bodies_past_the_limit_get_413_in_both_forms() {
    let door = Door::open();
    assert_eq!(send(&door, &USUAL, vec![0; (1 << 20) + 1]).await.status, 413);
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; 8 << 20]).unwrap();
    assert!(bomb.len() < 1 << 20);
    assert_eq!(send(&door, &USUAL, bomb).await.status, 413);
}

#[tokio::test]
async fn a_bad_series_gets_400_with_its_reason_and_its_neighbour_is_written() {
    let year = 365 * 86_400_000;
    let long = vec![b'x'; 500_000];
    let bad: [(&str, TimeSeries); 6] = [
        ("not UTF-8", series(&[(b"__name__", b"bad"), (b"a", b"\xff\xfe")], NOW_MS)),
        (
            "duplicated label a",
            series(&[(b"__name__", b"bad"), (b"a", b"1"), (b"a", b"2")], NOW_MS),
        ),
        ("invalid metric name or labels, got {a=\"1\"}", series(&[(b"a", b"1")], NOW_MS)),
        (
            "out of bounds: timestamp is too far in the future for series {",
            series(&[(b"__name__", b"bad")], NOW_MS + 74 * year),
        ),
        ("too old sample for series {__name__=\"bad\"}", series(&[(b"__name__", b"bad")], 0)),
        ("bytes", series(&[(b"__name__", b"bad"), (b"a", &long)], NOW_MS)),
    ];
    for (reason, series) in bad {
        let door = Door::open();
        // What is too old is measured from the newest sample before.
        assert_eq!(send(&door, &USUAL, packed(vec![good()])).await.status, 204);
        let mut neighbour = good();
        neighbour.labels[0].value = b"neighbour".to_vec();
        let answer = send(&door, &USUAL, packed(vec![neighbour, series])).await;
        assert_eq!(answer.status, 400, "{reason}");
        assert!(answer.text.contains(reason), "{reason} is not in {:?}", answer.text);
        assert_eq!(names(&door).await, ["good", "neighbour"], "{reason}");
    }
}

#[tokio::test]
async fn another_value_for_a_known_time_is_refused() {
    let door = Door::open();
    assert_eq!(send(&door, &USUAL, packed(vec![good()])).await.status, 204);
    let mut other = good();
    other.samples[0].value = 2.0;
    let answer = send(&door, &USUAL, packed(vec![other])).await;
    let text = "duplicate sample for timestamp for series {__name__=\"good\"}\n";
    assert_eq!((answer.status, answer.text.as_str()), (400, text));
}

#[tokio::test]
async fn writing_needs_the_scope_and_the_right_method() {
    let reader = Door::for_caller(Caller::new("reader", Scopes::of(&[Scope::Read])));
    assert_eq!(send(&reader, &USUAL, packed(vec![good()])).await.status, 403);
    assert_eq!(reader.get("/api/v1/write").await.status, 405);
}

#[derive(Clone, PartialEq, Message)]
struct SecondRequest {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    series: Vec<SecondSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct SecondSeries {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<Counted>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<Example>,
}

/// An integer histogram of its zero bucket alone.
#[derive(Clone, PartialEq, Message)]
struct Counted {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(uint64, tag = "6")]
    zero_count: u64,
    #[prost(int64, tag = "15")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Example {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

fn second(labels: &[u32]) -> SecondSeries {
    let samples = vec![Point { value: 1.0, timestamp: NOW_MS }];
    SecondSeries { labels: labels.to_vec(), samples, ..SecondSeries::default() }
}

async fn send_second(door: &Door, series: Vec<SecondSeries>) -> Answered {
    let symbols = ["", "__name__", "good", "trace_id", "abc"].map(str::to_owned).to_vec();
    let bytes = SecondRequest { symbols, series }.encode_to_vec();
    send(door, &SECOND, snap::raw::Encoder::new().compress_vec(&bytes).unwrap()).await
}

#[tokio::test]
async fn senders_of_the_second_version_are_told_what_was_written() {
    let door = Door::open();
    let mut with_example = second(&[1, 2]);
    with_example.exemplars =
        vec![Example { labels: vec![3, 4], value: 1.0, timestamp: NOW_MS - 1 }];
    let mut counted = second(&[1, 4]);
    counted.samples.clear();
    counted.histograms = vec![Counted { count: 2, zero_count: 2, timestamp: NOW_MS }];
    let whole = vec![with_example, counted];
    for _ in 0..2 {
        let answer = send_second(&door, whole.clone()).await;
        assert_eq!((answer.status, answer.written), (204, Some([1, 1, 1])), "{}", answer.text);
    }
    assert_eq!(names(&door).await, ["abc", "good"]);
    let first = send(&door, &USUAL, packed(vec![good()])).await;
    assert_eq!(first.written, None, "1.0 knows no such headers");
}

#[tokio::test]
async fn the_good_part_of_a_bad_second_request_is_written_and_counted() {
    let door = Door::open();
    let mut miscounted = second(&[1, 4]);
    miscounted.histograms = vec![Counted { count: 3, zero_count: 2, timestamp: NOW_MS + 1 }];
    let answer = send_second(&door, vec![second(&[1]), second(&[1, 2]), miscounted]).await;
    assert_eq!((answer.status, answer.written), (400, Some([2, 0, 0])));
    assert_eq!(
        answer.text,
        "parsing labels for series [1]: invalid labelRefs length 1\n2 observations found in \
         buckets, but the Count field is 3: histogram's observation count should equal the number \
         of observations found in the buckets (in absence of NaN) for series {__name__=\"abc\"}\n"
    );
    let rubbish = send(&door, &SECOND, b"rubbish".to_vec()).await;
    assert_eq!((rubbish.status, rubbish.written), (400, Some([0, 0, 0])));
}
