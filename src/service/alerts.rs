//! Alerts, silences and deliveries.

use tracing::Instrument;

use crate::access::{Caller, Scope};
use crate::alerting::Alerting;
use crate::base::error::{Error, Result};
use crate::model::delivery::{AlertGroup, AlertView, DeliveryReceipt, PendingDelivery};
use crate::model::silence::Silence;
use crate::model::time::TimestampMs;
use crate::service::desk::Desk;

pub use crate::alerting::{AlertQuery, PostedAlert, SilenceRequest};

/// The most receipts of one answer.
const MAX_RECEIPTS: usize = 1_000;

/// Questions about alerts and their delivery, and changes of silences.
#[derive(Clone)]
pub struct AlertsService {
    alerting: Alerting,
    desk: Desk,
}

/// What the page of deliveries shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliveries {
    /// Messages on their way, oldest first.
    pub pending: Vec<PendingDelivery>,
    /// Receipts of those that ended, newest first.
    pub receipts: Vec<DeliveryReceipt>,
}

impl AlertsService {
    pub(crate) fn new(alerting: Alerting, desk: Desk) -> Self {
        AlertsService { alerting, desk }
    }

    /// Returns the time by which silences are active and alerts fire.
    pub fn now(&self) -> TimestampMs {
        self.desk.now()
    }

    /// Returns the alerts that fire now.
    ///
    /// # Errors
    /// Without the scope `read`, `InvalidInput` for a filter that cannot be read, and those of
    /// every use case.
    pub async fn alerts(&self, caller: &Caller, query: AlertQuery) -> Result<Vec<AlertView>> {
        let alerting = self.alerting.clone();
        self.desk.read(caller, "alerts", async move { alerting.alerts(&query).await }).await
    }

    /// Returns the groups of the alerts that fire now.
    ///
    /// # Errors
    /// Those of [`AlertsService::alerts`].
    pub async fn groups(&self, caller: &Caller, query: AlertQuery) -> Result<Vec<AlertGroup>> {
        let alerting = self.alerting.clone();
        self.desk.read(caller, "alert groups", async move { alerting.groups(&query).await }).await
    }

    /// Takes alerts; when it returns they are durable. Returns why some were refused.
    ///
    /// # Errors
    /// Without the scope `alerts:write`, and those of the store; nothing was taken then.
    pub async fn post(&self, caller: &Caller, alerts: Vec<PostedAlert>) -> Result<Vec<String>> {
        caller.require(Scope::AlertsWrite)?;
        let span = tracing::info_span!("service", otel.name = "post alerts", caller = caller.name);
        self.alerting.post(alerts).instrument(span).await
    }

    /// Returns silences whose matchers fit the filter.
    ///
    /// # Errors
    /// Those of [`AlertsService::alerts`].
    pub async fn silences(&self, caller: &Caller, filter: Vec<String>) -> Result<Vec<Silence>> {
        let alerting = self.alerting.clone();
        self.desk.read(caller, "silences", async move { alerting.silences(&filter).await }).await
    }

    /// Returns one silence.
    ///
    /// # Errors
    /// `NotFound`, and those of [`AlertsService::alerts`].
    pub async fn silence(&self, caller: &Caller, id: String) -> Result<Silence> {
        let alerting = self.alerting.clone();
        let found = async move {
            let missing = || Error::not_found(format!("silence {id} not found"));
            alerting.silence(&id).await.ok_or_else(missing)
        };
        self.desk.read(caller, "silence", found).await
    }

    /// Creates or changes a silence.
    ///
    /// # Errors
    /// Without the scope `alerts:write`, `InvalidInput` for what makes no sense, `NotFound` for an
    /// unknown id, and those of the store.
    pub async fn set_silence(&self, caller: &Caller, request: SilenceRequest) -> Result<Silence> {
        caller.require(Scope::AlertsWrite)?;
        let span = tracing::info_span!("service", otel.name = "set silence", caller = caller.name);
        self.alerting.set_silence(request).instrument(span).await
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// Without the scope `alerts:write`, `NotFound`, `Conflict` when it has expired already, and
    /// those of the store.
    pub async fn expire_silence(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require(Scope::AlertsWrite)?;
        let span =
            tracing::info_span!("service", otel.name = "expire silence", caller = caller.name);
        self.alerting.expire_silence(id).instrument(span).await
    }

    /// Returns the names of everybody who can be told.
    ///
    /// # Errors
    /// Without the scope `read`.
    pub fn receivers(&self, caller: &Caller) -> Result<Vec<String>> {
        caller.require(Scope::Read)?;
        Ok(self.alerting.receivers())
    }

    /// Returns the configuration as text without secrets.
    ///
    /// # Errors
    /// Without the scope `read`.
    pub fn configuration(&self, caller: &Caller) -> Result<String> {
        caller.require(Scope::Read)?;
        Ok(self.alerting.configuration())
    }

    /// Returns what is on its way and at most `limit` receipts of what ended.
    ///
    /// # Errors
    /// Those of [`AlertsService::alerts`].
    pub async fn deliveries(&self, caller: &Caller, limit: usize) -> Result<Deliveries> {
        let alerting = self.alerting.clone();
        let found = async move {
            let pending = alerting.pending().await;
            Ok(Deliveries { pending, receipts: alerting.receipts(limit.min(MAX_RECEIPTS)).await })
        };
        self.desk.read(caller, "deliveries", found).await
    }
}
