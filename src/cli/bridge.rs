//! Carries MCP messages between a pipe and `/mcp` of an appliance.
//!
//! The pipe has a message a line; the endpoint takes one a request and answers as JSON or as a
//! stream of events. Peers of 2025-11-25 get a session, which is renewed when the appliance was
//! restarted; peers of 2026-07-28 name their version in every message.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use crate::cli::endpoint::Running;
use crate::cli::events::EventReader;
use crate::cli::outcome::Failure;

/// The longest message, either way.
const MAX_MESSAGE: usize = 8 << 20;
/// Messages that may be under way at one time.
const AT_ONCE: usize = 16;
/// The longest silence of the appliance; a scenario may run for 40 s.
const SILENCE: Duration = Duration::from_secs(120);

/// Where a message of 2026-07-28 names its protocol version.
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const SESSION_HEADER: &str = "mcp-session-id";
const VERSION_HEADER: &str = "mcp-protocol-version";

/// One pipe's way to an appliance.
pub(crate) struct Bridge {
    client: reqwest::Client,
    url: String,
    token: Option<String>,
    session: Mutex<Session>,
}

/// What was agreed with a peer of 2025-11-25.
#[derive(Debug, Clone, Default)]
struct Session {
    id: Option<String>,
    version: Option<String>,
    /// The message that began it, to begin again.
    initialize: Option<Value>,
}

