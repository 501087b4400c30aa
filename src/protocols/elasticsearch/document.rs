//! One document at a time.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::{Caller, Scope};
use crate::ingest::Door as WriteDoor;
use crate::protocols::elasticsearch::ElasticsearchDoor;
use crate::protocols::elasticsearch::bulk;
use crate::protocols::elasticsearch::error::Fault;
use crate::protocols::elasticsearch::params::read_body;
use crate::protocols::elasticsearch::response::{in_kind, json_response};
use crate::wire::elasticsearch::bulk::{Action, Item, update as decode_update};
use crate::wire::elasticsearch::source as source_json;

type Door = State<ElasticsearchDoor>;

pub async fn add(
    State(door): Door,
    Path(index): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    change(door, caller, index, None, "index", request).await
}

pub async fn put(
    State(door): Door,
    Path((index, id)): Path<(String, String)>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    change(door, caller, index, Some(id), "index", request).await
}

pub async fn create(
    State(door): Door,
    Path((index, id)): Path<(String, String)>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    change(door, caller, index, Some(id), "create", request).await
}

pub async fn update(
    State(door): Door,
    Path((index, id)): Path<(String, String)>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    change(door, caller, index, Some(id), "update", request).await
}

pub async fn delete(
    State(door): Door,
    Path((index, id)): Path<(String, String)>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    change(door, caller, index, Some(id), "delete", request).await
}

async fn change(
    door: ElasticsearchDoor,
    caller: Caller,
    index: String,
    id: Option<String>,
    kind: &str,
    request: Request,
) -> Result<Response, Fault> {
    caller.require(Scope::Ingest)?;
    let unread =
        |fault: &Fault| door.ingest.refuse_whole(WriteDoor::Elasticsearch, "logs", fault.kind());
    let (headers, body) = read_body(request).await.inspect_err(unread)?;
    let text = || {
        let text = std::str::from_utf8(&body).map_err(|_| "the document is not valid UTF-8");
        text.map_err(|reason| Fault::bad_request("document_parsing_exception", reason))
    };
    let action = match kind {
        "delete" => Action::Delete,
        "create" => Action::Create(text()?.into()),
        "update" => {
            let update = decode_update(text()?);
            let bad = |reason| Fault::bad_request("action_request_validation_exception", reason);
            Action::Update(Box::new(update.map_err(bad)?))
        }
        _ => Action::Index(text()?.into()),
    };
    let item = Item { action: Ok(action), index, id };
    let answers = bulk::apply(&door, &caller, vec![item]).await?;
    let Some(mut answer) = answers.into_iter().next() else {
        return Err(Fault::bad_request("illegal_state_exception", "no answer to the change"));
    };
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match answer.body.remove("error") {
        Some(error) => {
            let mut whole = json!({"root_cause": [error.clone()]});
            if let (Value::Object(whole), Value::Object(error)) = (&mut whole, error) {
                whole.extend(error);
            }
            json!({"error": whole, "status": status.as_u16()})
        }
        None => {
            answer.body.remove("status");
            Value::Object(answer.body)
        }
    };
    Ok(in_kind(&headers, json_response(status, &body)))
}

pub async fn get_one(
    State(door): Door,
    Path((index, id)): Path<(String, String)>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    let answer = match door.services.logs.get(&caller, &index, &id).await? {
        Some(hit) => {
            let source = source_json::encode(&hit.record);
            let source: Value = serde_json::from_str(&source).unwrap_or(Value::Null);
            let body = json!({
                "_index": index, "_id": id, "_version": hit.version,
                "_seq_no": hit.position.sequence, "_primary_term": 1,
                "found": true, "_source": source,
            });
            json_response(StatusCode::OK, &body)
        }
        None => {
            let body = json!({"_index": index, "_id": id, "found": false});
            json_response(StatusCode::NOT_FOUND, &body)
        }
    };
    Ok(in_kind(request.headers(), answer))
}

pub async fn source(
    State(door): Door,
    Path((index, id)): Path<(String, String)>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    let Some(hit) = door.services.logs.get(&caller, &index, &id).await? else {
        let error =
            crate::base::error::Error::not_found(format!("Document not found [{index}]/[{id}]"));
        return Err(error.into());
    };
    let source = source_json::encode(&hit.record);
    let source: Value = serde_json::from_str(&source).unwrap_or(Value::Null);
    Ok(in_kind(request.headers(), json_response(StatusCode::OK, &source)))
}
