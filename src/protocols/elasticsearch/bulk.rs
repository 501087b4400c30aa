//! `_bulk`: many changes in one request, each with an answer of its own.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::access::{Caller, Scope};
use crate::ingest::Door;
use crate::model::batch::{LogBatch, LogOp};
use crate::model::log::LogRecord;
use crate::model::log_query::{LogOutcome, LogReceipt};
use crate::model::reject::RejectReason;
use crate::protocols::elasticsearch::ElasticsearchDoor;
use crate::protocols::elasticsearch::error::Fault;
use crate::protocols::elasticsearch::params::{check_index, read_body};
use crate::protocols::elasticsearch::response::{in_kind, ok};
use crate::wire::elasticsearch::bulk::{self, Action, Item, Update};
use crate::wire::elasticsearch::document;

/// The most items of one request.
const MAX_ITEMS: usize = 100_000;

pub async fn bulk_all(
    State(door): State<ElasticsearchDoor>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    bulk(door, caller, None, request).await
}

pub async fn bulk_index(
    State(door): State<ElasticsearchDoor>,
    Path(index): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    bulk(door, caller, Some(index), request).await
}

async fn bulk(
    door: ElasticsearchDoor,
    caller: Caller,
    index: Option<String>,
    request: Request,
) -> Result<Response, Fault> {
    caller.require(Scope::Ingest)?;
    let unread =
        |fault: &Fault| door.ingest.refuse_whole(Door::Elasticsearch, "logs", fault.kind());
    let (headers, body) = read_body(request).await.inspect_err(unread)?;
    let begin = door.ingest.arrival();
    let _reserved = door.ingest.reserve(Door::Elasticsearch, "logs", body.len())?;
    let items = bulk::decode(&body, index.as_deref(), MAX_ITEMS).map_err(|reason| {
        door.ingest.reject(Door::Elasticsearch, "logs", RejectReason::Malformed, 1);
        Fault::bad_request("illegal_argument_exception", reason)
    })?;
    let answers = apply(&door, &caller, items).await?;
    let errors = answers.iter().any(|answer| answer.failed);
    let took = (door.ingest.arrival().0 - begin.0).max(0) / 1_000_000;
    // The order took, errors, items matters: Fluent Bit reads only the beginning.
    let items: Vec<Value> = answers.into_iter().map(Answer::into_item).collect();
    Ok(in_kind(&headers, ok(&json!({"took": took, "errors": errors, "items": items}))))
}

/// The answer to one item.
#[derive(Debug, Clone)]
pub struct Answer {
    action: &'static str,
    failed: bool,
    /// The fields beside the action's name, `status` among them.
    pub body: Map<String, Value>,
}

impl Answer {
    fn into_item(self) -> Value {
        json!({ self.action: self.body })
    }

    /// Returns the HTTP status of the item.
    pub fn status(&self) -> u16 {
        self.body.get("status").and_then(Value::as_u64).map_or(500, |status| status as u16)
    }
}

