//! What clients ask of the server itself before they trust it.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde_json::json;

use crate::access::{Caller, Scope};
use crate::base::error::Error;
use crate::http::front::not_found;
use crate::protocols::elasticsearch::ElasticsearchDoor;
use crate::protocols::elasticsearch::error::Fault;
use crate::protocols::elasticsearch::response::{in_kind, json_response, mark, ok};

/// The version whose behaviour clients find here.
const VERSION: &str = "8.19.0";

/// Answers `GET /` and `HEAD /`. `build_flavor` is not `serverless`: Grafana would switch modes.
pub async fn info(headers: HeaderMap) -> Response {
    let body = json!({
        "name": "belvedere",
        "cluster_name": "belvedere",
        "cluster_uuid": "belvedere",
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "tar",
            "build_hash": "unknown",
            "build_date": "2026-01-01T00:00:00.000Z",
            "build_snapshot": false,
            "lucene_version": "9.12.2",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    });
    mark(in_kind(&headers, ok(&body))).await
}

pub async fn health(caller: Caller, request: Request) -> Result<Response, Fault> {
    caller.require(Scope::Read).or_else(|_| caller.require(Scope::Ingest))?;
    let body = json!({
        "cluster_name": "belvedere", "status": "green", "timed_out": false,
        "number_of_nodes": 1, "number_of_data_nodes": 1,
        "active_primary_shards": 1, "active_shards": 1, "relocating_shards": 0,
        "initializing_shards": 0, "unassigned_shards": 0, "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0, "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0, "active_shards_percent_as_number": 100.0,
    });
    Ok(in_kind(request.headers(), ok(&body)))
}

/// Logstash and Beats start only with an active licence.
pub async fn license(headers: HeaderMap) -> Response {
    let body = json!({"license": {
        "status": "active", "uid": "belvedere", "type": "basic", "mode": "basic",
        "issued_to": "belvedere", "issuer": "belvedere",
    }});
    in_kind(&headers, ok(&body))
}

pub async fn xpack(headers: HeaderMap) -> Response {
    let body = json!({
        "license": {"type": "basic", "mode": "basic", "status": "active"},
        "features": {},
    });
    in_kind(&headers, ok(&body))
}

/// One node without addresses: sniffing clients stay with the one they have.
pub async fn nodes(headers: HeaderMap) -> Response {
    let body = json!({
        "_nodes": {"total": 1, "successful": 1, "failed": 0},
        "cluster_name": "belvedere",
        "nodes": {"belvedere": {"name": "belvedere", "version": VERSION, "roles": ["data", "ingest", "master"]}},
    });
    in_kind(&headers, ok(&body))
}

/// What does not exist here: asking answers 404, making it says what to do instead.
pub fn absent(what: &'static str) -> MethodRouter<ElasticsearchDoor> {
    let missing = move || async move { Fault::from(Error::not_found(format!("{what} missing"))) };
    let refused = move || async move {
        let text = format!(
            "a {what} is not supported: indices come into being with their first document, and its fields are found out from the documents"
        );
        let fault = Fault::from(Error::unsupported(text));
        let body = fault.to_json();
        json_response(StatusCode::BAD_REQUEST, &body).into_response()
    };
    get(missing).put(refused).post(refused).delete(missing).fallback(not_found)
}
