//! Why something that was sent is not kept: one closed set for codecs, the door and the stores.

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
    /// Too many labels, attributes or items.
    LimitExceeded,
    /// A metric or the store has as many series as it may have.
    TooManySeries,
    /// New series come too fast.
    NewSeriesRate,
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
            RejectReason::TooManySeries => "too_many_series",
            RejectReason::NewSeriesRate => "new_series_rate",
            RejectReason::Conflict => "conflict",
            RejectReason::Missing => "missing",
            RejectReason::Unsupported => "unsupported",
        }
    }
}

/// What a codec refused of a request while it kept the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// How many points (samples, data points, records, spans) were refused.
    pub count: u64,
    /// Why, for machines.
    pub reason: RejectReason,
    /// Why, for people; names the item.
    pub message: String,
}

impl Reject {
    /// Builds the refusal of one point.
    pub fn one(reason: RejectReason, message: impl Into<String>) -> Self {
        Reject { count: 1, reason, message: message.into() }
    }
}
