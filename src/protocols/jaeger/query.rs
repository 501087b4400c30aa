//! The query side.

use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::access::Caller;
use crate::base::error::Error;
use crate::http::front::not_found;
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::SpanKind;
use crate::protocols::jaeger::JaegerDoor;
use crate::protocols::jaeger::error::QueryFault;
use crate::protocols::jaeger::params::{self, Asked, Pairs};
use crate::wire::jaeger::json::encode;

type Answer = Result<Response, QueryFault>;

const EVER: TimeRange<TimestampNs> = TimeRange::<TimestampNs>::ALL;

fn answer(data: Vec<Value>, warnings: &[String]) -> Response {
    let errors: Value = match warnings.is_empty() {
        true => Value::Null,
        false => warnings.iter().map(|warning| json!({"msg": warning})).collect(),
    };
    let total = data.len();
    let body = json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors});
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

pub async fn services(State(door): State<JaegerDoor>, caller: Caller) -> Answer {
    let names = door.services.traces.services(&caller, EVER).await?;
    Ok(answer(names.into_iter().map(Value::from).collect(), &[]))
}

pub async fn operations_of(
    State(door): State<JaegerDoor>,
    Path(service): Path<String>,
    caller: Caller,
) -> Answer {
    let operations = door.services.traces.operations(&caller, &service, EVER).await?;
    let mut names: Vec<String> = operations.into_iter().map(|operation| operation.name).collect();
    names.dedup();
    Ok(answer(names.into_iter().map(Value::from).collect(), &[]))
}

pub async fn operations(
    State(door): State<JaegerDoor>,
    Query(pairs): Query<Pairs>,
    caller: Caller,
) -> Answer {
    let service = params::required(&pairs, "service")?;
    let kind = params::optional(&pairs, "spanKind");
    if kind.is_some_and(|kind| SpanKind::from_word(kind).is_none()) {
        return Err(Error::invalid("parameter 'spanKind' is no kind of span").into());
    }
    let operations = door.services.traces.operations(&caller, service, EVER).await?;
    let chosen = operations.into_iter().filter(|own| kind.is_none_or(|kind| own.kind == kind));
    let list = chosen.map(|own| json!({"name": own.name, "spanKind": own.kind}));
    Ok(answer(list.collect(), &[]))
}

pub async fn search(
    State(door): State<JaegerDoor>,
    Query(pairs): Query<Pairs>,
    caller: Caller,
) -> Answer {
    match params::search(&pairs, door.clock.now_ns() / 1_000)? {
        Asked::Search(search) => {
            let found = door.services.traces.search(&caller, search).await?;
            Ok(answer(found.items.iter().map(encode).collect(), &found.warnings))
        }
        Asked::ById(ids) => {
            let mut data = Vec::new();
            for id in ids {
                data.extend(door.services.traces.trace(&caller, id).await?.as_ref().map(encode));
            }
            Ok(answer(data, &[]))
        }
    }
}

pub async fn one(
    State(door): State<JaegerDoor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    caller: Caller,
) -> Response {
    // Who accepts protobuf only asks Tempo, whose first API has the same path.
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if accepted.contains("application/protobuf") {
        return not_found().await;
    }
    let found = async {
        let id = params::trace_id(&id)?;
        let trace = door.services.traces.trace(&caller, id).await?;
        trace.ok_or_else(|| Error::not_found("trace not found"))
    };
    match found.await {
        Ok(trace) => answer(vec![encode(&trace)], &[]),
        Err(error) => QueryFault(error).into_response(),
    }
}

pub async fn dependencies(
    State(door): State<JaegerDoor>,
    Query(pairs): Query<Pairs>,
    caller: Caller,
) -> Answer {
    let window = params::window(&pairs, door.clock.now_ns() / 1_000)?;
    let calls = door.services.traces.dependencies(&caller, window).await?;
    let list = calls
        .into_iter()
        .map(|call| json!({"parent": call.parent, "child": call.child, "callCount": call.calls}));
    Ok(answer(list.collect(), &[]))
}
