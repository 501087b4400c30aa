//! The door over memory stores.

mod queries;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::access::{Caller, Scope, Scopes};
use crate::api::{ApiState, routes};
use crate::base::clock::ManualClock;
use crate::base::shutdown::{Phase, Readiness};
use crate::base::task::TaskGroup;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::labels::Labels;
use crate::model::log::{LogRecord, Severity};
use crate::model::resource::{AttrValue, Resource};
use crate::model::sample::Sample;
use crate::model::time::TimestampNs;
use crate::service::NoTargets;
use crate::service::in_memory::InMemory;

/// 2026-11-23 12:00:00 UTC.
const NOON_MS: i64 = 1_795_435_200_000;

struct Door {
    routes: Router,
    memory: InMemory,
    clock: Arc<ManualClock>,
    state: ApiState,
}

impl Door {
    fn open() -> Self {
        Door::of(Caller::local("test"))
    }

    fn of(caller: Caller) -> Self {
        let clock = ManualClock::at_ms(NOON_MS);
        let memory = InMemory::whole(clock.clone(), Arc::new(NoTargets));
        let readiness = Readiness::new();
        readiness.set(Phase::Ready);
        let state =
            ApiState::new(memory.services.clone(), clock.clone(), readiness, TaskGroup::new());
        Door { routes: routes(state.clone()).layer(Extension(caller)), memory, clock, state }
    }

    async fn response(&self, address: &str) -> axum::response::Response {
        let request = Request::get(address).body(Body::empty()).unwrap();
        self.routes.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, address: &str) -> (u16, Value) {
        read(self.response(address).await).await
    }

    async fn post(&self, address: &str) -> (u16, Value) {
        let request = Request::post(address).body(Body::empty()).unwrap();
        read(self.routes.clone().oneshot(request).await.unwrap()).await
    }

    /// The answer about the hour before noon.
    async fn ask(&self, path: &str, rest: &str) -> Value {
        let range = format!("from={}&to={NOON_MS}", NOON_MS - 3_600_000);
        let (status, body) = self.get(&format!("/api/x/logs/{path}?{range}&{rest}")).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn series(&self, labels: &[(&str, &str)]) {
        let labels = Labels::from_pairs(labels.iter().copied());
        let series = vec![SeriesWrite::sample(labels, Sample::new(NOON_MS, 1.0))];
        self.memory.store(MetricBatch { series, metadata: Vec::new() }).await;
    }

    async fn three_records(&self) {
        for (minutes, severity, service, line) in [
            (30, Severity::INFO, "cart", "added <b>one</b>"),
            (20, Severity::ERROR, "cart", "payment failed"),
            (10, Severity::INFO, "mail", "sent"),
        ] {
            self.memory.log(record(NOON_MS - minutes * 60_000, severity, service, line)).await;
        }
    }
}

async fn read(response: axum::response::Response) -> (u16, Value) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), serde_json::from_slice(&bytes).unwrap())
}

fn record(at_ms: i64, severity: Severity, service: &str, line: &str) -> LogRecord {
    let mut record = LogRecord::new(TimestampNs(at_ms * 1_000_000), line);
    record.severity = severity;
    record.resource = Arc::new(Resource::of_service(service));
    record.attributes.set("order.id", AttrValue::Int(7));
    record.index = "logs".to_owned();
    record.id = format!("{service}-{at_ms}");
    record
}

