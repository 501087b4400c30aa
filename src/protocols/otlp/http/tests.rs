use std::io::Write;
use std::time::Duration;

use axum::body::{Body, Bytes};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tower::ServiceExt;

use super::*;
use crate::access::{Caller, Scopes};
use crate::base::clock::ManualClock;
use crate::ingest::IngestLimits;
use crate::ingest::recording::Recording;

const NOW_MS: i64 = 1_700_000_000_000;
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

struct OtlpDoor {
    router: Router,
    recording: std::sync::Arc<Recording>,
}

fn door() -> OtlpDoor {
    let (ingest, recording) =
        Recording::behind_door(IngestLimits::default(), ManualClock::at_ms(NOW_MS));
    let mut state = OtlpState::new(ingest);
    state.body_bytes = 1 << 20;
    state.cors_origins = vec!["https://app.example.com".to_owned()].into();
    OtlpDoor { router: routes(state), recording }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(
    door: &OtlpDoor,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = axum::http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body.into()).unwrap();
    request.extensions_mut().insert(Caller::local("test"));
    let response = door.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

async fn post(door: &OtlpDoor, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
    send(door, "POST", path, &[("content-type", kind)], body).await
}

fn span(id: u8) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![id; 8],
        name: "work".to_owned(),
        start_time_unix_nano: 1_699_999_999_000_000_000,
        end_time_unix_nano: 1_700_000_000_000_000_000,
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let group = ResourceSpans { scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![group] }.encode_to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn spans_in_protobuf_are_written_and_the_answer_is_an_empty_message() {
    let door = door();
    let answer = post(&door, "/v1/traces", PROTOBUF, request(vec![span(1), span(2)])).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-type"), PROTOBUF);
    assert_eq!(door.recording.traces.lock()[0].spans.len(), 2);
}

#[tokio::test]
async fn logs_in_chunked_gzipped_json_are_written_and_the_answer_is_json() {
    let door = door();
    let body = gzip(
        br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hi"}}]}]}]}"#,
    );
    let pieces: Vec<_> = body.chunks(9).map(Bytes::copy_from_slice).map(Ok::<_, Error>).collect();
    let chunked = Body::from_stream(futures_util::stream::iter(pieces));
    let headers =
        [("content-type", "application/json; charset=utf-8"), ("content-encoding", "gzip")];
    let answer = send(&door, "POST", "/otlp/v1/logs", &headers, chunked).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert_eq!(answer.header("content-type"), JSON);
    let record = door.recording.records()[0].clone();
    assert_eq!(record.timestamp.0, NOW_MS * 1_000_000);
    assert_eq!(record.index, "logs-otlp_http-default");
}

#[tokio::test]
async fn what_is_refused_is_counted_exactly_and_the_rest_is_written() {
    let door = door();
    let mut nameless = span(3);
    nameless.trace_id.clear();
    let mut late = span(4);
    late.end_time_unix_nano = 4_102_444_800_000_000_000;
    let body = request(vec![nameless, span(1), late]);
    let answer = post(&door, "/v1/traces", PROTOBUF, body).await;
    assert_eq!(answer.status, 200);
    let read = ExportTraceServiceResponse::decode(answer.body).unwrap();
    let partial = read.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 2);
    assert!(partial.error_message.contains("trace id is missing"), "{partial:?}");
    assert!(partial.error_message.contains("future"), "{partial:?}");
    assert_eq!(door.recording.traces.lock()[0].spans.len(), 1);
}

#[tokio::test]
async fn metrics_of_no_temporality_are_refused_by_data_point_and_named() {
    let door = door();
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"calls","sum":{"isMonotonic":true,
          "dataPoints":[{"asInt":"1"},{"asInt":"2"}]}},
        {"name":"heat","gauge":{"dataPoints":[{"asDouble":1.5}]}}]}]}]}"#;
    for path in ["/v1/metrics", "/api/v1/otlp/v1/metrics"] {
        let answer = post(&door, path, JSON, body).await;
        assert_eq!(answer.status, 200);
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(json["partialSuccess"]["rejectedDataPoints"], "2");
        let message = json["partialSuccess"]["errorMessage"].as_str().unwrap();
        assert!(message.contains("calls") && message.contains("invalid temporality"), "{message}");
    }
    assert_eq!(door.recording.metrics.lock()[1].series.len(), 1);
}

#[tokio::test]
async fn a_histogram_point_refused_by_the_store_counts_once() {
    let door = door();
    door.recording.refuse.lock().extend([0, 1, 2]);
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"took","histogram":{"aggregationTemporality":2,
          "dataPoints":[{"count":"2","sum":1,"bucketCounts":["1","1"],"explicitBounds":[1]}]}}
        ]}]}]}"#;
    let answer = post(&door, "/v1/metrics", JSON, body).await;
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["partialSuccess"]["rejectedDataPoints"], "1");
}

#[tokio::test]
async fn an_empty_request_is_a_success() {
    let door = door();
    assert_eq!(post(&door, "/v1/metrics", PROTOBUF, "").await.status, 200);
    assert_eq!(post(&door, "/v1/metrics", JSON, "{}").await.text(), "{}");
}

