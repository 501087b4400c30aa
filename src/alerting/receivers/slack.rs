//! Slack: one attachment a message, as Alertmanager sends it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::alerting::config::{SlackAction, SlackConfig};
use crate::alerting::receivers::http::{Answer, Poster};
use crate::alerting::receivers::{Delivery, Notifier, Texts, with_faults};
use crate::alerting::template::Rendering;
use crate::base::error::{Error, ErrorKind, Result};

/// Slack cuts longer titles, in characters.
const MAX_TITLE: usize = 1024;

/// The usual template that stands in for a configured text that does not render.
const STAND_INS: [(&str, &str); 4] = [
    ("title", "slack.default.title"),
    ("fallback", "slack.default.fallback"),
    ("text", "slack.default.text"),
    ("title_link", "slack.default.titlelink"),
];

/// Posts to Slack's API or an incoming webhook.
pub(crate) struct Slack {
    config: SlackConfig,
    poster: Poster,
    texts: Texts,
}

impl Slack {
    /// Prepares the receiver.
    ///
    /// # Errors
    /// Those of [`Poster::new`].
    pub(crate) fn new(config: SlackConfig, texts: Texts) -> Result<Self> {
        let poster = Poster::new(&config.http, config.timeout)?;
        Ok(Slack { config, poster, texts })
    }

    /// Returns the body and what did not render.
    fn body(&self, delivery: &Delivery<'_>) -> (Value, Vec<String>) {
        let Texts { templates, external_url } = &self.texts;
        let mut rendering = Rendering::new(templates, delivery.message, external_url, delivery.now);
        let mut texts = BTreeMap::new();
        for (key, text) in &self.config.texts {
            let stand_in = STAND_INS.iter().find(|(own, _)| own == key);
            let stand_in = stand_in.map_or("__nothing", |(_, name)| *name);
            texts.insert(*key, rendering.text(key, text, stand_in));
        }
        let mut attachment = Map::new();
        let title = cut(&text(&texts, "title"));
        put_text(&mut attachment, "title", title);
        for key in ["title_link", "pretext"] {
            put_text(&mut attachment, key, text(&texts, key));
        }
        attachment.insert("text".to_owned(), text(&texts, "text").into());
        attachment.insert("fallback".to_owned(), text(&texts, "fallback").into());
        attachment.insert("callback_id".to_owned(), text(&texts, "callback_id").into());
        let fields = self.fields(&mut rendering);
        put_list(&mut attachment, "fields", fields);
        let actions = self.config.actions.iter();
        put_list(&mut attachment, "actions", actions.map(|a| action(&mut rendering, a)).collect());
        for key in ["image_url", "thumb_url", "author_name"] {
            put_text(&mut attachment, key, text(&texts, key));
        }
        attachment.insert("footer".to_owned(), text(&texts, "footer").into());
        put_text(&mut attachment, "color", text(&texts, "color"));
        attachment.insert("mrkdwn_in".to_owned(), json!(self.config.mrkdwn_in));
        let mut body = Map::new();
        for key in ["channel", "username", "icon_emoji", "icon_url"] {
            put_text(&mut body, key, text(&texts, key));
        }
        if self.config.link_names {
            body.insert("link_names".to_owned(), true.into());
        }
        put_text(&mut body, "text", text(&texts, "message_text"));
        body.insert("attachments".to_owned(), json!([attachment]));
        (Value::Object(body), rendering.faults())
    }

    fn fields(&self, rendering: &mut Rendering<'_>) -> Vec<Value> {
        let mut fields = Vec::new();
        for field in &self.config.fields {
            fields.push(json!({
                "title": rendering.text("fields.title", &field.title, "__nothing"),
                "value": rendering.text("fields.value", &field.value, "__nothing"),
                "short": field.short.unwrap_or(self.config.short_fields),
            }));
        }
        fields
    }
}

fn action(rendering: &mut Rendering<'_>, action: &SlackAction) -> Value {
    let mut object = objects(rendering, &action.texts);
    if let Some(confirm) = &action.confirm {
        object.insert("confirm".to_owned(), Value::Object(objects(rendering, confirm)));
    }
    Value::Object(object)
}

fn objects(
    rendering: &mut Rendering<'_>,
    texts: &BTreeMap<&'static str, String>,
) -> Map<String, Value> {
    let mut object = Map::new();
    for (key, text) in texts {
        put_text(&mut object, key, rendering.text(key, text, "__nothing"));
    }
    object
}

fn text(texts: &BTreeMap<&'static str, String>, key: &str) -> String {
    texts.get(key).cloned().unwrap_or_default()
}

fn put_text(object: &mut Map<String, Value>, key: &str, text: String) {
    if !text.is_empty() {
        object.insert(key.to_owned(), text.into());
    }
}

