//! What is known of alerts, groups, silences and deliveries.

use std::collections::HashMap;

use regex::Regex;

use crate::alerting::hub::{Alerting, State};
use crate::alerting::inhibit::Inhibitors;
use crate::alerting::matchers;
use crate::alerting::pipeline::Pipeline;
use crate::alerting::route::RouteOptions;
use crate::base::error::{Error, Result};
use crate::model::delivery::{AlertGroup, AlertView, DeliveryReceipt, PendingDelivery, Quiet};
use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};
use crate::model::silence::Silence;

/// Which alerts are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertQuery {
    /// Matchers in Alertmanager's form; all must hold.
    pub filter: Vec<String>,
    /// A pattern that the whole name of a receiver must fulfil.
    pub receiver: Option<String>,
    /// Whether alerts are wanted that somebody is told of.
    pub active: bool,
    /// Whether silenced ones are wanted.
    pub silenced: bool,
    /// Whether inhibited ones are wanted.
    pub inhibited: bool,
    /// Whether those are wanted that a time interval mutes.
    pub muted: bool,
}

impl Default for AlertQuery {
    /// Asks for all.
    fn default() -> Self {
        AlertQuery {
            filter: Vec::new(),
            receiver: None,
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
        }
    }
}

struct Filter<'a> {
    query: &'a AlertQuery,
    matchers: Vec<Matcher>,
    receiver: Option<Regex>,
}

impl<'a> Filter<'a> {
    fn new(query: &'a AlertQuery) -> Result<Self> {
        let receiver = match query.receiver.as_deref().filter(|pattern| !pattern.is_empty()) {
            None => None,
            Some(pattern) => {
                let mut built = regex::RegexBuilder::new(&format!("^(?:{pattern})$"));
                let built = built.size_limit(1 << 20).build();
                let wrong =
                    |_| Error::invalid(format!("failed to parse receiver param: {pattern}"));
                Some(built.map_err(wrong)?)
            }
        };
        Ok(Filter { query, matchers: parse_all(&query.filter)?, receiver })
    }

    fn wants_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }

    fn wants(&self, labels: &Labels, quiet: &Quiet) -> bool {
        let query = self.query;
        matchers::all_match(&self.matchers, labels)
            && (query.active || !quiet.is_active())
            && (query.silenced || quiet.silenced_by.is_empty())
            && (query.inhibited || quiet.inhibited_by.is_empty())
            && (query.muted || quiet.muted_by.is_empty())
    }
}

fn parse_all(filter: &[String]) -> Result<Vec<Matcher>> {
    let mut all = Vec::new();
    for text in filter {
        all.extend(matchers::parse(text).map_err(Error::invalid)?);
    }
    Ok(all)
}

impl Alerting {
    /// Returns the alerts that fire now, in the order of their fingerprints.
    ///
    /// # Errors
    /// `InvalidInput` for a filter that cannot be read.
    pub async fn alerts(&self, query: &AlertQuery) -> Result<Vec<AlertView>> {
        let filter = Filter::new(query)?;
        let state = self.0.state.lock().await;
        Ok(self.with_pipeline(&state, |pipeline| {
            let route = &pipeline.config.route;
            let mut found = Vec::new();
            for (fingerprint, alert) in state.alerts.iter() {
                if alert.is_resolved_at(pipeline.now) {
                    continue;
                }
                let ends: Vec<&RouteOptions> =
                    route.matching(&alert.labels).into_iter().map(|one| &**one).collect();
                let quiet = pipeline.quiet(&alert.labels, &ends);
                let receivers = route.receivers_of(&alert.labels);
                let told = receivers.iter().any(|name| filter.wants_receiver(name));
                if told && filter.wants(&alert.labels, &quiet) {
                    found.push(AlertView { alert: alert.clone(), fingerprint, receivers, quiet });
                }
            }
            found
        }))
    }

