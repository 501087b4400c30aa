//! The whole of alerting behind one handle: state in memory, rows in the store, tasks.

use std::sync::Arc;

use opentelemetry::metrics::{Counter, Gauge};
use parking_lot::RwLock;
use tokio::sync::{Mutex, Notify};

use crate::alerting::book::{AlertBook, Known};
use crate::alerting::config::AlertingConfig;
use crate::alerting::fingerprint::fingerprint;
use crate::alerting::group::{Groups, later};
use crate::alerting::outbox::{Outbox, Queued};
use crate::alerting::receipts::Receipts;
use crate::alerting::receivers::{self, Notifiers};
use crate::alerting::record::{ALERTS, OUTBOX, RECEIPTS, Record, SILENCES, TOLD};
use crate::alerting::silences::Silences;
use crate::alerting::told::{Told, ToldKey, ToldLog};
use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::base::task::TaskGroup;
use crate::model::delivery::DeliveryReceipt;
use crate::model::silence::Silence;
use crate::model::time::TimestampMs;
use crate::storage::state_store::{StateOp, StateStore};
use crate::telemetry::{instruments, names};

/// Takes alerts and silences, and tells people. Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct Alerting(pub(crate) Arc<Shared>);

/// What alerting needs.
pub struct AlertingParts {
    /// Whom to tell of what.
    pub config: AlertingConfig,
    /// Where state survives.
    pub store: Arc<dyn StateStore>,
    /// Tells the time.
    pub clock: SharedClock,
    /// The URL under which people reach the appliance, without a slash at its end.
    pub external_url: String,
}

pub(crate) struct Shared {
    /// Changes only while `state` is held.
    wiring: RwLock<Arc<Wiring>>,
    external_url: String,
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) clock: SharedClock,
    /// Held while a change is decided, stored and applied, so that changes happen one by one.
    pub(crate) state: Mutex<State>,
    /// Wakes the dispatcher.
    pub(crate) new_alerts: Notify,
    /// Wakes the deliveries.
    pub(crate) new_messages: Notify,
    pub(crate) instruments: Instruments,
}

/// What the configuration says, ready to be used.
pub(crate) struct Wiring {
    pub(crate) config: AlertingConfig,
    pub(crate) notifiers: Notifiers,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) alerts: AlertBook,
    pub(crate) groups: Groups,
    pub(crate) silences: Silences,
    pub(crate) told: ToldLog,
    pub(crate) outbox: Outbox,
    pub(crate) receipts: Receipts,
}

pub(crate) struct Instruments {
    pub(crate) received: Counter<u64>,
    pub(crate) ended: Counter<u64>,
    pub(crate) retried: Counter<u64>,
    pub(crate) pending: Gauge<f64>,
}

/// The most rows of a table that are read back.
const MAX_ROWS: usize = 1_000_000;

impl Alerting {
    /// Reads back what an earlier life left and prepares the receivers.
    ///
    /// # Errors
    /// Those of the store, and `Internal` when a receiver cannot be prepared.
    pub async fn open(parts: AlertingParts) -> Result<Self> {
        let notifiers = receivers::all(&parts.config, &parts.external_url)?;
        Alerting::assemble(parts, notifiers).await
    }

    /// Does what [`Alerting::open`] does, with receivers that are prepared already.
    pub(crate) async fn assemble(parts: AlertingParts, notifiers: Notifiers) -> Result<Self> {
        let now = TimestampMs(parts.clock.now_ms());
        let state = read_back(&*parts.store, &parts.config, now).await?;
        Ok(Alerting::with(parts, notifiers, state))
    }

    /// An alerting that tells nobody and forgets everything at its end.
    #[cfg(test)]
    pub(crate) fn in_memory(config: AlertingConfig, clock: SharedClock) -> Self {
        let store = Arc::new(crate::storage::memory::state::MemoryStateStore::new());
        let parts = AlertingParts { config, store, clock, external_url: "http://b".to_owned() };
        Alerting::with(parts, Notifiers::new(), State::default())
    }

    fn with(parts: AlertingParts, notifiers: Notifiers, state: State) -> Self {
        let AlertingParts { config, store, clock, external_url } = parts;
        let instruments = Instruments {
            received: instruments::counter(
                names::ALERTS_RECEIVED,
                "Alerts that were said, by outcome.",
            ),
            ended: instruments::counter(
                names::NOTIFICATIONS,
                "Messages that came to their end, by integration and outcome.",
            ),
            retried: instruments::counter(
                names::NOTIFICATION_RETRIES,
                "Tries of messages that failed and will be repeated, by integration and reason.",
            ),
            pending: instruments::gauge(names::NOTIFICATIONS_PENDING, "Messages on their way."),
        };
        Alerting(Arc::new(Shared {
            wiring: RwLock::new(Arc::new(Wiring { config, notifiers })),
            external_url,
            store,
            clock,
            state: Mutex::new(state),
            new_alerts: Notify::new(),
            new_messages: Notify::new(),
            instruments,
        }))
    }

