//! What admission decides with, and what it leaves.

use std::time::Duration;

use crate::ingest::attributes::Refusal;
use crate::model::receipt::Rejection;
use crate::model::reject::RejectReason;
use crate::model::time::TimestampNs;

/// What is left of a batch after admission.
pub(crate) struct Admitted<B> {
    /// The items that are let in, in the caller's order.
    pub(crate) batch: B,
    /// For each of them its place in the caller's batch.
    pub(crate) kept: Vec<usize>,
    /// The others, in the caller's places.
    pub(crate) rejected: Vec<Rejection>,
}

/// The time of arrival of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Nanoseconds since the epoch.
    pub(crate) ns: i64,
}

impl Now {
    /// Checks that `at` is at most `future` ahead and, if given, at most `age` old.
    pub(crate) fn check(
        self,
        at: TimestampNs,
        future: Duration,
        age: Option<Duration>,
    ) -> std::result::Result<(), Refusal> {
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        if at.0 > self.ns.saturating_add(nanos(future)) {
            let why = format!("the timestamp lies more than {} s in the future", future.as_secs());
            return Err((RejectReason::TooFarInFuture, why));
        }
        if age.is_some_and(|age| at.0 < self.ns.saturating_sub(nanos(age))) {
            let why = "the timestamp is older than what is kept".to_owned();
            return Err((RejectReason::TooOld, why));
        }
        Ok(())
    }
}
