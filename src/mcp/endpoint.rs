//! `/mcp`: the streamable HTTP transport, counted under the origin's names.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::access::{Caller, Scope};
use crate::base::error::Error;
use crate::http::error::plain;
use crate::mcp::server::McpServer;
use crate::telemetry::instruments::{counter, histogram};
use crate::telemetry::names;

/// How long a session may be idle before its client must begin again.
const SESSION_IDLE: Duration = Duration::from_secs(1_800);
/// Sessions at one time; each holds some 150 kB.
const MAX_SESSIONS: usize = 256;
/// The largest request.
const MAX_BODY: usize = 1 << 20;
/// The one route of this door.
const ROUTE: &str = "/mcp";
/// Buckets of request durations, in seconds.
const BOUNDARIES: [f64; 9] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0, 60.0];

/// How the endpoint behaves.
#[derive(Debug, Clone)]
pub struct McpOptions {
    /// Whether peers of 2025-11-25 get sessions; without, every request stands alone.
    pub sessions: bool,
}

/// Returns the route `/mcp`. Host, Origin and credentials were checked by the listener's front, so
/// the transport's own lists, which know only loopback names, are not asked. The global meter must
/// be installed before.
pub fn routes(server: McpServer, options: &McpOptions) -> Router {
    let mut sessions = LocalSessionManager::default();
    sessions.session_config.keep_alive = Some(SESSION_IDLE);
    let config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .with_max_request_body_bytes(MAX_BODY)
        .with_legacy_session_mode(options.sessions);
    let sessions = Arc::new(sessions);
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::clone(&sessions), config);
    Router::new()
        .route_service(ROUTE, service)
        .layer(middleware::from_fn_with_state(sessions, admit))
        .layer(middleware::from_fn_with_state(Requests::new(), count))
}

/// Lets in who may do anything here at all, and new sessions as long as there is room for them.
async fn admit(
    State(sessions): State<Arc<LocalSessionManager>>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    if caller.is_anonymous()
        && let Err(error) = caller.require(Scope::Read)
    {
        return plain(&error);
    }
    let headers = request.headers();
    let begins = request.method() == Method::POST
        && !headers.contains_key("mcp-session-id")
        // Requests of 2026-07-28 name their method and have no session.
        && !headers.contains_key("mcp-method");
    if begins && sessions.sessions.read().await.len() >= MAX_SESSIONS {
        let text = format!("there are {MAX_SESSIONS} MCP sessions already; end one, or wait");
        return plain(&Error::unavailable(text, Duration::from_secs(30)));
    }
    next.run(request).await
}

/// Counts and times the endpoint's requests.
#[derive(Clone)]
struct Requests {
    answered: Counter<u64>,
    seconds: Histogram<f64>,
}

impl Requests {
    fn new() -> Self {
        let about = "Answered requests of the MCP endpoint, by method, route and status.";
        let times = "Seconds to the head of the MCP endpoint's answer.";
        Requests {
            answered: counter(names::MCP_HTTP_REQUESTS, about),
            seconds: histogram(names::MCP_HTTP_DURATION, times, BOUNDARIES.to_vec()),
        }
    }
}

async fn count(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    // What else a peer may call a method must not become a label.
    let method = match request.method().as_str() {
        "POST" => "POST",
        "GET" => "GET",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    };
    let begin = Instant::now();
    let response = next.run(request).await;
    let labels = [
        KeyValue::new("method", method),
        KeyValue::new("route", ROUTE),
        KeyValue::new("status_code", response.status().as_str().to_owned()),
    ];
    requests.answered.add(1, &labels);
    requests.seconds.record(begin.elapsed().as_secs_f64(), &labels);
    response
}
