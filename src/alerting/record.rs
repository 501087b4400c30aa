//! The forms in which state is kept: a version byte, then JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::alerting::book::Known;
use crate::alerting::fingerprint::fingerprint;
use crate::alerting::matchers;
use crate::alerting::message::{Message, NotifiedAlert};
use crate::alerting::outbox::Queued;
use crate::alerting::told::{Told, ToldKey};
use crate::base::error::{Error, Result};
use crate::model::alert::Alert;
use crate::model::delivery::{DeliveryOutcome, DeliveryReceipt};
use crate::model::labels::Labels;
use crate::model::silence::Silence;
use crate::model::time::TimestampMs;

/// Alerts by fingerprint.
pub(crate) const ALERTS: &str = "alerts";
/// Silences by id.
pub(crate) const SILENCES: &str = "silences";
/// What was told, by [`ToldKey`].
pub(crate) const TOLD: &str = "told";
/// Messages on their way, by id.
pub(crate) const OUTBOX: &str = "outbox";
/// Receipts, by id.
pub(crate) const RECEIPTS: &str = "receipts";

const VERSION: u8 = 1;

/// What is kept as a row.
pub(crate) trait Record: Sized {
    /// The form on disk.
    type Form: Serialize + DeserializeOwned;

    /// Returns the form on disk.
    fn form(&self) -> Self::Form;

    /// Reads the form on disk; `None` when it makes no sense.
    fn from_form(form: Self::Form) -> Option<Self>;

    /// Writes a row's value.
    fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, &self.form())
            .map_err(|error| Error::internal(format!("cannot write a record: {error}")))?;
        Ok(bytes)
    }

    /// Reads a row's value.
    ///
    /// # Errors
    /// `Corrupt`.
    fn decode(bytes: &[u8]) -> Result<Self> {
        let wrong = || Error::corrupt("a record of alerting cannot be read");
        let (version, json) = bytes.split_first().ok_or_else(wrong)?;
        if *version != VERSION {
            return Err(Error::corrupt(format!("a record of alerting has version {version}")));
        }
        let form = serde_json::from_slice(json).map_err(|_| wrong())?;
        Self::from_form(form).ok_or_else(wrong)
    }
}

type Texts = BTreeMap<String, String>;

