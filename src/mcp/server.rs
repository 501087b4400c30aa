//! The handler of MCP requests.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::Value;

use crate::access::Caller;
use crate::base::clock::SharedClock;
use crate::base::error::{Error, Result};
use crate::mcp::catalogue;
use crate::mcp::observe::{Observer, parent_of};
use crate::mcp::text::clean;
use crate::mcp::tools;
use crate::service::{MakeService, Services};

const INSTRUCTIONS: &str = "Belvedere keeps the metrics, logs and traces of this machine. Ask \
metrics_query (PromQL), logs_search (Lucene) and trace_get; a log record's trace_id leads to its \
trace. Results say when they were cut.";

/// Answers MCP requests. Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct McpServer(Arc<Parts>);

struct Parts {
    services: Services,
    make: Option<MakeService>,
    clock: SharedClock,
    observer: Observer,
    tools: Vec<Tool>,
}

impl McpServer {
    /// Joins the tools with what answers them; without `make` there are no Make.com tools. The
    /// global meter must be installed before.
    pub fn new(services: Services, make: Option<MakeService>, clock: SharedClock) -> Self {
        let mut tools = catalogue::telemetry();
        if let Some(make) = &make {
            tools.extend(catalogue::make(make.may_run()));
        }
        tools.sort_by(|left, right| left.name.cmp(&right.name));
        let observer = Observer::new(Arc::clone(&clock));
        McpServer(Arc::new(Parts { services, make, clock, observer, tools }))
    }

    async fn answer(&self, tool: &'static str, caller: &Caller, given: Value) -> Result<Value> {
        let Parts { services, make, clock, .. } = self.0.as_ref();
        let make = || make.as_ref().ok_or_else(|| Error::unsupported("Make.com is not configured"));
        match tool {
            catalogue::METRICS_QUERY => {
                tools::metrics_query(services, clock, caller, tools::arguments(given)?).await
            }
            catalogue::LOGS_SEARCH => {
                tools::logs_search(services, clock, caller, tools::arguments(given)?).await
            }
            catalogue::TRACE_GET => {
                tools::trace_get(services, caller, tools::arguments(given)?).await
            }
            catalogue::LIST_SCENARIOS => {
                tools::list_scenarios(make()?, caller, tools::arguments(given)?).await
            }
            catalogue::GET_SCENARIO => {
                tools::get_scenario(make()?, caller, tools::arguments(given)?).await
            }
            catalogue::RUN_SCENARIO => {
                tools::run_scenario(make()?, caller, tools::arguments(given)?).await
            }
            other => Err(Error::unsupported(format!("there is no tool {other}"))),
        }
    }
}

/// The caller that the HTTP layer found, or the person at the terminal on stdio.
fn caller_of(context: &RequestContext<RoleServer>) -> Caller {
    match context.extensions.get::<http::request::Parts>() {
        Some(parts) => parts
            .extensions
            .get::<Caller>()
            .cloned()
            .unwrap_or_else(|| Caller::anonymous(crate::access::Scopes::none())),
        None => Caller::local("stdio"),
    }
}

/// The catalogue's own copy of a tool's name.
fn known(name: &str) -> Option<&'static str> {
    let names = [
        catalogue::METRICS_QUERY,
        catalogue::LOGS_SEARCH,
        catalogue::TRACE_GET,
        catalogue::LIST_SCENARIOS,
        catalogue::GET_SCENARIO,
        catalogue::RUN_SCENARIO,
    ];
    names.into_iter().find(|own| *own == name)
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let server = Implementation::new("belvedere", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(server)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> std::result::Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.0.tools.clone()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> std::result::Result<CallToolResponse, ErrorData> {
        let listed = self.0.tools.iter().any(|tool| tool.name == request.name);
        let Some(tool) = known(&request.name).filter(|_| listed) else {
            let text = format!("unknown tool {:?}", clean(&request.name, 64));
            return Err(ErrorData::invalid_params(text, None));
        };
        let caller = caller_of(&context);
        let given = Value::Object(request.arguments.unwrap_or_default());
        let parent = context.meta.get_traceparent().and_then(parent_of);
        let answer = self.answer(tool, &caller, given);
        let answered = self.0.observer.call(tool, parent, answer).await;
        Ok(match answered {
            Ok(value) => CallToolResult::structured(value).into(),
            Err(error) => {
                let text = clean(error.message(), 2_000);
                CallToolResult::error(vec![ContentBlock::text(text)]).into()
            }
        })
    }
}
