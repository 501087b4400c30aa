//! Aggregations over log records: what is asked and what comes back, as plain data.

use crate::model::log_filter::LogField;

/// An aggregation with its name and those within its buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedAggregation {
    /// The caller's name for it.
    pub name: String,
    /// What it computes.
    pub kind: Aggregation,
    /// What is computed in each of its buckets; empty for metrics.
    pub within: Vec<NamedAggregation>,
}

/// What an aggregation computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Aggregation {
    /// Buckets of equal width over time or numbers.
    Histogram {
        /// The field; timestamps are in nanoseconds.
        field: LogField,
        /// The width, more than 0, in the field's unit.
        interval: f64,
        /// The start of one bucket.
        offset: f64,
        /// Buckets with fewer records are left out.
        min_count: u64,
        /// Buckets are made at least from the first to the second value, if `min_count` is 0.
        bounds: Option<(f64, f64)>,
    },
    /// One bucket a value.
    Terms {
        /// The field; lists count for each of their items.
        field: LogField,
        /// At most this many buckets.
        size: usize,
        /// Their order.
        order: TermsOrder,
        /// Buckets with fewer records are left out.
        min_count: u64,
        /// The value of records without the field; `None` leaves them out.
        missing: Option<String>,
    },
    /// Numbers over the values of a field.
    Metric(MetricKind, LogField),
}

/// Numbers over values.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricKind {
    /// Arithmetic mean.
    Avg,
    /// Sum.
    Sum,
    /// Least value.
    Min,
    /// Greatest value.
    Max,
    /// How many values.
    ValueCount,
    /// How many distinct values, exact up to the budget.
    Cardinality,
    /// Count, min, max, avg and sum.
    Stats,
    /// As stats, with variance and deviation.
    ExtendedStats,
    /// The values below which these percentages of values lie.
    Percentiles(Vec<f64>),
}

/// The order of terms buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct TermsOrder {
    /// By what.
    pub by: TermsKey,
    /// Whether the least comes first.
    pub ascending: bool,
}

/// By what terms buckets are ordered.
#[derive(Debug, Clone, PartialEq)]
pub enum TermsKey {
    /// The number of records.
    Count,
    /// The value.
    Key,
    /// A metric within, by name; percentiles name one as `name[95]`.
    Metric(String),
}

/// The result of one aggregation.
#[derive(Debug, Clone, PartialEq)]
pub enum AggregationResult {
    /// Buckets in order.
    Buckets {
        /// The buckets.
        buckets: Vec<Bucket>,
        /// Records of values that were cut off.
        other_count: u64,
    },
    /// A number; `None` when there was no value.
    Number(Option<f64>),
    /// All of the plain statistics.
    Stats(Statistics),
    /// Percent and value.
    Percentiles(Vec<(f64, Option<f64>)>),
}

/// One bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Its value, or its start.
    pub key: BucketKey,
    /// Its records.
    pub count: u64,
    /// What was computed within, by name, in the order asked.
    pub within: Vec<(String, AggregationResult)>,
}

/// What a bucket stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum BucketKey {
    /// A text.
    Str(String),
    /// A number, or nanoseconds of a timestamp.
    Number(f64),
    /// A truth value.
    Bool(bool),
}

/// Sums over values, from which all statistics follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least; `+Inf` without values.
    pub min: f64,
    /// The greatest; `-Inf` without values.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// Sum of squared distances from the mean.
    pub squares: f64,
}

impl Default for Statistics {
    fn default() -> Self {
        Statistics {
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            mean: 0.0,
            squares: 0.0,
        }
    }
}

impl Statistics {
    /// Takes one more value (Welford's method, so that large values keep their variance).
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
    }

    /// Returns the population variance, or `None` without values.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 0).then(|| self.squares / self.count as f64)
    }
}
