use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{AlertmanagerDoor, routes};
use crate::access::{Caller, Scope, Scopes};
use crate::base::clock::ManualClock;
use crate::service::NoTargets;
use crate::service::in_memory::InMemory;

struct Door {
    routes: Router,
    clock: Arc<ManualClock>,
}

impl Door {
    fn new() -> Self {
        let clock = ManualClock::at_ms(1_795_392_000_000);
        let memory = InMemory::new(clock.clone(), Arc::new(NoTargets));
        Door { routes: routes(AlertmanagerDoor { services: memory.services }), clock }
    }

    async fn ask_as(
        &self,
        caller: Caller,
        method: &str,
        path: &str,
        body: &str,
    ) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).extension(caller);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        self.ask_as(Caller::local("test"), method, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }
}

const ALERTS: &str = r#"[
    {"labels": {"alertname": "A", "job": "x", "empty": ""}, "annotations": {"summary": "s"},
     "startsAt": "2026-11-22T23:59:00.5Z", "generatorURL": "http://p/graph"},
    {"labels": {"alertname": "B"}, "endsAt": "0001-01-01T00:00:00Z"}
]"#;

#[tokio::test]
async fn posted_alerts_are_shown_as_alertmanager_shows_them() {
    let door = Door::new();
    let (status, body) = door.ask("POST", "/api/v2/alerts", ALERTS).await;
    assert_eq!((status, body), (StatusCode::OK, Value::Null));
    let found = door.get("/api/v2/alerts?filter=alertname%3DA&active=true").await;
    let fingerprint = found[0]["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(fingerprint.len(), 16);
    assert_eq!(
        found,
        json!([{
            "annotations": {"summary": "s"},
            "endsAt": "2026-11-23T00:05:00.000Z",
            "fingerprint": fingerprint,
            "receivers": [{"name": "nobody"}],
            "startsAt": "2026-11-22T23:59:00.500Z",
            "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
            "updatedAt": "2026-11-23T00:00:00.000Z",
            "generatorURL": "http://p/graph",
            "labels": {"alertname": "A", "job": "x"},
        }])
    );
    let groups = door.get("/api/v2/alerts/groups").await;
    assert_eq!(groups[0]["labels"], json!({"alertname": "A"}));
    assert_eq!(groups[0]["receiver"], json!({"name": "nobody"}));
    assert_eq!(groups.as_array().unwrap().len(), 2);
    assert_eq!(door.get("/api/v2/receivers").await, json!([{"name": "nobody"}]));
    door.clock.advance(Duration::from_secs(301));
    assert_eq!(door.get("/api/v2/alerts").await, json!([]), "nobody said them again");
}

#[tokio::test]
async fn malformed_alerts_are_refused_in_alertmanagers_form() {
    let door = Door::new();
    let bad = [
        ("not json", StatusCode::BAD_REQUEST),
        (r#"[{"labels": {"a": 1}}]"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"[{"labels": {}}]"#, StatusCode::BAD_REQUEST),
        (r#"[{"labels": {"a": "b"}, "startsAt": "soon"}]"#, StatusCode::UNPROCESSABLE_ENTITY),
    ];
    for (body, expected) in bad {
        let (status, answer) = door.ask("POST", "/api/v2/alerts", body).await;
        assert_eq!(status, expected, "{body}: {answer}");
        assert!(answer.is_string() || answer["code"] == 602, "{answer}");
    }
    let (status, _) = door.ask("GET", "/api/v2/alerts?filter=%3D", "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = door.ask("GET", "/api/v2/alerts?active=perhaps", "").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

fn silence(id: Option<&str>, value: &str) -> String {
    let mut body = json!({
        "matchers": [{"name": "alertname", "value": value, "isRegex": true}],
        "startsAt": "2026-11-23T00:00:00Z",
        "endsAt": "2026-11-23T01:00:00Z",
        "createdBy": "me",
        "comment": "",
    });
    if let Some(id) = id {
        body["id"] = id.into();
    }
    body.to_string()
}

#[tokio::test]
async fn silences_are_created_found_changed_and_expired() {
    let door = Door::new();
    door.ask("POST", "/api/v2/alerts", ALERTS).await;
    let (status, body) = door.ask("POST", "/api/v2/silences", &silence(None, "A|C")).await;
    assert_eq!(status, StatusCode::OK);
    let id = body["silenceID"].as_str().unwrap().to_owned();
    let alerts = door.get("/api/v2/alerts?filter=alertname=%22A%22").await;
    assert_eq!(alerts[0]["status"]["state"], "suppressed");
    assert_eq!(alerts[0]["status"]["silencedBy"], json!([id]));
    assert_eq!(door.get("/api/v2/alerts?silenced=false").await.as_array().unwrap().len(), 1);
    let one = door.get(&format!("/api/v2/silence/{id}")).await;
    assert_eq!(one["status"], json!({"state": "active"}));
    let matcher = json!({"isEqual": true, "isRegex": true, "name": "alertname", "value": "A|C"});
    assert_eq!(one["matchers"], json!([matcher]));
    let (_, body) = door.ask("POST", "/api/v2/silences", &silence(Some(&id), "B")).await;
    assert_ne!(body["silenceID"], id.as_str(), "other matchers make another silence");
    let states: Vec<Value> = door.get("/api/v2/silences").await.as_array().unwrap().clone();
    let states: Vec<_> = states.iter().map(|one| one["status"]["state"].clone()).collect();
    assert_eq!(states, ["active", "expired"]);
    let second = body["silenceID"].as_str().unwrap();
    let (status, _) = door.ask("DELETE", &format!("/api/v2/silence/{second}"), "").await;
    assert_eq!(status, StatusCode::OK);
    for (method, path, expected) in [
        ("DELETE", format!("/api/v2/silence/{second}"), StatusCode::INTERNAL_SERVER_ERROR),
        ("DELETE", "/api/v2/silence/none".to_owned(), StatusCode::NOT_FOUND),
        ("GET", "/api/v2/silence/none".to_owned(), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(door.ask(method, &path, "").await.0, expected, "{method} {path}");
    }
    let (status, body) = door.ask("POST", "/api/v2/silences", r#"{"matchers": []}"#).await;
    assert_eq!((status, &body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(602)));
}

#[tokio::test]
async fn the_status_names_the_configuration_and_the_version() {
    let status = Door::new().get("/api/v2/status").await;
    assert_eq!(status["cluster"]["status"], "disabled");
    assert!(status["config"]["original"].as_str().unwrap().contains("receiver"));
    assert_eq!(status["versionInfo"]["version"], "0.1.0");
}

#[tokio::test]
async fn changes_need_the_scope_and_reading_needs_read() {
    let door = Door::new();
    let reader = || Caller::new("reader", Scopes::of(&[Scope::Read]));
    let writer = || Caller::new("writer", Scopes::of(&[Scope::AlertsWrite]));
    for (path, body) in [("/api/v2/alerts", ALERTS), ("/api/v2/silences", &silence(None, "A"))] {
        let (status, _) = door.ask_as(reader(), "POST", path, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        let (status, _) = door.ask_as(writer(), "POST", path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let (status, _) = door.ask_as(writer(), "GET", path, "").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    let (status, _) = door.ask_as(reader(), "DELETE", "/api/v2/silence/x", "").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}
