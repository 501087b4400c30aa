//! Every call as a span, a metric and a log line, under the origin's names and OpenTelemetry's.

use std::future::Future;

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::telemetry::instruments::{counter, histogram};
use crate::telemetry::names;

/// Buckets of OpenTelemetry's MCP conventions, in seconds.
const BOUNDARIES: [f64; 14] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// Counts and times tool calls.
pub(crate) struct Observer {
    clock: SharedClock,
    executions: Counter<u64>,
    seconds: Histogram<f64>,
    operations: Histogram<f64>,
}

impl Observer {
    /// Builds the instruments; the global meter must be installed before.
    pub(crate) fn new(clock: SharedClock) -> Self {
        let bounds = || BOUNDARIES.to_vec();
        Observer {
            clock,
            executions: counter(names::TOOL_EXECUTIONS, "Tool calls by tool and status."),
            seconds: histogram(
                names::TOOL_DURATION,
                "Seconds of tool calls by tool and status.",
                bounds(),
            ),
            operations: histogram(
                names::MCP_OPERATION_DURATION,
                "Seconds of MCP requests, by OpenTelemetry's conventions.",
                bounds(),
            ),
        }
    }

    /// Runs one tool call. `tool` is a name of the catalogue, so that labels stay a finite set.
    /// Where the request named its `parent` (SEP-414), the call belongs to that trace, and the
    /// span of the HTTP request, which is current here, is only linked.
    pub(crate) async fn call<T>(
        &self,
        tool: &'static str,
        parent: Option<SpanContext>,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let span = tracing::info_span!(
            "tools/call",
            otel.name = format!("tools/call {tool}"),
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            mcp.method.name = "tools/call",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = tool,
            error.r#type = tracing::field::Empty,
        );
        if let Some(parent) = parent {
            let transport = Span::current().context().span().span_context().clone();
            if span.set_parent(Context::new().with_remote_span_context(parent)).is_ok()
                && transport.is_valid()
            {
                span.add_link(transport);
            }
        }
        let begin = self.clock.now_ns();
        let outcome = call.instrument(span.clone()).await;
        let seconds = self.clock.now_ns().saturating_sub(begin) as f64 / 1e9;
        let status = if outcome.is_ok() { "success" } else { "error" };
        let labels = [KeyValue::new("tool_name", tool), KeyValue::new("status", status)];
        self.executions.add(1, &labels);
        self.seconds.record(seconds, &labels);
        let method = KeyValue::new("mcp_method_name", "tools/call");
        self.operations.record(seconds, &[method, KeyValue::new("gen_ai_tool_name", tool)]);
        let _inside = span.enter();
        match &outcome {
            Ok(_) => tracing::info!(tool, seconds, "tool call answered"),
            Err(error) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", error.kind().as_str());
                tracing::warn!(tool, seconds, %error, "tool call failed");
            }
        }
        outcome
    }
}

/// Reads W3C's `traceparent`; nothing for what is none or says nothing.
pub(crate) fn parent_of(traceparent: &str) -> Option<SpanContext> {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let [version, trace, span, flags, rest @ ..] = parts.as_slice() else { return None };
    let later = *version != "00";
    let sizes = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2);
    if !sizes || *version == "ff" || (!later && !rest.is_empty()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_taken_whole_or_not_at_all() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = parent_of(good).unwrap();
        assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(context.is_sampled() && context.is_remote());
        for wrong in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-zaf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(parent_of(wrong).is_none(), "{wrong}");
        }
    }
}
