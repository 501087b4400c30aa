//! Questions about metrics.

use std::sync::Arc;

use crate::access::Caller;
use crate::base::error::Result;
use crate::model::batch::MetricMetadata;
use crate::model::cut::Cut;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::series::{LabelQuery, SeriesExemplars};
use crate::model::time::{TimeRange, TimestampMs};
use crate::service::desk::Desk;
use crate::storage::metric_store::MetricStore;

/// Queries metrics.
#[derive(Clone)]
pub struct MetricsService {
    store: Arc<dyn MetricStore>,
    desk: Desk,
}

impl MetricsService {
    pub(crate) fn new(store: Arc<dyn MetricStore>, desk: Desk) -> Self {
        MetricsService { store, desk }
    }

    /// Returns label names, sorted.
    ///
    /// # Errors
    /// Permission, deadline, and those of the store; likewise below.
    pub async fn labels(&self, caller: &Caller, query: LabelQuery) -> Result<Cut<String>> {
        self.desk.read(caller, "metrics.labels", self.store.label_names(query)).await
    }

    /// Returns the values of one label, sorted.
    pub async fn label_values(
        &self,
        caller: &Caller,
        name: &str,
        query: LabelQuery,
    ) -> Result<Cut<String>> {
        self.desk.read(caller, "metrics.label_values", self.store.label_values(name, query)).await
    }

    /// Returns label sets, sorted.
    pub async fn series(&self, caller: &Caller, query: LabelQuery) -> Result<Cut<Labels>> {
        self.desk.read(caller, "metrics.series", self.store.series(query)).await
    }

    /// Returns what is known of families, sorted by name; `metric` restricts it to one.
    pub async fn metadata(
        &self,
        caller: &Caller,
        metric: Option<&str>,
    ) -> Result<Vec<MetricMetadata>> {
        self.desk.read(caller, "metrics.metadata", self.store.metadata(metric)).await
    }

    /// Returns the exemplars of the series that one of the sets chooses.
    pub async fn exemplars(
        &self,
        caller: &Caller,
        match_sets: Vec<Vec<Matcher>>,
        range: TimeRange<TimestampMs>,
    ) -> Result<Vec<SeriesExemplars>> {
        let exemplars = self.store.exemplars(match_sets, range);
        self.desk.read(caller, "metrics.exemplars", exemplars).await
    }
}
