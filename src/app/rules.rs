//! Joins rules to the stores they ask and write to.

use std::sync::Arc;

use crate::app::addresses::Addresses;
use crate::app::stores::OpenStores;
use crate::base::clock::SharedClock;
use crate::base::task::TaskGroup;
use crate::config::Config;
use crate::ingest::Ingest;
use crate::query::promql::{EngineOptions, QueryRoom};
use crate::rules::{AlertSink, External, Ruler, RulerParts};

/// The part of the memory budget that the queries of rules may hold, beside those that are asked.
const RULES_PART: u64 = 8;

/// Creates the ruler; it evaluates nothing before groups are applied.
pub(crate) fn ruler(
    config: &Config,
    stores: &OpenStores,
    ingest: Ingest,
    sink: Arc<dyn AlertSink>,
    clock: SharedClock,
    (addresses, tasks): (&Addresses, &TaskGroup),
) -> Ruler {
    let url = config.external_url.clone().unwrap_or_else(|| addresses.http.clone());
    Ruler::new(RulerParts {
        store: Arc::clone(&stores.metrics),
        ingest,
        sink,
        clock,
        options: EngineOptions {
            lookback: config.metrics.lookback_delta,
            max_samples: config.budget.query_samples,
            room: QueryRoom::of_bytes(config.budget.memory.0 / RULES_PART),
            timeout: config.budget.query_timeout,
            ..EngineOptions::default()
        },
        external: External { url, labels: config.global.external_labels.clone() },
        tasks: tasks.clone(),
    })
}
