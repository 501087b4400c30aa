//! The hosts, as their `node_*` metrics tell; one host with its charts.

mod questions;
mod hosts;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::ask::Asker;
use crate::ui::chart::{ChartBlock, ChartPanel, Level, Unit};
use crate::ui::pages::infrastructure::hosts::HostRow;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

#[derive(Template)]
#[template(path = "infrastructure.html")]
struct HostsPage {
    shell: Shell,
    hosts: Result<Vec<HostRow>, String>,
}

#[derive(Template)]
#[template(path = "infrastructure_host.html")]
struct HostPage {
    shell: Shell,
    list_href: String,
    logs_href: String,
    /// The row of the list; none when the host sent nothing in the range.
    row: Option<HostRow>,
    host: String,
    charts: Vec<ChartPanel>,
}

impl HostsPage {
    /// Shows how to name hosts.
    const SCRAPE: &'static str = "scrape_configs:\n  - job_name: node\n    static_configs:\n      - targets: ['10.0.0.5:9100', '10.0.0.6:9100']";
}

/// Shows all hosts, or the one that `instance` and `job` name.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let about =
        About { page: "infrastructure", title: "Infrastructure", has_range: true, refresh: "30s" };
    let shell = Shell::new(&state, &request, &address, about);
    let asker = Asker { state: &state, caller: &caller, range: &shell.range, address: &address };
    let instance = address.get("instance");
    if instance.is_empty() {
        let hosts = hosts::of(&asker, "").await.map_err(|error| error.message().to_owned());
        let nonce = shell.nonce.clone();
        return render::page(&HostsPage { shell, hosts }, &nonce);
    }
    let selector = hosts::selector(address.get("job"), instance);
    let (rows, charts) = tokio::join!(hosts::of(&asker, &selector), charts(&asker, &selector));
    let row = match rows {
        Ok(rows) => rows.into_iter().next(),
        Err(error) => return render::failure(&state, &request, &address, &error),
    };
    let host = row.as_ref().map_or(instance, |row| row.name.as_str()).to_owned();
    let mut shell = shell;
    shell.title.clone_from(&host);
    let nonce = shell.nonce.clone();
    let template = HostPage {
        shell,
        list_href: address.jump("/ui/infrastructure").to_string(),
        logs_href: address.jump("/ui/logs").with("f", format!("host.name={host}")).to_string(),
        row,
        host,
        charts,
    };
    render::page(&template, &nonce)
}

async fn charts(asker: &Asker<'_>, selector: &str) -> Vec<ChartPanel> {
    let panels = questions::CHARTS.iter().map(|question| {
        let level = |value: f64| Level { value, words: format!("{value} %") };
        let fill = |text: &&str| text.replace("$s", selector);
        let block = ChartBlock {
            queries: question.queries.iter().map(fill).collect(),
            thresholds: question.level.map(level).into_iter().collect(),
            unit: question.unit,
            label: question.label,
        };
        ChartPanel::of(asker, question.title, block)
    });
    futures_util::future::join_all(panels).await
}

/// What [`questions`] says of one chart.
struct ChartQuestion {
    title: &'static str,
    queries: &'static [&'static str],
    unit: Unit,
    label: &'static str,
    /// A level in percent.
    level: Option<f64>,
}
