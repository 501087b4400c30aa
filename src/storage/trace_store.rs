//! The port of the trace store.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::model::batch::SpanBatch;
use crate::model::cut::Cut;
use crate::model::receipt::Receipt;
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{Trace, TraceId};
use crate::storage::lifecycle::Lifecycle;

pub use crate::model::trace_query::*;

/// Stores spans and gives them back by trace.
///
/// * Duplicates: a span with the trace and span id of a known one is accepted and kept once, the
///   first write wins. (Zipkin's shared spans differ in kind: same ids with another kind are kept.)
/// * Visibility: at once after the write returned.
/// * A trace's spans may arrive over any time; [`TraceStore::trace`] returns the union.
#[async_trait]
pub trait TraceStore: Lifecycle {
    /// Writes the spans and returns when they are durable and visible.
    ///
    /// # Errors
    /// `Unavailable` when the log or the disk refuses; nothing was acknowledged then.
    async fn append(&self, batch: SpanBatch) -> Result<Receipt>;

    /// Returns the known spans of a trace, ordered by start; `None` when there are none.
    ///
    /// # Errors
    /// `Corrupt` and `Internal` from the engine; likewise below.
    async fn trace(&self, id: TraceId) -> Result<Option<Trace>>;

    /// Returns whole traces, ordered by their newest matching span, newest first.
    async fn search(&self, search: TraceSearch) -> Result<Cut<Trace>>;

    /// Returns the services with spans in `range`, sorted.
    async fn services(&self, range: TimeRange<TimestampNs>) -> Result<Vec<String>>;

    /// Returns the operations of a service in `range`, sorted.
    async fn operations(
        &self,
        service: &str,
        range: TimeRange<TimestampNs>,
    ) -> Result<Vec<Operation>>;

    /// Returns who called whom in `range`, by parent and child spans of different services, sorted.
    async fn dependencies(&self, range: TimeRange<TimestampNs>) -> Result<Vec<Dependency>>;
}
