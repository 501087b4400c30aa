//! What became of a write: how much was taken, what was refused and why.

/// Why an item was refused: a closed set, because it labels a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectReason {
    /// The item's bytes or fields make no sense.
    Malformed,
    /// A label, attribute or id is not allowed.
    InvalidLabels,
    /// The same label name twice.
    DuplicateLabel,
    /// Older than the out-of-order window.
    TooOld,
    /// Too far in the future.
    TooFarInFuture,
    /// A different value for a timestamp that has one.
    DuplicateTimestamp,
    /// A name, value, line or item is too large.
    TooLarge,
    /// Too many series, attributes or items.
    LimitExceeded,
    /// A create for an id that exists.
    Conflict,
    /// An update or delete of an id that does not exist.
    Missing,
    /// A kind of item that is not supported.
    Unsupported,
}

impl RejectReason {
    /// Returns the reason as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            RejectReason::Malformed => "malformed",
            RejectReason::InvalidLabels => "invalid_labels",
            RejectReason::DuplicateLabel => "duplicate_label",
            RejectReason::TooOld => "too_old",
            RejectReason::TooFarInFuture => "too_far_in_future",
            RejectReason::DuplicateTimestamp => "duplicate_timestamp",
            RejectReason::TooLarge => "too_large",
            RejectReason::LimitExceeded => "limit_exceeded",
            RejectReason::Conflict => "conflict",
            RejectReason::Missing => "missing",
            RejectReason::Unsupported => "unsupported",
        }
    }
}

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
    /// What was refused, in batch order.
    pub rejected: Vec<Rejection>,
}

impl Receipt {
    /// Builds the receipt of a write that was taken whole.
    pub fn accepted(count: u64) -> Self {
        Receipt { accepted: count, rejected: Vec::new() }
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
