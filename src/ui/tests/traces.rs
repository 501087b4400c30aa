use std::sync::Arc;

use crate::model::resource::{Attributes, Resource};
use crate::model::time::TimestampNs;
use crate::model::trace::{Span, SpanId, SpanKind, Status, StatusCode, TraceId};
use crate::ui::tests::pages::{NOON_MS, Pages};

const EVIL: &str = "</script><script>alert(1)</script>";

fn span(trace: u8, id: u8, parent: u8, service: &str, length_ms: i64) -> Span {
    let mut attributes = Attributes::default();
    attributes.set("user", EVIL.into());
    let failed = id == 3;
    let code = if failed { StatusCode::Error } else { StatusCode::Unset };
    let start = (NOON_MS - 60_000 + i64::from(id)) * 1_000_000;
    Span {
        trace_id: TraceId([trace; 16]),
        span_id: SpanId([id; 8]),
        parent_span_id: (parent > 0).then_some(SpanId([parent; 8])),
        trace_state: String::new(),
        flags: 1,
        name: format!("op{id} {EVIL}"),
        kind: SpanKind::Server,
        start: TimestampNs(start),
        end: TimestampNs(start + length_ms * 1_000_000),
        attributes,
        events: Vec::new(),
        links: Vec::new(),
        status: Status { code, message: "it broke".to_owned() },
        resource: Arc::new(Resource::of_service(service)),
        scope: Arc::default(),
    }
}

async fn with_traces() -> Pages {
    let pages = Pages::new();
    let spans = vec![
        span(1, 1, 0, "shop", 250),
        span(1, 2, 1, "bank", 100),
        span(1, 3, 2, "bank", 20),
        span(2, 4, 0, "shop", 2),
        span(3, 5, 0, "belvedere", 1),
    ];
    pages.memory.store_spans(spans).await;
    pages
}

#[tokio::test]
async fn traces_are_found_by_what_the_form_says() {
    let pages = with_traces().await;
    let row =
        |html: &str, trace: u8| html.contains(&format!("/ui/traces/{}", TraceId([trace; 16])));
    for (query, expected) in [
        ("", [true, true, false]),
        ("?own=on", [true, true, true]),
        ("?service=bank", [true, false, false]),
        ("?service=belvedere", [false, false, true]),
        ("?errors=on", [true, false, false]),
        ("?min=200ms", [true, false, false]),
        ("?max=10ms&service=shop", [false, true, false]),
        ("?tags=user%3Dnobody", [false, false, false]),
        ("?from=now-5m&to=now-2m", [false, false, false]),
    ] {
        let shown = pages.get(&format!("/ui/traces{query}"), &[]).await;
        assert_eq!(shown.status, 200);
        assert_eq!([1, 2, 3].map(|trace| row(&shown.html, trace)), expected, "{query}");
        assert!(!shown.html.contains(EVIL), "{query}: telemetry is text");
    }
    let wrong = pages.get("/ui/traces?min=soon", &[]).await;
    assert!(wrong.html.contains("Longer than") && wrong.html.contains("soon"), "{}", wrong.html);
}

#[tokio::test]
async fn a_trace_shows_its_spans_and_the_chosen_one_with_everything_known() {
    let pages = with_traces().await;
    let id = TraceId([1; 16]);
    let shown = pages.get(&format!("/ui/traces/{id}?span={}", SpanId([3; 8])), &[]).await;
    assert_eq!((shown.status, shown.html.matches("<h1").count()), (200, 1));
    assert!(!shown.html.contains(EVIL), "telemetry is text");
    for words in ["250 ms", "it broke", "No record names this span", "depth-2", "op3 "] {
        assert!(shown.html.contains(words), "{words}");
    }
    let short = pages.get("/ui/traces?id=0101010101010101", &[]).await;
    assert_eq!(short.header("location"), "/ui/traces/00000000000000000101010101010101");
}

#[tokio::test]
async fn a_trace_that_is_not_there_says_why_that_may_be() {
    let pages = Pages::new();
    let missing = pages.get("/ui/traces/abc", &[]).await;
    assert_eq!(missing.status, 404);
    assert!(missing.html.contains("retention of traces"), "{}", missing.html);
    let wrong = pages.get("/ui/traces/nonsense", &[]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.html.contains("hexadecimal"));
    let empty = pages.get("/ui/traces", &[]).await;
    assert!(empty.html.contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://mon.example.com:8080"));
}
