//! Own telemetry that was lost, which is said rather than hidden.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::telemetry::instruments;
use crate::telemetry::names;

/// Counts lost telemetry. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Losses(Counter<u64>);

impl Losses {
    /// Binds the counter to the meter that is installed now.
    pub(crate) fn new() -> Self {
        let about = "Own telemetry that was lost, by signal and reason.";
        Losses(instruments::counter(names::OWN_DROPPED, about))
    }

    /// Counts lost items.
    pub(crate) fn count(&self, signal: &'static str, reason: &'static str, count: u64) {
        if count > 0 {
            let labels = [KeyValue::new("signal", signal), KeyValue::new("reason", reason)];
            self.0.add(count, &labels);
        }
    }
}
