//! What became of a write: how much was taken, what was refused and why.

use crate::model::reject::RejectReason;

/// One refused item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Place of the item in its batch: the series for metrics, the operation for logs, the span
    /// for traces.
    pub index: usize,
    /// How many points of that item were refused (samples of a series; 1 for logs and spans).
    pub count: u64,
    /// Why, for machines.
    pub reason: RejectReason,
    /// Why, for people; names the item.
    pub message: String,
}

/// The outcome of one write that was not an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Points that are now durable and visible; an exact repetition of a known point counts.
    pub accepted: u64,
    /// How many of the accepted points are native histograms.
    pub histograms: u64,
    /// Exemplars that were taken beside the points, repetitions among them.
    pub exemplars: u64,
    /// What was refused, in batch order.
    pub rejected: Vec<Rejection>,
}

impl Receipt {
    /// Builds the receipt of a write that was taken whole.
    pub fn accepted(count: u64) -> Self {
        Receipt { accepted: count, ..Receipt::default() }
    }

    /// Returns the number of refused points.
    pub fn rejected_count(&self) -> u64 {
        self.rejected.iter().map(|rejection| rejection.count).sum()
    }

    /// Adds a refusal.
    pub fn reject(&mut self, index: usize, count: u64, reason: RejectReason, message: String) {
        self.rejected.push(Rejection { index, count, reason, message });
    }

    /// Returns the reasons in one sentence of at most `limit` examples, or `None` when all was taken.
    pub fn summary(&self, limit: usize) -> Option<String> {
        if self.rejected.is_empty() {
            return None;
        }
        let examples: Vec<_> =
            self.rejected.iter().take(limit).map(|rejection| rejection.message.as_str()).collect();
        let more = self.rejected.len().saturating_sub(limit);
        let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
        Some(format!("{} rejected: {}{tail}", self.rejected_count(), examples.join("; ")))
    }
}
