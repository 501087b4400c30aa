//! Series with their points, and questions about series, as plain data.

use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::time::{TimeRange, TimestampMs};

/// One selected series with its points in time order, one point a timestamp.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesData {
    /// The series.
    pub labels: Labels,
    /// Float samples, stale markers included.
    pub samples: Vec<Sample>,
    /// Native histogram samples, stale markers included.
    pub histograms: Vec<HistogramSample>,
    /// When counting began, of those points of which it is known, in the points' order.
    pub starts: Vec<StartTime>,
}

/// Which label names, values or series a caller wants to know of.
#[derive(Debug, Clone)]
pub struct LabelQuery {
    /// Sets of matchers; a series counts when one whole set holds. Empty means every series.
    pub match_sets: Vec<Vec<Matcher>>,
    /// Only series that may have samples inside.
    pub range: TimeRange<TimestampMs>,
    /// Cut after this many; `None` means no limit.
    pub limit: Option<usize>,
}

/// The exemplars of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesExemplars {
    /// The series.
    pub labels: Labels,
    /// Its exemplars in time order.
    pub exemplars: Vec<Exemplar>,
}

/// Numbers about the store, for `status/tsdb` and own metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricStats {
    /// Series with a sample in memory.
    pub active_series: u64,
    /// Samples in memory.
    pub head_samples: u64,
    /// Oldest timestamp held; `None` when empty.
    pub min_time: Option<TimestampMs>,
    /// Newest timestamp held; `None` when empty.
    pub max_time: Option<TimestampMs>,
}

/// What a deletion met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Series of which at least one point may have been deleted.
    pub series: u64,
}
