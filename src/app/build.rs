//! From the configuration to an appliance that serves.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::access::{AccessRules, Authenticator, Scopes, Token, TokenDigest};
use crate::alerting::Alerting;
use crate::app::addresses::Addresses;
use crate::app::alerting::{self, FromRules};
use crate::app::backup::Backups;
use crate::app::data_dir::DataDir;
use crate::app::doors::Doors;
use crate::app::endpoint::Endpoint;
use crate::app::listeners::{self, Bound};
use crate::app::memory;
use crate::app::own_routes::ReloadRequest;
use crate::app::process::ThisProcess;
use crate::app::rules;
use crate::app::stores::OpenStores;
use crate::app::targets::ScrapedTargets;
use crate::app::telemetry::Telemetry;
use crate::app::upkeep::Upkeep;
use crate::app::welcome;
use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::base::shutdown::{Phase, Readiness};
use crate::base::size::ByteSize;
use crate::base::task::TaskGroup;
use crate::collect::host;
use crate::collect::own::{self, OwnTelemetry};
use crate::collect::scrape::Scraper;
use crate::config::{self, Config, MakeTools, StorageKind};
use crate::http::front::Front;
use crate::http::guard::GuardPolicy;
use crate::http::listener::{self, ListenerLimits};
use crate::http::observe::RequestInstruments;
use crate::ingest::{Ingest, IngestLimits, SeriesLimits};
use crate::make::MakeClient;
use crate::mcp::{McpOptions, McpServer};
use crate::model::time::TimestampMs;
use crate::protocols::otlp::OtlpState;
use crate::protocols::prometheus::WriteMemory;
use crate::rules::{AlertSink, Ruler};
use crate::service::{ApplianceFacts, MakeService, QueryLimits, ServiceParts, Services};

/// A running appliance.
pub struct App {
    pub(crate) readiness: Readiness,
    pub(crate) data_dir: DataDir,
    pub(crate) stores: OpenStores,
    pub(crate) scraper: Scraper,
    pub(crate) ingest: Ingest,
    pub(crate) ruler: Ruler,
    pub(crate) alerting: Alerting,
    /// What runs by itself: scrapes, rules, host metrics, upkeep.
    pub(crate) timers: TaskGroup,
    /// Listeners and their connections.
    pub(crate) servers: TaskGroup,
    /// The appliance's own telemetry.
    pub(crate) own: TaskGroup,
    pub(crate) reloads: Option<mpsc::Receiver<ReloadRequest>>,
    addresses: Addresses,
    in_memory: bool,
}

/// Wishes to reload that wait; further askers wait for their turn.
const RELOADS: usize = 4;

/// The part of the memory budget that metric queries may hold.
const QUERIES_PART: u64 = 4;

/// The part of the memory budget that kept answers of range queries may take, and the least of it.
const RESULTS_PART: u64 = 32;
const LEAST_RESULTS: ByteSize = ByteSize::mib(1);

