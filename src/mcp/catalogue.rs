//! The tools there are: names, words, schemas, hints.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

/// The tools, by the names that stay.
pub(crate) const METRICS_QUERY: &str = "metrics_query";
pub(crate) const LOGS_SEARCH: &str = "logs_search";
pub(crate) const TRACE_GET: &str = "trace_get";
pub(crate) const LIST_SCENARIOS: &str = "list-scenarios";
pub(crate) const GET_SCENARIO: &str = "get-scenario";
pub(crate) const RUN_SCENARIO: &str = "run-scenario";

fn object(value: Value) -> Arc<JsonObject> {
    match value {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}

fn tool(name: &'static str, about: &'static str, input: Value, output: Value) -> Tool {
    Tool::new(name, about, object(input))
        .with_raw_output_schema(object(output))
        .with_annotations(ToolAnnotations::new().read_only(true).open_world(false))
}

/// A list under `name` with what was cut from it.
fn cut_list(name: &str, item: Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            name: {"type": "array", "items": item},
            "returned": {"type": "integer"},
            "total": {"type": "integer"},
            "truncated": {"type": "boolean"},
            "cursor": {"type": "string", "description": "pass it back to go on"},
            "warnings": {"type": "array", "items": {"type": "string"}},
            "untrusted": {"type": "string"},
        },
        "required": [name, "returned", "truncated"],
    })
}

fn budget() -> Value {
    json!({"type": "integer", "description": "tokens the result may take, default 4000"})
}

/// The tools over the appliance's own stores.
pub(crate) fn telemetry() -> Vec<Tool> {
    let time = "RFC 3339, epoch seconds, now or now-1h";
    let anything = json!({"type": "object"});
    vec![
        tool(
            LOGS_SEARCH,
            "Searches log records, newest first, in Lucene syntax: words, \"phrases\", \
             severity:error, service.name:shop, trace_id:ID, field:value, field:>5, AND OR NOT.",
            json!({"type": "object", "properties": {
                "query": {"type": "string"},
                "from": {"type": "string", "description": format!("default now-1h; {time}")},
                "to": {"type": "string", "description": format!("default now; {time}")},
                "limit": {"type": "integer", "description": "at most 1000, default 50"},
                "cursor": {"type": "string"},
                "token_budget": budget(),
            }, "required": ["query"]}),
            cut_list("records", anything.clone()),
        ),
        tool(
            METRICS_QUERY,
            "Evaluates a PromQL expression at one instant.",
            json!({"type": "object", "properties": {
                "query": {"type": "string"},
                "time": {"type": "string", "description": format!("default now; {time}")},
                "token_budget": budget(),
            }, "required": ["query"]}),
            cut_list("series", anything.clone()),
        ),
        tool(
            TRACE_GET,
            "Returns the spans of a trace, ordered by start.",
            json!({"type": "object", "properties": {
                "trace_id": {"type": "string", "description": "up to 32 hexadecimal digits"},
                "token_budget": budget(),
            }, "required": ["trace_id"]}),
            cut_list("spans", anything),
        ),
    ]
}

/// The tools of the Make.com account; running scenarios only where the configuration allows it.
pub(crate) fn make(runs: bool) -> Vec<Tool> {
    let anything = json!({"type": "object"});
    let id = json!({"type": "integer", "description": "the scenario's id"});
    let mut tools = vec![
        tool(
            GET_SCENARIO,
            "Returns one Make.com scenario.",
            json!({"type": "object", "properties": {"scenarioId": id}, "required": ["scenarioId"]}),
            json!({"type": "object", "properties": {"scenario": anything}, "required": ["scenario"]}),
        ),
        tool(
            LIST_SCENARIOS,
            "Lists the Make.com scenarios of the configured team or organization.",
            json!({"type": "object", "properties": {
                "limit": {"type": "integer", "description": "at most 500, default 50"},
                "offset": {"type": "integer"},
                "token_budget": budget(),
            }}),
            cut_list("scenarios", anything.clone()),
        ),
    ];
    if runs {
        let run = tool(
            RUN_SCENARIO,
            "Runs a Make.com scenario now, with data for its inputs.",
            json!({"type": "object", "properties": {
                "scenarioId": id,
                "data": {"type": "object"},
                "wait": {"type": "boolean", "description": "wait up to 40 s for the end, default true"},
            }, "required": ["scenarioId"]}),
            json!({"type": "object", "properties": {
                "executionId": {"type": "string"},
                "status": {"type": "string"},
                "outputs": {},
            }, "required": ["executionId"]}),
        );
        let hints = ToolAnnotations::new().read_only(false).destructive(true).open_world(true);
        tools.push(run.with_annotations(hints));
    }
    tools
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_list_is_small_and_every_tool_has_both_schemas() {
        let tools: Vec<Tool> = telemetry().into_iter().chain(make(true)).collect();
        let json = serde_json::to_string(&tools).unwrap();
        assert!(json.len() / 4 < 6_000, "{} characters", json.len());
        for tool in &tools {
            assert_eq!(tool.input_schema["type"], "object", "{}", tool.name);
            assert_eq!(tool.output_schema.as_ref().unwrap()["type"], "object", "{}", tool.name);
        }
        assert!(!make(false).iter().any(|tool| tool.name == RUN_SCENARIO));
    }
}
