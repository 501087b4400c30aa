//! One router with every door, and the routers of the other listeners.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use tokio::sync::mpsc;

use crate::api::{self, ApiState};
use crate::app::backup::{self, Backups};
use crate::app::listeners::Served;
use crate::app::own_routes::{self, ReloadRequest};
use crate::base::clock::SharedClock;
use crate::base::shutdown::Readiness;
use crate::base::task::TaskGroup;
use crate::collect::own::OwnMetrics;
use crate::config::CompatDoor;
use crate::http::front::Front;
use crate::ingest::Ingest;
use crate::mcp::{self, McpOptions, McpServer};
use crate::model::batch::MetricBatch;
use crate::model::labels::Labels;
use crate::protocols::alertmanager::{self, AlertmanagerDoor};
use crate::protocols::elasticsearch::{self, ElasticsearchDoor};
use crate::protocols::jaeger::{self, JaegerDoor};
use crate::protocols::otlp::{self, OtlpState};
use crate::protocols::prometheus::{
    self, ExpositionSource, PrometheusLimits, PrometheusState, WriteMemory,
};
use crate::service::Services;
use crate::ui::{self, UiState};

/// What the doors are made of.
#[derive(Clone)]
pub(crate) struct Doors {
    /// Answers questions.
    pub(crate) services: Services,
    /// Takes data.
    pub(crate) ingest: Ingest,
    /// The OTLP doors, however many listeners they have.
    pub(crate) otlp: OtlpState,
    /// What remote write remembers, however many listeners it has.
    pub(crate) written: Arc<WriteMemory>,
    /// Tells the time.
    pub(crate) clock: SharedClock,
    /// Tells whether requests may be served.
    pub(crate) readiness: Readiness,
    /// Gives `/metrics`.
    pub(crate) metrics: OwnMetrics,
    /// Answers agents.
    pub(crate) mcp: McpServer,
    /// How it speaks to them.
    pub(crate) mcp_options: McpOptions,
    /// Labels that other systems see on every series that lacks them.
    pub(crate) external_labels: Labels,
    /// Makes backups.
    pub(crate) backups: Backups,
    /// Where they run, and batches of queries.
    pub(crate) orders: TaskGroup,
    /// Takes the wish to reload.
    pub(crate) reloads: mpsc::Sender<ReloadRequest>,
}

/// The own instruments as Prometheus' door shows them.
struct Exposition(OwnMetrics);

impl ExpositionSource for Exposition {
    fn snapshot(&self) -> MetricBatch {
        self.0.read(&Labels::empty()).unwrap_or_else(|error| {
            tracing::error!(%error, "own metrics cannot be read");
            MetricBatch::default()
        })
    }
}

impl Doors {
    /// Returns what a listener serves, behind `front`.
    pub(crate) fn router(&self, served: Served, front: Front) -> Router {
        let routes = match served {
            Served::OtlpGrpc => otlp::grpc_routes(self.otlp()),
            Served::OtlpHttp => otlp::routes(self.otlp()),
            Served::Compat(CompatDoor::Elasticsearch) => {
                self.elasticsearch().route("/", axum::routing::get(elasticsearch::info))
            }
            Served::All
            | Served::Compat(
                CompatDoor::Prometheus
                | CompatDoor::Jaeger
                | CompatDoor::JaegerCollector
                | CompatDoor::Alertmanager,
            ) => self.all(),
        };
        front.before(routes)
    }

    /// Every door at its native root path, and the aliases for clients that want a base URL.
    fn all(&self) -> Router {
        Router::new()
            .merge(own_routes::routes(self.reloads.clone()))
            .merge(backup::routes(self.backups.clone(), self.orders.clone()))
            .merge(mcp::routes(self.mcp.clone(), &self.mcp_options))
            .merge(self.api())
            .merge(self.ui())
            .merge(otlp::routes(self.otlp()))
            .merge(otlp::grpc_routes(self.otlp()))
            .merge(self.prometheus())
            .merge(self.elasticsearch())
            .merge(self.jaeger())
            .merge(self.alertmanager())
            .nest("/prometheus", self.prometheus())
            .nest("/elasticsearch", self.elasticsearch())
            .nest("/jaeger", self.jaeger())
            .nest("/am", self.alertmanager())
    }

    fn api(&self) -> Router {
        let (services, clock) = (self.services.clone(), Arc::clone(&self.clock));
        let (readiness, tasks) = (self.readiness.clone(), self.orders.clone());
        api::routes(ApiState::new(services, clock, readiness, tasks))
    }

    fn ui(&self) -> Router {
        ui::routes(UiState::new(self.services.clone(), Arc::clone(&self.clock), watched_files()))
    }

    fn otlp(&self) -> OtlpState {
        self.otlp.clone()
    }

    fn prometheus(&self) -> Router {
        prometheus::routes(PrometheusState {
            services: self.services.clone(),
            ingest: self.ingest.clone(),
            clock: Arc::clone(&self.clock),
            readiness: self.readiness.clone(),
            exposition: Arc::new(Exposition(self.metrics.clone())),
            external_labels: self.external_labels.clone(),
            limits: PrometheusLimits::default(),
            written: Arc::clone(&self.written),
        })
    }

    fn jaeger(&self) -> Router {
        jaeger::routes(JaegerDoor {
            services: self.services.clone(),
            ingest: self.ingest.clone(),
            clock: Arc::clone(&self.clock),
        })
    }

    fn alertmanager(&self) -> Router {
        alertmanager::routes(AlertmanagerDoor { services: self.services.clone() })
    }

    fn elasticsearch(&self) -> Router {
        elasticsearch::routes(ElasticsearchDoor {
            services: self.services.clone(),
            ingest: self.ingest.clone(),
        })
    }
}

/// Where `npm run watch` writes the browser files while one works on them; builds for development
/// only.
fn watched_files() -> Option<PathBuf> {
    let named = || std::env::var_os("BELVEDERE_WEB_DIR").map(PathBuf::from);
    if cfg!(debug_assertions) { named() } else { None }
}
