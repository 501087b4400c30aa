//! Searches, many searches, counts.

use axum::extract::{Path, Query as QueryString, Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::Caller;
use crate::model::log_query::{LogSearch, LogSelect, index_matches};
use crate::protocols::elasticsearch::ElasticsearchDoor;
use crate::protocols::elasticsearch::error::Fault;
use crate::protocols::elasticsearch::params::{Query, index_list, parse_json, read_body};
use crate::protocols::elasticsearch::response::{in_kind, ok};
use crate::service::LogsService;
use crate::wire::elasticsearch::search::{SearchBody, decode, encode_hit};
use crate::wire::elasticsearch::{aggs, fields};

/// The most searches of one multi-search.
const MAX_SEARCHES: usize = 1_000;

type Door = State<ElasticsearchDoor>;

pub async fn search_all(
    State(door): Door,
    QueryString(query): QueryString<Query>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    search(door, caller, String::new(), query, request).await
}

pub async fn search_index(
    State(door): Door,
    Path(index): Path<String>,
    QueryString(query): QueryString<Query>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    search(door, caller, index, query, request).await
}

async fn search(
    door: ElasticsearchDoor,
    caller: Caller,
    index: String,
    query: Query,
    request: Request,
) -> Result<Response, Fault> {
    if query.contains_key("scroll") {
        let why = "[scroll] is not supported; page with [from] and [size]";
        return Err(Fault::bad_request("illegal_argument_exception", why));
    }
    let (headers, body) = read_body(request).await?;
    let mut body = parse_json(&body)?;
    take_from_query_string(&mut body, &query)?;
    let totals_as_int = query.get("rest_total_hits_as_int").is_some_and(|value| value != "false");
    let ignore_missing = query.get("ignore_unavailable").is_some_and(|value| value != "false");
    let mut answer = run(&door, &caller, &index, &body, ignore_missing).await?;
    if totals_as_int {
        answer["hits"]["total"] = answer["hits"]["total"]["value"].take();
    }
    Ok(in_kind(&headers, ok(&answer)))
}

/// `?q=…&size=…&from=…&sort=…` mean the same as in a body, and win over it.
fn take_from_query_string(body: &mut Value, query: &Query) -> Result<(), Fault> {
    if body.is_null() {
        *body = json!({});
    }
    if !body.is_object() {
        return Err(Fault::bad_request("parsing_exception", "the search body is not an object"));
    }
    if let Some(text) = query.get("q") {
        let operator = query.get("default_operator").map_or("OR", String::as_str);
        body["query"] = json!({"query_string": {"query": text, "default_operator": operator}});
    }
    for key in ["size", "from"] {
        if let Some(number) = query.get(key) {
            body[key] = json!(number);
        }
    }
    if let Some(sort) = query.get("sort") {
        body["sort"] = sort.split(',').map(Value::from).collect();
    }
    Ok(())
}

/// Answers one search of a body.
async fn run(
    door: &ElasticsearchDoor,
    caller: &Caller,
    index: &str,
    body: &Value,
    ignore_missing: bool,
) -> Result<Value, Fault> {
    let begin = door.ingest.arrival();
    let search = decode_search(body)?;
    let indices = index_list(index);
    check_indices(door, caller, &indices, ignore_missing).await?;
    let select = select(&search, indices);
    let page = door.services.logs.search(caller, page_of(&search, select.clone())).await?;
    let hits: Vec<Value> = page
        .hits
        .iter()
        .skip(search.from)
        .take(search.size)
        .map(|hit| encode_hit(&search, hit))
        .collect();
    let score = if search.sort_values > 0 || hits.is_empty() { Value::Null } else { json!(1.0) };
    let failures: Vec<Value> =
        page.warnings.iter().map(|warning| json!({"reason": {"reason": warning}})).collect();
    let mut shards = json!({"total": 1, "successful": 1, "skipped": 0, "failed": 0});
    if !failures.is_empty() {
        shards =
            json!({"total": 1, "successful": 0, "skipped": 0, "failed": 1, "failures": failures});
    }
    let mut answer = json!({
        "took": 0, "timed_out": false, "_shards": shards,
        "hits": {"total": {"value": page.total, "relation": "eq"}, "max_score": score, "hits": hits},
    });
    if !search.aggregations.is_empty() {
        let asked = search.aggregations.clone();
        let results = door.services.logs.aggregate(caller, select, asked).await?;
        answer["aggregations"] = aggs::encode(&search.aggregations, &results);
    }
    answer["took"] = json!((door.ingest.arrival().0 - begin.0).max(0) / 1_000_000);
    Ok(answer)
}

fn decode_search(body: &Value) -> Result<SearchBody, Fault> {
    let text = |text: &str, all: bool| {
        let parsed = LogsService::parse_lucene(text, all, &fields::resolve);
        parsed.map_err(|error| error.message().to_owned())
    };
    decode(body, &text).map_err(|reason| Fault::bad_request("parsing_exception", reason))
}

fn select(search: &SearchBody, indices: Vec<String>) -> LogSelect {
    LogSelect { indices, range: search.range, filter: search.filter.clone() }
}

fn page_of(search: &SearchBody, select: LogSelect) -> LogSearch {
    LogSearch {
        select,
        direction: search.direction,
        after: search.after,
        limit: search.from + search.size,
    }
}

/// A name without wildcard that holds nothing is an error, as clients expect.
async fn check_indices(
    door: &ElasticsearchDoor,
    caller: &Caller,
    indices: &[String],
    ignore_missing: bool,
) -> Result<(), Fault> {
    let named: Vec<&String> = indices
        .iter()
        .filter(|name| !name.contains(['*', '?']) && !name.starts_with('-') && *name != "_all")
        .collect();
    if ignore_missing || named.is_empty() {
        return Ok(());
    }
    let known = door.services.logs.indices(caller).await?;
    for name in named {
        if !known.iter().any(|index| index_matches(std::slice::from_ref(name), &index.name)) {
            return Err(Fault::no_such_index(name));
        }
    }
    Ok(())
}

pub async fn msearch_all(
    State(door): Door,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    msearch(door, caller, String::new(), request).await
}

pub async fn msearch_index(
    State(door): Door,
    Path(index): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    msearch(door, caller, index, request).await
}

/// Pairs of a header and a body line, each answered by itself.
async fn msearch(
    door: ElasticsearchDoor,
    caller: Caller,
    index: String,
    request: Request,
) -> Result<Response, Fault> {
    let (headers, body) = read_body(request).await?;
    let begin = door.ingest.arrival();
    let lines: Vec<&[u8]> = body
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    let lines = lines.strip_suffix(&[&b""[..]]).unwrap_or(&lines);
    if lines.is_empty() || !lines.len().is_multiple_of(2) || lines.len() > 2 * MAX_SEARCHES {
        let reason =
            format!("a multi-search is 1 to {MAX_SEARCHES} pairs of a header and a body line");
        return Err(Fault::bad_request("illegal_argument_exception", reason));
    }
    let mut responses = Vec::new();
    for pair in lines.chunks(2) {
        let header = parse_json(pair[0])?;
        let ignore_missing = header["ignore_unavailable"].as_bool().unwrap_or(false);
        let index = match &header["index"] {
            Value::String(index) => index.clone(),
            Value::Array(list) => {
                list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
            }
            _ => index.clone(),
        };
        let answer = match parse_json(pair[1]) {
            Ok(body) => run(&door, &caller, &index, &body, ignore_missing).await,
            Err(fault) => Err(fault),
        };
        responses.push(match answer {
            Ok(mut answer) => {
                answer["status"] = json!(200);
                answer
            }
            Err(fault) => fault.to_json(),
        });
    }
    let took = (door.ingest.arrival().0 - begin.0).max(0) / 1_000_000;
    Ok(in_kind(&headers, ok(&json!({"took": took, "responses": responses}))))
}

pub async fn count_all(
    State(door): Door,
    QueryString(query): QueryString<Query>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    count(door, caller, String::new(), query, request).await
}

pub async fn count_index(
    State(door): Door,
    Path(index): Path<String>,
    QueryString(query): QueryString<Query>,
    caller: Caller,
    request: Request,
) -> Result<Response, Fault> {
    count(door, caller, index, query, request).await
}

async fn count(
    door: ElasticsearchDoor,
    caller: Caller,
    index: String,
    query: Query,
    request: Request,
) -> Result<Response, Fault> {
    let (headers, body) = read_body(request).await?;
    let mut body = parse_json(&body)?;
    take_from_query_string(&mut body, &query)?;
    let search = decode_search(&body)?;
    let indices = index_list(&index);
    let ignore_missing = query.get("ignore_unavailable").is_some_and(|value| value != "false");
    check_indices(&door, &caller, &indices, ignore_missing).await?;
    let count = door.services.logs.count(&caller, select(&search, indices)).await?;
    let shards = json!({"total": 1, "successful": 1, "skipped": 0, "failed": 0});
    Ok(in_kind(&headers, ok(&json!({"count": count, "_shards": shards}))))
}
