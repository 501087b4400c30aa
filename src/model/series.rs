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
    /// In place of all of the above, where the caller said that hours will do.
    pub hours: Vec<SeriesHour>,
}

/// What the floats of one series in one clock hour of UTC amount to, or in one part of an hour: what
/// is later than its start and not later than its end. Stale markers count nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesHour {
    /// Points, at least one.
    pub count: u64,
    /// The first point.
    pub first: Sample,
    /// The last point.
    pub last: Sample,
    /// The sum of all values, compensated as in `sum_over_time`.
    pub sum: f64,
    /// The smallest value, the first one of those that are equal; NaN only when all are.
    pub min: f64,
    /// The greatest value; likewise.
    pub max: f64,
    /// The sum of the values right before each one that is smaller.
    pub resets: f64,
    /// Whether all values are whole numbers.
    pub whole: bool,
}

/// What a selection touched so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SelectStats {
    /// Series with at least one point.
    pub series: u64,
    /// Points that were handed over.
    pub samples: u64,
    /// Hours that were handed over in place of their points.
    pub hours: u64,
    /// Packed blobs that were read from files.
    pub blobs: u64,
    /// Bytes of these blobs.
    pub bytes: u64,
}

impl SelectStats {
    /// Adds what another selection touched.
    pub fn add(&mut self, other: &SelectStats) {
        self.series += other.series;
        self.samples += other.samples;
        self.hours += other.hours;
        self.blobs += other.blobs;
        self.bytes += other.bytes;
    }
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