#[tokio::test]
async fn bad_input_gets_a_status_in_its_own_encoding() {
    let door = door();
    let broken = post(&door, "/v1/traces", JSON, "{").await;
    assert_eq!((broken.status, broken.header("content-type")), (400, JSON));
    let json: serde_json::Value = serde_json::from_slice(&broken.body).unwrap();
    assert_eq!(json["code"], 3);
    let broken = post(&door, "/v1/traces", PROTOBUF, "hello").await;
    assert_eq!((broken.status, broken.header("content-type")), (400, PROTOBUF));
    // google.rpc.Status: field 1 is the code.
    assert_eq!(broken.body[..2], [0x08, 3]);
    assert_eq!(post(&door, "/v1/logs", JSON, "").await.status, 400);
    assert_eq!(post(&door, "/v1/logs", JSON, "{\"a\":\"\u{0}\"}").await.status, 400);
    let truncated = &request(vec![span(1)])[..20];
    assert_eq!(post(&door, "/v1/traces", PROTOBUF, truncated.to_vec()).await.status, 400);
    assert!(door.recording.traces.lock().is_empty());
}

#[tokio::test]
async fn wrong_types_methods_and_sizes_have_their_statuses() {
    let door = door();
    assert_eq!(post(&door, "/v1/traces", "text/plain", "x").await.status, 415);
    assert_eq!(send(&door, "POST", "/v1/traces", &[], "x").await.status, 415);
    let headers = [("content-type", JSON), ("content-encoding", "br")];
    assert_eq!(send(&door, "POST", "/v1/traces", &headers, "{}").await.status, 415);
    let get = send(&door, "GET", "/v1/traces", &[], "").await;
    assert_eq!((get.status, get.header("allow")), (405, "POST"));
    let large = post(&door, "/v1/traces", PROTOBUF, vec![0; (1 << 20) + 1]).await;
    assert_eq!((large.status, large.header("content-type")), (413, PROTOBUF));
    let headers = [("content-type", JSON), ("content-encoding", "gzip")];
    let bomb = send(&door, "POST", "/v1/logs", &headers, gzip(&vec![b' '; 4 << 20])).await;
    assert_eq!(bomb.status, 413);
    let cut = gzip(b"{}");
    let cut = send(&door, "POST", "/v1/logs", &headers, cut[..8].to_vec()).await;
    assert_eq!(cut.status, 400);
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_refused_alone() {
    let door = {
        let (ingest, recording) =
            Recording::behind_door(IngestLimits::default(), ManualClock::at_ms(NOW_MS));
        OtlpDoor { router: routes(OtlpState::new(ingest)), recording }
    };
    let record = |text: &str| format!(r#"{{"body":{{"stringValue":"{text}"}}}}"#);
    let records = [record(&"x".repeat(10 << 20)), record("short")].join(",");
    let body = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#);
    let answer = post(&door, "/v1/logs", JSON, body).await;
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["partialSuccess"]["rejectedLogRecords"], "1");
    assert!(answer.body.len() < 1_000);
    assert_eq!(door.recording.records().len(), 1);
}

#[tokio::test]
async fn a_full_store_answers_503_with_a_retry_hint() {
    let door = door();
    let full = Error::unavailable("the disk is full", Duration::from_secs(7));
    *door.recording.failure.lock() = Some(full);
    let answer = post(&door, "/v1/traces", PROTOBUF, request(vec![span(1)])).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "7"));
}

#[tokio::test]
async fn a_caller_without_the_scope_is_told_so() {
    let door = door();
    for (caller, status) in [
        (Some(Caller::anonymous(Scopes::none())), 401),
        (Some(Caller::new("reader", Scopes::none())), 403),
        (None, 401),
    ] {
        let mut request = axum::http::Request::post("/v1/logs")
            .header("content-type", JSON)
            .body(Body::from("{}"))
            .unwrap();
        request.extensions_mut().extend(
            caller
                .map(|caller| {
                    let mut extensions = axum::http::Extensions::new();
                    extensions.insert(caller);
                    extensions
                })
                .unwrap_or_default(),
        );
        let response = door.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
}

#[tokio::test]
async fn browsers_may_send_from_configured_origins_only() {
    let door = door();
    let asks = [
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let preflight = send(&door, "OPTIONS", "/v1/traces", &asks, "").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), "https://app.example.com");
    assert!(preflight.header("access-control-allow-headers").contains("content-type"));
    let foreign = [("origin", "https://evil.example"), asks[1], asks[2]];
    let refused = send(&door, "OPTIONS", "/v1/traces", &foreign, "").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (405, ""));
    let sends = [("content-type", JSON), asks[0]];
    let answer = send(&door, "POST", "/v1/logs", &sends, "{}").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.com");
}

#[tokio::test]
async fn a_log_record_that_is_not_readable_is_a_partial_success() {
    let door = door();
    let record = [0x0a, 0x02, 0x18, 0xff];
    let mut framed = record.to_vec();
    for tag in [0x12, 0x12, 0x0a] {
        framed = [&[tag, framed.len() as u8], framed.as_slice()].concat();
    }
    let answer = post(&door, "/v1/logs", PROTOBUF, framed).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let read = ExportLogsServiceResponse::decode(answer.body).unwrap();
    assert_eq!(read.partial_success.unwrap().rejected_log_records, 1);
}
