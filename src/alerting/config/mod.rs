//! Alertmanager's configuration, checked.
//!
//! In: a section of YAML in Alertmanager's words. Out: an [`AlertingConfig`], and every fault with
//! its line and key. Receivers that are not built are refused by name.

mod global;
mod masked;
mod notifiers;
mod read;
mod routes;
mod times;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::alerting::inhibit::InhibitRule;
use crate::alerting::route::{GroupBy, Route, RouteOptions};
use crate::alerting::template::Templates;
use crate::alerting::time_interval::TimeInterval;
use crate::base::secret::Secret;

pub use masked::masked;
pub use read::read;

/// Whom to tell of what.
#[derive(Debug, Clone)]
pub struct AlertingConfig {
    /// After how long an alert whose sender names no end counts as resolved.
    pub resolve_timeout: Duration,
    /// The tree.
    pub route: Route,
    /// Everybody who can be told, in order.
    pub receivers: Vec<ReceiverConfig>,
    /// Which alerts keep others quiet.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Named times.
    pub time_intervals: BTreeMap<String, Vec<TimeInterval>>,
    /// Named templates, the usual ones among them.
    pub templates: Templates,
    /// The configuration as it was written, secrets as `<secret>`.
    pub original: String,
}

/// Somebody who can be told.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// The name that routes use.
    pub name: String,
    /// The ways to tell.
    pub integrations: Vec<IntegrationConfig>,
}

/// One way to tell.
#[derive(Debug, Clone)]
pub struct IntegrationConfig {
    /// Its name within the receiver, such as `slack[0]`.
    pub name: String,
    /// Whether the end of an alert is told.
    pub send_resolved: bool,
    /// The rest.
    pub notifier: NotifierConfig,
}

/// What is specific to a way to tell.
#[derive(Debug, Clone)]
pub enum NotifierConfig {
    /// An HTTP POST of JSON.
    Webhook(WebhookConfig),
    /// A message in Slack.
    Slack(Box<SlackConfig>),
    /// An e-mail.
    Email(Box<EmailConfig>),
}

/// How to speak HTTP.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpConfig {
    /// The value of the header `Authorization`.
    pub authorization: Option<Secret>,
    /// Redirects are refused.
    pub refuse_redirects: bool,
    /// The proxy's URL.
    pub proxy_url: Option<String>,
    /// How to trust.
    pub tls: TlsConfig,
}

/// How to trust.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TlsConfig {
    /// Certificates to trust besides the system's, as PEM.
    pub ca: Option<Vec<u8>>,
    /// Whether any certificate is trusted.
    pub accept_any: bool,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookConfig {
    /// Where to; may hold a secret.
    pub url: Secret,
    /// The most alerts of one message; 0 means all.
    pub max_alerts: usize,
    /// How long one try may take.
    pub timeout: Duration,
    /// How to speak HTTP.
    pub http: HttpConfig,
}

/// A message in Slack; texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackConfig {
    /// Where to; holds a secret.
    pub api_url: Secret,
    /// The texts by their key in the configuration.
    pub texts: BTreeMap<&'static str, String>,
    /// Whether names in the text become links.
    pub link_names: bool,
    /// Whether fields are short.
    pub short_fields: bool,
    /// Fields below the text.
    pub fields: Vec<SlackField>,
    /// Buttons.
    pub actions: Vec<SlackAction>,
    /// Where markdown is read.
    pub mrkdwn_in: Vec<String>,
    /// How long one try may take.
    pub timeout: Duration,
    /// How to speak HTTP.
    pub http: HttpConfig,
}

/// A field of a Slack message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackField {
    /// What.
    pub title: String,
    /// How much.
    pub value: String,
    /// Whether it is short; `None` is as the others.
    pub short: Option<bool>,
}

/// A button of a Slack message: its keys with templates, and those of its question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackAction {
    /// `type`, `text`, `url`, `style`, `name`, `value`.
    pub texts: BTreeMap<&'static str, String>,
    /// `text`, `title`, `ok_text`, `dismiss_text`; `None` asks nothing.
    pub confirm: Option<BTreeMap<&'static str, String>>,
}

/// An e-mail; texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct EmailConfig {
    /// Recipients, separated by commas.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The relay's host.
    pub host: String,
    /// The relay's port.
    pub port: u16,
    /// How we greet.
    pub hello: String,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// Whether nothing is sent in the clear.
    pub require_tls: bool,
    /// How to trust.
    pub tls: TlsConfig,
    /// Headers by name.
    pub headers: BTreeMap<String, String>,
    /// The body as HTML; empty for none.
    pub html: String,
    /// The body as text; empty for none.
    pub text: String,
}

/// How long alerts without an end count as firing, unless configured.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(300);
const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_secs(300);
const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 3_600);

impl Default for AlertingConfig {
    /// Everything is seen and nobody is told.
    fn default() -> Self {
        let options = RouteOptions {
            index: 0,
            key: "{}".to_owned(),
            receiver: "nobody".to_owned(),
            group_by: GroupBy::Labels(["alertname".to_owned()].into()),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            mute: Vec::new(),
            active: Vec::new(),
        };
        AlertingConfig {
            resolve_timeout: RESOLVE_TIMEOUT,
            route: Route {
                options: Arc::new(options),
                matchers: Vec::new(),
                goes_on: false,
                routes: Vec::new(),
            },
            receivers: vec![ReceiverConfig { name: "nobody".to_owned(), integrations: Vec::new() }],
            inhibit_rules: Vec::new(),
            time_intervals: BTreeMap::new(),
            templates: Templates::usual(),
            original: "route:\n  receiver: \"nobody\"\nreceivers:\n  - name: \"nobody\"\n"
                .to_owned(),
        }
    }
}
