//! A configuration as text that may be shown: what can hold a secret stands there as `<secret>`.

use std::fmt::Write;

use crate::base::yaml::node::{Node, Value};

/// Keys whose values are secrets wherever they stand.
const SECRETS: [&str; 15] = [
    "smtp_auth_password",
    "smtp_auth_secret",
    "auth_password",
    "auth_secret",
    "slack_api_url",
    "slack_app_token",
    "api_url",
    "app_token",
    "password",
    "credentials",
    "bearer_token",
    "proxy_url",
    "url",
    "proxy_connect_header",
    "client_secret",
];

/// Writes a tree as YAML, `indent` spaces to the right.
pub fn masked(node: &Node, indent: usize) -> String {
    let mut out = String::new();
    write(&mut out, node, indent, false);
    out
}

/// Writes a tree; within Slack's buttons, `url` is what people press and no secret.
fn write(out: &mut String, node: &Node, indent: usize, in_actions: bool) {
    match &node.value {
        Value::Map(entries) => {
            for (key, value) in entries {
                let _ = write!(out, "{:indent$}{}:", "", name(&key.name));
                let is_link = in_actions && key.name == "url";
                if SECRETS.contains(&key.name.as_str()) && !is_link {
                    out.push_str(" <secret>\n");
                } else {
                    child(out, value, indent + 2, key.name == "actions");
                }
            }
        }
        Value::List(items) => {
            for item in items {
                let _ = write!(out, "{:indent$}-", "");
                child(out, item, indent + 2, in_actions);
            }
        }
        scalar @ (Value::Null | Value::Scalar { .. }) => {
            let _ = writeln!(out, "{:indent$}{}", "", text(scalar));
        }
    }
}

fn child(out: &mut String, node: &Node, indent: usize, in_actions: bool) {
    match &node.value {
        Value::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Value::List(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Map(_) | Value::List(_) => {
            out.push('\n');
            write(out, node, indent, in_actions);
        }
        scalar => {
            let _ = writeln!(out, " {}", text(scalar));
        }
    }
}

fn name(key: &str) -> String {
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if plain && !key.is_empty() { key.to_owned() } else { quoted(key) }
}

fn text(scalar: &Value) -> String {
    match scalar {
        Value::Scalar { text, plain } => {
            let simple = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
            if *plain && !text.is_empty() && text.bytes().all(simple) {
                text.clone()
            } else {
                quoted(text)
            }
        }
        Value::Null | Value::List(_) | Value::Map(_) => "null".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::yaml::node;

    #[test]
    fn secrets_are_hidden_and_the_rest_reads_back() {
        let text = "global: {slack_api_url: 'https://x/SECRET'}\nroute:\n  routes:\n    - matchers: \
                    ['a=\"b: c\"']\n      group_by: []\nreceivers:\n  - name: a\n    \
                    webhook_configs: [{url: 'http://u:SECRET@h/'}]\n    slack_configs:\n      - \
                    actions: [{type: button, url: '{{ .ExternalURL }}'}]\n";
        let shown = masked(&node::parse(text).unwrap(), 0);
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(shown.contains("url: \"{{ .ExternalURL }}\""), "{shown}");
        let again = masked(&node::parse(&shown).unwrap(), 0);
        assert_eq!(again, shown);
        assert!(shown.contains("- \"a=\\\"b: c\\\"\""), "{shown}");
    }
}