fn put_list(object: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        object.insert(key.to_owned(), list.into());
    }
}

fn cut(title: &str) -> String {
    if title.chars().count() <= MAX_TITLE {
        return title.to_owned();
    }
    title.chars().take(MAX_TITLE - 1).chain(['…']).collect()
}

/// The web API answers 200 even when it refuses; incoming webhooks answer `ok`.
fn judge(answer: &Answer) -> Result<()> {
    if !answer.is_json {
        return Ok(());
    }
    let Ok(body) = serde_json::from_str::<Value>(&answer.body) else { return Ok(()) };
    if body["ok"] != Value::Bool(false) {
        return Ok(());
    }
    let why = body["error"].as_str().unwrap_or("unknown error");
    let kind = match why {
        "ratelimited" | "rate_limited" => ErrorKind::RateLimited,
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::InvalidInput,
    };
    Err(Error::new(kind, format!("Slack refused the message: {why}")))
}

#[async_trait]
impl Notifier for Slack {
    async fn notify(&self, delivery: &Delivery<'_>) -> Result<String> {
        let (body, faults) = self.body(delivery);
        let key = format!("belvedere-{}-{}", delivery.queued_at.0, delivery.id);
        let answer = self.poster.post(&self.config.api_url, &key, body.to_string()).await?;
        judge(&answer)?;
        Ok(with_faults(answer.text, faults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::config::NotifierConfig;
    use crate::alerting::config::tests::read_well;
    use crate::alerting::message::tests::message;
    use crate::model::time::TimestampMs;

    fn body(slack: &str, alerts: &[(&str, bool)]) -> (Value, Vec<String>) {
        let config = read_well(&format!(
            "route: {{receiver: s}}\nreceivers:\n  - name: s\n    slack_configs:\n      - \
             {{api_url: 'http://h/x', {slack}}}\n"
        ));
        let NotifierConfig::Slack(slack) = &config.receivers[0].integrations[0].notifier else {
            panic!("no Slack");
        };
        let external_url = "http://b".to_owned();
        let texts = Texts { templates: config.templates.clone(), external_url };
        let slack = Slack::new((**slack).clone(), texts).unwrap();
        let message = message(alerts);
        let now = TimestampMs(90_000);
        slack.body(&Delivery { id: 1, message: &message, queued_at: now, now })
    }

    #[test]
    fn the_usual_message_names_what_fires_in_red() {
        let (body, faults) = body("channel: '#{{ .GroupLabels.job }}'", &[("A", false)]);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(body["channel"], "#x");
        let attachment = &body["attachments"][0];
        assert_eq!(attachment["title"], "FIRING (1): x (A)");
        assert_eq!(attachment["color"], "danger");
        assert_eq!(attachment["title_link"], "http://b/ui/alerts?receiver=team");
        assert!(attachment["text"].as_str().unwrap().contains("sum<mary>"));
        assert_eq!(attachment["mrkdwn_in"], json!(["fallback", "pretext", "text"]));
    }

    #[test]
    fn fields_and_buttons_are_rendered_and_the_end_is_green() {
        let (body, _) = body(
            "short_fields: true, fields: [{title: T, value: '{{ .Status }}'}], actions: [{type: \
             button, text: Go, url: 'http://r/{{ .GroupLabels.job }}', confirm: {text: Sure}}]",
            &[("A", true)],
        );
        let attachment = &body["attachments"][0];
        assert_eq!(attachment["color"], "good");
        assert_eq!(
            attachment["fields"],
            json!([{"title": "T", "value": "resolved", "short": true}])
        );
        assert_eq!(attachment["actions"][0]["url"], "http://r/x");
        assert_eq!(attachment["actions"][0]["confirm"], json!({"text": "Sure"}));
    }

    #[test]
    fn a_title_that_does_not_render_gives_way_to_the_usual_one() {
        let (body, faults) = body("title: '{{ template \"gone\" . }}'", &[("A", false)]);
        assert_eq!(body["attachments"][0]["title"], "FIRING (1): x (A)");
        assert!(faults[0].starts_with("title: "), "{faults:?}");
    }

    #[test]
    fn a_refusal_with_status_200_is_a_refusal() {
        let answer =
            |body: &str, is_json| Answer { text: String::new(), body: body.to_owned(), is_json };
        assert!(judge(&answer("ok", false)).is_ok());
        assert!(judge(&answer(r#"{"ok":true}"#, true)).is_ok());
        let kind = |why: &str| {
            judge(&answer(&format!(r#"{{"ok":false,"error":"{why}"}}"#), true)).unwrap_err().kind()
        };
        assert_eq!(kind("channel_not_found"), ErrorKind::InvalidInput);
        assert_eq!(kind("ratelimited"), ErrorKind::RateLimited);
    }
}