fn texts(labels: &Labels) -> Texts {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AlertForm {
    labels: Texts,
    annotations: Texts,
    starts_at: i64,
    ends_at: Option<i64>,
    updated_at: i64,
    generator_url: String,
    #[serde(default)]
    flag: bool,
}

fn alert_form(alert: &Alert, flag: bool) -> AlertForm {
    AlertForm {
        labels: texts(&alert.labels),
        annotations: texts(&alert.annotations),
        starts_at: alert.starts_at.0,
        ends_at: alert.ends_at.map(|end| end.0),
        updated_at: alert.updated_at.0,
        generator_url: alert.generator_url.clone(),
        flag,
    }
}

fn alert_from(form: AlertForm) -> Alert {
    Alert {
        labels: Labels::from_pairs(form.labels),
        annotations: Labels::from_pairs(form.annotations),
        starts_at: TimestampMs(form.starts_at),
        ends_at: form.ends_at.map(TimestampMs),
        updated_at: TimestampMs(form.updated_at),
        generator_url: form.generator_url,
    }
}

impl Record for Known {
    type Form = AlertForm;

    fn form(&self) -> AlertForm {
        alert_form(&self.alert, self.end_is_guessed)
    }

    fn from_form(form: AlertForm) -> Option<Self> {
        let end_is_guessed = form.flag;
        Some(Known { alert: alert_from(form), end_is_guessed })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SilenceForm {
    id: String,
    matchers: Vec<String>,
    starts_at: i64,
    ends_at: i64,
    updated_at: i64,
    created_by: String,
    comment: String,
}

impl Record for Silence {
    type Form = SilenceForm;

    fn form(&self) -> SilenceForm {
        SilenceForm {
            id: self.id.clone(),
            matchers: self.matchers.iter().map(matchers::text).collect(),
            starts_at: self.starts_at.0,
            ends_at: self.ends_at.0,
            updated_at: self.updated_at.0,
            created_by: self.created_by.clone(),
            comment: self.comment.clone(),
        }
    }

    fn from_form(form: SilenceForm) -> Option<Self> {
        let mut matchers = Vec::new();
        for text in &form.matchers {
            matchers.extend(matchers::parse(text).ok()?);
        }
        Some(Silence {
            id: form.id,
            matchers,
            starts_at: TimestampMs(form.starts_at),
            ends_at: TimestampMs(form.ends_at),
            updated_at: TimestampMs(form.updated_at),
            created_by: form.created_by,
            comment: form.comment,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ToldForm {
    group_key: String,
    firing: BTreeSet<u64>,
    resolved: BTreeSet<u64>,
    at: i64,
    expires_at: i64,
}

impl Record for Told {
    type Form = ToldForm;

    fn form(&self) -> ToldForm {
        ToldForm {
            group_key: self.group_key.clone(),
            firing: self.firing.clone(),
            resolved: self.resolved.clone(),
            at: self.at.0,
            expires_at: self.expires_at.0,
        }
    }

    fn from_form(form: ToldForm) -> Option<Self> {
        Some(Told {
            group_key: form.group_key,
            firing: form.firing,
            resolved: form.resolved,
            at: TimestampMs(form.at),
            expires_at: TimestampMs(form.expires_at),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct QueuedForm {
    id: u64,
    lane: String,
    receiver: String,
    integration: String,
    group_key: String,
    group_labels: Texts,
    alerts: Vec<AlertForm>,
    told_at: i64,
    before: Option<ToldForm>,
    queued_at: i64,
    attempts: u32,
    next_try: i64,
    last_error: String,
}

impl Record for Queued {
    type Form = QueuedForm;

    fn form(&self) -> QueuedForm {
        let alerts = self.message.alerts.iter();
        QueuedForm {
            id: self.id,
            lane: self.lane.0.clone(),
            receiver: self.message.receiver.clone(),
            integration: self.message.integration.clone(),
            group_key: self.message.group_key.clone(),
            group_labels: texts(&self.message.group_labels),
            alerts: alerts.map(|alert| alert_form(&alert.alert, alert.resolved)).collect(),
            told_at: self.told_at.0,
            before: self.before.as_ref().map(Told::form),
            queued_at: self.queued_at.0,
            attempts: self.attempts,
            next_try: self.next_try.0,
            last_error: self.last_error.clone(),
        }
    }

    fn from_form(form: QueuedForm) -> Option<Self> {
        let mut alerts = Vec::with_capacity(form.alerts.len());
        for alert in form.alerts {
            let resolved = alert.flag;
            let alert = alert_from(alert);
            alerts.push(NotifiedAlert { fingerprint: fingerprint(&alert.labels), resolved, alert });
        }
        let message = Message {
            receiver: form.receiver,
            integration: form.integration,
            group_key: form.group_key,
            group_labels: Labels::from_pairs(form.group_labels),
            alerts,
        };
        Some(Queued {
            id: form.id,
            lane: ToldKey(form.lane),
            message,
            told_at: TimestampMs(form.told_at),
            before: form.before.and_then(Told::from_form),
            queued_at: TimestampMs(form.queued_at),
            attempts: form.attempts,
            next_try: TimestampMs(form.next_try),
            last_error: form.last_error,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ReceiptForm {
    id: u64,
    receiver: String,
    integration: String,
    group_key: String,
    firing: bool,
    delivered: bool,
    attempts: u32,
    answer: String,
    queued_at: i64,
    finished_at: i64,
    latency_us: u64,
    alerts: Vec<u64>,
}

impl Record for DeliveryReceipt {
    type Form = ReceiptForm;

    fn form(&self) -> ReceiptForm {
        ReceiptForm {
            id: self.id,
            receiver: self.receiver.clone(),
            integration: self.integration.clone(),
            group_key: self.group_key.clone(),
            firing: self.firing,
            delivered: self.outcome == DeliveryOutcome::Delivered,
            attempts: self.attempts,
            answer: self.answer.clone(),
            queued_at: self.queued_at.0,
            finished_at: self.finished_at.0,
            latency_us: u64::try_from(self.latency.as_micros()).unwrap_or(u64::MAX),
            alerts: self.alerts.clone(),
        }
    }

    fn from_form(form: ReceiptForm) -> Option<Self> {
        Some(DeliveryReceipt {
            id: form.id,
            receiver: form.receiver,
            integration: form.integration,
            group_key: form.group_key,
            firing: form.firing,
            outcome: match form.delivered {
                true => DeliveryOutcome::Delivered,
                false => DeliveryOutcome::Failed,
            },
            attempts: form.attempts,
            answer: form.answer,
            queued_at: TimestampMs(form.queued_at),
            finished_at: TimestampMs(form.finished_at),
            latency: Duration::from_micros(form.latency_us),
            alerts: form.alerts,
        })
    }
}

/// The key of a row that is named by a number, in the order of the numbers.
pub(crate) fn id_key(id: u64) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::message::tests::message;

    #[test]
    fn a_queued_message_reads_back_and_damaged_bytes_are_told() {
        let queued = Queued {
            id: 7,
            lane: ToldKey::new("g", "r", "i"),
            message: message(&[("A", false), ("B", true)]),
            told_at: TimestampMs(5),
            before: Some(Told::of(
                "g",
                &message(&[("A", false)]).alerts,
                TimestampMs(1),
                Duration::ZERO,
            )),
            queued_at: TimestampMs(5),
            attempts: 3,
            next_try: TimestampMs(9),
            last_error: "refused".to_owned(),
        };
        let bytes = queued.encode().unwrap();
        assert_eq!(Queued::decode(&bytes), Ok(queued));
        for damaged in [&bytes[1..], &bytes[..bytes.len() - 1], &[][..], &[1, b'{', b'}'][..]] {
            assert!(Queued::decode(damaged).is_err());
        }
    }

    #[test]
    fn a_silence_with_any_label_reads_back() {
        let silence = Silence {
            id: "x".to_owned(),
            matchers: matchers::parse(r#""a b"=~"c\"|\\d", e!="f""#).unwrap(),
            starts_at: TimestampMs(1),
            ends_at: TimestampMs(2),
            updated_at: TimestampMs(3),
            created_by: "me".to_owned(),
            comment: String::new(),
        };
        assert_eq!(Silence::decode(&silence.encode().unwrap()), Ok(silence));
    }
}
