//! What alerts had come to before a restart, read back from their own series.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::error::Result;
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::matcher::Matcher;
use crate::model::stale::is_stale;
use crate::model::time::{TimeRange, TimestampMs};
use crate::rules::instances::{later, signed};
use crate::storage::metric_store::{MetricStore, SelectHints, SelectQuery};

/// The series that holds since when an alert is active, in seconds.
pub(crate) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// An outage longer than this starts everything anew.
const OUTAGE_TOLERANCE: Duration = Duration::from_secs(3_600);
/// After an outage a pending alert must hold at least this long.
const GRACE: Duration = Duration::from_secs(600);

/// What the alerts of a rule had come to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remembered {
    by_labels: HashMap<Labels, Past>,
}

#[derive(Debug, Clone, Copy)]
struct Past {
    active_at: TimestampMs,
    seen_at: TimestampMs,
}

/// Where an alert goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) active_at: TimestampMs,
    /// When it began to fire; `None` when it did not.
    pub(crate) fired_at: Option<TimestampMs>,
}

impl Remembered {
    /// Reads the series of the alerts named `alert` as of `now`.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn load(
        store: &dyn MetricStore,
        alert: &str,
        now: TimestampMs,
    ) -> Result<Self> {
        let query = SelectQuery {
            matchers: vec![
                Matcher::equal(METRIC_NAME, ALERTS_FOR_STATE),
                Matcher::equal("alertname", alert),
            ],
            range: TimeRange::new(TimestampMs(now.0 - signed(OUTAGE_TOLERANCE)), now),
            hints: SelectHints::default(),
            max_samples: None,
        };
        let mut cursor = store.select(query).await?;
        let mut remembered = Remembered::default();
        while let Some(block) = cursor.next_block().await? {
            for series in block {
                let last = series.samples.last().filter(|sample| !is_stale(sample.value));
                let Some(sample) = last else { continue };
                let labels = series.labels.without(|name| name == METRIC_NAME);
                let active_at = TimestampMs((sample.value * 1_000.0) as i64);
                remembered.by_labels.insert(labels, Past { active_at, seen_at: sample.timestamp });
            }
        }
        Ok(remembered)
    }

    /// Returns where the alert goes on at `at`; `None` for one that is new.
    pub(crate) fn resume(&self, labels: &Labels, at: TimestampMs, hold: Duration) -> Option<Begun> {
        let past = self.by_labels.get(labels)?;
        let ripe = later(past.active_at, hold);
        if ripe <= past.seen_at {
            return Some(Begun { active_at: past.active_at, fired_at: Some(ripe) });
        }
        let missing = ripe.0 - past.seen_at.0;
        let grace = signed(GRACE.min(hold));
        let active_at = if missing < grace {
            at.0 + grace - signed(hold)
        } else {
            past.active_at.0 + (at.0 - past.seen_at.0)
        };
        Some(Begun { active_at: TimestampMs(active_at), fired_at: None })
    }
}

#[cfg(test)]
impl Remembered {
    /// Remembers alerts by labels, activity and when they were last seen.
    pub(crate) fn of(alerts: impl IntoIterator<Item = (Labels, TimestampMs, TimestampMs)>) -> Self {
        let past = |(labels, active_at, seen_at)| (labels, Past { active_at, seen_at });
        Remembered { by_labels: alerts.into_iter().map(past).collect() }
    }
}
