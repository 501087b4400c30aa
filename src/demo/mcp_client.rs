//! Just enough of an MCP client: streamable HTTP, one session, protocol 2025-11-25.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::base::error::{Error, ErrorKind, Result};
use crate::base::secret::Secret;

const VERSION: &str = "2025-11-25";
const SESSION_HEADER: &str = "mcp-session-id";
/// Longer than any tool takes.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest answer that is read.
const MAX_ANSWER: usize = 1 << 20;

/// Where MCP is spoken, and the token that opens it.
#[derive(Debug, Clone)]
pub struct McpEndpoint {
    /// The URL of the endpoint.
    pub url: String,
    /// A bearer token.
    pub token: Secret,
}

/// What became of a tool call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The tool's structured result.
    Result(Value),
    /// The tool said that it failed.
    ToolError(String),
    /// The call was no good call.
    ProtocolError(String),
}

/// A client in a session.
pub(crate) struct McpClient {
    http: reqwest::Client,
    endpoint: McpEndpoint,
    session: Option<String>,
    sent: u64,
}

impl McpClient {
    /// Creates a client that has no session yet.
    ///
    /// # Errors
    /// `Internal` when no HTTP client can be built.
    pub(crate) fn new(endpoint: McpEndpoint) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Error::internal(format!("no HTTP client: {error}")))?;
        Ok(McpClient { http, endpoint, session: None, sent: 0 })
    }

    /// Begins a session as `name` and lists the tools; returns how many there are.
    ///
    /// # Errors
    /// `Unavailable` when the appliance does not answer as MCP says; likewise below.
    pub(crate) async fn begin(&mut self, name: &str) -> Result<usize> {
        let hello = json!({
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": {"name": name, "version": env!("CARGO_PKG_VERSION")},
        });
        self.session = None;
        self.ask("initialize", hello).await?;
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        self.send(&ready).await?;
        let listed = self.ask("tools/list", json!({})).await?;
        Ok(listed["result"]["tools"].as_array().map_or(0, Vec::len))
    }

    /// Calls a tool within the trace of `traceparent`.
    pub(crate) async fn call(
        &mut self,
        tool: &str,
        arguments: &Value,
        traceparent: &str,
    ) -> Result<Answer> {
        let params = json!({
            "name": tool,
            "arguments": arguments,
            "_meta": {"traceparent": traceparent},
        });
        let mut answer = self.ask("tools/call", params).await?;
        if let Some(error) = answer.get("error") {
            let text = error["message"].as_str().unwrap_or("no reason given");
            return Ok(Answer::ProtocolError(text.to_owned()));
        }
        let result = answer["result"].take();
        Ok(match result["isError"] == true {
            true => {
                let text = result["content"][0]["text"].as_str().unwrap_or("no reason given");
                Answer::ToolError(text.to_owned())
            }
            false => Answer::Result(result["structuredContent"].clone()),
        })
    }

    /// Ends the session.
    pub(crate) async fn end(&mut self) {
        if let Some(session) = self.session.take() {
            let request = self.request(Method::DELETE).header(SESSION_HEADER, session);
            // The appliance forgets idle sessions by itself.
            let _ = request.send().await;
        }
    }

    async fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        self.sent += 1;
        let id = self.sent;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let response = self.send(&message).await?;
        if let Some(session) = response.headers().get(SESSION_HEADER) {
            self.session = session.to_str().ok().map(str::to_owned);
        }
        let text = body(response).await?;
        let answers = text.lines().map(|line| line.strip_prefix("data:").unwrap_or(line));
        let mut parsed = answers.filter_map(|text| serde_json::from_str::<Value>(text).ok());
        parsed.find(|answer| answer["id"] == id).ok_or_else(|| lost("there is no answer"))
    }

    async fn send(&self, message: &Value) -> Result<Response> {
        let mut request = self
            .request(Method::POST)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .header("mcp-protocol-version", VERSION);
        if let Some(session) = &self.session {
            request = request.header(SESSION_HEADER, session);
        }
        let response = request.body(message.to_string()).send().await.map_err(unreachable)?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(lost(&format!("it answered {status}"))),
        }
    }

    fn request(&self, method: Method) -> RequestBuilder {
        self.http.request(method, &self.endpoint.url).bearer_auth(self.endpoint.token.expose())
    }
}

async fn body(mut response: Response) -> Result<String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(lost("the answer is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn unreachable(error: reqwest::Error) -> Error {
    lost(&error.without_url().to_string())
}

fn lost(why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the MCP endpoint: {why}"))
}
