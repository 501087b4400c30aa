//! What could not be read: left out, said once, counted once.

use std::collections::BTreeSet;
use std::sync::Arc;

use opentelemetry::metrics::Counter;
use parking_lot::Mutex;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::store::DamageFacts;
use crate::model::time::{Day, TimestampMs};
use crate::storage::changes::Changes;
use crate::telemetry::instruments;
use crate::telemetry::names;

/// The most damaged rows that are remembered by place; later ones are counted each time.
const MAX_REMEMBERED: usize = 10_000;

/// Stands for a table where a whole file is damaged.
pub(super) const WHOLE_FILE: &str = "file";

/// A damaged row: day, table and key.
type Place = (Day, &'static str, Vec<u8>);

/// The damaged rows that the engine has met.
#[derive(Clone)]
pub(super) struct Quarantine {
    known: Arc<Mutex<BTreeSet<Place>>>,
    /// The changes of the store, of which new damage is one.
    changes: Arc<Changes>,
    counter: Counter<u64>,
}

impl Quarantine {
    /// Starts with none.
    pub(super) fn new() -> Self {
        let counter = instruments::counter(
            names::STORAGE_DAMAGED,
            "Damaged blocks that were met and left out",
        );
        Quarantine { known: Arc::default(), changes: Arc::default(), counter }
    }

    /// Returns the changes of the store.
    pub(super) fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    /// Starts the notes of one operation.
    pub(super) fn notes(&self) -> Damage {
        Damage { quarantine: self.clone(), days: BTreeSet::new() }
    }

    /// Counts a file that was put aside as a whole.
    pub(super) fn meet_file(&self, day: Day, error: &Error) {
        self.meet((day, WHOLE_FILE, Vec::new()), error);
    }

    /// Returns how many damaged rows were met and where the first `most` of them lie.
    pub(super) fn facts(&self, most: usize) -> DamageFacts {
        let known = self.known.lock();
        let rows = || known.iter().filter(|(_, table, _)| *table != WHOLE_FILE);
        let name = |(day, table, key): &Place| {
            let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{day} {table} {key}")
        };
        DamageFacts { count: rows().count() as u64, places: rows().take(most).map(name).collect() }
    }

    /// Returns whether damaged rows of a day were met.
    pub(super) fn met_in(&self, day: Day) -> bool {
        self.known.lock().range((day, "", Vec::new())..).next().is_some_and(|one| one.0 == day)
    }

    /// Returns how many damaged rows were met.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.lock().len()
    }

    fn meet(&self, place: Place, error: &Error) {
        let mut known = self.known.lock();
        if known.contains(&place) {
            return;
        }
        self.changes.note(TimestampMs(i64::MIN));
        self.counter.add(1, &[opentelemetry::KeyValue::new("signal", "metrics")]);
        tracing::error!(day = %place.0, table = place.1, key = ?place.2, %error, "damaged block left out");
        if known.len() < MAX_REMEMBERED {
            known.insert(place);
        }
    }
}

/// What one operation had to leave out.
pub(super) struct Damage {
    quarantine: Quarantine,
    days: BTreeSet<Day>,
}

impl Damage {
    /// Starts the notes of another reader of the same operation.
    pub(super) fn apart(&self) -> Self {
        self.quarantine.notes()
    }

    /// Notes damaged bytes.
    ///
    /// # Errors
    /// Gives `error` back when it is not about damaged bytes.
    pub(super) fn note(
        &mut self,
        day: Day,
        table: &'static str,
        key: &[u8],
        error: &Error,
    ) -> Result<()> {
        match error.kind() {
            ErrorKind::Corrupt | ErrorKind::Unsupported => {}
            _ => return Err(error.clone()),
        }
        self.quarantine.meet((day, table, key.to_vec()), error);
        self.days.insert(day);
        Ok(())
    }

    /// Returns what the caller should know.
    pub(super) fn warnings(&self) -> Vec<String> {
        let text = |day: &Day| format!("damaged metric blocks of {day} were left out");
        self.days.iter().map(text).collect()
    }
}
