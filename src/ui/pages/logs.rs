//! Lines: the newest that match, as a table; the script makes a live list of it.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::base::error::Error;
use crate::model::log_query::{Direction, LogHit, LogPage, LogSearch, LogSelect};
use crate::service::LogsService;
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

/// Lines that the page holds without a script.
const ROWS: usize = 200;
/// Characters of a line that the table shows.
const LINE_CHARACTERS: usize = 1_000;

#[derive(Template)]
#[template(path = "logs.html")]
struct LogsPage {
    shell: Shell,
    query: String,
    pills: Vec<PillLink>,
    rows: Vec<LineRow>,
    total: String,
    /// Leads to older lines; empty at the end.
    older: String,
    warnings: Vec<String>,
    fault: String,
    /// Whether nothing narrows the view, so that an empty one means that there are no logs.
    plain: bool,
    curl: String,
}

/// A filter and what removes it.
struct PillLink {
    /// As the address holds it.
    raw: String,
    text: String,
    class: &'static str,
    without: String,
}

struct LineRow {
    time: String,
    machine_time: String,
    severity: &'static str,
    service: String,
    line: String,
    trace_href: String,
}

/// Shows the newest lines of the view.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let about = About { page: "logs", title: "Logs", has_range: true, refresh: "off" };
    let shell = Shell::new(&state, &request, &address, about);
    let (found, fault) = match lines(&state, &caller, &shell, &address).await {
        Ok(page) => (page, String::new()),
        Err(error) => (LogPage::default(), error.message().to_owned()),
    };
    let pills: Vec<PillLink> = address.all("f").map(|text| pill(&address, text)).collect();
    let template = LogsPage {
        query: address.get("q").to_owned(),
        plain: pills.is_empty() && address.get("q").is_empty() && shell.range.scope.is_empty(),
        pills,
        older: older(&found, &address),
        rows: found.hits.iter().map(|hit| row(hit, &address)).collect(),
        total: format::count(found.total),
        warnings: found.warnings,
        fault,
        curl: format!(
            "curl {}/logs-demo/_doc -H 'content-type: application/json' \\\n  -d '{{\"message\":\"hello\",\"level\":\"info\",\"service.name\":\"demo\"}}'",
            render::origin_of(&request)
        ),
        shell,
    };
    let nonce = template.shell.nonce.clone();
    render::page(&template, &nonce)
}

async fn lines(
    state: &UiState,
    caller: &Caller,
    shell: &Shell,
    address: &Address,
) -> Result<LogPage, Error> {
    let filter = LogsService::view_filter(address.get("q"), address.all("f"), &shell.range.scope)?;
    let select = LogSelect { indices: Vec::new(), range: shell.range.ns(), filter };
    let direction = Direction::Backward;
    let search = LogSearch { select, direction, after: None, limit: ROWS };
    state.services.logs.search(caller, search).await
}

/// The address that ends where this page's last line stands.
fn older(page: &LogPage, address: &Address) -> String {
    match page.hits.last() {
        Some(last) if page.hits.len() == ROWS => {
            let end = last.position.timestamp.to_ms().0;
            address.clone().with("to", end.to_string()).to_string()
        }
        _ => String::new(),
    }
}

fn pill(address: &Address, text: &str) -> PillLink {
    let others = address.all("f").filter(|other| *other != text);
    let without = others.fold(address.clone().with("f", ""), |rest, other| rest.and("f", other));
    let shown = text.trim_start_matches('~');
    let class = match (text.starts_with('~'), shown.contains("!=")) {
        (true, _) => "off",
        (false, true) => "not",
        (false, false) => "on",
    };
    PillLink { raw: text.to_owned(), text: shown.to_owned(), class, without: without.to_string() }
}

fn row(hit: &LogHit, address: &Address) -> LineRow {
    let record = &hit.record;
    let trace = record.trace_id.map(|id| address.jump(&format!("/ui/traces/{id}")).to_string());
    LineRow {
        time: format::clock(record.timestamp),
        machine_time: format::machine(record.timestamp.to_ms()),
        severity: record.severity.word(),
        service: record.service_name().to_owned(),
        line: record.body.to_text().chars().take(LINE_CHARACTERS).collect(),
        trace_href: trace.unwrap_or_default(),
    }
}