impl App {
    /// Claims the data directory, binds, opens the stores, joins every room and serves. Needs a
    /// runtime.
    ///
    /// # Errors
    /// `Conflict` when another appliance has the directory, `Unavailable` when the main address is
    /// taken, and those of the stores.
    pub async fn build(config: Config, clock: SharedClock, telemetry: Telemetry) -> Result<Self> {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        let data_dir = DataDir::claim(&config.data_dir)?;
        // A life that was killed could not take its file back.
        Endpoint::remove(data_dir.path());
        let bound = listeners::bind(&config.listen).await?;
        let addresses = Addresses::of(&bound);
        let stores = OpenStores::open(&config, &data_dir, Arc::clone(&clock)).await?;
        let ingest = Ingest::new(stores.for_ingest(), ingest_limits(&config), Arc::clone(&clock));
        let (timers, servers, own) = (TaskGroup::new(), TaskGroup::new(), TaskGroup::new());
        let scraper = Scraper::new(ingest.clone(), Arc::clone(&clock), timers.clone())?;
        let readiness = Readiness::new();
        let (reload_sender, reloads) = mpsc::channel(RELOADS);
        let alerting = alerting::open(&config, &stores, &addresses, Arc::clone(&clock)).await?;
        let sink: Arc<dyn AlertSink> = Arc::new(FromRules(alerting.clone()));
        let ruler = {
            let (ingest, clock) = (ingest.clone(), Arc::clone(&clock));
            rules::ruler(&config, &stores, ingest, sink, clock, (&addresses, &timers))
        };
        let services = services(
            &config,
            &stores,
            &scraper,
            (&ruler, &alerting),
            &ingest,
            (Arc::clone(&clock), &timers),
        );
        let mcp = McpServer::new(services.clone(), make(&config, &clock)?, Arc::clone(&clock));
        // An eighth of the memory may hold labels that senders repeat; most of it is the index's.
        let label_bytes = usize::try_from(config.budget.memory.0 / 8).unwrap_or(usize::MAX);
        let metrics = services.metrics.clone();
        let doors = Doors {
            services,
            mcp,
            mcp_options: McpOptions { sessions: config.mcp.sessions },
            ingest: ingest.clone(),
            otlp: OtlpState::new(ingest.clone()),
            written: Arc::new(WriteMemory::new(label_bytes)),
            clock: Arc::clone(&clock),
            readiness: readiness.clone(),
            metrics: telemetry.metrics.clone(),
            external_labels: config.global.external_labels.clone(),
            backups: Backups::new(stores.clone(), data_dir.path(), Arc::clone(&clock)),
            orders: servers.clone(),
            reloads: reload_sender,
        };
        let token = local_token();
        let front = front(&config, &token)?;
        let instance = bound[0].address.to_string();
        for Bound { served, socket, .. } in bound {
            let router = doors.router(served, front.clone());
            listener::serve(socket, router, ListenerLimits::default(), &servers);
        }
        if let Some(recorder) = telemetry.recorder {
            let (ingest, clock) = (ingest.clone(), Arc::clone(&clock));
            let interval = config.global.scrape_interval;
            own::start(recorder, OwnTelemetry { ingest, clock, interval, instance }, &own);
        }
        if config.host.enabled {
            host::start(ingest.clone(), Arc::clone(&clock), config.host.interval, &timers);
        }
        scraper.apply(&config.scrape);
        alerting.start(&timers);
        ruler.apply(&config.rules.groups);
        let (watched, memory) = (stores.clone(), config.budget.memory);
        let users = (ingest.clone(), metrics);
        let memory_is_short =
            memory::watch_budget(watched, users, memory, Arc::clone(&clock), &timers);
        let upkeep = Upkeep::new(stores.clone(), &config, ingest.clone(), clock);
        upkeep.start(memory_is_short, &timers);
        endpoint(&addresses, token).write(data_dir.path())?;
        readiness.set(Phase::Ready);
        tracing::info!(http = addresses.http, "ready");
        let (reloads, in_memory) = (Some(reloads), config.storage == StorageKind::Memory);
        Ok(App {
            readiness,
            data_dir,
            stores,
            scraper,
            ingest,
            ruler,
            alerting,
            timers,
            servers,
            own,
            reloads,
            addresses,
            in_memory,
        })
    }

    /// Returns where the appliance answers.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Returns what a person reads after the start: addresses and the next three steps.
    pub fn welcome(&self) -> String {
        welcome::text(&self.addresses, self.data_dir.path(), self.in_memory)
    }
}

fn endpoint(addresses: &Addresses, token: String) -> Endpoint {
    let Addresses { http, otlp_http, otlp_grpc } = addresses.clone();
    Endpoint { http, otlp_http, otlp_grpc, pid: std::process::id(), token }
}

