//! Counts what came in and what was refused, by door, signal and reason.

use std::collections::BTreeMap;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};

use crate::base::error::Error;
use crate::ingest::door::Door;
use crate::storage::receipt::Receipt;
use crate::telemetry::names;

/// The counters of the door.
pub(crate) struct Tally {
    accepted: Counter<u64>,
    rejected: Counter<u64>,
}

impl Tally {
    /// Creates the counters on `meter`.
    pub(crate) fn new(meter: &Meter) -> Self {
        let counter = |name, text| meter.u64_counter(name).with_description(text).build();
        Tally {
            accepted: counter(
                names::INGEST_ACCEPTED,
                "Points that are durable and visible, by door and signal.",
            ),
            rejected: counter(
                names::INGEST_REJECTED,
                "Points that were refused, by door, signal and reason.",
            ),
        }
    }

    /// Counts the outcome of a write.
    pub(crate) fn receipt(&self, door: Door, signal: &'static str, receipt: &Receipt) {
        if receipt.accepted > 0 {
            let labels = [KeyValue::new("door", door.as_str()), KeyValue::new("signal", signal)];
            self.accepted.add(receipt.accepted, &labels);
        }
        let mut by_reason = BTreeMap::new();
        for rejection in &receipt.rejected {
            *by_reason.entry(rejection.reason).or_insert(0_u64) += rejection.count;
        }
        for (reason, count) in by_reason {
            self.refused(door, signal, reason.as_str(), count);
        }
    }

    /// Counts points that a store or the memory bound turned away as a whole; the sender may try
    /// again.
    pub(crate) fn failed(&self, door: Door, signal: &'static str, error: &Error, count: u64) {
        self.refused(door, signal, error.kind().as_str(), count);
    }

    /// Counts refused points.
    pub(crate) fn refused(&self, door: Door, signal: &'static str, why: &'static str, count: u64) {
        if count == 0 {
            return;
        }
        let labels = [
            KeyValue::new("door", door.as_str()),
            KeyValue::new("signal", signal),
            KeyValue::new("reason", why),
        ];
        self.rejected.add(count, &labels);
    }
}
