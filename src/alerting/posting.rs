//! Takes alerts as rules and clients say them, and silences as people ask for them.

use std::time::Duration;

use opentelemetry::KeyValue;

use crate::alerting::book::{Known, MAX_ALERTS};
use crate::alerting::group::later;
use crate::alerting::hub::{Alerting, State, delete, put};
use crate::alerting::record::{ALERTS, SILENCES, TOLD};
use crate::alerting::silences::SilenceRequest;
use crate::base::error::Result;
use crate::model::alert::Alert;
use crate::model::labels::Labels;
use crate::model::silence::Silence;
use crate::model::time::TimestampMs;

/// The most labels and annotations of an alert, each.
const MAX_PAIRS: usize = 256;
/// The most bytes of an alert's labels, and of its annotations.
const MAX_BYTES: usize = 64 << 10;

/// An alert as a client says it.
#[derive(Debug, Clone, PartialEq)]
pub struct PostedAlert {
    /// Labels, never none.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// When it began; `None` means now.
    pub starts_at: Option<TimestampMs>,
    /// When it ended or will; `None` means that it fires until nobody says it any more.
    pub ends_at: Option<TimestampMs>,
    /// Page of its expression.
    pub generator_url: String,
}

impl From<Alert> for PostedAlert {
    fn from(alert: Alert) -> Self {
        PostedAlert {
            labels: alert.labels,
            annotations: alert.annotations,
            starts_at: Some(alert.starts_at),
            ends_at: alert.ends_at,
            generator_url: alert.generator_url,
        }
    }
}

impl PostedAlert {
    fn known(
        self,
        now: TimestampMs,
        resolve_timeout: Duration,
    ) -> std::result::Result<Known, String> {
        check_size("label", &self.labels)?;
        check_size("annotation", &self.annotations)?;
        if self.labels.is_empty() {
            return Err("invalid label set: at least one label pair required".to_owned());
        }
        let starts_at = self.starts_at.or(self.ends_at).unwrap_or(now);
        let end_is_guessed = self.ends_at.is_none();
        let ends_at = self.ends_at.unwrap_or_else(|| later(now, resolve_timeout));
        if ends_at < starts_at {
            return Err("start time must be before end time".to_owned());
        }
        let alert = Alert {
            labels: self.labels,
            annotations: self.annotations,
            starts_at,
            ends_at: Some(ends_at),
            updated_at: now,
            generator_url: self.generator_url.chars().take(MAX_BYTES).collect(),
        };
        Ok(Known { alert, end_is_guessed })
    }
}

fn check_size(what: &str, labels: &Labels) -> std::result::Result<(), String> {
    if labels.len() > MAX_PAIRS || labels.as_bytes().len() > MAX_BYTES {
        return Err(format!("more than {MAX_PAIRS} {what}s or {MAX_BYTES} bytes of them"));
    }
    if labels.iter().any(|(name, _)| name.is_empty()) {
        return Err(format!("invalid {what} set: a name is empty"));
    }
    Ok(())
}

impl Alerting {
    /// Takes alerts; when it returns they are durable. Returns why some were refused.
    ///
    /// # Errors
    /// Those of the store; nothing was taken then.
    pub async fn post(&self, posted: Vec<PostedAlert>) -> Result<Vec<String>> {
        let now = self.now();
        let (mut refused, mut ops, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        let mut state = self.0.state.lock().await;
        let wiring = self.0.wiring();
        let mut room = MAX_ALERTS.saturating_sub(state.alerts.len());
        for one in posted {
            let known = match one.known(now, wiring.config.resolve_timeout) {
                Ok(known) => known,
                Err(why) => {
                    refused.push(why);
                    continue;
                }
            };
            let (fingerprint, merged) = state.alerts.merged(known);
            if !state.alerts.knows(fingerprint) {
                if room == 0 {
                    refused.push(format!("there are {MAX_ALERTS} alerts already"));
                    continue;
                }
                room -= 1;
            }
            ops.push(put(ALERTS, fingerprint.to_be_bytes(), &merged)?);
            taken.push((fingerprint, merged));
        }
        self.0.commit(ops).await?;
        let count = |outcome, number: usize| {
            self.0.instruments.received.add(number as u64, &[KeyValue::new("outcome", outcome)]);
        };
        count("taken", taken.len());
        count("refused", refused.len());
        let State { alerts, groups, .. } = &mut *state;
        for (fingerprint, known) in taken {
            groups.insert(&wiring.config.route, fingerprint, &known.alert, now);
            alerts.keep(fingerprint, known);
        }
        drop(state);
        self.0.new_alerts.notify_one();
        Ok(refused)
    }

    /// Creates or changes a silence and returns it; its id may be a new one.
    ///
    /// # Errors
    /// `InvalidInput` for what makes no sense, `NotFound` for an unknown id, `LimitExceeded` when
    /// there are too many, and those of the store.
    pub async fn set_silence(&self, request: SilenceRequest) -> Result<Silence> {
        let mut state = self.0.state.lock().await;
        let change = state.silences.change(request, uuid(rand::random()), self.now())?;
        let mut ops = Vec::new();
        for silence in change.expired.iter().chain([&change.set]) {
            ops.push(put(SILENCES, silence.id.as_bytes(), silence)?);
        }
        self.0.commit(ops).await?;
        if let Some(expired) = change.expired {
            state.silences.keep(expired);
        }
        state.silences.keep(change.set.clone());
        Ok(change.set)
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// `NotFound` for an unknown id, `Conflict` when it has expired already, and those of the store.
    pub async fn expire_silence(&self, id: &str) -> Result<()> {
        let mut state = self.0.state.lock().await;
        let expired = state.silences.expire(id, self.now())?;
        self.0.commit(vec![put(SILENCES, id.as_bytes(), &expired)?]).await?;
        state.silences.keep(expired);
        Ok(())
    }

    /// Forgets what nobody needs any more: alerts that ended and were told, old silences, old notes.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn tidy(&self) -> Result<()> {
        let now = self.now();
        let mut state = self.0.state.lock().await;
        let wiring = self.0.wiring();
        let route = &wiring.config.route;
        let over = state.alerts.iter().filter(|(fingerprint, alert)| {
            alert.is_resolved_at(now) && !state.groups.hold(route, *fingerprint, &alert.labels)
        });
        let alerts: Vec<u64> = over.map(|(fingerprint, _)| fingerprint).collect();
        let silences = state.silences.outlived(now);
        let living: std::collections::HashSet<&str> =
            state.groups.iter().map(|group| group.key.as_str()).collect();
        let told = state.told.outlived(now, |key| living.contains(key));
        let mut ops = Vec::new();
        ops.extend(alerts.iter().map(|alert| delete(ALERTS, alert.to_be_bytes())));
        ops.extend(silences.iter().map(|id| delete(SILENCES, id.as_bytes())));
        ops.extend(told.iter().map(|key| delete(TOLD, key.0.as_bytes())));
        self.0.commit(ops).await?;
        alerts.into_iter().for_each(|alert| state.alerts.forget(alert));
        silences.iter().for_each(|id| state.silences.forget(id));
        told.iter().for_each(|key| state.told.forget(key));
        Ok(())
    }
}

/// Writes random bytes as a UUID of version 4.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