impl Bridge {
    /// Prepares the way.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub(crate) fn new(running: Running) -> Result<Self, Failure> {
        let client = reqwest::Client::builder().no_proxy().read_timeout(SILENCE).build();
        let client = client.map_err(|error| Failure::failed(error.to_string()))?;
        let Running { url, token } = running;
        Ok(Bridge { client, url: format!("{url}/mcp"), token, session: Mutex::default() })
    }

    /// Carries messages until `input` ends and every answer was written.
    ///
    /// # Errors
    /// When `input` cannot be read or `output` not be written.
    pub(crate) async fn run(
        &self,
        input: impl AsyncRead + Unpin,
        mut output: impl AsyncWrite + Unpin,
    ) -> Result<(), Failure> {
        let broken = |error| Failure::failed(format!("the pipe is broken: {error}"));
        let mut input = BufReader::new(input);
        let mut under_way = FuturesUnordered::new();
        let mut line = Vec::new();
        let mut open = true;
        while open || !under_way.is_empty() {
            tokio::select! {
                read = read_line(&mut input, &mut line), if open && under_way.len() < AT_ONCE => {
                    open = read.map_err(broken)?;
                    let message = std::mem::take(&mut line);
                    if message.iter().all(u8::is_ascii_whitespace) {
                        continue;
                    }
                    match serde_json::from_slice::<Value>(&message) {
                        Ok(message) if message["method"] == "initialize" => {
                            write(&mut output, self.carry(message).await).await.map_err(broken)?;
                        }
                        Ok(message) => under_way.push(self.carry(message)),
                        Err(error) => {
                            let text = format!("Parse error: {error}");
                            let answer = failure(&Value::Null, -32700, &text);
                            write(&mut output, vec![answer]).await.map_err(broken)?;
                        }
                    }
                }
                Some(answers) = under_way.next(), if !under_way.is_empty() => {
                    write(&mut output, answers).await.map_err(broken)?;
                }
            }
        }
        self.end_session().await;
        Ok(())
    }

    /// Sends one message and returns what came back for the pipe, a line each.
    async fn carry(&self, message: Value) -> Vec<String> {
        let outcome = match self.exchange(&message).await {
            Ok(response) if self.is_lost(&response) => self.begin_again(&message).await,
            outcome => outcome,
        };
        let answers = match outcome {
            Ok(response) => self.answers(&message, response).await,
            Err(error) => Err(error.to_string()),
        };
        match (answers, message.get("id")) {
            (Ok(answers), _) => answers,
            (Err(why), Some(id)) => {
                vec![failure(id, -32000, &format!("the appliance at {}: {why}", self.url))]
            }
            // Nobody waits for the answer to a notification.
            (Err(_), None) => Vec::new(),
        }
    }

    async fn exchange(&self, message: &Value) -> reqwest::Result<Response> {
        let request = self.request(reqwest::Method::POST);
        let request = match message["params"]["_meta"][VERSION_KEY].as_str() {
            Some(version) => stateless(request, message, version),
            None => self.in_session(request),
        };
        let response = request
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .body(message.to_string())
            .send()
            .await
            .map_err(reqwest::Error::without_url)?;
        if message["method"] == "initialize" && response.status().is_success() {
            let id = response.headers().get(SESSION_HEADER);
            let id = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
            let initialize = Some(message.clone());
            *self.session.lock() = Session { id, version: None, initialize };
        }
        Ok(response)
    }

    fn request(&self, method: reqwest::Method) -> RequestBuilder {
        let request = self.client.request(method, &self.url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn in_session(&self, mut request: RequestBuilder) -> RequestBuilder {
        let session = self.session.lock();
        if let Some(id) = &session.id {
            request = request.header(SESSION_HEADER, id);
        }
        if let Some(version) = &session.version {
            request = request.header(VERSION_HEADER, version);
        }
        request
    }

    /// Whether the appliance no longer knows the session.
    fn is_lost(&self, response: &Response) -> bool {
        response.status() == StatusCode::NOT_FOUND && self.session.lock().id.is_some()
    }

    async fn begin_again(&self, message: &Value) -> reqwest::Result<Response> {
        let before = std::mem::take(&mut *self.session.lock());
        if let Some(initialize) = before.initialize {
            self.exchange(&initialize).await?.bytes().await?;
            self.session.lock().version = before.version;
            let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            self.exchange(&ready).await?;
        }
        self.exchange(message).await
    }

    async fn answers(&self, message: &Value, response: Response) -> Result<Vec<String>, String> {
        let status = response.status();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        let answers: Vec<String> = if is_stream {
            events_of(response).await?
        } else {
            let body = body_of(response).await?;
            match serde_json::from_slice::<Value>(&body) {
                Ok(answer) if answer.get("jsonrpc").is_some() => vec![answer.to_string()],
                _ if status.is_success() => Vec::new(),
                _ => {
                    let text = String::from_utf8_lossy(&body);
                    return Err(format!("{status}: {}", text.trim()));
                }
            }
        };
        if message["method"] == "initialize" {
            let agreed = answers.iter().find_map(|answer| {
                let answer: Value = serde_json::from_str(answer).ok()?;
                answer["result"]["protocolVersion"].as_str().map(str::to_owned)
            });
            self.session.lock().version = agreed;
        }
        Ok(answers)
    }

    async fn end_session(&self) {
        if self.session.lock().id.is_none() {
            return;
        }
        let request = self.in_session(self.request(reqwest::Method::DELETE));
        // The appliance forgets idle sessions by itself.
        let _ = request.timeout(Duration::from_secs(2)).send().await;
    }
}

/// Names in headers what the message says, as 2026-07-28 asks.
fn stateless(request: RequestBuilder, message: &Value, version: &str) -> RequestBuilder {
    let params = &message["params"];
    let method = message["method"].as_str().unwrap_or_default();
    let mut request = request.header(VERSION_HEADER, version).header("mcp-method", method);
    if let Some(name) = params["name"].as_str().or_else(|| params["uri"].as_str()) {
        request = request.header("mcp-name", name);
    }
    request
}

async fn body_of(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > MAX_MESSAGE {
            return Err(format!("the answer is larger than {MAX_MESSAGE} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn events_of(mut response: Response) -> Result<Vec<String>, String> {
    let mut reader = EventReader::new(MAX_MESSAGE);
    let mut messages = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        messages.extend(reader.push(&chunk)?);
    }
    Ok(messages)
}

fn lost(error: reqwest::Error) -> String {
    error.without_url().to_string()
}

/// Appends to `line` up to the next line's end, which is cut; false at the end of input. May be
/// dropped and called again with the same `line`.
async fn read_line(
    input: &mut (impl AsyncBufReadExt + Unpin),
    line: &mut Vec<u8>,
) -> std::io::Result<bool> {
    let room = (MAX_MESSAGE + 1).saturating_sub(line.len()) as u64;
    let read = input.take(room).read_until(b'\n', line).await?;
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(true);
    }
    if line.len() > MAX_MESSAGE {
        let text = format!("a message is longer than {MAX_MESSAGE} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, text));
    }
    Ok(read > 0)
}

async fn write(
    output: &mut (impl AsyncWrite + Unpin),
    answers: Vec<String>,
) -> std::io::Result<()> {
    for answer in answers {
        output.write_all(answer.as_bytes()).await?;
        output.write_all(b"\n").await?;
    }
    output.flush().await
}

fn failure(id: &Value, code: i32, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_told_apart_by_line_ends_and_capped() {
        let mut input = BufReader::new(&b"{}\n\nlast"[..]);
        let mut line = Vec::new();
        assert!(read_line(&mut input, &mut line).await.unwrap());
        assert_eq!(std::mem::take(&mut line), b"{}");
        assert!(read_line(&mut input, &mut line).await.unwrap() && line.is_empty());
        read_line(&mut input, &mut line).await.unwrap();
        assert_eq!(std::mem::take(&mut line), b"last");
        assert!(!read_line(&mut input, &mut line).await.unwrap());
        let long = vec![b'x'; MAX_MESSAGE + 2];
        assert!(read_line(&mut BufReader::new(&long[..]), &mut line).await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_message_and_an_appliance_that_is_gone_are_answered() {
        let running = Running { url: "http://127.0.0.1:9".to_owned(), token: None };
        let bridge = Bridge::new(running).unwrap();
        let input = b"not json\n{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}\n".as_slice();
        let mut output = Vec::new();
        bridge.run(input, &mut output).await.unwrap();
        let text = String::from_utf8(output).unwrap();
        let answers: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers[0]["error"]["code"], -32700);
        assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(7), &json!(-32000)));
    }
}
