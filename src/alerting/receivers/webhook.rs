//! A webhook: Alertmanager's body of version 4.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::alerting::config::WebhookConfig;
use crate::alerting::fingerprint::fingerprint_text;
use crate::alerting::message::NotifiedAlert;
use crate::alerting::receivers::http::Poster;
use crate::alerting::receivers::{Delivery, Notifier, Texts};
use crate::alerting::template::{quoted_receiver, rfc3339, status_word};
use crate::base::error::Result;
use crate::model::labels::Labels;

/// Posts JSON.
pub(crate) struct Webhook {
    config: WebhookConfig,
    poster: Poster,
    external_url: String,
}

impl Webhook {
    /// Prepares the webhook.
    ///
    /// # Errors
    /// Those of [`Poster::new`].
    pub(crate) fn new(config: WebhookConfig, texts: Texts) -> Result<Self> {
        let poster = Poster::new(&config.http, config.timeout)?;
        Ok(Webhook { config, poster, external_url: texts.external_url })
    }

    fn body(&self, delivery: &Delivery<'_>) -> Value {
        let message = delivery.message;
        let all = message.alerts.len();
        let most = if self.config.max_alerts == 0 { all } else { self.config.max_alerts };
        let told = message.alerts.iter().take(most).map(alert);
        json!({
            "receiver": quoted_receiver(&message.receiver),
            "status": status_word(!message.is_firing()),
            "alerts": told.collect::<Vec<_>>(),
            "groupLabels": pairs(&message.group_labels),
            "commonLabels": pairs(&message.common_labels()),
            "commonAnnotations": pairs(&message.common_annotations()),
            "externalURL": self.external_url,
            "version": "4",
            "groupKey": message.group_key,
            "truncatedAlerts": all.saturating_sub(most),
        })
    }
}

fn alert(alert: &NotifiedAlert) -> Value {
    json!({
        "status": status_word(alert.resolved),
        "labels": pairs(&alert.alert.labels),
        "annotations": pairs(&alert.alert.annotations),
        "startsAt": rfc3339(Some(alert.alert.starts_at)),
        "endsAt": rfc3339(alert.resolved.then_some(alert.alert.ends_at).flatten()),
        "generatorURL": alert.alert.generator_url,
        "fingerprint": fingerprint_text(alert.fingerprint),
    })
}

fn pairs(labels: &Labels) -> Value {
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

#[async_trait]
impl Notifier for Webhook {
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<String> {
        let body = self.body(delivery).to_string();
        let key = format!("belvedere-{}-{}", delivery.queued_at.0, delivery.id);
        Ok(self.poster.post(&self.config.url, &key, body).await?.text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::alerting::config::HttpConfig;
    use crate::alerting::message::tests::message;
    use crate::alerting::template::Templates;
    use crate::base::secret::Secret;
    use crate::model::time::TimestampMs;

    fn webhook(max_alerts: usize) -> Webhook {
        let config = WebhookConfig {
            url: Secret::new("http://127.0.0.1:1/"),
            max_alerts,
            timeout: Duration::from_secs(1),
            http: HttpConfig::default(),
        };
        let external_url = "http://b:3000".to_owned();
        Webhook::new(config, Texts { templates: Templates::usual(), external_url }).unwrap()
    }

    fn body(max_alerts: usize) -> String {
        let message = message(&[("A", false), ("B", true)]);
        let now = TimestampMs(90_000);
        let delivery = Delivery { id: 1, message: &message, queued_at: now, now };
        webhook(max_alerts).body(&delivery).to_string()
    }

    #[test]
    fn the_body_is_alertmanagers_to_the_byte() {
        let alert = |name: &str, status: &str, end: &str, fingerprint: u64| {
            format!(
                "{{\"status\":\"{status}\",\"labels\":{{\"alertname\":\"{name}\",\"job\":\"x\"}},\
                 \"annotations\":{{\"summary\":\"sum<mary>\"}},\
                 \"startsAt\":\"1970-01-01T00:00:01Z\",\"endsAt\":\"{end}\",\
                 \"generatorURL\":\"http://b/graph\",\"fingerprint\":\"{fingerprint:016x}\"}}"
            )
        };
        let print = |name: &str| {
            let labels = Labels::from_pairs([("alertname", name), ("job", "x")]);
            crate::alerting::fingerprint::fingerprint(&labels)
        };
        let expected = format!(
            "{{\"receiver\":\"team\",\"status\":\"firing\",\"alerts\":[{},{}],\
             \"groupLabels\":{{\"job\":\"x\"}},\"commonLabels\":{{\"job\":\"x\"}},\
             \"commonAnnotations\":{{\"summary\":\"sum<mary>\"}},\
             \"externalURL\":\"http://b:3000\",\"version\":\"4\",\
             \"groupKey\":\"{{}}:{{job=\\\"x\\\"}}\",\"truncatedAlerts\":0}}",
            alert("A", "firing", "0001-01-01T00:00:00Z", print("A")),
            alert("B", "resolved", "1970-01-01T00:01:00Z", print("B")),
        );
        assert_eq!(body(0), expected);
    }

    #[test]
    fn more_alerts_than_wanted_are_counted_instead_of_told() {
        let body: Value = serde_json::from_str(&body(1)).unwrap();
        assert_eq!(body["alerts"].as_array().unwrap().len(), 1);
        assert_eq!(body["truncatedAlerts"], 1);
    }
}
