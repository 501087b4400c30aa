//! What indices there are and which fields they have.

use axum::extract::{Path, Query as QueryString, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::access::{Caller, Scope};
use crate::model::log_filter::LogField;
use crate::model::log_query::{FieldKind, FieldType, glob_matches, index_matches};
use crate::protocols::elasticsearch::ElasticsearchDoor;
use crate::protocols::elasticsearch::error::Fault;
use crate::protocols::elasticsearch::params::{Query, index_list};
use crate::protocols::elasticsearch::response::{in_kind, ok};
use crate::wire::elasticsearch::fields::name_of;

type Door = State<ElasticsearchDoor>;

/// The names of the indices that `patterns` choose.
async fn chosen(
    door: &ElasticsearchDoor,
    caller: &Caller,
    patterns: &[String],
) -> Result<Vec<String>, Fault> {
    let known = door.services.logs.indices(caller).await?;
    let names = known.into_iter().map(|index| index.name);
    Ok(names.filter(|name| index_matches(patterns, name)).collect())
}

pub async fn exists(
    State(door): Door,
    Path(index): Path<String>,
    caller: Caller,
) -> Result<Response, Fault> {
    let found = !chosen(&door, &caller, &index_list(&index)).await?.is_empty();
    let status = if found { StatusCode::OK } else { StatusCode::NOT_FOUND };
    Ok(status.into_response())
}

pub async fn mapping_all(
    State(door): Door,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    mapping(door, caller, String::new(), request).await
}

pub async fn mapping_index(
    State(door): Door,
    Path(index): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    mapping(door, caller, index, request).await
}

async fn mapping(
    door: ElasticsearchDoor,
    caller: Caller,
    index: String,
    request: Request,
) -> Result<Response, Fault> {
    let patterns = index_list(&index);
    let mut answer = Map::new();
    for name in chosen(&door, &caller, &patterns).await? {
        let fields = door.services.logs.fields(&caller, std::slice::from_ref(&name)).await?;
        answer.insert(name, json!({"mappings": {"properties": properties(&fields.items)}}));
    }
    let named = patterns.iter().any(|pattern| !pattern.contains('*') && *pattern != "_all");
    if answer.is_empty() && named {
        // Grafana walks daily names backwards over 404 answers.
        return Err(Fault::no_such_index(&index));
    }
    Ok(in_kind(request.headers(), ok(&Value::Object(answer))))
}

fn properties(fields: &[FieldType]) -> Value {
    let mut root = Map::new();
    for field in fields.iter().filter(|field| !is_meta(&field.field)) {
        insert_path(&mut root, &name_of(&field.field), leaf(field));
    }
    Value::Object(root)
}

fn is_meta(field: &LogField) -> bool {
    matches!(field, LogField::Index | LogField::Id)
}

fn leaf(field: &FieldType) -> Value {
    match kind_of(field) {
        "text" => {
            json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}})
        }
        kind => json!({"type": kind}),
    }
}

fn kind_of(field: &FieldType) -> &'static str {
    match (&field.field, field.kind) {
        (LogField::Timestamp, _) | (_, FieldKind::Date) => "date",
        (LogField::Severity | LogField::Service | LogField::TraceId | LogField::SpanId, _) => {
            "keyword"
        }
        (_, FieldKind::Long) => "long",
        (_, FieldKind::Double) => "double",
        (_, FieldKind::Boolean) => "boolean",
        (_, FieldKind::Text) => "text",
    }
}

/// Nests `a.b` as an object within an object, as a mapping shows it.
fn insert_path(root: &mut Map<String, Value>, path: &str, leaf: Value) {
    match path.split_once('.') {
        Some((head, rest)) => {
            let node = root.entry(head).or_insert_with(|| json!({}));
            if node.get("properties").is_none() {
                node["properties"] = json!({});
            }
            if let Some(Value::Object(inner)) = node.get_mut("properties") {
                insert_path(inner, rest, leaf);
            }
        }
        None => match (root.get_mut(path), leaf) {
            (Some(Value::Object(node)), Value::Object(leaf)) => node.extend(leaf),
            (_, leaf) => drop(root.insert(path.to_owned(), leaf)),
        },
    }
}

pub async fn field_caps_all(
    State(door): Door,
    QueryString(query): QueryString<Query>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    field_caps(door, caller, String::new(), query, request).await
}

pub async fn field_caps_index(
    State(door): Door,
    Path(index): Path<String>,
    QueryString(query): QueryString<Query>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    field_caps(door, caller, index, query, request).await
}

async fn field_caps(
    door: ElasticsearchDoor,
    caller: Caller,
    index: String,
    query: Query,
    request: Request,
) -> Result<Response, Fault> {
    let wanted = index_list(query.get("fields").map_or("*", String::as_str));
    let indices = chosen(&door, &caller, &index_list(&index)).await?;
    let fields = match indices.is_empty() {
        true => Vec::new(),
        false => door.services.logs.fields(&caller, &indices).await?.items,
    };
    let mut capabilities = Map::new();
    for field in fields.iter().filter(|field| !is_meta(&field.field)) {
        let name = name_of(&field.field);
        if wanted.iter().any(|pattern| glob_matches(pattern, &name)) {
            let kind = kind_of(field);
            let aggregatable = kind != "text";
            capabilities.insert(name, json!({ kind: {
                "type": kind, "metadata_field": false, "searchable": true, "aggregatable": aggregatable,
            }}));
        }
    }
    let answer = json!({"indices": indices, "fields": capabilities});
    Ok(in_kind(request.headers(), ok(&answer)))
}

pub async fn refresh_all(caller: Caller, request: Request) -> Result<Response, Fault> {
    refresh(caller, request)
}

pub async fn refresh_index(caller: Caller, request: Request) -> Result<Response, Fault> {
    refresh(caller, request)
}

/// What was acknowledged is visible already, so there is nothing to wait for.
fn refresh(caller: Caller, request: Request) -> Result<Response, Fault> {
    caller.require(Scope::Read)?;
    let answer = json!({"_shards": {"total": 1, "successful": 1, "failed": 0}});
    Ok(in_kind(request.headers(), ok(&answer)))
}

pub async fn cat(
    State(door): Door,
    QueryString(query): QueryString<Query>,
    caller: Caller,
) -> Result<Response, Fault> {
    list(door, caller, String::new(), query).await
}

pub async fn cat_index(
    State(door): Door,
    Path(index): Path<String>,
    QueryString(query): QueryString<Query>,
    caller: Caller,
) -> Result<Response, Fault> {
    list(door, caller, index, query).await
}

async fn list(
    door: ElasticsearchDoor,
    caller: Caller,
    index: String,
    query: Query,
) -> Result<Response, Fault> {
    let patterns = index_list(&index);
    let known = door.services.logs.indices(&caller).await?;
    let chosen = known.into_iter().filter(|index| index_matches(&patterns, &index.name));
    if query.get("format").is_some_and(|format| format == "json") {
        let rows: Vec<Value> = chosen
            .map(|index| {
                json!({"health": "green", "status": "open", "index": index.name,
                    "pri": "1", "rep": "0", "docs.count": index.records.to_string()})
            })
            .collect();
        return Ok(ok(&Value::Array(rows)));
    }
    let rows: String =
        chosen.map(|index| format!("green open {} 1 0 {}\n", index.name, index.records)).collect();
    Ok(([("content-type", "text/plain; charset=UTF-8")], rows).into_response())
}
