use axum::body::Body;
use axum::http::Request;
use prost::Message;

use super::door::{Answered, Door, NOW_MS};
use crate::access::{Caller, Scope, Scopes};

/// `prometheus.ReadRequest` with what the tests say.
#[derive(Clone, PartialEq, prost::Message)]
struct Asked {
    #[prost(message, repeated, tag = "1")]
    queries: Vec<Query>,
    #[prost(int32, repeated, tag = "2")]
    accepted: Vec<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Query {
    #[prost(int64, tag = "1")]
    start: i64,
    #[prost(int64, tag = "2")]
    end: i64,
    #[prost(message, repeated, tag = "3")]
    matchers: Vec<Condition>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Condition {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
}

/// `prometheus.ReadResponse`
#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(message, repeated, tag = "1")]
    results: Vec<QueryResult>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct QueryResult {
    #[prost(message, repeated, tag = "1")]
    series: Vec<Series>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Series {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Point {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// `prometheus.ChunkedReadResponse`, without the chunks' insides.
#[derive(Clone, PartialEq, prost::Message)]
struct Frame {
    #[prost(message, repeated, tag = "1")]
    series: Vec<Series>,
    #[prost(int64, tag = "2")]
    query: i64,
}

fn query(conditions: &[(i32, &str, &str)]) -> Query {
    let condition = |(kind, name, value): &(i32, &str, &str)| Condition {
        kind: *kind,
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let matchers = conditions.iter().map(condition).collect();
    Query { start: NOW_MS - 40_000, end: NOW_MS, matchers }
}

async fn post(door: &Door, body: Vec<u8>) -> Answered {
    let request = Request::builder().method("POST").uri("/api/v1/read");
    let request = request.header("content-encoding", "snappy").body(Body::from(body));
    door.send(request.unwrap()).await
}

async fn ask(door: &Door, queries: Vec<Query>, accepted: &[i32]) -> Answered {
    let asked = Asked { queries, accepted: accepted.to_vec() }.encode_to_vec();
    post(door, snap::raw::Encoder::new().compress_vec(&asked).unwrap()).await
}

async fn door() -> Door {
    let door = Door::open();
    door.store(&[("__name__", "up"), ("job", "b")], &[(-60, 3.0), (-30, 4.0), (0, 5.0)]).await;
    door.store(&[("__name__", "up"), ("zone", "z")], &[(-40, 1.0)]).await;
    door
}

fn labels(series: &Series) -> Vec<String> {
    series.labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect()
}

#[tokio::test]
async fn samples_come_with_the_labels_that_others_see() {
    let door = door().await;
    let queries = vec![query(&[(0, "__name__", "up")]), query(&[(0, "__name__", "none")])];
    let answer = ask(&door, queries, &[]).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/x-protobuf"));
    let body = snap::raw::Decoder::new().decompress_vec(&answer.bytes).unwrap();
    let response = Response::decode(&body[..]).unwrap();
    assert_eq!(response.results.len(), 2);
    let mut series = response.results[0].series.clone();
    series.sort_by_key(labels);
    assert_eq!(labels(&series[0]), ["__name__=up", "cluster=eu", "job=b"]);
    let points: Vec<_> =
        series[0].samples.iter().map(|one| (one.timestamp - NOW_MS, one.value)).collect();
    assert_eq!(points, [(-30_000, 4.0), (0, 5.0)]);
    assert_eq!(labels(&series[1]), ["__name__=up", "cluster=eu", "job=outer", "zone=z"]);
    assert_eq!(response.results[1].series, vec![]);
}

#[tokio::test]
async fn a_condition_on_a_label_that_only_others_see_means_series_without_it() {
    let door = door().await;
    let found = async |conditions: &[(i32, &str, &str)]| {
        let answer = ask(&door, vec![query(conditions)], &[0]).await;
        let body = snap::raw::Decoder::new().decompress_vec(&answer.bytes).unwrap();
        Response::decode(&body[..]).unwrap().results[0].series.len()
    };
    assert_eq!(found(&[(0, "cluster", "eu")]).await, 2);
    assert_eq!(found(&[(0, "cluster", "us")]).await, 0);
    assert_eq!(found(&[(0, "__name__", "up"), (0, "job", "outer")]).await, 1);
    assert_eq!(found(&[(0, "__name__", "up"), (2, "job", "b|c")]).await, 1);
}

#[tokio::test]
async fn chunks_are_streamed_in_frames_sorted_by_labels_to_who_names_them_first() {
    let door = door().await;
    let queries = vec![query(&[(0, "__name__", "none")]), query(&[(0, "__name__", "up")])];
    let answer = ask(&door, queries, &[1, 0]).await;
    assert_eq!(
        answer.content_type,
        "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
    );
    let mut rest = &answer.bytes[..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let length = prost::encoding::decode_varint(&mut rest).unwrap() as usize;
        let (message, tail) = rest[4..].split_at(length);
        let frame = Frame::decode(&strip_chunks(message)[..]).unwrap();
        found.push((frame.query, labels(&frame.series[0])));
        rest = tail;
    }
    let names = |rest: &[&str]| {
        let all = ["__name__=up", "cluster=eu"].iter().chain(rest);
        all.map(|text| (*text).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found, [(1, names(&["job=b"])), (1, names(&["job=outer", "zone=z"]))]);
}

/// Chunks share the tag of samples but not their form; here only labels matter.
fn strip_chunks(message: &[u8]) -> Vec<u8> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Outer {
        #[prost(message, repeated, tag = "1")]
        series: Vec<OnlyLabels>,
        #[prost(int64, tag = "2")]
        query: i64,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct OnlyLabels {
        #[prost(message, repeated, tag = "1")]
        labels: Vec<Label>,
    }
    Outer::decode(message).unwrap().encode_to_vec()
}

#[tokio::test]
async fn what_cannot_be_read_or_answered_is_refused_as_text() {
    let door = door().await;
    for body in [b"no snappy".to_vec(), snap::raw::Encoder::new().compress_vec(b"\x0a").unwrap()] {
        let answer = post(&door, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; 2 << 20]).unwrap();
    assert_eq!(post(&door, bomb).await.status, 400);
    let unknown = ask(&door, vec![], &[7]).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text.starts_with("server does not support any"), "{}", unknown.text);
    let writer = Door::for_caller(Caller::new("agent", Scopes::of(&[Scope::Ingest])));
    assert_eq!(ask(&writer, vec![], &[]).await.status, 403);
}
