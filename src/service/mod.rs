//! Use cases as plain data, the same for every front door.
//!
//! In: a [`Caller`], and a question in the words of `model`. Out: plain answers, or an error whose
//! kind each door turns into its own status. Every use case checks the permission first, takes a
//! turn among the queries under way, opens a span, and ends at its deadline; what a limit cut is
//! said in the answer. Deliberately absent: protocols and their encodings (`protocols`, `mcp`),
//! how a question is computed (`query`, the stores), writing telemetry (`ingest`).

mod services;
mod limits;
mod desk;
mod expression;
mod threshold;
mod metrics;
mod logs;
mod view;
mod traces;
mod red;
mod status;
mod make;
mod rules;
mod alerts;
mod cardinality;
mod upkeep;
#[cfg(test)]
pub(crate) mod in_memory;

pub use alerts::{AlertQuery, AlertsService, Deliveries, PostedAlert, SilenceRequest};
pub use cardinality::Cardinality;
pub use expression::Expression;
pub use limits::QueryLimits;
pub use logs::LogsService;
pub use make::MakeService;
pub use metrics::{Exported, InstantQuery, MetricsService, RangeQuery, Selection};
pub use red::{Red, RedAnswer, RedStep};
pub use rules::{
    ActiveAlert, AlertState, GroupStatus, NoRules, RuleFilter, RuleHealth, RuleKind, RulePage,
    RuleQuery, RuleSource, RuleStatus, RulesService,
};
pub use services::{ServiceParts, Services};
pub use status::{
    ApplianceFacts, NoTargets, ProcessSource, StatusService, StorageReport, StoreReport, Target,
    TargetHealth, TargetSource,
};
pub use threshold::Threshold;
pub use traces::TracesService;
pub use upkeep::{StoreUpkeep, UpkeepService};
pub use view::Pill;
