//! What a store says of itself, as plain data.

use crate::model::time::{Day, TimeRange, TimestampMs};

/// Whether a partition may still change its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionState {
    /// It takes points and is written as they come.
    Live,
    /// It was rewritten into its final, smaller form.
    Sealed,
}

impl PartitionState {
    /// Returns the lower-case word.
    pub fn word(self) -> &'static str {
        match self {
            PartitionState::Live => "live",
            PartitionState::Sealed => "sealed",
        }
    }
}

/// One partition on disk. What a store does not count is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionFacts {
    /// The day whose data it holds.
    pub day: Day,
    /// What it has allocated (`st_blocks`).
    pub bytes: u64,
    /// Its form.
    pub state: PartitionState,
    /// Series in it.
    pub series: Option<u64>,
    /// Samples, records or spans in it.
    pub points: Option<u64>,
    /// Its oldest and newest point.
    pub times: Option<TimeRange<TimestampMs>>,
}

/// What could not be read since the start, and files that were put aside as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DamageFacts {
    /// How many blocks and files.
    pub count: u64,
    /// Where the first of them lie.
    pub places: Vec<String>,
}

/// What a store says of itself besides its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreFacts {
    /// Its partitions on disk, oldest first.
    pub partitions: Vec<PartitionFacts>,
    /// What is damaged.
    pub damage: DamageFacts,
}
