//! Questions about traces.

use std::sync::Arc;

use crate::access::Caller;
use crate::base::error::Result;
use crate::model::cut::Cut;
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{Trace, TraceId};
use crate::model::trace_query::{Dependency, Operation, SpanCondition, TraceSearch};
use crate::service::desk::Desk;
use crate::service::red::{self, RedAnswer};
use crate::storage::trace_store::TraceStore;

/// Traces from which rates and durations are computed.
const LOOKED_AT: usize = 5_000;

/// Finds traces.
#[derive(Clone)]
pub struct TracesService {
    store: Arc<dyn TraceStore>,
    desk: Desk,
}

impl TracesService {
    pub(crate) fn new(store: Arc<dyn TraceStore>, desk: Desk) -> Self {
        TracesService { store, desk }
    }

    /// Returns a trace by its id; `None` when no span of it is known.
    ///
    /// # Errors
    /// Permission, deadline, and those of [`TraceStore::trace`]; likewise below.
    pub async fn trace(&self, caller: &Caller, id: TraceId) -> Result<Option<Trace>> {
        let store = Arc::clone(&self.store);
        self.desk.read(caller, "traces.trace", async move { store.trace(id).await }).await
    }

    /// Returns whole traces, newest first, at most as many as the limit on hits allows.
    pub async fn search(&self, caller: &Caller, search: TraceSearch) -> Result<Cut<Trace>> {
        let limit = search.limit.min(self.desk.limits().hits);
        let search = TraceSearch { limit, ..search };
        let store = Arc::clone(&self.store);
        self.desk.read(caller, "traces.search", async move { store.search(search).await }).await
    }

    /// Returns the services with spans in `range`, sorted.
    pub async fn services(
        &self,
        caller: &Caller,
        range: TimeRange<TimestampNs>,
    ) -> Result<Vec<String>> {
        let store = Arc::clone(&self.store);
        self.desk.read(caller, "traces.services", async move { store.services(range).await }).await
    }

    /// Returns the operations of a service in `range`, sorted.
    pub async fn operations(
        &self,
        caller: &Caller,
        service: &str,
        range: TimeRange<TimestampNs>,
    ) -> Result<Vec<Operation>> {
        let (store, service) = (Arc::clone(&self.store), service.to_owned());
        let work = async move { store.operations(&service, range).await };
        self.desk.read(caller, "traces.operations", work).await
    }

    /// Returns rate, errors and durations of every service with requests in `range`, from its
    /// newest traces; each over `steps` even steps of time.
    pub async fn red(
        &self,
        caller: &Caller,
        range: TimeRange<TimestampNs>,
        steps: usize,
    ) -> Result<RedAnswer> {
        let found = self.newest(caller, range, SpanCondition::All).await?;
        let cut = found.items.len() >= LOOKED_AT;
        Ok(red::compute(&found.items, range, cut, steps, |span| Some(span.service_name())))
    }

    /// The same of every operation of one service.
    pub async fn red_of(
        &self,
        caller: &Caller,
        service: &str,
        range: TimeRange<TimestampNs>,
        steps: usize,
    ) -> Result<RedAnswer> {
        let condition = SpanCondition::Service(service.to_owned());
        let found = self.newest(caller, range, condition).await?;
        let cut = found.items.len() >= LOOKED_AT;
        Ok(red::compute(&found.items, range, cut, steps, |span| {
            (span.service_name() == service).then_some(span.name.as_str())
        }))
    }

    async fn newest(
        &self,
        caller: &Caller,
        range: TimeRange<TimestampNs>,
        condition: SpanCondition,
    ) -> Result<Cut<Trace>> {
        self.search(caller, TraceSearch { range, condition, limit: LOOKED_AT }).await
    }

    /// Returns who called whom in `range`.
    pub async fn dependencies(
        &self,
        caller: &Caller,
        range: TimeRange<TimestampNs>,
    ) -> Result<Vec<Dependency>> {
        let store = Arc::clone(&self.store);
        let work = async move { store.dependencies(range).await };
        self.desk.read(caller, "traces.dependencies", work).await
    }
}
