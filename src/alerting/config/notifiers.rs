//! `receivers` and what stands below them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::alerting::config::global::{self, Global};
use crate::alerting::config::{
    EmailConfig, IntegrationConfig, NotifierConfig, ReceiverConfig, SlackAction, SlackConfig,
    SlackField, WebhookConfig,
};
use crate::alerting::template::Templates;
use crate::base::secret::Secret;
use crate::base::yaml::reader::Section;

/// How long one try may take, unless configured.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Receivers of Alertmanager that are not built.
const NOT_BUILT: [&str; 17] = [
    "pagerduty_configs",
    "opsgenie_configs",
    "discord_configs",
    "msteams_configs",
    "msteamsv2_configs",
    "telegram_configs",
    "pushover_configs",
    "sns_configs",
    "victorops_configs",
    "webex_configs",
    "wechat_configs",
    "rocketchat_configs",
    "jira_configs",
    "incidentio_configs",
    "mattermost_configs",
    "ntfy_configs",
    "gotify_configs",
];

/// Slack's texts, each with what it is unless configured.
const SLACK_TEXTS: [(&str, &str); 16] = [
    ("channel", ""),
    ("username", r#"{{ template "slack.default.username" . }}"#),
    ("color", r#"{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}"#),
    ("title", r#"{{ template "slack.default.title" . }}"#),
    ("title_link", r#"{{ template "slack.default.titlelink" . }}"#),
    ("pretext", r#"{{ template "slack.default.pretext" . }}"#),
    ("text", r#"{{ template "slack.default.text" . }}"#),
    ("fallback", r#"{{ template "slack.default.fallback" . }}"#),
    ("callback_id", r#"{{ template "slack.default.callbackid" . }}"#),
    ("icon_emoji", r#"{{ template "slack.default.iconemoji" . }}"#),
    ("icon_url", r#"{{ template "slack.default.iconurl" . }}"#),
    ("footer", r#"{{ template "slack.default.footer" . }}"#),
    ("image_url", ""),
    ("thumb_url", ""),
    ("message_text", ""),
    ("author_name", ""),
];

/// What receivers are read with.
pub(crate) struct Reading<'a> {
    pub(crate) global: &'a Global,
    pub(crate) templates: &'a Templates,
}

impl Reading<'_> {
    /// Reads a receiver.
    pub(crate) fn receiver(&self, section: Section<'_>) -> ReceiverConfig {
        let name = section.text("name").unwrap_or_default();
        if name.is_empty() {
            section.fault("name", "missing name in receiver");
        }
        let mut integrations = Vec::new();
        for (index, webhook) in section.sections("webhook_configs").into_iter().enumerate() {
            integrations.push(self.webhook(webhook, index));
        }
        for (index, slack) in section.sections("slack_configs").into_iter().enumerate() {
            integrations.push(self.slack(slack, index));
        }
        for (index, email) in section.sections("email_configs").into_iter().enumerate() {
            integrations.push(self.email(email, index));
        }
        for key in NOT_BUILT {
            if !section.items(key).is_empty() {
                let why = "this kind of receiver is not built yet; webhook_configs, slack_configs \
                           and email_configs are";
                section.fault(key, why);
            }
        }
        section.finish();
        ReceiverConfig { name, integrations }
    }

    fn webhook(&self, section: Section<'_>, index: usize) -> IntegrationConfig {
        let url = section.secret("url", "url_file");
        let url = checked_url(&section, "url", url);
        let max_alerts = section.number("max_alerts").unwrap_or(0);
        let timeout = section.duration("timeout").filter(|timeout| !timeout.is_zero());
        let http = global::http(section.section("http_config"));
        let send_resolved = section.flag("send_resolved").unwrap_or(true);
        section.finish();
        let config = WebhookConfig {
            url,
            max_alerts: usize::try_from(max_alerts).unwrap_or(0),
            timeout: timeout.unwrap_or(TIMEOUT),
            http: http.unwrap_or_else(|| self.global.http.clone()),
        };
        let notifier = NotifierConfig::Webhook(config);
        IntegrationConfig { name: format!("webhook[{index}]"), send_resolved, notifier }
    }

    fn slack(&self, section: Section<'_>, index: usize) -> IntegrationConfig {
        let own = section.secret("api_url", "api_url_file");
        let api_url = own.or_else(|| self.global.slack_api_url.clone());
        if api_url.is_none() {
            section.fault("api_url", "no Slack API URL here nor in global.slack_api_url");
        }
        let mut texts = BTreeMap::new();
        for (key, usual) in SLACK_TEXTS {
            let text = self.template(&section, key).unwrap_or_else(|| usual.to_owned());
            texts.insert(key, text);
        }
        let usual = || ["fallback", "pretext", "text"].map(str::to_owned).to_vec();
        let mrkdwn_in = section.node("mrkdwn_in").map_or_else(usual, |_| {
            section.texts("mrkdwn_in").into_iter().map(|(_, place)| place).collect()
        });
        let http = global::http(section.section("http_config"));
        let timeout = section.duration("timeout").filter(|timeout| !timeout.is_zero());
        let config = SlackConfig {
            api_url: checked_url(
                &section,
                "api_url",
                api_url.or(Some(Secret::new("http://unset"))),
            ),
            texts,
            link_names: section.flag("link_names").unwrap_or(false),
            short_fields: section.flag("short_fields").unwrap_or(false),
            fields: section.sections("fields").into_iter().map(|one| self.field(one)).collect(),
            actions: section.sections("actions").into_iter().map(|one| self.action(one)).collect(),
            mrkdwn_in,
            timeout: timeout.unwrap_or(TIMEOUT),
            http: http.unwrap_or_else(|| self.global.http.clone()),
        };
        let send_resolved = section.flag("send_resolved").unwrap_or(false);
        for key in ["app_token", "app_token_file", "app_url", "update_message"] {
            section.later(key);
        }
        section.finish();
        let notifier = NotifierConfig::Slack(Box::new(config));
        IntegrationConfig { name: format!("slack[{index}]"), send_resolved, notifier }
    }

    fn field(&self, section: Section<'_>) -> SlackField {
        let field = SlackField {
            title: self.template(&section, "title").unwrap_or_default(),
            value: self.template(&section, "value").unwrap_or_default(),
            short: section.flag("short"),
        };
        if field.title.is_empty() || field.value.is_empty() {
            section.fault("", "a Slack field needs a title and a value");
        }
        section.finish();
        field
    }

    fn action(&self, section: Section<'_>) -> SlackAction {
        let keys = ["type", "text", "url", "style", "name", "value"];
        let texts = self.templates_of(&section, &keys);
        let confirm = section.section("confirm").map(|confirm| {
            let texts = self.templates_of(&confirm, &["text", "title", "ok_text", "dismiss_text"]);
            if !texts.contains_key("text") {
                confirm.fault("text", "missing text in Slack confirmation");
            }
            confirm.finish();
            texts
        });
        for key in ["type", "text"] {
            if !texts.contains_key(key) {
                section.fault(key, format!("missing {key} in Slack action"));
            }
        }
        if !texts.contains_key("url") && !texts.contains_key("name") {
            section.fault("", "a Slack action needs a name or a url");
        }
        section.finish();
        SlackAction { texts, confirm }
    }

    fn templates_of(
        &self,
        section: &Section<'_>,
        keys: &[&'static str],
    ) -> BTreeMap<&'static str, String> {
        let found = keys.iter().filter_map(|key| Some((*key, self.template(section, key)?)));
        found.filter(|(_, text)| !text.is_empty()).collect()
    }

    fn email(&self, section: Section<'_>, index: usize) -> IntegrationConfig {
        let smtp = &self.global.smtp;
        let smarthost = section.text("smarthost").or_else(|| smtp.smarthost.clone());
        let (host, port) = match smarthost.as_deref().map(host_port) {
            Some(Ok(host_port)) => host_port,
            Some(Err(why)) => {
                section.fault("smarthost", why);
                (String::new(), 0)
            }
            None => {
                section.fault("smarthost", "no smarthost here nor in global.smtp_smarthost");
                (String::new(), 0)
            }
        };
        let from = self.template(&section, "from").or_else(|| smtp.from.clone());
        if from.is_none() {
            section.fault("from", "no sender here nor in global.smtp_from");
        }
        let to = self.template(&section, "to").unwrap_or_default();
        if to.is_empty() {
            section.fault("to", "missing to address in email config");
        }
        let username = section.text("auth_username").or_else(|| smtp.username.clone());
        let password = section.secret("auth_password", "auth_password_file");
        let password = password.or_else(|| smtp.password.clone());
        global::identity(&section, "auth_identity");
        for key in ["auth_secret", "auth_secret_file", "threading", "attachments"] {
            section.later(key);
        }
        let tls = section.section("tls_config");
        let config = EmailConfig {
            to,
            from: from.unwrap_or_default(),
            host,
            port,
            hello: section
                .text("hello")
                .or_else(|| smtp.hello.clone())
                .unwrap_or_else(|| "localhost".to_owned()),
            login: username.filter(|user| !user.is_empty()).zip(password),
            require_tls: section.flag("require_tls").or(smtp.require_tls).unwrap_or(true),
            tls: if tls.is_some() { global::tls(tls) } else { smtp.tls.clone() },
            headers: self.headers(&section),
            html: self
                .template(&section, "html")
                .unwrap_or_else(|| r#"{{ template "email.default.html" . }}"#.to_owned()),
            text: self
                .template(&section, "text")
                .unwrap_or_else(|| r#"{{ template "email.default.text" . }}"#.to_owned()),
        };
        let send_resolved = section.flag("send_resolved").unwrap_or(false);
        section.finish();
        let notifier = NotifierConfig::Email(Box::new(config));
        IntegrationConfig { name: format!("email[{index}]"), send_resolved, notifier }
    }

    fn headers(&self, section: &Section<'_>) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::new();
        if let Some(section) = section.section("headers") {
            for (name, node) in section.free_entries() {
                let Some(text) = section.scalar(&section.full(name), node, false) else { continue };
                let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b':';
                if name.is_empty() || name.len() > 76 || !name.bytes().all(allowed) {
                    section.fault_at(node.line, name, "not the name of a header");
                }
                if let Err(why) = self.templates.check(name, &text) {
                    section.fault_at(node.line, name, why);
                }
                let taken = headers.keys().any(|own: &String| own.eq_ignore_ascii_case(name));
                if taken {
                    section.fault_at(node.line, name, "duplicate header in email config");
                }
                headers.insert(name.to_owned(), text);
            }
        }
        let has_subject = headers.keys().any(|name| name.eq_ignore_ascii_case("subject"));
        if !has_subject {
            let usual = r#"{{ template "email.default.subject" . }}"#;
            headers.insert("Subject".to_owned(), usual.to_owned());
        }
        headers
    }

    /// Reads a template and checks that it parses.
    fn template(&self, section: &Section<'_>, key: &'static str) -> Option<String> {
        let text = section.raw_text(key)?;
        if let Err(why) = self.templates.check(key, &text) {
            section.fault(key, why);
        }
        Some(text)
    }
}

fn checked_url(section: &Section<'_>, key: &str, url: Option<Secret>) -> Secret {
    let Some(url) = url else {
        section.fault(key, format!("missing {key}"));
        return Secret::new("");
    };
    let scheme = url.expose().split_once("://");
    let valid = scheme.is_some_and(|(scheme, rest)| {
        ["http", "https"].contains(&scheme) && !rest.is_empty() && !rest.starts_with('/')
    });
    if !valid {
        section.fault(key, "not an http or https URL");
    }
    url
}

fn host_port(text: &str) -> Result<(String, u16), String> {
    let wrong = || format!("address {text:?}: expected HOST:PORT");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = match port {
        "smtp" => 25,
        "submission" => 587,
        "submissions" | "smtps" => 465,
        port => port.parse().map_err(|_| wrong())?,
    };
    if host.is_empty() || port == 0 {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}
