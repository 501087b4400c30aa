//! Everything a front door can ask.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use crate::alerting::Alerting;
use crate::base::clock::SharedClock;
use crate::base::task::TaskGroup;
use crate::service::alerts::AlertsService;
use crate::service::desk::Desk;
use crate::service::limits::QueryLimits;
use crate::service::logs::LogsService;
use crate::service::metrics::MetricsService;
use crate::service::rules::{RuleSource, RulesService};
use crate::service::status::{ApplianceFacts, ProcessSource, StatusService, TargetSource};
use crate::service::traces::TracesService;
use crate::service::upkeep::{Snapshots, UpkeepService};
use crate::storage::lifecycle::Lifecycle;
use crate::storage::log_store::LogStore;
use crate::storage::metric_store::MetricStore;
use crate::storage::trace_store::TraceStore;

/// The use cases, grouped. Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct Services(Arc<UseCases>);

/// What [`Services`] shares.
pub struct UseCases {
    /// Questions about metrics.
    pub metrics: MetricsService,
    /// Questions about logs.
    pub logs: LogsService,
    /// Questions about traces.
    pub traces: TracesService,
    /// Questions about rules and alerts.
    pub rules: RulesService,
    /// Questions about alerts and their delivery.
    pub alerts: AlertsService,
    /// Questions about the appliance.
    pub status: StatusService,
    /// Orders to the stores.
    pub upkeep: UpkeepService,
}

/// What the use cases need.
pub struct ServiceParts {
    /// Where metrics are.
    pub metrics: Arc<dyn MetricStore>,
    /// Where logs are.
    pub logs: Arc<dyn LogStore>,
    /// Where traces are.
    pub traces: Arc<dyn TraceStore>,
    /// What a query may cost.
    pub limits: QueryLimits,
    /// Tells the time of "now" and ends what takes too long.
    pub clock: SharedClock,
    /// What the appliance knows of itself.
    pub facts: ApplianceFacts,
    /// What is scraped.
    pub targets: Arc<dyn TargetSource>,
    /// Numbers that only the process knows.
    pub process: Arc<dyn ProcessSource>,
    /// What is evaluated.
    pub rules: Arc<dyn RuleSource>,
    /// Who is told of alerts.
    pub alerting: Alerting,
    /// Where copies of a store are put; `None` when nothing is on disk.
    pub snapshots: Option<PathBuf>,
    /// Runs what goes on when the asker goes away.
    pub tasks: TaskGroup,
}

impl Services {
    /// Joins the use cases with their stores. The global meter must be installed before.
    pub fn new(parts: ServiceParts) -> Self {
        let ServiceParts { metrics, logs, traces, limits, clock, facts, .. } = parts;
        let ServiceParts { targets, process, rules, alerting, snapshots, tasks, .. } = parts;
        let desk = Desk::new(limits, clock);
        let lifecycles = [
            ("metrics", Arc::clone(&metrics) as Arc<dyn Lifecycle>),
            ("logs", Arc::clone(&logs) as Arc<dyn Lifecycle>),
            ("traces", Arc::clone(&traces) as Arc<dyn Lifecycle>),
        ];
        let kept = Arc::clone(&metrics);
        let snapshots = snapshots.map(|directory| Snapshots {
            directory,
            process: Arc::clone(&process),
            disk_budget: facts.disk_budget,
        });
        Services(Arc::new(UseCases {
            metrics: MetricsService::new(Arc::clone(&metrics), desk.clone()),
            logs: LogsService::new(logs, desk.clone()),
            traces: TracesService::new(traces, desk.clone()),
            rules: RulesService::new(rules, desk.clone()),
            alerts: AlertsService::new(alerting, desk.clone()),
            status: StatusService::new(
                (metrics, lifecycles.clone()),
                facts,
                (targets, process),
                desk.clone(),
            ),
            upkeep: UpkeepService::new(lifecycles, kept, snapshots, tasks, desk),
        }))
    }
}

impl Deref for Services {
    type Target = UseCases;

    fn deref(&self) -> &UseCases {
        &self.0
    }
}
