//! Every service with its rate, errors and duration, and who calls whom.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::service::{Red, RedAnswer};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::pages::ingest::snippets;
use crate::ui::render;
use crate::ui::shell::{About, Shell};
use crate::ui::sparkline::Sparkline;

/// Steps of the small lines.
const STEPS: usize = 60;
/// Calls between services that are listed.
const CALLS: usize = 30;

#[derive(Template)]
#[template(path = "services.html")]
struct ServicesPage {
    shell: Shell,
    rows: Vec<RedRow>,
    covers: String,
    calls: Vec<Call>,
    more_calls: usize,
    origin: String,
}

/// A service or an operation in a line.
pub(crate) struct RedRow {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) traces_href: String,
    pub(crate) errors_href: String,
    pub(crate) rate: String,
    pub(crate) errors: String,
    pub(crate) failing: bool,
    pub(crate) p50: String,
    pub(crate) p95: String,
    pub(crate) p99: String,
    pub(crate) calls: Sparkline,
    pub(crate) slowness: Sparkline,
}

/// One service that calls another.
struct Call {
    parent: String,
    child: String,
    calls: String,
}

/// Shows it.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let about = About { page: "services", title: "Services", has_range: true, refresh: "30s" };
    let shell = Shell::new(&state, &request, &address, about);
    let range = shell.range.ns();
    let traces = &state.services.traces;
    let (red, calls) =
        tokio::join!(traces.red(&caller, range, STEPS), traces.dependencies(&caller, range));
    let (red, mut calls) = match (red, calls) {
        (Ok(red), Ok(calls)) => (red, calls),
        (Err(error), _) | (_, Err(error)) => {
            return render::failure(&state, &request, &address, &error);
        }
    };
    calls.sort_by_key(|call| std::cmp::Reverse(call.calls));
    let more_calls = calls.len().saturating_sub(CALLS);
    calls.truncate(CALLS);
    let row = |one: &Red| {
        let href = address.jump(&format!("/ui/services/{}", segment(&one.name))).to_string();
        row_of(one, href, address.jump("/ui/traces").with("service", one.name.as_str()))
    };
    let template = ServicesPage {
        rows: red.items.iter().map(row).collect(),
        covers: covers(&red),
        calls: calls
            .into_iter()
            .map(|call| Call {
                parent: call.parent,
                child: call.child,
                calls: format::count(call.calls),
            })
            .collect(),
        more_calls,
        origin: render::origin_of(&request),
        shell,
    };
    let nonce = template.shell.nonce.clone();
    render::page(&template, &nonce)
}

/// A name as one segment of a path.
fn segment(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Writes one line; `traces` leads to its traces.
pub(crate) fn row_of(one: &Red, href: String, traces: Address) -> RedRow {
    let share = one.errors as f64 / one.calls.max(1) as f64 * 100.0;
    let calls: Vec<f64> = one.steps.iter().map(|step| step.calls as f64).collect();
    let slowness: Vec<f64> =
        one.steps.iter().map(|step| step.p95_ns.map_or(f64::NAN, |ns| ns as f64)).collect();
    RedRow {
        name: one.name.clone(),
        href,
        errors_href: traces.clone().with("errors", "on").to_string(),
        traces_href: traces.to_string(),
        rate: format::number(one.rate),
        errors: format!("{} %", format::number(share)),
        failing: one.errors > 0,
        p50: format::duration_ns(one.p50_ns),
        p95: format::duration_ns(one.p95_ns),
        p99: format::duration_ns(one.p99_ns),
        calls: Sparkline::of(&calls),
        slowness: Sparkline::of(&slowness),
    }
}

/// Says what the numbers are of.
pub(crate) fn covers(red: &RedAnswer) -> String {
    let traces = format::count(red.traces as u64);
    if !red.cut {
        return format!("from {traces} traces");
    }
    let length = red.covered.end.0.saturating_sub(red.covered.start.0);
    format!("from the newest {traces} traces, which reach back {}", format::duration_ns(length))
}

impl ServicesPage {
    /// Starts a service that sends its spans here.
    fn start(&self) -> String {
        snippets::start_service(&self.origin)
    }
}
