//! The answer of a metric query, as plain data.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::model::cost::QueryCost;
use crate::model::histogram::Histogram;
use crate::model::labels::Labels;
use crate::model::series::{SelectStats, SeriesData};
use crate::model::time::TimestampMs;

/// The value of one series at one instant.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// One series of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// The series.
    pub labels: Labels,
    /// The evaluation time, or the sample's own for bare range selectors.
    pub timestamp: TimestampMs,
    /// Its value.
    pub value: SampleValue,
}

/// The value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number at an instant.
    Scalar(f64, TimestampMs),
    /// A text at an instant.
    Str(String, TimestampMs),
    /// Series with one value each.
    Vector(Vec<VectorSample>),
    /// Series with their values over time, sorted by labels.
    Matrix(Vec<SeriesData>),
}

/// A value with what the reader should know about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// Things that make the value doubtful.
    pub warnings: Vec<String>,
    /// Things worth knowing.
    pub infos: Vec<String>,
    /// What was read for it.
    pub stats: SelectStats,
    /// What its evaluation cost, where that was watched.
    pub cost: Option<Box<QueryCost>>,
    /// What it holds of memory that others want, too.
    pub held: Held,
}

/// Keeps what an answer takes of shared memory accounted for until the answer is gone.
#[derive(Clone, Default)]
pub struct Held(Option<Arc<dyn Any + Send + Sync>>);

impl Held {
    /// Holds on to `account`, which settles when it is dropped.
    pub fn of(account: Arc<dyn Any + Send + Sync>) -> Self {
        Held(Some(account))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Held" } else { "Free" })
    }
}

/// Answers are equal whatever holds them.
impl PartialEq for Held {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}
