use std::sync::Arc;
use std::time::Duration;

use axum::middleware::{self, Next};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use tonic::Code;
use tonic::codec::CompressionEncoding;

use super::*;
use crate::access::Caller;
use crate::base::clock::ManualClock;
use crate::base::task::TaskGroup;
use crate::http::listener::{ListenerLimits, serve};
use crate::ingest::IngestLimits;
use crate::ingest::recording::Recording;

/// A real listener with the services behind it; it ends with the test's runtime.
struct Server {
    url: String,
    recording: Arc<Recording>,
    tasks: TaskGroup,
}

async fn server() -> Server {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let (ingest, recording) = Recording::behind_door(IngestLimits::default(), clock);
    let mut state = OtlpState::new(ingest);
    state.body_bytes = 1 << 20;
    let router =
        routes(state).layer(middleware::from_fn(|mut request: Request, next: Next| async move {
            request.extensions_mut().insert(Caller::local("test"));
            next.run(request).await
        }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let tasks = TaskGroup::new();
    serve(listener, router, ListenerLimits::default(), &tasks);
    Server { url, recording, tasks }
}

fn traces(name: &str) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.to_owned(),
        start_time_unix_nano: 1_700_000_000_000_000_000,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let group = ResourceSpans { scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![group] }
}

#[tokio::test]
async fn a_real_client_with_gzip_is_served() {
    let server = server().await;
    let client = TraceServiceClient::connect(server.url.clone()).await.unwrap();
    let mut client = client.send_compressed(CompressionEncoding::Gzip);
    let answer = client.export(traces("work")).await.unwrap().into_inner();
    assert_eq!(answer.partial_success, None);
    assert_eq!(server.recording.traces.lock()[0].spans[0].name, "work");
    assert!(server.tasks.stop(Duration::from_secs(5)).await.is_empty());
}

#[tokio::test]
async fn refused_records_are_a_partial_success() {
    let server = server().await;
    let mut client = LogsServiceClient::connect(server.url.clone()).await.unwrap();
    let late = LogRecord { time_unix_nano: 4_102_444_800_000_000_000, ..LogRecord::default() };
    let log_records = vec![late, LogRecord::default()];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let group = ResourceLogs { scope_logs, ..ResourceLogs::default() };
    let request = ExportLogsServiceRequest { resource_logs: vec![group] };
    let partial = client.export(request).await.unwrap().into_inner().partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 1);
    assert_eq!(server.recording.records()[0].index, "logs-otlp_grpc-default");
    assert!(server.tasks.stop(Duration::from_secs(5)).await.is_empty());
}

#[tokio::test]
async fn oversize_overload_and_unknown_services_have_their_codes() {
    let server = server().await;
    let mut client = TraceServiceClient::connect(server.url.clone()).await.unwrap();
    let oversize = client.export(traces(&"x".repeat(2 << 20))).await.unwrap_err();
    assert_eq!(oversize.code(), Code::ResourceExhausted, "{oversize:?}");
    assert!(oversize.details().is_empty());
    let gzipped = client.clone().send_compressed(CompressionEncoding::Gzip);
    let bomb = gzipped.clone().export(traces(&"x".repeat(2 << 20))).await.unwrap_err();
    assert_eq!(bomb.code(), Code::ResourceExhausted, "{bomb:?}");
    let full = Error::unavailable("the disk is full", Duration::from_secs(7));
    *server.recording.failure.lock() = Some(full);
    let overload = client.export(traces("work")).await.unwrap_err();
    assert_eq!(overload.code(), Code::Unavailable);
    let details = String::from_utf8_lossy(overload.details()).into_owned();
    assert!(details.contains("google.rpc.RetryInfo"), "{details:?}");
    let mut unknown = LogsServiceClient::with_origin(
        tonic::transport::Channel::from_shared(server.url.clone()).unwrap().connect_lazy(),
        format!("{}/nowhere", server.url).parse().unwrap(),
    );
    let unknown = unknown.export(ExportLogsServiceRequest::default()).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    assert!(server.tasks.stop(Duration::from_secs(5)).await.is_empty());
}

#[tokio::test]
async fn broken_messages_are_invalid_arguments() {
    let (ingest, recording) =
        Recording::behind_door(IngestLimits::default(), ManualClock::at_ms(1_700_000_000_000));
    let router = routes(OtlpState::new(ingest));
    let cases: [(&[u8], &str, &str); 6] = [
        (b"\0\0\0\0\x05hello", "identity", "3"),
        (b"\0\0\0\0\x09hello", "identity", "3"),
        (b"\0\0", "identity", "3"),
        (b"\x02\0\0\0\0", "identity", "3"),
        (b"\x01\0\0\0\x05hello", "gzip", "3"),
        (b"\x01\0\0\0\x05hello", "br", "12"),
    ];
    for (body, encoding, code) in cases {
        let mut request = axum::http::Request::post(TRACES)
            .header("content-type", "application/grpc")
            .header("grpc-encoding", encoding)
            .body(Body::from(body.to_vec()))
            .unwrap();
        request.extensions_mut().insert(Caller::local("test"));
        let response = tower::ServiceExt::oneshot(router.clone(), request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], code, "{body:?}");
    }
    assert!(recording.traces.lock().is_empty());
}

proptest! {
    #[test]
    fn a_frame_is_taken_only_whole(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let framed = Bytes::from(bytes.clone());
        if let Ok((is_compressed, message)) = unframe(framed) {
            prop_assert_eq!(message.len() + FRAME_HEAD, bytes.len());
            prop_assert_eq!(is_compressed, bytes[0] == 1);
        }
    }
}
