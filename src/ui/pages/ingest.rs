//! What comes in: targets that are scraped, doors that take data, what they refuse, and how to send.

mod doors;
pub(crate) mod snippets;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::model::time::TimestampMs;
use crate::service::{Target, TargetHealth};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::ask::Asker;
use crate::ui::format;
use crate::ui::pages::ingest::doors::{DoorRow, RefusalRow};
use crate::ui::pages::ingest::snippets::Snippet;
use crate::ui::range::Choice;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

#[derive(Template)]
#[template(path = "ingest.html")]
struct IngestPage {
    shell: Shell,
    targets: Vec<TargetRow>,
    doors: Result<Vec<DoorRow>, String>,
    refusals: Result<Vec<RefusalRow>, String>,
    ways: Vec<Choice>,
    snippets: Vec<Snippet>,
}

/// A scraped target.
struct TargetRow {
    job: String,
    url: String,
    labels: Vec<String>,
    health: TargetHealth,
    error: String,
    last: String,
    took: String,
    interval: String,
    href: String,
    samples_href: String,
}

/// Shows it.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let targets = match state.services.status.targets(&caller).await {
        Ok(targets) => targets,
        Err(error) => return render::failure(&state, &request, &address, &error),
    };
    let about = About { page: "ingest", title: "Ingest", has_range: true, refresh: "10s" };
    let shell = Shell::new(&state, &request, &address, about);
    let asker = Asker { state: &state, caller: &caller, range: &shell.range, address: &address };
    let (doors, refusals) = tokio::join!(doors::doors(&asker), doors::refusals(&asker));
    let now = TimestampMs(state.clock.now_ms());
    let way = match address.get("with") {
        "" => snippets::WAYS[0].0,
        way => way,
    };
    let nonce = shell.nonce.clone();
    let template = IngestPage {
        targets: target_rows(targets, &address, now),
        doors: doors.map_err(|error| error.message().to_owned()),
        refusals: refusals.map_err(|error| error.message().to_owned()),
        ways: snippets::ways(&address, way),
        snippets: snippets::of(way, &render::origin_of(&request)),
        shell,
    };
    render::page(&template, &nonce)
}

/// Those that are down first, with their error.
fn target_rows(mut targets: Vec<Target>, address: &Address, now: TimestampMs) -> Vec<TargetRow> {
    targets.sort_by_key(|target| match target.health {
        TargetHealth::Down => 0,
        TargetHealth::Unknown => 1,
        TargetHealth::Up => 2,
    });
    targets.into_iter().map(|target| target_row(target, address, now)).collect()
}

fn target_row(target: Target, address: &Address, now: TimestampMs) -> TargetRow {
    let instance = target.labels.get("instance").unwrap_or_default();
    let of_target = format!("{{job={:?},instance={instance:?}}}", target.job);
    let metrics = |query: String| address.jump("/ui/metrics").with("q", query).to_string();
    let length = |duration: std::time::Duration| format::duration_ns(duration.as_nanos() as i64);
    let others = target.labels.iter().filter(|(name, _)| !["job", "instance"].contains(name));
    TargetRow {
        labels: others.map(|(name, value)| format!("{name}={value}")).collect(),
        href: metrics(format!("up{of_target}")),
        samples_href: metrics(format!("scrape_duration_seconds{of_target}")),
        last: target
            .last_scrape
            .map_or_else(|| "never".to_owned(), |at| format!("{} ago", format::age(at, now))),
        took: target
            .last_scrape
            .map_or_else(|| format::MISSING.to_owned(), |_| length(target.last_duration)),
        interval: length(target.interval),
        job: target.job,
        url: target.url,
        health: target.health,
        error: target.last_error,
    }
}

impl IngestPage {
    /// How many targets are not up.
    fn down(&self) -> usize {
        self.targets.iter().filter(|target| target.health == TargetHealth::Down).count()
    }

    /// Shows how to name targets.
    const SCRAPE: &'static str = "scrape_configs:\n  - job_name: checkout\n    static_configs:\n      - targets: ['127.0.0.1:3000']";
}
