//! Agents that ask the appliance over MCP, and whose own spans join those of the tools.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::base::task::TaskGroup;
use crate::demo::dice::Dice;
use crate::demo::mcp_client::{Answer, McpClient};
use crate::demo::weave::{Pairs, attributes};
use crate::ingest::{Door, Ingest};
use crate::model::batch::{LogBatch, LogOp, SpanBatch};
use crate::model::log::{LogRecord, Severity};
use crate::model::resource::{AttrValue, Attributes, Resource, Scope};
use crate::model::time::TimestampNs;
use crate::model::trace::{Span, SpanId, SpanKind, Status, StatusCode, TraceId};

pub use crate::demo::mcp_client::McpEndpoint;

/// How long an agent thinks between two tasks, in seconds.
const THINKS: (f64, f64) = (3.0, 8.0);
/// Tasks of one session.
const TASKS: usize = 12;
/// How a task ends that went well.
const ANSWERED: &str = "answered";
/// How long to wait for an appliance that does not answer.
const AWAY: Duration = Duration::from_secs(5);

/// A step of a task: a tool and its arguments.
type Step = (&'static str, Value);

/// What agents are asked to do; some of it goes wrong, as it does.
fn tasks() -> Vec<(&'static str, Vec<Step>)> {
    let errors = "sum by (job) (rate(http_server_request_duration_seconds_count\
                  {http_response_status_code=~\"5..\"}[1m]))";
    let p95 = "histogram_quantile(0.95, sum by (le) (rate(\
               http_server_request_duration_seconds_bucket{job=\"checkout\"}[1m])))";
    let search = |query: &str| ("logs_search", json!({"query": query, "limit": 5}));
    let metrics = |query: &str| ("metrics_query", json!({ "query": query }));
    vec![
        (
            "why do checkouts fail?",
            vec![
                metrics(errors),
                search("severity:error AND service.name:checkout"),
                // The trace of the first record that was found.
                ("trace_get", json!({})),
            ],
        ),
        ("how slow is the checkout?", vec![metrics(p95)]),
        (
            "how many orders were placed?",
            vec![metrics("sum by (status) (increase(orders_total[10m]))")],
        ),
        ("what was earned today?", vec![metrics("sum(increase(revenue_euros_total[1h]))")]),
        ("which hosts are busy?", vec![metrics("node_load1")]),
        ("send the daily sales report", vec![("run-scenario", json!({"scenarioId": 1_202}))]),
        ("warn of low stock", vec![("run-scenario", json!({"scenarioId": 1_203}))]),
        (
            "put today's reviews into the sheet",
            vec![("run-scenario", json!({"scenarioId": 1_206}))],
        ),
        ("is the refund scenario on?", vec![("get-scenario", json!({"scenarioId": 1_207}))]),
        ("which scenarios are there?", vec![("list-scenarios", json!({"limit": 50}))]),
        ("is the order scenario on?", vec![("get-scenario", json!({"scenarioId": 1_204}))]),
        (
            "refund order 70311",
            vec![("run-scenario", json!({"scenarioId": 1_207, "data": {"order": 70_311}}))],
        ),
        ("book today's orders", vec![("run-scenario", json!({"scenarioId": 1_205}))]),
        ("import the newsletter", vec![("run-scenario", json!({"scenarioId": 1_208}))]),
        ("open scenario 9999", vec![("get-scenario", json!({"scenarioId": 9_999}))]),
        (
            "how much memory has the cart?",
            vec![metrics("process_resident_memory_bytes{job=\"cart\"")],
        ),
        ("what did the cart say?", vec![search("service.name:cart AND NOT severity:info")]),
        ("delete scenario 1208", vec![("delete-scenario", json!({"scenarioId": 1_208}))]),
    ]
}

/// Agents of the shop's people.
pub struct Agents {
    /// The door in for their own spans and log lines.
    pub ingest: Ingest,
    /// Tells the time.
    pub clock: SharedClock,
    /// Where they ask.
    pub endpoint: McpEndpoint,
    /// Decides what they ask when.
    pub seed: u64,
}

impl Agents {
    /// Starts each agent in a task of `tasks`; they end when the group stops.
    ///
    /// # Errors
    /// `Internal` when no HTTP client can be built.
    pub fn start(self, group: &TaskGroup) -> Result<()> {
        for (place, name) in ["support-agent", "ops-copilot"].into_iter().enumerate() {
            let resource = Resource {
                attributes: attributes(&[
                    ("service.name", name.into()),
                    ("service.version", "0.4.0".into()),
                    ("deployment.environment.name", "demo".into()),
                    ("telemetry.sdk.language", "python".into()),
                ]),
            };
            let agent = Agent {
                name,
                ingest: self.ingest.clone(),
                clock: Arc::clone(&self.clock),
                client: McpClient::new(self.endpoint.clone())?,
                dice: Dice::of_seed(self.seed.wrapping_add(place as u64)),
                resource: Arc::new(resource),
            };
            group.spawn("demo agent", agent.run(group.stop_token()));
        }
        Ok(())
    }
}

struct Agent {
    name: &'static str,
    ingest: Ingest,
    clock: SharedClock,
    client: McpClient,
    dice: Dice,
    resource: Arc<Resource>,
}

impl Agent {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => None,
                ended = self.session() => Some(ended),
            };
            let Some(ended) = ended else { break };
            if let Err(error) = ended {
                tracing::warn!(agent = self.name, %error, "the demo's agent was not answered");
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = self.clock.sleep(AWAY) => {}
                }
            }
        }
        self.client.end().await;
    }

    async fn session(&mut self) -> Result<()> {
        self.client.begin(self.name).await?;
        let tasks = tasks();
        for _ in 0..TASKS {
            let (question, steps) = &tasks[self.dice.below(tasks.len())];
            self.work(question, steps).await?;
            let thinks = self.dice.between(THINKS.0, THINKS.1);
            self.clock.sleep(Duration::from_secs_f64(thinks)).await;
        }
        self.client.end().await;
        Ok(())
    }

    /// Does one task: one trace, to which the tools' own spans belong.
    async fn work(&mut self, question: &str, steps: &[Step]) -> Result<()> {
        let trace_id = TraceId(self.dice.id());
        let mut root = self.span(trace_id, None, SpanKind::Internal, "invoke_agent");
        say(
            &mut root,
            &[
                ("gen_ai.operation.name", "invoke_agent".into()),
                ("gen_ai.agent.name", self.name.into()),
            ],
        );
        let mut spans = vec![self.chat(trace_id, root.span_id).await];
        let mut found_trace = String::new();
        let mut outcome = ANSWERED.to_owned();
        for (tool, arguments) in steps {
            let mut arguments = arguments.clone();
            if *tool == "trace_get" {
                if found_trace.is_empty() {
                    break;
                }
                arguments = json!({ "trace_id": found_trace });
            }
            let name = format!("execute_tool {tool}");
            let mut span = self.span(trace_id, Some(root.span_id), SpanKind::Client, &name);
            say(
                &mut span,
                &[
                    ("gen_ai.operation.name", "execute_tool".into()),
                    ("gen_ai.tool.name", (*tool).into()),
                    ("mcp.method.name", "tools/call".into()),
                ],
            );
            let traceparent = format!("00-{trace_id}-{}-01", span.span_id);
            let answer = self.client.call(tool, &arguments, &traceparent).await?;
            span.end = TimestampNs(self.clock.now_ns());
            match answer {
                Answer::Result(result) => {
                    let first = result["records"][0]["trace_id"].as_str().unwrap_or_default();
                    first.clone_into(&mut found_trace);
                }
                Answer::ToolError(why) | Answer::ProtocolError(why) => {
                    fail(&mut span, &why);
                    outcome = why;
                }
            }
            spans.push(span);
        }
        root.end = TimestampNs(self.clock.now_ns());
        let line = self.line(&root, question, &outcome);
        spans.push(root);
        self.tell(spans, line).await;
        Ok(())
    }

    fn span(
        &mut self,
        trace_id: TraceId,
        parent: Option<SpanId>,
        kind: SpanKind,
        name: &str,
    ) -> Span {
        let now = TimestampNs(self.clock.now_ns());
        Span {
            trace_id,
            span_id: SpanId(self.dice.id()),
            parent_span_id: parent,
            trace_state: String::new(),
            flags: 1,
            name: name.to_owned(),
            kind,
            start: now,
            end: now,
            attributes: Attributes::default(),
            events: Vec::new(),
            links: Vec::new(),
            status: Status::default(),
            resource: Arc::clone(&self.resource),
            scope: Arc::new(Scope { name: "demo-agent".to_owned(), ..Scope::default() }),
        }
    }

    /// The question to a model that decides which tool to call.
    async fn chat(&mut self, trace_id: TraceId, parent: SpanId) -> Span {
        let mut span = self.span(trace_id, Some(parent), SpanKind::Client, "chat demo-model");
        let (input, output) = (300 + self.dice.below(900), 40 + self.dice.below(120));
        say(
            &mut span,
            &[
                ("gen_ai.operation.name", "chat".into()),
                ("gen_ai.request.model", "demo-model".into()),
                ("gen_ai.usage.input_tokens", AttrValue::Int(input as i64)),
                ("gen_ai.usage.output_tokens", AttrValue::Int(output as i64)),
            ],
        );
        let thinks = self.dice.around(0.4, 0.4).min(3.0);
        self.clock.sleep(Duration::from_secs_f64(thinks)).await;
        span.end = TimestampNs(self.clock.now_ns());
        span
    }

    fn line(&self, root: &Span, question: &str, outcome: &str) -> LogRecord {
        let is_good = outcome == ANSWERED;
        let body = format!("task {question:?}: {outcome}");
        let mut record = LogRecord::new(root.end, body);
        record.severity = if is_good { Severity::INFO } else { Severity::WARN };
        record.severity_text = record.severity.word().to_owned();
        record.trace_id = Some(root.trace_id);
        record.span_id = Some(root.span_id);
        record.resource = Arc::clone(&self.resource);
        record.attributes = attributes(&[
            ("gen_ai.agent.name", self.name.into()),
            ("task.question", question.into()),
        ]);
        record
    }

    /// What is refused is lost; ingest counts it.
    async fn tell(&self, spans: Vec<Span>, line: LogRecord) {
        let put = LogOp::Put { record: Box::new(line), replace: false };
        let spans = self.ingest.traces(Door::OtlpHttp, SpanBatch { spans });
        let lines = self.ingest.logs(Door::OtlpHttp, LogBatch { ops: vec![put] });
        let (spans, lines) = tokio::join!(spans, lines);
        for error in [spans.err(), lines.err()].into_iter().flatten() {
            tracing::warn!(agent = self.name, %error, "the demo's telemetry was refused");
        }
    }
}

fn say(span: &mut Span, pairs: Pairs<'_>) {
    for (key, value) in pairs {
        span.attributes.set(key, value.clone());
    }
}

fn fail(span: &mut Span, why: &str) {
    span.status = Status { code: StatusCode::Error, message: why.to_owned() };
    span.attributes.set("error.type", "tool_error".into());
}
