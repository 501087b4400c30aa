//! The ways to tell people, one file each.
//!
//! In: a message and the instant. Out: what the receiver answered, or why it did not take it; the
//! kind of the error says whether a later try may help: `Unavailable`, `RateLimited` and `Timeout`
//! do, everything else is final. Deliberately absent: waiting and trying again (`delivery`).

mod email;
mod http;
mod slack;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::alerting::config::{AlertingConfig, NotifierConfig};
use crate::alerting::message::Message;
use crate::alerting::receivers::email::Email;
use crate::alerting::receivers::slack::Slack;
use crate::alerting::receivers::webhook::Webhook;
use crate::alerting::template::Templates;
use crate::base::error::Result;
use crate::model::time::TimestampMs;

/// One try of a message.
pub(crate) struct Delivery<'a> {
    /// The same for every try.
    pub(crate) id: u64,
    /// What is told.
    pub(crate) message: &'a Message,
    /// When it was decided.
    pub(crate) queued_at: TimestampMs,
    /// The current time.
    pub(crate) now: TimestampMs,
}

/// A way to tell people. Dropping the future gives the try up.
#[async_trait]
pub(crate) trait Notifier: Send + Sync {
    /// Tells it and returns the receiver's answer.
    ///
    /// # Errors
    /// `Unavailable`, `RateLimited`, `Timeout` when a later try may help; others when not.
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<String>;
}

/// What the texts of messages are made with.
#[derive(Clone)]
pub(crate) struct Texts {
    pub(crate) templates: Templates,
    pub(crate) external_url: String,
}

/// Every way to tell, by receiver and integration.
pub(crate) type Notifiers = BTreeMap<(String, String), Arc<dyn Notifier>>;

/// Prepares everybody who can be told.
///
/// # Errors
/// `InvalidInput` for certificates and proxies that cannot be read.
pub(crate) fn all(config: &AlertingConfig, external_url: &str) -> Result<Notifiers> {
    let texts =
        Texts { templates: config.templates.clone(), external_url: external_url.to_owned() };
    let mut notifiers = Notifiers::new();
    for receiver in &config.receivers {
        for integration in &receiver.integrations {
            let place = || format!("receiver {:?}, {}", receiver.name, integration.name);
            let texts = texts.clone();
            let built: Result<Arc<dyn Notifier>> = match &integration.notifier {
                NotifierConfig::Webhook(webhook) => {
                    Webhook::new(webhook.clone(), texts).map(|one| Arc::new(one) as _)
                }
                NotifierConfig::Slack(slack) => {
                    Slack::new((**slack).clone(), texts).map(|one| Arc::new(one) as _)
                }
                NotifierConfig::Email(email) => {
                    Email::new((**email).clone(), texts).map(|one| Arc::new(one) as _)
                }
            };
            let built = built.map_err(|error| error.context(place()))?;
            notifiers.insert((receiver.name.clone(), integration.name.clone()), built);
        }
    }
    Ok(notifiers)
}

/// Adds to a receiver's answer which texts did not render.
pub(crate) fn with_faults(answer: String, faults: Vec<String>) -> String {
    if faults.is_empty() {
        return answer;
    }
    format!("{answer}; sent with the usual texts, because {}", faults.join("; "))
}