/// An item that is ready to be written, or was answered already.
enum Prepared {
    Op(&'static str, LogOp),
    Answered(Answer),
}

/// Applies items in order. Updates read what stands before them, so they are written alone.
pub async fn apply(
    door: &ElasticsearchDoor,
    caller: &Caller,
    items: Vec<Item>,
) -> Result<Vec<Answer>, Fault> {
    let mut answers: Vec<Answer> = Vec::with_capacity(items.len());
    let mut waiting: Vec<Prepared> = Vec::new();
    for item in items {
        let item = match item.action {
            Ok(Action::Update(update)) => {
                answers.extend(write(door, std::mem::take(&mut waiting)).await?);
                let id = item.id.unwrap_or_default();
                let prepared = prepare_update(door, caller, *update, item.index, id).await?;
                answers.extend(write(door, vec![prepared]).await?);
                continue;
            }
            action => Item { action, ..item },
        };
        waiting.push(prepare(door, item));
    }
    answers.extend(write(door, waiting).await?);
    Ok(answers)
}

fn prepare(door: &ElasticsearchDoor, item: Item) -> Prepared {
    let id_missing = item.id.is_none();
    let id = item.id.unwrap_or_else(|| door.ingest.document_id());
    let refuse = |action, reason: String, kind| {
        door.ingest.reject(Door::Elasticsearch, "logs", RejectReason::Malformed, 1);
        Prepared::Answered(failure(action, &item.index, &id, 400, kind, &reason))
    };
    if let Err(reason) = check_index(&item.index) {
        let action = item.action.as_ref().map_or_else(|fault| fault.action, Action::name);
        return refuse(action, reason, "invalid_index_name_exception");
    }
    let (action, text, replace) = match item.action {
        Ok(Action::Index(text)) => ("index", text, true),
        Ok(Action::Create(text)) => ("create", text, false),
        Ok(Action::Delete) if id_missing => {
            return refuse(
                "delete",
                "an id must be provided".into(),
                "action_request_validation_exception",
            );
        }
        Ok(Action::Delete) => {
            return Prepared::Op("delete", LogOp::Delete { index: item.index.clone(), id });
        }
        Ok(Action::Update(_)) => {
            return refuse(
                "update",
                "an update cannot be written blindly".into(),
                "illegal_state_exception",
            );
        }
        Err(fault) => return refuse(fault.action, fault.reason, "document_parsing_exception"),
    };
    match document::decode(&text) {
        Ok(mut record) => {
            record.index.clone_from(&item.index);
            record.id = id;
            Prepared::Op(action, LogOp::Put { record: Box::new(record), replace })
        }
        Err(reason) => refuse(action, reason, "document_parsing_exception"),
    }
}

/// Merges the update into the document as it stands.
async fn prepare_update(
    door: &ElasticsearchDoor,
    caller: &Caller,
    update: Update,
    index: String,
    id: String,
) -> Result<Prepared, Fault> {
    let stored = door.services.logs.get(caller, &index, &id).await?;
    let merged = match (stored, update) {
        (Some(hit), Update { doc: Some(doc), .. }) => {
            let source = crate::wire::elasticsearch::source::encode(&hit.record);
            let mut merged = serde_json::from_str(&source).unwrap_or(Value::Null);
            document::merge(&mut merged, doc);
            merged
        }
        (None, Update { upsert: Some(upsert), .. }) => upsert,
        (Some(_), _) => {
            let reason = "the update has no [doc] to merge";
            let answer = failure("update", &index, &id, 400, "illegal_argument_exception", reason);
            return Ok(Prepared::Answered(answer));
        }
        (None, _) => {
            let reason = format!("[{id}]: document missing");
            let answer = failure("update", &index, &id, 404, "document_missing_exception", &reason);
            return Ok(Prepared::Answered(answer));
        }
    };
    let item = Item { action: Ok(Action::Index(merged.to_string().into())), index, id: Some(id) };
    Ok(match prepare(door, item) {
        Prepared::Op(_, op) => Prepared::Op("update", op),
        Prepared::Answered(answer) => Prepared::Answered(Answer { action: "update", ..answer }),
    })
}

/// Writes what is ready in one batch and puts the answers in order.
async fn write(door: &ElasticsearchDoor, prepared: Vec<Prepared>) -> Result<Vec<Answer>, Fault> {
    let mut batch = LogBatch::default();
    let mut places: Vec<(&'static str, String, String)> = Vec::new();
    let mut answers: Vec<Option<Answer>> = Vec::with_capacity(prepared.len());
    for one in prepared {
        match one {
            Prepared::Answered(answer) => answers.push(Some(answer)),
            Prepared::Op(action, op) => {
                let (index, id) = names(&op);
                places.push((action, index, id));
                batch.ops.push(op);
                answers.push(None);
            }
        }
    }
    if batch.ops.is_empty() {
        return Ok(answers.into_iter().flatten().collect());
    }
    let written = door.ingest.logs(Door::Elasticsearch, batch).await?;
    let mut outcomes = places
        .into_iter()
        .enumerate()
        .map(|(place, (action, index, id))| outcome(&written, place, action, &index, &id));
    Ok(answers.into_iter().filter_map(|answer| answer.or_else(|| outcomes.next())).collect())
}

fn names(op: &LogOp) -> (String, String) {
    match op {
        LogOp::Put { record, .. } => {
            let LogRecord { index, id, .. } = record.as_ref();
            (index.clone(), id.clone())
        }
        LogOp::Delete { index, id } => (index.clone(), id.clone()),
    }
}

fn outcome(
    written: &LogReceipt,
    place: usize,
    action: &'static str,
    index: &str,
    id: &str,
) -> Answer {
    let success = |result: &str, version: u64, sequence: u64, status: u16| {
        let body = json!({
            "_index": index, "_id": id, "_version": version, "result": result,
            "_shards": {"total": 1, "successful": 1, "failed": 0},
            "_seq_no": sequence, "_primary_term": 1, "status": status,
        });
        Answer { action, failed: false, body: into_map(body) }
    };
    match written.outcomes.get(place).copied().unwrap_or(LogOutcome::Rejected) {
        LogOutcome::Created(sequence) => success("created", 1, sequence, 201),
        LogOutcome::Updated(sequence, version) => success("updated", version, sequence, 200),
        LogOutcome::Deleted(sequence, version) => success("deleted", version, sequence, 200),
        LogOutcome::Rejected => {
            let rejected = &written.receipt.rejected;
            let rejection = rejected.iter().find(|rejection| rejection.index == place);
            let reason = rejection.map_or("the store refused it", |rejection| &rejection.message);
            match rejection.map(|rejection| rejection.reason) {
                Some(RejectReason::Conflict) => {
                    failure(action, index, id, 409, "version_conflict_engine_exception", reason)
                }
                Some(RejectReason::Missing) => {
                    let body = json!({
                        "_index": index, "_id": id, "_version": 1, "result": "not_found",
                        "_shards": {"total": 1, "successful": 1, "failed": 0}, "status": 404,
                    });
                    // Elasticsearch does not count a delete of nothing among the errors.
                    Answer { action, failed: false, body: into_map(body) }
                }
                _ => failure(action, index, id, 400, "document_parsing_exception", reason),
            }
        }
    }
}

fn failure(
    action: &'static str,
    index: &str,
    id: &str,
    status: u16,
    kind: &str,
    reason: &str,
) -> Answer {
    let error = json!({"type": kind, "reason": reason});
    let body = json!({"_index": index, "_id": id, "status": status, "error": error});
    Answer { action, failed: true, body: into_map(body) }
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
