//! What a query may cost.

use std::time::Duration;

/// Bounds of queries. What passes them is an error or is said in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryLimits {
    /// How long a query may take, its wait for a turn included. A caller may ask for less.
    pub timeout: Duration,
    /// Queries at one time; further ones wait.
    pub concurrency: usize,
    /// Samples that one metric query may hold in memory.
    pub samples: u64,
    /// Bytes of memory that all metric queries may hold at one time.
    pub memory: u64,
    /// Bytes of memory that kept answers of range queries may take.
    pub results: u64,
    /// Steps of a range query.
    pub steps: i64,
    /// How old a sample may be to count at an evaluation time.
    pub lookback: Duration,
    /// Distance of a subquery's instants when it names none.
    pub subquery_interval: Duration,
    /// Series that the cardinality report looks at.
    pub reported_series: usize,
    /// Log records or traces of one answer.
    pub hits: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        QueryLimits {
            timeout: Duration::from_secs(120),
            concurrency: 20,
            samples: 50_000_000,
            memory: u64::MAX,
            results: 16 << 20,
            steps: 11_000,
            lookback: Duration::from_secs(300),
            subquery_interval: Duration::from_secs(60),
            reported_series: 200_000,
            hits: 10_000,
        }
    }
}
