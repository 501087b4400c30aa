//! Questions about logs.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::access::Caller;
use crate::base::error::{Error, Result};
use crate::model::aggregation::{AggregationResult, NamedAggregation};
use crate::model::cut::Cut;
use crate::model::log_filter::{LogField, LogFilter};
use crate::model::log_query::{FieldType, IndexSummary, LogHit, LogPage, LogPosition};
use crate::model::log_query::{LogSearch, LogSelect};
use crate::model::resource::AttrValue;
use crate::query::aggregate::Collector;
use crate::query::lucene::{self, LuceneOptions};
use crate::service::desk::Desk;
use crate::storage::log_store::{LogStore, LogVisitor};

/// Searches logs.
#[derive(Clone)]
pub struct LogsService {
    store: Arc<dyn LogStore>,
    desk: Desk,
}

impl LogsService {
    pub(crate) fn new(store: Arc<dyn LogStore>, desk: Desk) -> Self {
        LogsService { store, desk }
    }

    /// Reads a query in Lucene's syntax. `resolve` maps a field's name, as the caller's door spells
    /// it, to the field; `default_and` says whether clauses side by side must all hold.
    ///
    /// # Errors
    /// `InvalidInput` with what is wrong and at which character.
    pub fn parse_lucene(
        text: &str,
        default_and: bool,
        resolve: &dyn Fn(&str) -> LogField,
    ) -> Result<LogFilter> {
        lucene::parse(text, LuceneOptions { default_and, resolve }).map_err(Error::invalid)
    }

    /// Returns one page of records; a page has at most as many as the limit on hits allows.
    ///
    /// # Errors
    /// Permission, deadline, and those of [`LogStore::search`]; likewise below.
    pub async fn search(&self, caller: &Caller, search: LogSearch) -> Result<LogPage> {
        let limit = search.limit.min(self.desk.limits().hits);
        let asked = search.limit;
        let search = LogSearch { limit, ..search };
        let store = Arc::clone(&self.store);
        let work = async move { store.search(search).await };
        let mut page = self.desk.read(caller, "logs.search", work).await?;
        if asked > limit && page.hits.len() == limit {
            page.warnings.push(format!("only {limit} records are returned at once"));
        }
        Ok(page)
    }

    /// Returns the number of matching records.
    pub async fn count(&self, caller: &Caller, select: LogSelect) -> Result<u64> {
        let store = Arc::clone(&self.store);
        self.desk.read(caller, "logs.count", async move { store.count(select).await }).await
    }

    /// Computes aggregations over matching records; results come in the order asked.
    pub async fn aggregate(
        &self,
        caller: &Caller,
        select: LogSelect,
        asked: Vec<NamedAggregation>,
    ) -> Result<Vec<(String, AggregationResult)>> {
        let store = Arc::clone(&self.store);
        let work = async move {
            let collector = Collector::new(asked);
            let fields = collector.fields().to_vec();
            let collector = Arc::new(Mutex::new(collector));
            let visitor = Box::new(Collecting(Arc::clone(&collector)));
            drop(store.scan(select, fields, visitor).await?);
            let collector = Arc::into_inner(collector)
                .ok_or_else(|| Error::internal("a scan outlived its answer"))?;
            collector.into_inner().finish()
        };
        self.desk.read(caller, "logs.aggregate", work).await
    }

    /// Shows `visitor` the named fields of every matching record and returns it.
    pub async fn scan(
        &self,
        caller: &Caller,
        select: LogSelect,
        fields: Vec<LogField>,
        visitor: Box<dyn LogVisitor>,
    ) -> Result<Box<dyn LogVisitor>> {
        let store = Arc::clone(&self.store);
        let work = async move { store.scan(select, fields, visitor).await };
        self.desk.read(caller, "logs.scan", work).await
    }

    /// Returns the record of an index and id.
    pub async fn get(&self, caller: &Caller, index: &str, id: &str) -> Result<Option<LogHit>> {
        let (store, index, id) = (Arc::clone(&self.store), index.to_owned(), id.to_owned());
        let work = async move { store.get(&index, &id).await };
        self.desk.read(caller, "logs.get", work).await
    }

    /// Returns the fields that records of these indices have.
    pub async fn fields(&self, caller: &Caller, indices: &[String]) -> Result<Cut<FieldType>> {
        let (store, indices) = (Arc::clone(&self.store), indices.to_vec());
        let work = async move { store.fields(&indices).await };
        self.desk.read(caller, "logs.fields", work).await
    }

    /// Returns the indices that hold records.
    pub async fn indices(&self, caller: &Caller) -> Result<Vec<IndexSummary>> {
        let store = Arc::clone(&self.store);
        self.desk.read(caller, "logs.indices", async move { store.indices().await }).await
    }

    /// Returns once every acknowledged record can be found, which the store's contract already
    /// promises at acknowledgement: only the permission is checked.
    pub async fn refresh(&self, caller: &Caller) -> Result<()> {
        self.desk.read(caller, "logs.refresh", async { Ok(()) }).await
    }
}

/// Hands what a scan shows to a collector that outlives the scan.
struct Collecting(Arc<Mutex<Collector>>);

impl LogVisitor for Collecting {
    fn visit(&mut self, _: LogPosition, values: &[Option<AttrValue>]) -> bool {
        self.0.lock().add(values)
    }
}
