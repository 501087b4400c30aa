//! Expressions with their values; without one, the metrics that there are.

mod families;
mod values;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::pages::ingest::snippets;
use crate::ui::pages::metrics::families::Families;
use crate::ui::pages::metrics::values::Values;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

/// Expressions that one page computes.
const MAX_EXPRESSIONS: usize = 20;

#[derive(Template)]
#[template(path = "metrics.html")]
struct MetricsPage {
    shell: Shell,
    expressions: Vec<Values>,
    /// What there is to ask for; `None` when something was asked.
    families: Option<Families>,
    find: String,
    at: String,
    /// The address by which the browser came.
    origin: String,
}

impl MetricsPage {
    /// Sends one value.
    fn curl(&self) -> String {
        snippets::send_metric(&self.origin)
    }
}

/// Shows the values at the end of the range; the script draws their course.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let about = About { page: "metrics", title: "Metrics", has_range: true, refresh: "off" };
    let shell = Shell::new(&state, &request, &address, about);
    let range = shell.range.ms();
    let asked = address.all("q").take(MAX_EXPRESSIONS);
    let answers =
        asked.map(|text| values::of(&state, &caller, text, &shell.range.scope, range.end));
    let expressions = futures_util::future::join_all(answers).await;
    let find = address.get("find").to_owned();
    let families = if expressions.is_empty() {
        match families::of(&state, &caller, range, &find, &address).await {
            Ok(families) => Some(families),
            Err(error) => return render::failure(&state, &request, &address, &error),
        }
    } else {
        None
    };
    let at = format::minute(range.end);
    let origin = render::origin_of(&request);
    let template = MetricsPage { shell, expressions, families, find, at, origin };
    let nonce = template.shell.nonce.clone();
    render::page(&template, &nonce)
}
