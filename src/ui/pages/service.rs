//! One service: its requests over time, and its operations.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use crate::access::Caller;
use crate::service::{Red, RedAnswer};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::pages::services::{RedRow, covers, row_of};
use crate::ui::render;
use crate::ui::shell::{About, Shell};

/// Steps of the charts.
const STEPS: usize = 120;

#[derive(Template)]
#[template(path = "service.html")]
struct ServicePage {
    shell: Shell,
    name: String,
    whole: Option<RedRow>,
    operations: Vec<RedRow>,
    covers: String,
    charts: String,
    slowest_href: String,
    failed_href: String,
    logs_href: String,
}

/// The columns of the three charts.
#[derive(Serialize)]
struct Charts {
    /// Epoch milliseconds at which the steps begin.
    times: Vec<i64>,
    /// Requests a second.
    rate: Vec<f64>,
    /// Failed requests a second.
    errors: Vec<f64>,
    /// Nanoseconds.
    p95: Vec<Option<i64>>,
}

/// Shows it.
pub(crate) async fn page(
    State(state): State<UiState>,
    Path(name): Path<String>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let about = About { page: "service", title: "Service", has_range: true, refresh: "off" };
    let mut shell = Shell::new(&state, &request, &address, about);
    shell.title = format!("{name} · service");
    let range = shell.range.ns();
    let traces = &state.services.traces;
    let (operations, all) = tokio::join!(
        traces.red_of(&caller, &name, range, STEPS),
        traces.red(&caller, range, STEPS),
    );
    let (operations, all) = match (operations, all) {
        (Ok(operations), Ok(all)) => (operations, all),
        (Err(error), _) | (_, Err(error)) => {
            return render::failure(&state, &request, &address, &error);
        }
    };
    let own = address.jump("/ui/traces").with("service", name.as_str());
    let whole = all.items.iter().find(|red| red.name == name);
    let row = |one: &Red| {
        let traces = own.clone().with("operation", one.name.as_str());
        row_of(one, traces.to_string(), traces)
    };
    let query = format!("service.name:{name:?}");
    let template = ServicePage {
        covers: covers(&operations),
        charts: render::json_block(&whole.map(|red| charts(red, &all))),
        whole: whole.map(|red| row_of(red, own.to_string(), own.clone())),
        operations: operations.items.iter().map(row).collect(),
        slowest_href: own.clone().with("sort", "slowest").to_string(),
        failed_href: own.clone().with("errors", "on").to_string(),
        logs_href: address.jump("/ui/logs").with("q", query).to_string(),
        name,
        shell,
    };
    let nonce = template.shell.nonce.clone();
    render::page(&template, &nonce)
}

fn charts(red: &Red, answer: &RedAnswer) -> Charts {
    let (start, end) = (answer.covered.start.0, answer.covered.end.0);
    let step = (end.saturating_sub(start) / red.steps.len().max(1) as i64).max(1);
    let seconds = step as f64 / 1e9;
    let begin = |index: usize| (start + step.saturating_mul(index as i64)) / 1_000_000;
    Charts {
        times: (0..red.steps.len()).map(begin).collect(),
        rate: red.steps.iter().map(|one| one.calls as f64 / seconds).collect(),
        errors: red.steps.iter().map(|one| one.errors as f64 / seconds).collect(),
        p95: red.steps.iter().map(|one| one.p95_ns).collect(),
    }
}

impl ServicePage {
    /// The number shown for what is not known.
    const MISSING: &'static str = format::MISSING;
}
