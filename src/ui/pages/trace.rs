//! One trace: its spans as bars over time, and the chosen span with its logs.

mod skeleton;
mod detail;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::base::error::Error;
use crate::model::trace::{SpanId, TraceId};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::pages::trace::detail::Detail;
use crate::ui::pages::trace::skeleton::{Line, Skeleton};
use crate::ui::render;
use crate::ui::shell::{About, Shell};

#[derive(Template)]
#[template(path = "trace.html")]
struct TracePage {
    shell: Shell,
    id: String,
    name: String,
    service: String,
    time: String,
    machine_time: String,
    duration: String,
    spans: usize,
    errors: usize,
    services: Vec<String>,
    /// The first lines, for those without a script.
    lines: Vec<Line>,
    /// All of them, for the script.
    skeleton: String,
    /// Spans that are too many even for the script.
    left_out: usize,
    detail: Option<Detail>,
    logs_href: String,
    search_href: String,
}

/// Shows it, with the span that `?span=` names.
pub(crate) async fn page(
    State(state): State<UiState>,
    Path(id): Path<String>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let fail = |error: Error| render::failure(&state, &request, &address, &error);
    let Some(trace_id) = TraceId::from_hex(&id) else {
        let text = format!("{id:?} is no trace id: that is 1 to 32 hexadecimal digits");
        return fail(Error::invalid(text));
    };
    let trace = match state.services.traces.trace(&caller, trace_id).await {
        Ok(Some(trace)) => trace,
        Ok(None) => {
            return fail(Error::not_found(format!(
                "No span of the trace {trace_id} is kept. It may be older than the retention of traces, not sampled, still on its way, or the id may be cut short."
            )));
        }
        Err(error) => return fail(error),
    };
    let Some(root) = trace.root() else {
        return fail(Error::not_found(format!("the trace {trace_id} has no spans")));
    };
    let (start, end) = trace.bounds();
    let skeleton = Skeleton::of(&trace);
    let chosen = SpanId::from_hex(address.get("span"));
    let detail = match chosen.and_then(|id| trace.spans.iter().find(|span| span.span_id == id)) {
        Some(span) => Some(Detail::of(&state, &caller, span, start, &address).await),
        None => None,
    };
    let about = About { page: "trace", title: "Trace", has_range: false, refresh: "off" };
    let mut shell = Shell::new(&state, &request, &address, about);
    shell.title = format!("{} · trace", root.name);
    let template = TracePage {
        id: trace_id.to_string(),
        name: root.name.clone(),
        service: root.service_name().to_owned(),
        time: format!("{} {}", &format::machine(start.to_ms())[..10], format::clock(start)),
        machine_time: format::machine(start.to_ms()),
        duration: format::duration_ns(end.0.saturating_sub(start.0)),
        spans: trace.spans.len(),
        errors: skeleton.errors,
        services: skeleton.services.clone(),
        left_out: skeleton.left_out,
        logs_href: detail::logs_address(&address, trace_id, start, end).to_string(),
        search_href: address.jump("/ui/traces").to_string(),
        skeleton: render::json_block(&skeleton),
        lines: skeleton.into_lines(&address),
        detail,
        shell,
    };
    let nonce = template.shell.nonce.clone();
    render::page(&template, &nonce)
}
