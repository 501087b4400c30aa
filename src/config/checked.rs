//! The checked configuration: every part in its room's own words.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::access::AccessRules;
use crate::alerting::AlertingConfig;
use crate::base::size::ByteSize;
use crate::collect::scrape::ScrapeJob;
use crate::config::address::CompatListener;
use crate::ingest::IngestLimits;
use crate::make::MakeConfig;
use crate::model::labels::Labels;
use crate::rules::{GroupDefinition, Pack};
use crate::telemetry::logging::{LogFormat, LogLevel};

/// Where data lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageKind {
    /// In the data directory.
    Disk,
    /// In memory only; gone at the end.
    Memory,
}

impl StorageKind {
    /// Returns the word of `--storage`.
    pub fn as_str(self) -> &'static str {
        match self {
            StorageKind::Disk => "disk",
            StorageKind::Memory => "memory",
        }
    }
}

/// Everything the appliance is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where files live.
    pub data_dir: PathBuf,
    /// Whether there are files.
    pub storage: StorageKind,
    /// How events are written to standard error.
    pub log_format: LogFormat,
    /// Which events are written.
    pub log_level: LogLevel,
    /// Where to listen, and to whom.
    pub listen: Listen,
    /// The URL under which people reach the appliance.
    pub external_url: Option<String>,
    /// Who is let in.
    pub access: AccessRules,
    /// What may be used up.
    pub budget: Budget,
    /// How long data is kept.
    pub retention: Retention,
    /// The longest a group commit may wait for company. The log never waits for any, so every bound
    /// holds.
    pub commit_window: Duration,
    /// Of the metric store and queries.
    pub metrics: Metrics,
    /// What the door lets in; bounds that follow from other sections are set where it is built.
    pub ingest: IngestLimits,
    /// Own telemetry: whether it is stored, and which share of traces.
    pub own: Own,
    /// What scrape jobs share.
    pub global: Global,
    /// What is scraped.
    pub scrape: Vec<ScrapeJob>,
    /// What is recorded and what raises alerts.
    pub rules: Rules,
    /// Whom to tell of alerts.
    pub alerting: AlertingConfig,
    /// Metrics of this machine.
    pub host: Host,
    /// The Make.com account, when there is one.
    pub make: Option<Make>,
    /// The MCP server.
    pub mcp: Mcp,
    /// What was understood and not followed, for the log.
    pub warnings: Vec<String>,
}

/// Where to listen, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Everything; the only listener whose failure to bind is fatal.
    pub http: SocketAddr,
    /// OTLP over gRPC; `None` when it is off.
    pub otlp_grpc: Option<SocketAddr>,
    /// OTLP over HTTP; `None` when it is off.
    pub otlp_http: Option<SocketAddr>,
    /// Further listeners.
    pub compat: Vec<CompatListener>,
    /// Known hosts besides loopback names and the external URL's.
    pub allowed_hosts: Vec<String>,
    /// Whether addresses beyond loopback are open without `auth`.
    pub insecure: bool,
}

/// What may be used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Anonymous memory. The queries of metrics may hold a quarter of it, those of rules an eighth.
    pub memory: ByteSize,
    /// Allocated bytes on disk.
    pub disk: ByteSize,
    /// The longest a query may take.
    pub query_timeout: Duration,
    /// The most samples a query may read.
    pub query_samples: u64,
}

/// How long data is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Samples.
    pub metrics: Duration,
    /// Log records.
    pub logs: Duration,
    /// Spans.
    pub traces: Duration,
}

/// Of the metric store and queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// How much older than the newest sample another may be.
    pub out_of_order_window: Duration,
    /// How far an instant query looks back.
    pub lookback_delta: Duration,
    /// The most series that are active at one time.
    pub max_active_series: u64,
}

/// Own telemetry.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    /// Whether own metrics, logs and spans go into the own stores.
    pub enabled: bool,
    /// The share of own traces that is kept, 0 to 1.
    pub sampling: f64,
}

/// What scrape jobs and rules share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// How often.
    pub scrape_interval: Duration,
    /// How long a scrape may take.
    pub scrape_timeout: Duration,
    /// How often rules are evaluated.
    pub evaluation_interval: Duration,
    /// How far rules look into the past.
    pub rule_query_offset: Duration,
    /// Labels that tell this appliance from others.
    pub external_labels: Labels,
}

/// What is recorded and what raises alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The patterns of rule files, as written.
    pub files: Vec<String>,
    /// The shipped packs that are on.
    pub packs: Vec<Pack>,
    /// The groups of both.
    pub groups: Vec<GroupDefinition>,
}

/// Metrics of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Whether they are collected.
    pub enabled: bool,
    /// How often.
    pub interval: Duration,
}

/// The Make.com account.
#[derive(Debug, Clone)]
pub struct Make {
    /// How to reach it.
    pub client: MakeConfig,
    /// What tools may do.
    pub tools: MakeTools,
}

/// What tools may do with Make.com.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MakeTools {
    /// There are none.
    Off,
    /// See scenarios.
    Read,
    /// And change them.
    Write,
    /// And run them.
    Run,
}

impl MakeTools {
    /// Every level.
    pub const ALL: [MakeTools; 4] =
        [MakeTools::Off, MakeTools::Read, MakeTools::Write, MakeTools::Run];

    /// Returns the word in `make.tools`.
    pub fn as_str(self) -> &'static str {
        match self {
            MakeTools::Off => "off",
            MakeTools::Read => "read",
            MakeTools::Write => "write",
            MakeTools::Run => "run",
        }
    }
}

/// The MCP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mcp {
    /// Whether peers of 2025-11-25 get sessions.
    pub sessions: bool,
    /// Web origins that may call `/mcp`.
    pub allowed_origins: Vec<String>,
}