/// Makes the token of this life, which `endpoint.json` tells to its owner.
fn local_token() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn front(config: &Config, local: &str) -> Result<Front> {
    let mut guard = GuardPolicy::loopback();
    for host in &config.listen.allowed_hosts {
        guard = guard.allow_host(host);
    }
    if let Some(url) = &config.external_url {
        guard = guard.allow_external_url(url)?;
    }
    for origin in &config.mcp.allowed_origins {
        guard = guard.allow_origin_below("/mcp", origin)?;
    }
    let AccessRules { mut tokens, users, anonymous } = config.access.clone();
    let digest = TokenDigest::of(local);
    tokens.push(Token { name: "local".to_owned(), digest, scopes: Scopes::all() });
    Ok(Front {
        guard: Arc::new(guard),
        authenticator: Authenticator::new(AccessRules { tokens, users, anonymous }),
        instruments: RequestInstruments::new(),
    })
}

/// The Make.com account, where one is configured and tools may see it.
fn make(config: &Config, clock: &SharedClock) -> Result<Option<MakeService>> {
    let Some(make) = config.make.as_ref().filter(|make| make.tools != MakeTools::Off) else {
        return Ok(None);
    };
    let client = MakeClient::new(make.client.clone(), Arc::clone(clock))?;
    Ok(Some(MakeService::new(client, make.tools == MakeTools::Run)))
}

/// A quarter of the memory may be filled by batches that are on their way in.
fn ingest_limits(config: &Config) -> IngestLimits {
    let usual = config.ingest.clone();
    let in_flight = ByteSize(config.budget.memory.0 / 4).min(usual.in_flight);
    IngestLimits {
        log_age: Some(config.retention.logs),
        span_age: Some(config.retention.traces),
        in_flight,
        series: SeriesLimits {
            tracked: usize::try_from(config.metrics.max_active_series).unwrap_or(usize::MAX),
            ..usual.series
        },
        ..usual
    }
}

fn services(
    config: &Config,
    stores: &OpenStores,
    scraper: &Scraper,
    (ruler, alerting): (&Ruler, &Alerting),
    ingest: &Ingest,
    (clock, tasks): (SharedClock, &TaskGroup),
) -> Services {
    let limits = QueryLimits {
        timeout: config.budget.query_timeout,
        samples: config.budget.query_samples,
        memory: config.budget.memory.0 / QUERIES_PART,
        results: (config.budget.memory.0 / RESULTS_PART).max(LEAST_RESULTS.0),
        lookback: config.metrics.lookback_delta,
        ..QueryLimits::default()
    };
    let kept = crate::base::duration::format_duration(config.retention.metrics);
    let directory = std::env::current_dir().unwrap_or_default();
    let facts = ApplianceFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: String::new(),
        started: TimestampMs(clock.now_ms()),
        config: config::print(config),
        flags: vec![
            ("config.data-dir".to_owned(), config.data_dir.display().to_string()),
            ("config.storage".to_owned(), config.storage.as_str().to_owned()),
            ("log.level".to_owned(), config.log_level.as_str().to_owned()),
        ],
        retention: format!("{kept} or {}", config.budget.disk),
        memory_budget: config.budget.memory.0,
        working_directory: directory.display().to_string(),
        kept: [config.retention.metrics, config.retention.logs, config.retention.traces],
        disk_budget: config.budget.disk.0,
        max_active_series: config.metrics.max_active_series,
    };
    Services::new(ServiceParts {
        metrics: Arc::clone(&stores.metrics),
        logs: Arc::clone(&stores.logs),
        traces: Arc::clone(&stores.traces),
        limits,
        clock,
        facts,
        targets: Arc::new(ScrapedTargets(scraper.clone())),
        process: Arc::new(ThisProcess {
            stores: stores.clone(),
            ingest: ingest.clone(),
            data_dir: config.data_dir.clone(),
        }),
        rules: Arc::new(ruler.clone()),
        alerting: alerting.clone(),
        snapshots: (config.storage == StorageKind::Disk).then(|| config.data_dir.join("snapshots")),
        tasks: tasks.clone(),
    })
}
