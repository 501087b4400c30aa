//! Keeps the groups that are configured running.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::base::clock::SharedClock;
use crate::base::task::TaskGroup;
use crate::ingest::Ingest;
use crate::query::promql::{Engine, EngineOptions};
use crate::rules::counters::RuleCounters;
use crate::rules::definition::GroupDefinition;
use crate::rules::external::External;
use crate::rules::group::Group;
use crate::rules::sink::AlertSink;
use crate::rules::status::GroupStatus;
use crate::storage::metric_store::MetricStore;

/// How many groups are evaluated at one time; users' queries have turns of their own.
const LANE: usize = 4;

/// What rules need.
pub struct RulerParts {
    /// What they ask.
    pub store: Arc<dyn MetricStore>,
    /// Where their series go.
    pub ingest: Ingest,
    /// Where their alerts go.
    pub sink: Arc<dyn AlertSink>,
    /// When.
    pub clock: SharedClock,
    /// What a rule may cost.
    pub options: EngineOptions,
    /// Who speaks in alerts.
    pub external: External,
    /// Where their loops run.
    pub tasks: TaskGroup,
}

/// Evaluates the configured groups, each at its own times. Cloning shares everything.
#[derive(Clone)]
pub struct Ruler(Arc<Running>);

struct Running {
    shared: Arc<Shared>,
    tasks: TaskGroup,
    groups: Mutex<Vec<Entry>>,
}

/// What all groups share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn MetricStore>,
    pub(crate) engine: Engine,
    pub(crate) ingest: Ingest,
    pub(crate) sink: Arc<dyn AlertSink>,
    pub(crate) clock: SharedClock,
    pub(crate) external: Arc<External>,
    pub(crate) lane: Semaphore,
    pub(crate) counters: RuleCounters,
}

struct Entry {
    group: Arc<Group>,
    removed: CancellationToken,
}

impl Ruler {
    /// Creates a ruler without groups. It counts on the meter that is installed now.
    pub fn new(parts: RulerParts) -> Self {
        let RulerParts { store, ingest, sink, clock, options, external, tasks } = parts;
        let shared = Shared {
            engine: Engine::new(Arc::clone(&store), options),
            store,
            ingest,
            sink,
            clock,
            external: Arc::new(external),
            lane: Semaphore::new(LANE),
            counters: RuleCounters::new(),
        };
        Ruler(Arc::new(Running { shared: Arc::new(shared), tasks, groups: Mutex::default() }))
    }

    /// Evaluates these groups from now on. Groups that stay as they are go on undisturbed; in
    /// those that changed, rules of the same name and labels keep their alerts and series.
    pub fn apply(&self, definitions: &[GroupDefinition]) {
        let mut groups = self.0.groups.lock();
        let mut before = std::mem::take(&mut *groups);
        for definition in definitions {
            let place = before.iter().position(|e| e.group.definition.key() == definition.key());
            let old = place.map(|place| before.swap_remove(place));
            match old {
                Some(same) if same.group.definition == *definition => groups.push(same),
                Some(changed) => {
                    changed.removed.cancel();
                    groups.push(self.start(definition, Some(changed.group)));
                }
                None => groups.push(self.start(definition, None)),
            }
        }
        for gone in before {
            gone.removed.cancel();
            self.0.tasks.spawn("rule group end", async move { gone.group.end().await });
        }
    }

    fn start(&self, definition: &GroupDefinition, before: Option<Arc<Group>>) -> Entry {
        let group = Arc::new(Group::new(definition.clone(), Arc::clone(&self.0.shared)));
        let removed = CancellationToken::new();
        let stop = self.0.tasks.stop_token();
        if let Some(rules) = group.claim() {
            let run = Arc::clone(&group).run(rules, before, stop, removed.clone());
            self.0.tasks.spawn("rule group", run);
        }
        Entry { group, removed }
    }

    /// Builds a group that only its caller evaluates.
    pub(crate) fn group(&self, definition: GroupDefinition) -> Group {
        Group::new(definition, Arc::clone(&self.0.shared))
    }

    /// Returns what is known of each group, in the order of the configuration.
    pub fn groups(&self) -> Vec<Arc<GroupStatus>> {
        self.0.groups.lock().iter().map(|entry| entry.group.status()).collect()
    }
}

#[cfg(test)]
mod tests;