    /// Starts to look at groups and to deliver messages, until the group of tasks stops; messages
    /// that are being delivered then have ten seconds to arrive.
    pub fn start(&self, tasks: &TaskGroup) {
        tasks.spawn("alert groups", self.clone().look_until(tasks.stop_token()));
        tasks.spawn("alert deliveries", self.clone().deliver_until(tasks.stop_token()));
    }

    /// Goes on with another configuration: alerts are grouped anew, and nobody is told again of what
    /// was told before under the same group and receiver.
    ///
    /// # Errors
    /// Those of [`Alerting::open`] for the receivers; nothing changed then.
    pub async fn apply(&self, config: AlertingConfig) -> Result<()> {
        let notifiers = receivers::all(&config, &self.0.external_url)?;
        self.rewire(Wiring { config, notifiers }).await;
        Ok(())
    }

    pub(crate) async fn rewire(&self, wiring: Wiring) {
        let now = self.now();
        let mut state = self.0.state.lock().await;
        let State { alerts, groups, .. } = &mut *state;
        *groups = Groups::default();
        for (fingerprint, alert) in alerts.iter() {
            groups.insert(&wiring.config.route, fingerprint, alert, now);
        }
        *self.0.wiring.write() = Arc::new(wiring);
        drop(state);
        self.0.new_alerts.notify_one();
    }

    /// Returns the configuration as text without secrets.
    pub fn configuration(&self) -> String {
        self.0.wiring().config.original.clone()
    }

    pub(crate) fn now(&self) -> TimestampMs {
        TimestampMs(self.0.clock.now_ms())
    }
}

impl Shared {
    /// Returns what the configuration says now.
    pub(crate) fn wiring(&self) -> Arc<Wiring> {
        Arc::clone(&self.wiring.read())
    }

    /// Stores changes, whole or not at all.
    pub(crate) async fn commit(&self, ops: Vec<StateOp>) -> Result<()> {
        if ops.is_empty() {
            return Ok(());
        }
        self.store.transact(Vec::new(), ops).await
    }
}

/// Builds the change that keeps a row.
pub(crate) fn put(
    table: &'static str,
    key: impl Into<Vec<u8>>,
    record: &impl Record,
) -> Result<StateOp> {
    Ok(StateOp::Put { table, key: key.into(), value: record.encode()? })
}

/// Builds the change that removes a row.
pub(crate) fn delete(table: &'static str, key: impl Into<Vec<u8>>) -> StateOp {
    StateOp::Delete { table, key: key.into() }
}

async fn read_back(
    store: &dyn StateStore,
    config: &AlertingConfig,
    now: TimestampMs,
) -> Result<State> {
    let mut state = State::default();
    for (_, silence) in rows::<Silence>(store, SILENCES).await? {
        state.silences.keep(silence);
    }
    for (key, told) in rows::<Told>(store, TOLD).await? {
        state.told.note(ToldKey(String::from_utf8_lossy(&key).into_owned()), told);
    }
    for (_, receipt) in rows::<DeliveryReceipt>(store, RECEIPTS).await? {
        state.outbox.skip_to(receipt.id);
        state.receipts.keep(receipt);
    }
    for (_, mut queued) in rows::<Queued>(store, OUTBOX).await? {
        // The receiver may be back by now.
        queued.next_try = now;
        state.outbox.keep(queued);
    }
    for (_, mut known) in rows::<Known>(store, ALERTS).await? {
        let alert = &mut known.alert;
        // What fired at its last word counts as firing until its sender had time to say it again.
        if !alert.is_resolved_at(alert.updated_at) {
            let grace = later(now, config.resolve_timeout);
            alert.ends_at = alert.ends_at.map(|end| end.max(grace));
        }
        let fingerprint = fingerprint(&alert.labels);
        state.groups.insert(&config.route, fingerprint, alert, now);
        state.alerts.keep(fingerprint, known);
    }
    Ok(state)
}

/// Reads a table; damaged rows are told and left out.
async fn rows<R: Record>(store: &dyn StateStore, table: &'static str) -> Result<Vec<(Vec<u8>, R)>> {
    let mut records = Vec::new();
    for (key, value) in store.scan(table, &[], MAX_ROWS).await? {
        match R::decode(&value) {
            Ok(record) => records.push((key, record)),
            Err(error) => tracing::error!(table, %error, "a damaged row was left out"),
        }
    }
    Ok(records)
}
