//! The latest tool calls, from their spans.

use crate::base::error::Result;
use crate::model::resource::AttrValue;
use crate::model::trace::{Span, StatusCode, Trace};
use crate::model::trace_query::{AttributeScope, SpanCondition, TraceSearch};
use crate::ui::ask::Asker;
use crate::ui::format;

/// Calls that are listed, and traces that are read for them.
const MAX_CALLS: usize = 40;
const MAX_TRACES: usize = 60;

/// A tool call.
pub(crate) struct CallRow {
    pub(crate) time: String,
    pub(crate) machine_time: String,
    pub(crate) tool: String,
    /// The service whose span called, or began the trace.
    pub(crate) by: String,
    pub(crate) duration: String,
    pub(crate) failed: bool,
    /// Why it failed, as the span says.
    pub(crate) error: String,
    pub(crate) href: String,
}

/// Returns the latest calls, newest first, of the tool and status that the address names.
pub(crate) async fn calls(asker: &Asker<'_>) -> Result<Vec<CallRow>> {
    let is = |key: &str, value: &str| {
        SpanCondition::Attribute(AttributeScope::Span, key.to_owned(), value.to_owned())
    };
    let mut conditions = vec![is("mcp.method.name", "tools/call")];
    let tool = asker.address.get("tool");
    if !tool.is_empty() {
        conditions.push(is("gen_ai.tool.name", tool));
    }
    if asker.address.get("status") == "error" {
        conditions.push(SpanCondition::Error(true));
    }
    let condition = SpanCondition::And(conditions);
    let search =
        TraceSearch { range: asker.range.ns(), condition: condition.clone(), limit: MAX_TRACES };
    let found = asker.state.services.traces.search(asker.caller, search).await?;
    let mut calls: Vec<(&Trace, &Span)> = Vec::new();
    for trace in &found.items {
        // Client and server name a call alike; the span nearest to the tool counts once.
        let own = trace.spans.iter().filter(|span| condition.matches(span));
        let inner = own.filter(|span| !is_caller(span, trace, &condition));
        calls.extend(inner.map(|span| (trace, span)));
    }
    calls.sort_by_key(|(_, span)| std::cmp::Reverse(span.start));
    calls.truncate(MAX_CALLS);
    Ok(calls.into_iter().map(|(trace, span)| row(asker, trace, span)).collect())
}

/// Whether another matching span of the trace is a child of this one.
fn is_caller(span: &Span, trace: &Trace, condition: &SpanCondition) -> bool {
    let mut children =
        trace.spans.iter().filter(|other| other.parent_span_id == Some(span.span_id));
    children.any(|child| condition.matches(child))
}

fn row(asker: &Asker<'_>, trace: &Trace, span: &Span) -> CallRow {
    let text = |key: &str| span.attributes.get(key).map(AttrValue::to_text);
    let parent = span.parent_span_id;
    let caller = trace.spans.iter().find(|other| Some(other.span_id) == parent);
    let by = caller.or_else(|| trace.root()).filter(|other| other.span_id != span.span_id);
    let failed = span.status.code == StatusCode::Error;
    let error = match span.status.message.is_empty() {
        false => span.status.message.clone(),
        true => text("error.type").unwrap_or_default(),
    };
    let page = asker.address.jump(&format!("/ui/traces/{}", trace.trace_id));
    CallRow {
        time: format::clock(span.start),
        machine_time: format::machine(span.start.to_ms()),
        tool: text("gen_ai.tool.name").unwrap_or_else(|| span.name.clone()),
        by: by.map(|other| other.service_name().to_owned()).unwrap_or_default(),
        duration: format::duration_ns(span.duration_ns()),
        failed,
        error: if failed { error } else { String::new() },
        href: page.with("span", span.span_id.to_string()).to_string(),
    }
}
