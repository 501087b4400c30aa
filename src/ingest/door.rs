//! Where a batch came in, and where it goes.

use std::sync::Arc;

use crate::storage::log_store::LogStore;
use crate::storage::metric_store::MetricStore;
use crate::storage::trace_store::TraceStore;

/// The way a batch came in: a closed set, because it labels counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// OTLP over HTTP, protobuf or JSON.
    OtlpHttp,
    /// OTLP over gRPC.
    OtlpGrpc,
    /// Prometheus remote write.
    RemoteWrite,
    /// Our own scrape loop.
    Scrape,
    /// Elasticsearch's document and bulk APIs.
    Elasticsearch,
    /// Jaeger's collector, thrift over HTTP.
    JaegerThrift,
    /// Our own host metrics.
    Host,
    /// What the appliance says of itself.
    Own,
    /// What MCP tools record.
    Mcp,
    /// What rules record.
    Rules,
    /// History that `belvedere import` carries in.
    Import,
}

impl Door {
    /// Returns the door's word in counters and in the index name `logs-<door>-default`.
    pub fn as_str(self) -> &'static str {
        match self {
            Door::OtlpHttp => "otlp_http",
            Door::OtlpGrpc => "otlp_grpc",
            Door::RemoteWrite => "remote_write",
            Door::Scrape => "scrape",
            Door::Elasticsearch => "elasticsearch",
            Door::JaegerThrift => "jaeger_thrift",
            Door::Host => "host",
            Door::Own => "own",
            Door::Mcp => "mcp",
            Door::Rules => "rules",
            Door::Import => "import",
        }
    }

    /// Returns the index that records get when their door did not name one.
    pub fn default_index(self) -> String {
        format!("logs-{}-default", self.as_str())
    }
}

/// The stores behind the door.
#[derive(Clone)]
pub struct Stores {
    /// Takes metrics.
    pub metrics: Arc<dyn MetricStore>,
    /// Takes logs.
    pub logs: Arc<dyn LogStore>,
    /// Takes spans.
    pub traces: Arc<dyn TraceStore>,
}
