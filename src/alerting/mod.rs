//! From alert to message: who is told, together with what, when, and what became of it.
//!
//! In: alerts from rules and clients, silences from people, the configuration. Out: messages at
//! webhooks, Slack and mail relays, a receipt for each, and what is known of alerts, groups,
//! silences and deliveries as plain data.
//!
//! The way of an alert: it is merged with what is known of it (`book`), routed (`route`) into
//! groups (`group`); when a group's time has come (`dispatcher`) the stages of `pipeline` are
//! asked one after the other: time intervals, inhibition, silences, what was told before. What is
//! left goes into the durable `outbox` in the same transaction that notes it as told, so that no
//! crash loses or repeats a message; from there it is tried until the receiver took it.
//!
//! Deliberately absent: why an alert fires (`rules`), who may change what (`service`), a cluster of
//! peers. A message that was taken in the very instant of a crash, before that could be noted, is
//! sent again: at least once, as far as the receiver cannot tell by its id.

pub mod config;
pub mod route;
pub mod matchers;
pub mod time_interval;
pub mod fingerprint;
mod book;
mod group;
pub mod inhibit;
mod silences;
mod told;
mod pipeline;
mod dispatcher;
mod message;
mod outbox;
mod delivery;
mod receipts;
mod template;
mod receivers;
mod record;
mod hub;
mod posting;
mod queries;
#[cfg(test)]
mod tests;

pub use config::AlertingConfig;
pub use hub::{Alerting, AlertingParts};
pub use posting::PostedAlert;
pub use queries::AlertQuery;
pub use silences::SilenceRequest;
