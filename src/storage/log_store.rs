//! The port of the log store.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::model::batch::LogBatch;
use crate::model::cut::Cut;
use crate::model::log_filter::LogField;
use crate::model::resource::AttrValue;
use crate::storage::lifecycle::Lifecycle;

pub use crate::model::log_query::*;

/// Takes the values that an aggregation needs, record by record.
pub trait LogVisitor: Send {
    /// Sees one matching record. Returning `false` ends the scan.
    fn visit(&mut self, position: LogPosition, values: &[Option<AttrValue>]) -> bool;
}

/// Stores log records and finds them by filter.
///
/// * Records are unique by (index, id). A put without `replace` of a known id is refused with
///   `Conflict`; a delete of an unknown one with `Missing`.
/// * Visibility: immediately after the write returned, which is earlier than the 1 s promised.
/// * Order of a result: by [`LogPosition`], so that paging neither loses nor repeats.
#[async_trait]
pub trait LogStore: Lifecycle {
    /// Applies the operations in order and returns when they are durable and visible.
    ///
    /// # Errors
    /// `Unavailable` when the log or the disk refuses; nothing was acknowledged then.
    async fn append(&self, batch: LogBatch) -> Result<LogReceipt>;

    /// Returns one page of records.
    ///
    /// # Errors
    /// `InvalidInput` for a pattern that does not compile; `Corrupt`, `Internal` from the engine.
    async fn search(&self, search: LogSearch) -> Result<LogPage>;

    /// Returns the number of matching records.
    async fn count(&self, select: LogSelect) -> Result<u64>;

    /// Shows `visitor` the named fields of every matching record, in no promised order. Returns
    /// the visitor, so that its findings outlive the scan.
    async fn scan(
        &self,
        select: LogSelect,
        fields: Vec<LogField>,
        visitor: Box<dyn LogVisitor>,
    ) -> Result<Box<dyn LogVisitor>>;

    /// Returns the record of an index and id, wherever in time it lies.
    async fn get(&self, index: &str, id: &str) -> Result<Option<LogHit>>;

    /// Returns the fields that records of these indices have, sorted by field.
    async fn fields(&self, indices: &[String]) -> Result<Cut<FieldType>>;

    /// Returns the indices that hold records, sorted by name.
    async fn indices(&self) -> Result<Vec<IndexSummary>>;
}
