//! The port of the time-series store.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::model::batch::{MetricBatch, MetricMetadata};
use crate::model::cut::Cut;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::receipt::Receipt;
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::changes::ChangeMark;
use crate::storage::lifecycle::Lifecycle;

pub use crate::model::series::*;

/// Which series and which part of them a caller wants.
#[derive(Debug, Clone)]
pub struct SelectQuery {
    /// All must hold. At least one of them does not match the empty text.
    pub matchers: Vec<Matcher>,
    /// Samples outside are not returned.
    pub range: TimeRange<TimestampMs>,
    /// What the caller will do with the samples; an engine may ignore it.
    pub hints: SelectHints,
    /// Refuse with `LimitExceeded` once this many samples were read; `None` means no limit.
    pub max_samples: Option<u64>,
}

/// What the caller will do with a selection, so that an engine may do less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelectHints {
    /// Distance of evaluation steps in milliseconds; 0 for an instant.
    pub step_ms: i64,
    /// Width of the range selector in milliseconds; 0 when there is none.
    pub range_ms: i64,
    /// The function around the selector, such as `rate`; empty when there is none.
    pub function: String,
    /// Whether every range of the function starts and ends at a full hour of UTC. Then a store may
    /// give hours in place of the points of a series, as long as they tell the function's values
    /// bit by bit; see [`crate::storage::hours`].
    pub whole_hours: bool,
}

/// Some series of a selection; a cursor yields blocks until `None`.
pub type SeriesBlock = Vec<SeriesData>;

/// Yields a selection block by block, each series once, in no promised order of series.
#[async_trait]
pub trait SeriesCursor: Send {
    /// Returns the next block (never empty), or `None` at the end.
    ///
    /// # Errors
    /// `LimitExceeded` past `max_samples`; `Corrupt` and `Internal` from the engine.
    async fn next_block(&mut self) -> Result<Option<SeriesBlock>>;

    /// Returns the memory that the selection takes before any point is read, in bytes.
    fn held_bytes(&self) -> u64 {
        0
    }

    /// Returns what was touched so far, complete after the last block.
    fn stats(&self) -> SelectStats {
        SelectStats::default()
    }

    /// Returns what the caller should know besides the samples, complete after the last block.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The years 1 to 9999: what has a day with a name of ten letters.
pub const KEEPABLE: TimeRange<TimestampMs> =
    TimeRange { start: TimestampMs(-62_135_596_800_000), end: TimestampMs(253_402_300_799_999) };

/// Stores samples by series and gives them back by matchers.
///
/// * Duplicates: a point with the timestamp and bits of a known one is accepted and stored once; one
///   with other bits is refused with `DuplicateTimestamp` while the first is in memory, later the
///   first write wins.
/// * Order: points of a series may come in any order within the out-of-order window; older ones are
///   refused with `TooOld`. The window is measured from the newest point that the whole store held
///   before the batch; its older end belongs to it. Of one write the floats go before the
///   histograms, and a timestamp holds one point, whatever its type.
/// * Times: points outside [`KEEPABLE`] are refused with `TooOld` and `TooFarInFuture`.
/// * Exemplars are counted in the receipt beside the points. Equal ones are stored once; those outside
///   the window are dropped and not counted, and beyond an engine's bound for a series the oldest
///   give way.
/// * Refusals say what Prometheus says: "too old sample", "out of bounds", "duplicate sample for
///   timestamp", each with "for series" and the labels.
/// * A batch is not a transaction for readers, but it is one for crashes: after a crash it is there
///   whole or, if it was never acknowledged, perhaps not at all.
#[async_trait]
pub trait MetricStore: Lifecycle {
    /// Writes what can be written and returns when it is durable and visible.
    ///
    /// # Errors
    /// `Unavailable` when the log or the disk refuses; nothing was acknowledged then.
    async fn append(&self, batch: MetricBatch) -> Result<Receipt>;

    /// Writes history: as [`MetricStore::append`], however old its points are.
    ///
    /// # Errors
    /// Those of [`MetricStore::append`].
    async fn backfill(&self, batch: MetricBatch) -> Result<Receipt>;

    /// Deletes the points inside `range` of the series that fulfil one whole set, durably and at
    /// once for every later read. Points that are written afterwards stay.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses; perhaps a part was deleted then.
    async fn delete(
        &self,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Deleted>;

    /// Frees the space of what was deleted (`clean_tombstones`).
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses.
    async fn purge_deleted(&self) -> Result<()>;

    /// Opens a cursor over the selected series as of now.
    ///
    /// # Errors
    /// Those of the cursor.
    async fn select(&self, query: SelectQuery) -> Result<Box<dyn SeriesCursor>>;

    /// Returns label names, sorted.
    ///
    /// # Errors
    /// `Corrupt` and `Internal` from the engine; likewise below.
    async fn label_names(&self, query: LabelQuery) -> Result<Cut<String>>;

    /// Returns the values of one label, sorted.
    async fn label_values(&self, name: &str, query: LabelQuery) -> Result<Cut<String>>;

    /// Returns label sets, sorted.
    async fn series(&self, query: LabelQuery) -> Result<Cut<Labels>>;

    /// Returns what is known of families, sorted by name; `metric` restricts it to one.
    async fn metadata(&self, metric: Option<&str>) -> Result<Vec<MetricMetadata>>;

    /// Returns exemplars of the matching series within `range`, sorted by labels.
    async fn exemplars(
        &self,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Vec<SeriesExemplars>>;

    /// Returns numbers about the store.
    fn stats(&self) -> MetricStats;

    /// Returns a mark of the changes so far, for [`MetricStore::unchanged_before`]. Whatever is read
    /// after this call shows every change that the mark counts. `None` when the store does not follow
    /// its changes, is closed, or is just changing what is old.
    fn changes(&self) -> Option<ChangeMark> {
        None
    }

    /// Returns the time before which every selection shows what it showed at `mark`: the same floats
    /// and starts, bit by bit. What histograms say of resets may change without notice, and so may
    /// the order of series. `None` as for [`MetricStore::changes`].
    fn unchanged_before(&self, mark: ChangeMark) -> Option<TimestampMs> {
        let _ = mark;
        None
    }
}
