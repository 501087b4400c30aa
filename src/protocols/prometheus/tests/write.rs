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
    let second = ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    for headers in [
        [("content-type", "application/json"), USUAL[1]],
        [second, USUAL[1]],
        [USUAL[0], ("content-encoding", "gzip")],
        [("x", "no content type"), USUAL[1]],
    ] {
        let answer = send(&door, &headers, packed(vec![good()])).await;
        assert_eq!(answer.status, 415, "{headers:?}");
        assert!(answer.content_type.starts_with("text/plain") && !answer.text.is_empty());
    }
    assert_eq!(names(&door).await, Vec::<String>::new());
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
        ("UTF-8", series(&[(b"__name__", b"bad"), (b"a", b"\xff\xfe")], NOW_MS)),
        ("twice", series(&[(b"__name__", b"bad"), (b"a", b"1"), (b"a", b"2")], NOW_MS)),
        ("metric name", series(&[(b"a", b"1")], NOW_MS)),
        ("future", series(&[(b"__name__", b"bad")], NOW_MS + 74 * year)),
        ("old", series(&[(b"__name__", b"bad")], 0)),
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
        assert!(answer.text.starts_with("1 samples accepted, 1 refused"), "{}", answer.text);
        assert_eq!(names(&door).await, ["good", "neighbour"], "{reason}");
    }
}

#[tokio::test]
async fn another_value_for_a_known_time_is_refused() {
    let door = Door::open();
    assert_eq!(send(&door, &USUAL, packed(vec![good()])).await.status, 204);
    let mut other = good();
    other.samples[0].value = 2.0;
    assert_eq!(send(&door, &USUAL, packed(vec![other])).await.status, 400);
}

#[tokio::test]
async fn writing_needs_the_scope_and_the_right_method() {
    let reader = Door::for_caller(Caller::new("reader", Scopes::of(&[Scope::Read])));
    assert_eq!(send(&reader, &USUAL, packed(vec![good()])).await.status, 403);
    assert_eq!(reader.get("/api/v1/write").await.status, 405);
}
