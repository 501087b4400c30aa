//! Joins rules to delivery, and delivery to the store that survives.

use std::sync::Arc;

use async_trait::async_trait;

use crate::alerting::{Alerting, AlertingParts, PostedAlert};
use crate::app::addresses::Addresses;
use crate::app::stores::OpenStores;
use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::config::Config;
use crate::model::alert::Alert;
use crate::rules::AlertSink;

/// Prepares delivery; it tells nobody before it is started.
///
/// # Errors
/// Those of [`Alerting::open`].
pub(crate) async fn open(
    config: &Config,
    stores: &OpenStores,
    addresses: &Addresses,
    clock: SharedClock,
) -> Result<Alerting> {
    let url = config.external_url.clone().unwrap_or_else(|| addresses.http.clone());
    Alerting::open(AlertingParts {
        config: config.alerting.clone(),
        store: Arc::clone(&stores.state),
        clock,
        external_url: url.trim_end_matches('/').to_owned(),
    })
    .await
}

/// Takes the alerts of rules.
pub(crate) struct FromRules(pub(crate) Alerting);

#[async_trait]
impl AlertSink for FromRules {
    async fn send(&self, alerts: Vec<Alert>) -> Result<()> {
        let posted = alerts.into_iter().map(PostedAlert::from).collect();
        // A refused alert would be refused again, so it is told and not said again.
        for why in self.0.post(posted).await? {
            tracing::warn!(why, "an alert of a rule was refused");
        }
        Ok(())
    }
}
