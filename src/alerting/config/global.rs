//! `global`: what receivers take where they say nothing themselves; and how to speak HTTP and TLS.

use std::time::Duration;

use crate::alerting::config::{HttpConfig, RESOLVE_TIMEOUT, TlsConfig};
use crate::base::secret::Secret;
use crate::base::yaml::reader::Section;

/// What receivers take where they say nothing themselves.
#[derive(Debug, Clone)]
pub(crate) struct Global {
    pub(crate) resolve_timeout: Duration,
    pub(crate) smtp: Smtp,
    pub(crate) slack_api_url: Option<Secret>,
    pub(crate) http: HttpConfig,
}

/// The relay.
#[derive(Debug, Clone, Default)]
pub(crate) struct Smtp {
    pub(crate) smarthost: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) hello: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) require_tls: Option<bool>,
    pub(crate) tls: TlsConfig,
}

/// Keys of receivers that are not built: harmless as long as no receiver uses them.
const OTHERS: [&str; 22] = [
    "pagerduty_url",
    "opsgenie_api_url",
    "opsgenie_api_key",
    "opsgenie_api_key_file",
    "wechat_api_url",
    "wechat_api_secret",
    "wechat_api_secret_file",
    "wechat_api_corp_id",
    "victorops_api_url",
    "victorops_api_key",
    "victorops_api_key_file",
    "telegram_api_url",
    "telegram_bot_token",
    "telegram_bot_token_file",
    "webex_api_url",
    "rocketchat_api_url",
    "rocketchat_token",
    "rocketchat_token_file",
    "rocketchat_token_id",
    "rocketchat_token_id_file",
    "jira_api_url",
    "mattermost_webhook_url",
];

/// Reads the section.
pub(crate) fn read(section: Option<Section<'_>>) -> Global {
    let mut global = Global {
        resolve_timeout: RESOLVE_TIMEOUT,
        smtp: Smtp::default(),
        slack_api_url: None,
        http: HttpConfig::default(),
    };
    let Some(section) = section else { return global };
    global.resolve_timeout = section.period("resolve_timeout").unwrap_or(RESOLVE_TIMEOUT);
    global.slack_api_url = section.secret("slack_api_url", "slack_api_url_file");
    global.http = http(section.section("http_config")).unwrap_or_default();
    global.smtp = Smtp {
        smarthost: section.text("smtp_smarthost"),
        from: section.text("smtp_from"),
        hello: section.text("smtp_hello"),
        username: section.text("smtp_auth_username"),
        password: section.secret("smtp_auth_password", "smtp_auth_password_file"),
        require_tls: section.flag("smtp_require_tls"),
        tls: tls(section.section("smtp_tls_config")),
    };
    identity(&section, "smtp_auth_identity");
    for key in ["smtp_auth_secret", "smtp_auth_secret_file", "slack_app_token"] {
        section.later(key);
    }
    for key in OTHERS {
        let _ = section.is_written(key);
    }
    section.finish();
    global
}

/// An identity other than the user asks a relay to act for somebody else, which no client of ours
/// does.
pub(crate) fn identity(section: &Section<'_>, key: &'static str) {
    if section.text(key).is_some_and(|identity| !identity.is_empty()) {
        section.fault(key, "acting for another identity is not supported; remove it");
    }
}

/// Reads `http_config`; `None` when there is none.
pub(crate) fn http(section: Option<Section<'_>>) -> Option<HttpConfig> {
    let section = section?;
    let basic = section.section("basic_auth").map(|basic| {
        let user = basic.text("username").unwrap_or_default();
        let password = basic.secret("password", "password_file");
        let password = password.as_ref().map_or("", |password| password.expose());
        basic.finish();
        use base64::Engine;
        let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        Secret::new(format!("Basic {both}"))
    });
    let scheme = section.section("authorization").and_then(|auth| {
        let scheme = auth.text("type").unwrap_or_else(|| "Bearer".to_owned());
        let credentials = auth.secret("credentials", "credentials_file");
        auth.finish();
        credentials.map(|secret| Secret::new(format!("{scheme} {}", secret.expose())))
    });
    let bearer = section.secret("bearer_token", "bearer_token_file");
    let bearer = bearer.map(|token| Secret::new(format!("Bearer {}", token.expose())));
    if [&basic, &scheme, &bearer].into_iter().flatten().count() > 1 {
        section.fault("", "write one of basic_auth, authorization and bearer_token");
    }
    let config = HttpConfig {
        authorization: basic.or(scheme).or(bearer),
        refuse_redirects: !section.flag("follow_redirects").unwrap_or(true),
        proxy_url: section.text("proxy_url"),
        tls: tls(section.section("tls_config")),
    };
    section.flag("enable_http2");
    for key in ["oauth2", "no_proxy", "proxy_from_environment", "http_headers"] {
        section.later(key);
    }
    section.finish();
    Some(config)
}

/// Reads a `tls_config`.
pub(crate) fn tls(section: Option<Section<'_>>) -> TlsConfig {
    let Some(section) = section else { return TlsConfig::default() };
    let ca = section.secret("ca", "ca_file");
    let config = TlsConfig {
        ca: ca.map(|pem| pem.expose().as_bytes().to_vec()),
        accept_any: section.flag("insecure_skip_verify").unwrap_or(false),
    };
    for key in ["cert", "cert_file", "key", "key_file", "server_name", "max_version"] {
        section.later(key);
    }
    section.text("min_version");
    section.finish();
    config
}
