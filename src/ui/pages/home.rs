//! What the appliance is doing: who sends, how much, what fails, what is slow.

mod tiles;
mod lists;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::service::TargetHealth;
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::pages::home::lists::{AlertRow, ErrorLog, SlowTrace, TargetRow};
use crate::ui::pages::home::tiles::Tile;
use crate::ui::pages::ingest::snippets;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    shell: Shell,
    tiles: Vec<Tile>,
    targets: Result<Vec<TargetRow>, String>,
    alerts: Result<Vec<AlertRow>, String>,
    alerts_href: String,
    errors: Result<Vec<ErrorLog>, String>,
    errors_href: String,
    traces: Result<Vec<SlowTrace>, String>,
    services: Vec<String>,
    /// Where this appliance answers, as the browser knows it.
    origin: String,
    version: Arc<str>,
    uptime: String,
}

/// Shows it.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let facts = match state.services.status.facts(&caller).await {
        Ok(facts) => facts,
        Err(error) => return render::failure(&state, &request, &address, &error),
    };
    let about = About { page: "home", title: "Home", has_range: true, refresh: "30s" };
    let shell = Shell::new(&state, &request, &address, about);
    let (tiles, targets, alerts, errors, traces) = tokio::join!(
        tiles::all(&state, &caller, &shell.range, &address),
        lists::targets(&state, &caller, &address),
        lists::alerts(&state, &caller, &address),
        lists::errors(&state, &caller, &shell.range, &address),
        lists::slow_traces(&state, &caller, &shell.range, &address),
    );
    let (traces, services) = match traces {
        Ok((traces, services)) => (Ok(traces), services),
        Err(why) => (Err(why), Vec::new()),
    };
    let age_ms = state.clock.now_ms().saturating_sub(facts.started.0);
    let template = HomePage {
        tiles,
        targets,
        errors,
        alerts,
        alerts_href: address.jump("/ui/alerts").to_string(),
        errors_href: lists::errors_address(&address).to_string(),
        traces,
        services,
        origin: render::origin_of(&request),
        version: Arc::from(facts.version.as_str()),
        uptime: crate::ui::format::duration_ns(age_ms.saturating_mul(1_000_000)),
        shell,
    };
    let nonce = template.shell.nonce.clone();
    render::page(&template, &nonce)
}

impl HomePage {
    /// Shows how to name targets.
    const SCRAPE: &'static str = "scrape_configs:\n  - job_name: checkout\n    static_configs:\n      - targets: ['127.0.0.1:3000']";

    /// Starts a service that sends its telemetry here.
    fn start(&self) -> String {
        snippets::start_service(&self.origin)
    }

    /// Sends one log line.
    fn curl(&self) -> String {
        format!(
            "curl {}/logs-demo/_doc -H 'content-type: application/json' \\\n  -d '{{\"message\":\"hello\",\"level\":\"info\",\"service.name\":\"demo\"}}'",
            self.origin
        )
    }

    /// How many targets are not up.
    fn down(&self) -> usize {
        let targets = self.targets.as_deref().unwrap_or_default();
        targets.iter().filter(|target| target.health == TargetHealth::Down).count()
    }
}
