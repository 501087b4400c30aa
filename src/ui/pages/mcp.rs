//! The MCP server: its tools, their latest calls, and how agents connect.

mod tools;
mod calls;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::ask::Asker;
use crate::ui::chart::{ChartBlock, ChartPanel, Unit};
use crate::ui::pages::mcp::calls::CallRow;
use crate::ui::pages::mcp::tools::{Fact, ToolRow};
use crate::ui::render;
use crate::ui::shell::{About, Shell};

#[derive(Template)]
#[template(path = "mcp.html")]
struct McpPage {
    shell: Shell,
    facts: Vec<Fact>,
    tools: Result<Vec<ToolRow>, String>,
    calls: Result<Vec<CallRow>, String>,
    /// The tool whose calls are listed; empty for all.
    tool: String,
    only_failed: bool,
    all_href: String,
    failed_href: String,
    charts: Vec<ChartPanel>,
    origin: String,
}

/// Shows it.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    if let Err(error) = state.services.status.facts(&caller).await {
        return render::failure(&state, &request, &address, &error);
    }
    let about = About { page: "mcp", title: "MCP", has_range: true, refresh: "10s" };
    let shell = Shell::new(&state, &request, &address, about);
    let asker = Asker { state: &state, caller: &caller, range: &shell.range, address: &address };
    let (facts, tools, calls, rate, duration) = tokio::join!(
        tools::facts(&asker),
        tools::tools(&asker),
        calls::calls(&asker),
        ChartPanel::of(&asker, "Calls per second, by tool", chart(tools::RATE, Unit::Number)),
        ChartPanel::of(&asker, "95th percentile of duration", chart(tools::SLOW, Unit::Seconds)),
    );
    let nonce = shell.nonce.clone();
    let without = |key: &str| address.clone().with(key, "");
    let template = McpPage {
        facts,
        tools: tools.map_err(|error| error.message().to_owned()),
        calls: calls.map_err(|error| error.message().to_owned()),
        tool: address.get("tool").to_owned(),
        only_failed: address.get("status") == "error",
        all_href: without("tool").with("status", "").to_string(),
        failed_href: address.clone().with("status", "error").to_string(),
        charts: vec![rate, duration],
        origin: render::origin_of(&request),
        shell,
    };
    render::page(&template, &nonce)
}

fn chart(query: &str, unit: Unit) -> ChartBlock {
    ChartBlock { queries: vec![query.to_owned()], unit, label: "tool_name", thresholds: Vec::new() }
}

impl McpPage {
    /// Adds the server to Claude Code.
    fn claude(&self) -> String {
        format!("claude mcp add --transport http belvedere {}/mcp", self.origin)
    }

    /// Adds it to clients that are configured by JSON.
    fn json(&self) -> String {
        format!(
            "{{\n  \"mcpServers\": {{\n    \"belvedere\": {{\"type\": \"http\", \"url\": \"{}/mcp\"}}\n  }}\n}}",
            self.origin
        )
    }

    /// For clients that start their servers themselves.
    const STDIO: &'static str = "{\n  \"mcpServers\": {\n    \"belvedere\": {\"command\": \"belvedere\", \"args\": [\"mcp\"]}\n  }\n}";
}
