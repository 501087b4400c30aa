//! What the evaluation of a metric query cost, as plain data.

use std::time::Duration;

use crate::model::series::SelectStats;
use crate::model::time::TimestampMs;

/// How closely an evaluation is watched. Watching takes time of its own, so it is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// Not at all.
    #[default]
    Nothing,
    /// Times and samples of the whole query.
    Totals,
    /// Samples of each step as well.
    Steps,
    /// What every node of the tree costs as well.
    Nodes,
}

/// What one query cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryCost {
    /// How long it took.
    pub timings: QueryTimings,
    /// What it looked at.
    pub samples: QuerySamples,
    /// Its tree, where the nodes were watched.
    pub plan: Option<PlanNode>,
}

/// Where the time of a query went, in Prometheus' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueryTimings {
    /// The whole evaluation.
    pub eval_total: Duration,
    /// Making and sorting the answer.
    pub result_sort: Duration,
    /// Finding the series of selectors, all selectors together.
    pub query_preparation: Duration,
    /// The evaluation without the two above.
    pub inner_eval: Duration,
    /// Waiting for a turn.
    pub exec_queue: Duration,
    /// Waiting and evaluation.
    pub exec_total: Duration,
}

/// Which samples a query looked at. A histogram counts for as many floats as it is large.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuerySamples {
    /// At all steps together: a sample in the windows of several steps counts for each of them.
    pub total: u64,
    /// At each step in turn; empty unless steps were watched.
    pub per_step: Vec<(TimestampMs, u64)>,
    /// The most that were held at one time.
    pub peak: u64,
}

/// One node of a query's tree and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanNode {
    /// What it is, in the words of Prometheus' `parse_query`.
    pub kind: &'static str,
    /// The node as the query's writer writes it.
    pub text: String,
    /// Where it begins in the query, in bytes.
    pub start: usize,
    /// Where it ends, in bytes; does not belong to it.
    pub end: usize,
    /// How often it was evaluated; 0 for what the node above it settled.
    pub evaluations: u64,
    /// Time of all evaluations, that of the nodes below included.
    pub took: Duration,
    /// Series that came out, or were read where it is a selector below a function of ranges.
    pub series: u64,
    /// Values at steps that came out, or samples that were read likewise.
    pub points: u64,
    /// What the store says of it; `None` for what does not select by itself.
    pub select: Option<SelectStats>,
    /// What it is made of, in the order written.
    pub children: Vec<PlanNode>,
}