fn lines(page: &Value) -> Vec<&str> {
    page["rows"].as_array().unwrap().iter().map(|row| row["line"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn rows_come_newest_first_page_by_page() {
    let door = Door::open();
    door.three_records().await;
    let first = door.ask("search", "limit=2").await;
    assert_eq!(lines(&first), ["sent", "payment failed"]);
    assert_eq!(first["total"], 3);
    let after = first["next"].as_str().unwrap();
    let second = door.ask("search", &format!("limit=2&after={after}")).await;
    assert_eq!(lines(&second), ["added <b>one</b>"]);
    assert_eq!(second.get("next"), None);
}

#[tokio::test]
async fn pills_query_and_scope_narrow_together_and_a_pill_can_be_off() {
    let door = Door::open();
    door.three_records().await;
    let found = |rest: &'static str| async { lines(&door.ask("search", rest).await).len() };
    assert_eq!(found("f=service.name%3Dcart").await, 2);
    assert_eq!(found("f=service.name!%3Dcart").await, 1);
    assert_eq!(found("f=~service.name%3Dcart").await, 3);
    assert_eq!(found("q=severity:error&f=service.name%3Dcart").await, 1);
    assert_eq!(found("f=order.id%3D7").await, 3);
    assert_eq!(found("scope=service.name%3Dmail").await, 1);
}

#[tokio::test]
async fn the_histogram_counts_by_severity_and_values_by_frequency() {
    let door = Door::open();
    door.three_records().await;
    let drawn = door.ask("histogram", "buckets=60").await;
    assert_eq!((&drawn["width"], &drawn["severities"][1]), (&60_000.into(), &"error".into()));
    let counts = drawn["counts"].as_array().unwrap();
    let sum = |at: usize| counts.iter().map(|slot| slot[at].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum(1), sum(3), sum(6)), (1, 2, 0));
    let values = door.ask("values", "field=service.name").await;
    assert_eq!(values["values"], serde_json::json!([["cart", 2], ["mail", 1]]));
    let fields = door.ask("fields", "").await;
    let names: Vec<_> = fields["fields"].as_array().unwrap().iter().map(|f| &f["name"]).collect();
    assert!(names.iter().any(|name| *name == "attributes.order.id"), "{names:?}");
}

#[tokio::test]
async fn a_record_is_shown_whole_with_what_its_service_said_around_it() {
    let door = Door::open();
    door.three_records().await;
    let id = format!("cart-{}", NOON_MS - 20 * 60_000);
    let (_, record) = door.get(&format!("/api/x/logs/record?index=logs&id={id}")).await;
    assert_eq!(
        (&record["body"], &record["attributes"]["order.id"]),
        (&"payment failed".into(), &7.into())
    );
    let (_, around) = door.get(&format!("/api/x/logs/context?index=logs&id={id}")).await;
    assert_eq!(around["older"][0]["line"], "added <b>one</b>");
    assert_eq!(around["newer"].as_array().unwrap().len(), 0);
    let (status, gone) = door.get("/api/x/logs/record?index=logs&id=none").await;
    assert_eq!((status, &gone["kind"]), (404, &"not_found".into()));
}

#[tokio::test]
async fn wrong_parameters_are_named_and_a_caller_without_read_is_refused() {
    let door = Door::open();
    let (status, body) = door.get("/api/x/logs/search?from=soon&to=1").await;
    assert_eq!((status, &body["kind"]), (400, &"invalid_input".into()));
    assert!(body["error"].as_str().unwrap().contains("soon"));
    let (status, _) = door.get("/api/x/logs/search?from=2&to=1").await;
    assert_eq!(status, 400);
    let writer = Door::of(Caller::new("agent", Scopes::of(&[Scope::Ingest])));
    assert_eq!(writer.get("/api/x/logs/search?from=1&to=2").await.0, 403);
    assert_eq!(writer.get("/api/x/logs/tail").await.0, 403);
}

#[tokio::test]
async fn stores_are_flushed_and_sealed_on_order_of_an_admin() {
    let door = Door::open();
    door.three_records().await;
    let (status, flushed) = door.post("/api/x/admin/flush").await;
    assert_eq!((status, &flushed["signals"][0]["signal"]), (200, &"metrics".into()), "{flushed}");
    assert!(flushed["took_ms"].is_number(), "{flushed}");
    let (status, sealed) = door.post("/api/x/admin/seal?signal=logs").await;
    assert_eq!((status, &sealed["through"]), (200, &"2026-11-22".into()), "{sealed}");
    assert_eq!(sealed["signals"].as_array().unwrap().len(), 1);
    for wrong in ["through=yesterday", "through=2026-02-30", "signal=smells"] {
        let (status, body) = door.post(&format!("/api/x/admin/seal?{wrong}")).await;
        assert_eq!((status, &body["kind"]), (400, &"invalid_input".into()), "{wrong}");
    }
    let reader = Door::of(Caller::new("grafana", Scopes::of(&[Scope::Read])));
    assert_eq!(reader.post("/api/x/admin/flush").await.0, 403);
    assert_eq!(reader.post("/api/x/admin/seal").await.0, 403);
}

#[tokio::test]
async fn storage_tells_what_is_kept_by_signal_and_in_memory() {
    let door = Door::open();
    door.series(&[("__name__", "up"), ("job", "a")]).await;
    let (status, kept) = door.get("/api/x/storage").await;
    assert_eq!(status, 200, "{kept}");
    let signals: Vec<_> =
        kept["signals"].as_array().unwrap().iter().map(|one| &one["signal"]).collect();
    assert_eq!(signals, ["metrics", "logs", "traces"]);
    assert_eq!(kept["signals"][1]["retention"], "2w");
    let nothing = serde_json::json!({"count": 0, "places": []});
    assert_eq!(kept["signals"][0]["damage"], nothing);
    assert_eq!((&kept["head"]["series"], &kept["metrics_max_ms"]), (&1.into(), &NOON_MS.into()));
    assert_eq!(kept["memory"]["anonymous_bytes"], 64 << 20);
}

#[tokio::test]
async fn cardinality_names_the_largest_and_who_sends_them() {
    let door = Door::open();
    for (metric, job) in [("up", "a"), ("up", "b"), ("temp", "b"), ("load", "b")] {
        door.series(&[("__name__", metric), ("job", job)]).await;
    }
    let (_, all) = door.get("/api/x/cardinality?limit=1").await;
    assert_eq!((&all["series"], &all["max_active_series"]), (&4.into(), &1_000_000.into()));
    assert_eq!(all["by_metric"], serde_json::json!([{"name": "up", "count": 2}]));
    assert_eq!(all["by_job"], serde_json::json!([{"name": "b", "count": 3}]));
    assert_eq!(all["by_pair"], serde_json::json!([{"name": "job=b", "count": 3}]));
    assert_eq!(all["refused_by_metric"], serde_json::json!([]));
    let long = "x".repeat(10_000);
    let labels = Labels::from_pairs([("__name__", "bad"), ("path", long.as_str())]);
    let series = vec![SeriesWrite::sample(labels, Sample::new(NOON_MS, 1.0))];
    let batch = MetricBatch { series, metadata: Vec::new() };
    assert_eq!(door.memory.write(batch).await, 0);
    let (_, refused) = door.get("/api/x/cardinality").await;
    let first = &refused["refused_by_metric"][0];
    assert_eq!((&first["name"], &first["count"]), (&"bad".into(), &1.into()), "{refused}");
    let (_, some) = door.get("/api/x/cardinality?match[]=up&match[]=load").await;
    assert_eq!((&some["series"], &some["by_job"][0]["count"]), (&3.into(), &2.into()));
    let (status, wrong) = door.get("/api/x/cardinality?match[]=%7B").await;
    assert_eq!((status, &wrong["kind"]), (400, &"invalid_input".into()));
    let writer = Door::of(Caller::new("agent", Scopes::of(&[Scope::Ingest])));
    assert_eq!(writer.get("/api/x/storage").await.0, 403);
    assert_eq!(writer.get("/api/x/cardinality").await.0, 403);
}

#[tokio::test]
async fn the_description_names_every_way_to_ask_and_only_those() {
    let door = Door::open();
    let (status, described) = door.get("/api/x/openapi.json").await;
    assert_eq!((status, &described["openapi"]), (200, &"3.1.0".into()));
    let paths = described["paths"].as_object().unwrap();
    assert_eq!(paths.len(), include_str!("mod.rs").matches(".route(\"").count());
    for (path, ways) in paths {
        for (method, way) in ways.as_object().unwrap() {
            let request = Request::builder().method(&*method.to_uppercase()).uri(path);
            let request = request.body(Body::empty()).unwrap();
            let status = door.routes.clone().oneshot(request).await.unwrap().status().as_u16();
            assert!(!matches!(status, 404 | 405), "{method} {path}: {status}");
            let needed = way["parameters"].as_array().unwrap().iter();
            let needed = needed.filter(|parameter| parameter["required"] == true).count();
            let needed = needed + usize::from(way.get("requestBody").is_some());
            assert_eq!(status == 400, needed > 0, "{method} {path}: {status}");
        }
    }
}

/// Waits for the next event of a stream and returns it as it is written.
async fn next(body: &mut Body) -> String {
    let bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn the_tail_sends_what_arrives_later_than_its_start_also_with_an_older_time() {
    let door = Door::open();
    door.memory.log(record(NOON_MS - 1_000, Severity::INFO, "cart", "before")).await;
    let mut body = door.response("/api/x/logs/tail").await.into_body();
    assert!(next(&mut body).await.contains("event: start"));
    let mut event = Box::pin(next(&mut body));
    assert!(futures_util::poll!(&mut event).is_pending());
    door.memory.log(record(NOON_MS - 60_000, Severity::WARN, "cart", "late")).await;
    door.clock.advance(Duration::from_millis(500));
    let text = event.await;
    assert!(text.contains("event: log") && text.contains("\"line\":\"late\""), "{text}");
    assert!(!text.contains("before") && text.contains("id: "), "{text}");
}

#[tokio::test]
async fn one_stream_follows_several_views_and_goes_on_where_each_was() {
    let door = Door::open();
    door.memory.log(record(NOON_MS - 2_000, Severity::INFO, "cart", "first")).await;
    door.memory.log(record(NOON_MS - 1_000, Severity::INFO, "cart", "second")).await;
    let views = "sub=%3Fq%3Dfirst&sub=%3Fq%3DNOT%2Bfirst";
    let mut body = door.response(&format!("/api/x/logs/tail?{views}&after=0,0")).await.into_body();
    let start = next(&mut body).await;
    assert!(start.contains("id: 0,0"), "{start}");
    let mut event = Box::pin(next(&mut body));
    assert!(futures_util::poll!(&mut event).is_pending());
    door.clock.advance(Duration::from_millis(500));
    let first = event.await;
    let second = next(&mut body).await;
    assert!(
        first.contains(r#""sub":"?q=first""#) && first.contains(r#""line":"first""#),
        "{first}"
    );
    assert!(second.contains(r#""sub":"?q=NOT+first""#), "{second}");
    assert!(second.contains(r#""line":"second""#) && !second.contains(r#""line":"first""#));
    let id = second.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let again = door.response(&format!("/api/x/logs/tail?{views}&after={id}")).await;
    let mut body = again.into_body();
    assert!(next(&mut body).await.contains(&format!("id: {id}")));
    let mut event = Box::pin(next(&mut body));
    assert!(futures_util::poll!(&mut event).is_pending());
    door.clock.advance(Duration::from_millis(500));
    assert!(futures_util::poll!(&mut event).is_pending(), "what was told is not told again");
    let wrong = door.get(&format!("/api/x/logs/tail?{}", "sub=%3Fq%3Da&".repeat(17))).await;
    assert_eq!((wrong.0, wrong.1["kind"].as_str()), (400, Some("invalid_input")));
}

#[tokio::test]
async fn a_scope_restricts_every_selector_of_an_expression() {
    let door = Door::open();
    let query = "rate(a[5m])%20/%20sum(b%7Bx=%221%22%7D)";
    let scope = "service.name%3Dcart,host.name!%3Dweb";
    let (status, body) = door.get(&format!("/api/x/metrics/scoped?q={query}&scope={scope}")).await;
    assert_eq!(status, 200, "{body}");
    let text = body["query"].as_str().unwrap();
    assert_eq!(text.matches("job=~\"(.+/)?cart\"").count(), 2, "{text}");
    assert_eq!(text.matches("host_name!=\"web\"").count(), 2, "{text}");
}
