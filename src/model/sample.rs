//! Values at points in time.

use std::sync::Arc;

use crate::model::histogram::Histogram;
use crate::model::time::TimestampMs;

/// A float at a point in time. Equality is by bits, so that NaN equals itself.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When.
    pub timestamp: TimestampMs,
    /// The value; any NaN payload is kept.
    pub value: f64,
}

impl Sample {
    /// Builds a sample from milliseconds since the epoch and a value.
    pub fn new(timestamp_ms: i64, value: f64) -> Self {
        Sample { timestamp: TimestampMs(timestamp_ms), value }
    }
}

impl PartialEq for Sample {
    fn eq(&self, other: &Self) -> bool {
        self.timestamp == other.timestamp && self.value.to_bits() == other.value.to_bits()
    }
}

/// A native histogram at a point in time.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// When.
    pub timestamp: TimestampMs,
    /// The histogram, shared because it is large and read-only.
    pub histogram: Arc<Histogram>,
}

/// When the counting behind a point began: OpenMetrics' created, OpenTelemetry's start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartTime {
    /// The time of the point.
    pub timestamp: TimestampMs,
    /// When its counting began; not 0, which means that nobody knows.
    pub start: TimestampMs,
}

/// Returns when the counting of the point at `at` began, in milliseconds; 0 when nobody knows.
/// `starts` rise by the time of their points.
pub fn start_of(starts: &[StartTime], at: TimestampMs) -> i64 {
    let place = starts.binary_search_by_key(&at, |one| one.timestamp);
    place.map_or(0, |place| starts[place].start.0)
}
