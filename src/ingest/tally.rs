//! Counts what came in and what was refused, by door, signal and reason.

use std::collections::BTreeMap;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::base::error::Error;
use crate::ingest::door::Door;
use crate::storage::receipt::Receipt;

/// The counters of the door.
pub(crate) struct Tally {
    accepted: Counter<u64>,
    rejected: Counter<u64>,
}

impl Tally {
    /// Binds the counters to the meter that is installed now.
    pub(crate) fn new() -> Self {
        let meter = opentelemetry::global::meter("belvedere");
        Tally {
            accepted: meter
                .u64_counter("belvedere_ingest_accepted_total")
                .with_description("Points that are durable and visible, by door and signal.")
                .build(),
            rejected: meter
                .u64_counter("belvedere_ingest_rejected_total")
                .with_description("Points that were refused, by door, signal and reason.")
                .build(),
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