    /// Returns the groups with the alerts that fire now, sorted by labels, then receiver.
    ///
    /// # Errors
    /// `InvalidInput` for a filter that cannot be read.
    pub async fn groups(&self, query: &AlertQuery) -> Result<Vec<AlertGroup>> {
        let filter = Filter::new(query)?;
        let state = self.0.state.lock().await;
        let mut groups = self.with_pipeline(&state, |pipeline| {
            let mut found = Vec::new();
            let wanted = state.groups.iter().filter(|g| filter.wants_receiver(&g.options.receiver));
            for group in wanted {
                let firing = group.snapshot(pipeline.now).into_iter().filter(|one| !one.resolved);
                let mut alerts = Vec::new();
                for one in firing {
                    let quiet = pipeline.quiet(&one.alert.labels, &[&group.options]);
                    if filter.wants(&one.alert.labels, &quiet) {
                        let receivers = pipeline.config.route.receivers_of(&one.alert.labels);
                        let (alert, fingerprint) = (one.alert, one.fingerprint);
                        alerts.push(AlertView { alert, fingerprint, receivers, quiet });
                    }
                }
                if !alerts.is_empty() {
                    let (labels, receiver) = (group.labels.clone(), group.options.receiver.clone());
                    found.push(AlertGroup { labels, receiver, alerts });
                }
            }
            found
        });
        groups.sort_by(|left, right| {
            (&left.labels, &left.receiver).cmp(&(&right.labels, &right.receiver))
        });
        Ok(groups)
    }

    /// Returns what keeps an alert with these labels quiet now, whether it fires or not.
    pub async fn quiet(&self, labels: &Labels) -> Quiet {
        let state = self.0.state.lock().await;
        self.with_pipeline(&state, |pipeline| {
            let ends = pipeline.config.route.matching(labels);
            let ends: Vec<&RouteOptions> = ends.into_iter().map(|one| &**one).collect();
            pipeline.quiet(labels, &ends)
        })
    }

    /// Returns silences whose own matchers fit `filter`: active, pending, expired.
    ///
    /// # Errors
    /// `InvalidInput` for a filter that cannot be read.
    pub async fn silences(&self, filter: &[String]) -> Result<Vec<Silence>> {
        let wanted = parse_all(filter)?;
        let now = self.now();
        let mut silences = self.0.state.lock().await.silences.sorted(now);
        silences.retain(|silence| wanted.iter().all(|matcher| fits(silence, matcher)));
        Ok(silences)
    }

    /// Returns one silence, if it is kept.
    pub async fn silence(&self, id: &str) -> Option<Silence> {
        self.0.state.lock().await.silences.get(id).cloned()
    }

    /// Returns the names of everybody who can be told, in the order of the configuration.
    pub fn receivers(&self) -> Vec<String> {
        let wiring = self.0.wiring();
        wiring.config.receivers.iter().map(|receiver| receiver.name.clone()).collect()
    }

    /// Returns the latest receipts, newest first, at most `limit`.
    pub async fn receipts(&self, limit: usize) -> Vec<DeliveryReceipt> {
        self.0.state.lock().await.receipts.latest(limit)
    }

    /// Returns the messages on their way, oldest first.
    pub async fn pending(&self) -> Vec<PendingDelivery> {
        self.0.state.lock().await.outbox.pending()
    }

    fn with_pipeline<T>(&self, state: &State, ask: impl FnOnce(&Pipeline<'_>) -> T) -> T {
        let now = self.now();
        let wiring = self.0.wiring();
        let rules = &wiring.config.inhibit_rules;
        let inhibitors = Inhibitors::new(rules, state.alerts.iter(), now);
        ask(&Pipeline {
            config: &wiring.config,
            inhibitors: &inhibitors,
            silences: &state.silences,
            told: &state.told,
            now,
        })
    }
}

/// Whether a silence has a matcher on the label of `wanted` whose value fulfils it; a negative one is
/// fulfilled by a silence without that label too.
fn fits(silence: &Silence, wanted: &Matcher) -> bool {
    let values: HashMap<&str, &str> =
        silence.matchers.iter().map(|own| (own.name.as_str(), own.value.as_str())).collect();
    match values.get(wanted.name.as_str()) {
        Some(value) => wanted.matches(value),
        None => matches!(wanted.op, MatchOp::NotEqual | MatchOp::NotRegex) && wanted.matches(""),
    }
}
