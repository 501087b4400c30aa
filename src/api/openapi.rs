//! This door's own description, `GET /api/x/openapi.json`.

use axum::Json;
use serde_json::{Map, Value, json};

use crate::access::Caller;
use crate::api::answer::ApiResult;

/// One way to ask.
struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// The scope that it needs.
    scope: &'static str,
    /// Names of parameters with their meaning; `*` behind a name means that it must be given.
    parameters: &'static [(&'static str, &'static str)],
    /// What the body is; empty when there is none.
    body: &'static str,
    media_type: &'static str,
}

const JSON: &str = "application/json";

const FROM: (&str, &str) = ("from*", "start of the range, epoch milliseconds");
const TO: (&str, &str) = ("to*", "end of the range, epoch milliseconds");
const QUERY: (&str, &str) = ("q", "Lucene query");
const PILL: (&str, &str) = ("f", "condition `key=value`, `key!=value`; may be repeated");
const SCOPE: (&str, &str) = ("scope", "conditions that hold on every page, `key=value,…`");
const INDEX: (&str, &str) = ("index*", "the record's index");
const ID: (&str, &str) = ("id*", "the record's document id");

const fn read(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [(&'static str, &'static str)],
) -> Operation {
    let (method, scope, body, media_type) = ("get", "read", "", JSON);
    Operation { method, path, summary, scope, parameters, body, media_type }
}

/// By GET and by POST with the parameters as a form.
const EXPLAIN: Operation = read(
    "/api/x/explain",
    "What a PromQL query costs, node by node: time, series, points, what was read",
    &[
        ("query*", "the expression"),
        ("time", "the instant, as in Prometheus' API; by default now"),
        ("start", "in place of `time`: the first step of a range"),
        ("end", "the end that no step passes"),
        ("step", "the distance of steps"),
        ("timeout", "how long it may take, if less than the limit"),
    ],
);

/// Every way to ask this door, in the order of its routes.
const OPERATIONS: [Operation; 16] = [
    read(
        "/api/x/logs/search",
        "Log records, newest first",
        &[FROM, TO, QUERY, PILL, SCOPE, ("limit", "rows"), ("after", "where the last page ended")],
    ),
    read(
        "/api/x/logs/histogram",
        "Counts of log records over time, by severity",
        &[FROM, TO, QUERY, PILL, SCOPE, ("buckets", "about how many")],
    ),
    read("/api/x/logs/fields", "Fields of log records", &[]),
    read(
        "/api/x/logs/values",
        "The most frequent values of a field",
        &[FROM, TO, QUERY, PILL, SCOPE, ("field*", "the field"), ("size", "how many")],
    ),
    read("/api/x/logs/record", "One log record, whole", &[INDEX, ID]),
    read(
        "/api/x/logs/context",
        "What a record's service said before and after it",
        &[INDEX, ID, ("count", "records on each side")],
    ),
    Operation {
        media_type: "text/event-stream",
        ..read(
            "/api/x/logs/tail",
            "Log records as they arrive",
            &[QUERY, PILL, SCOPE, ("after", "where to go on"), ("sub", "one of several views")],
        )
    },
    read(
        "/api/x/metrics/scoped",
        "A PromQL expression restricted to a scope",
        &[("q*", "the expression"), SCOPE],
    ),
    EXPLAIN,
    Operation { method: "post", ..EXPLAIN },
    Operation {
        method: "post",
        body: "{\"queries\": [{\"id\", \"query\", \"time\"} or {\"id\", \"query\", \"start\", \"end\", \"step\"}, …], \"timeout\"}: at most 100 queries, each with an id of its own; instants and lengths are numbers of seconds or texts as in Prometheus' API; the timeout holds for all together",
        media_type: "application/x-ndjson",
        ..read(
            "/api/x/query_batch",
            "Many PromQL queries at once: a line each as soon as it is done, with the steps once (first, distance, how many; epoch milliseconds) and the values of each series in a list",
            &[],
        )
    },
    read("/api/x/storage", "What is kept: signals, days, log, memory, damage", &[]),
    read(
        "/api/x/cardinality",
        "Which names, labels, pairs and jobs the series of the last two hours are of",
        &[("limit", "names of each list"), ("match[]", "series selector; may be repeated")],
    ),
    read("/api/x/openapi.json", "This description", &[]),
    Operation {
        method: "post",
        scope: "admin",
        ..read("/api/x/admin/flush", "Moves what is in memory into files", &[])
    },
    Operation {
        method: "post",
        scope: "admin",
        ..read(
            "/api/x/admin/seal",
            "Rewrites days into their final form",
            &[
                ("through", "the last day, YYYY-MM-DD; by default yesterday"),
                ("signal", "metrics, logs or traces; by default all"),
            ],
        )
    },
];

/// Answers the description; whoever may ask anything may read how.
pub(crate) async fn openapi(_: Caller) -> ApiResult<Value> {
    let mut paths = Map::new();
    for operation in &OPERATIONS {
        let ways = paths.entry(operation.path).or_insert_with(|| json!({}));
        ways[operation.method] = described(operation);
    }
    let version = env!("CARGO_PKG_VERSION");
    Ok(Json(json!({
        "openapi": "3.1.0",
        "info": {"title": "Belvedere", "version": version},
        "paths": paths,
        "components": {"schemas": {"Error": {
            "type": "object",
            "properties": {"error": {"type": "string"}, "kind": {"type": "string"}},
            "required": ["error", "kind"],
        }}},
    })))
}

fn described(operation: &Operation) -> Value {
    let parameter = |(name, about): &(&str, &str)| {
        let plain = name.trim_end_matches('*');
        json!({
            "name": plain,
            "in": "query",
            "required": plain.len() < name.len(),
            "description": about,
            "schema": {"type": "string"},
        })
    };
    let parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
    let error = json!({"$ref": "#/components/schemas/Error"});
    let mut way = json!({
        "summary": operation.summary,
        "description": format!("Needs the scope `{}`.", operation.scope),
        "parameters": parameters,
        "responses": {
            "200": {"description": "the answer", "content": {operation.media_type: {}}},
            "default": {"description": "why not", "content": {JSON: {"schema": error}}},
        },
    });
    if !operation.body.is_empty() {
        let content = json!({JSON: {}});
        way["requestBody"] =
            json!({"required": true, "description": operation.body, "content": content});
    }
    way
}
