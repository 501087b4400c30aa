//! What remote write remembers between requests.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

use crate::telemetry::{instruments, names};
use crate::wire::remote_write::{LabelCache, Lookups};

/// The label sets that senders repeat, and the counter of how often they do.
pub struct WriteMemory {
    labels: LabelCache,
    lookups: Counter<u64>,
}

impl WriteMemory {
    /// Creates an empty memory of at most about `bytes` of labels. It counts on the meter that is
    /// installed now.
    pub fn new(bytes: usize) -> Self {
        let about = "Label sets of remote write that were known already or not, by outcome.";
        let lookups = instruments::counter(names::LABEL_LOOKUPS, about);
        WriteMemory { labels: LabelCache::new(bytes), lookups }
    }

    /// Returns the known label sets.
    pub(crate) fn labels(&self) -> &LabelCache {
        &self.labels
    }

    /// Counts what was looked up since the last call.
    pub(crate) fn count(&self) {
        let Lookups { hits, misses } = self.labels.take_lookups();
        for (outcome, count) in [("hit", hits), ("miss", misses)] {
            if count > 0 {
                self.lookups.add(count, &[KeyValue::new("outcome", outcome)]);
            }
        }
    }
}
