//! Finds traces: a form, where they lie in time and duration, and a list.

mod form;
mod row;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};

use crate::access::Caller;
use crate::model::trace::TraceId;
use crate::model::trace_query::TraceSearch;
use crate::service::Pill;
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::pages::ingest::snippets;
use crate::ui::pages::traces::form::Form;
use crate::ui::pages::traces::row::{Point, Row};
use crate::ui::render;
use crate::ui::shell::{About, Shell};

/// Traces that are drawn and from which the list is taken.
const LOOKED_AT: usize = 500;

#[derive(Template)]
#[template(path = "traces.html")]
struct TracesPage {
    shell: Shell,
    form: Form,
    services: Vec<String>,
    operations: Vec<String>,
    /// Where the appliance's own traces are shown, too; empty when they are.
    own_href: String,
    found: Result<Found, String>,
    origin: String,
}

/// What a search gave.
struct Found {
    rows: Vec<Row>,
    /// All that matched and were looked at.
    looked_at: usize,
    /// Whether there may be more than were looked at.
    more: bool,
    /// Every trace looked at, for the drawing.
    points: String,
}

/// Shows it; a trace id in the field leads straight to the trace.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    if let Some(id) = TraceId::from_hex(address.get("id").trim()) {
        return Redirect::to(&address.jump(&format!("/ui/traces/{id}")).to_string())
            .into_response();
    }
    let about = About { page: "traces", title: "Traces", has_range: true, refresh: "off" };
    let shell = Shell::new(&state, &request, &address, about);
    let form = Form::of(&address);
    let range = shell.range.ns();
    let traces = &state.services.traces;
    let services = match traces.services(&caller, range).await {
        Ok(services) => services,
        Err(error) => return render::failure(&state, &request, &address, &error),
    };
    let operations = match form.service.as_str() {
        "" => Vec::new(),
        service => traces.operations(&caller, service, range).await.unwrap_or_default(),
    };
    let mut names: Vec<String> = operations.into_iter().map(|operation| operation.name).collect();
    names.dedup();
    let scope = &shell.range.scope;
    let condition = form.condition(&services).and_then(|condition| {
        Pill::scope_spans(condition, scope).map_err(|error| error.message().to_owned())
    });
    let found = match condition {
        Ok(condition) => {
            let search = TraceSearch { range, condition, limit: LOOKED_AT };
            let found = traces.search(&caller, search).await;
            found
                .map(|cut| collect(&cut.items, &form, &address))
                .map_err(|e| e.message().to_owned())
        }
        Err(why) => Err(why),
    };
    let own_href = match form.hides_own(&services) {
        true => address.clone().with("own", "on").to_string(),
        false => String::new(),
    };
    let origin = render::origin_of(&request);
    let template = TracesPage { form, services, operations: names, own_href, found, origin, shell };
    let nonce = template.shell.nonce.clone();
    render::page(&template, &nonce)
}

fn collect(traces: &[crate::model::trace::Trace], form: &Form, address: &Address) -> Found {
    let mut rows: Vec<Row> = traces.iter().filter_map(|trace| Row::of(trace, address)).collect();
    let points: Vec<Point> = rows.iter().map(Row::point).collect();
    if form.sort == "slowest" {
        rows.sort_by_key(|row| std::cmp::Reverse(row.length_ns));
    } else {
        rows.sort_by_key(|row| std::cmp::Reverse(row.start));
    }
    rows.truncate(form.limit());
    let longest = rows.iter().map(|row| row.length_ns).max().unwrap_or(1).max(1);
    for row in &mut rows {
        row.share = row.length_ns as f64 / longest as f64 * 100.0;
    }
    Found {
        rows,
        looked_at: traces.len(),
        more: traces.len() == LOOKED_AT,
        points: render::json_block(&points),
    }
}

impl TracesPage {
    /// Starts a service that sends its spans here.
    fn start(&self) -> String {
        snippets::start_service(&self.origin)
    }
}
