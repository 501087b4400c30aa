//! A single observation that points at the trace it came from.

use crate::model::labels::Labels;
use crate::model::time::TimestampMs;

/// One example behind a metric's value.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Usually `trace_id` and `span_id`.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// When it was observed.
    pub timestamp: TimestampMs,
}

impl Exemplar {
    /// Returns whether both say the same, the value compared by bits.
    pub fn same_bits(&self, other: &Self) -> bool {
        self.timestamp == other.timestamp
            && self.value.to_bits() == other.value.to_bits()
            && self.labels == other.labels
    }
}
