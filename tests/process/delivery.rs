//! From an alert to its messages, through the real binary, with receivers that fail and a process
//! that is killed.

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::appliance::{Appliance, start};
use crate::sinks::{self, Inbox, Reply, free_port};
use serde_json::Value;

/// Groups do not wait, and are looked at every second; no alert comes but ours.
fn config(receiver: &str) -> String {
    format!(
        "rule_packs: []\nalertmanager:\n  route: {{receiver: team, group_by: [alertname], group_wait: 0s, \
         group_interval: 1s, repeat_interval: 1h}}\n  receivers:\n    - name: team\n{receiver}"
    )
}

fn alert(name: &str, ends_at: &str) -> String {
    format!(
        r#"[{{"labels": {{"alertname": "{name}", "host": "h1"}}, "annotations": {{"summary": "all of {name}"}},
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": "{ends_at}"}}]"#
    )
}

const FIRING: &str = "2100-01-01T00:00:00Z";
const ENDED: &str = "2026-01-02T00:00:00Z";

fn post(appliance: &Appliance, body: &str) {
    let answer = appliance.ask("POST", "/api/v2/alerts", body);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Waits until the log or the metrics of the appliance say something often enough.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Counts the messages whose receipt is stored.
fn delivered(appliance: &Appliance) -> u64 {
    let metrics = appliance.ask("GET", "/metrics", "");
    let lines = metrics.lines().filter(|line| {
        line.starts_with("belvedere_notifications_total{") && line.contains("\"delivered\"")
    });
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
}

fn body(message: &str) -> Value {
    let (_, json) = message.split_once(' ').unwrap();
    serde_json::from_str(json).unwrap()
}

#[test]
fn firing_and_resolved_arrive_once_each_although_receivers_were_down_and_the_process_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (web_port, mail_port) = (free_port(), free_port());
    let config = config(&format!(
        "      webhook_configs: [{{url: 'http://127.0.0.1:{web_port}/hook'}}]\n      slack_configs: \
         [{{api_url: 'http://127.0.0.1:{web_port}/slack', channel: '#ops', send_resolved: true}}]\n      \
         email_configs: [{{to: 'ann@example.org, bob@example.org', from: 'alerts@example.org', \
         smarthost: '127.0.0.1:{mail_port}', require_tls: false, send_resolved: true, \
         auth_username: ann, auth_password: hush}}]\n"
    ));
    let first = start(folder.path(), &config);
    post(&first, &alert("Down", FIRING));
    let log = folder.path().join("log");
    wait_until("a failed try of every integration", || {
        let text = fs::read_to_string(&log).unwrap();
        ["webhook[0]", "slack[0]", "email[0]"].iter().all(|kind| text.contains(kind))
    });
    first.signal("KILL");
    assert_eq!(first.wait(), None);

    let second = start(folder.path(), &config);
    let (web, mail) = (sinks::http(web_port, []), sinks::smtp(mail_port));
    for (inbox, part) in [(&web, "/hook "), (&web, "/slack "), (&mail, "Down")] {
        inbox.wait(part, 1);
    }
    wait_until("three receipts", || delivered(&second) == 3);
    second.signal("KILL");
    assert_eq!(second.wait(), None);

    let third = start(folder.path(), &config);
    post(&third, &alert("Down", ENDED));
    for (inbox, part) in [(&web, "/hook "), (&web, "/slack "), (&mail, "Down")] {
        inbox.wait(part, 2);
    }
    // Another alert goes the same way; what was sent twice would have come before it.
    post(&third, &alert("Other", FIRING));
    for (inbox, part) in [(&web, "/hook "), (&web, "/slack ")] {
        inbox.wait(part, 3);
    }
    mail.wait("Other", 1);
    check(&web, &mail);
    wait_until("one receipt of each message on the page", || {
        let page = third.ask("GET", "/ui/alerts/log", "");
        ["webhook[0]", "slack[0]", "email[0]"].iter().all(|kind| page.matches(kind).count() == 3)
    });
}

fn check(web: &Inbox, mail: &Inbox) {
    let hooks: Vec<Value> = web.with("/hook ").iter().map(|one| body(one)).collect();
    let seen: Vec<String> = hooks
        .iter()
        .map(|one| format!("{} {}", one["status"], one["commonLabels"]["alertname"]))
        .collect();
    assert_eq!(seen, [r#""firing" "Down""#, r#""resolved" "Down""#, r#""firing" "Other""#]);
    assert_eq!(hooks[0]["version"], "4");
    assert_eq!(hooks[0]["groupKey"], "{}:{alertname=\"Down\"}");
    assert_eq!(hooks[0]["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(hooks[1]["alerts"][0]["endsAt"], ENDED);
    let slack: Vec<Value> = web.with("/slack ").iter().map(|one| body(one)).collect();
    let colours: Vec<_> = slack.iter().map(|one| one["attachments"][0]["color"].clone()).collect();
    assert_eq!(colours, ["danger", "good", "danger"]);
    assert_eq!(slack[0]["channel"], "#ops");
    let mails = mail.with("Down");
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails[0].contains("ann@example.org") && mails[0].contains("bob@example.org"));
    assert!(mails[0].contains("Subject: FIRING (1): Down"), "{}", mails[0]);
    assert!(mails[1].contains("Subject: RESOLVED: Down"), "{}", mails[1]);
    assert!(mails[0].contains("multipart/alternative"));
    // "\0ann\0hush" in base64.
    assert!(mails[0].starts_with("AUTH PLAIN AGFubgBodXNo"), "{}", mails[0]);
}

#[test]
fn a_receiver_that_fails_hangs_and_asks_for_time_gets_the_alert_once() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let config = config(&format!(
        "      webhook_configs: [{{url: 'http://127.0.0.1:{port}/hook', timeout: 1s}}]\n"
    ));
    let replies = [
        Reply::Status("500 Internal Server Error"),
        Reply::Silence,
        Reply::Status("429 Too Many Requests\r\nRetry-After: 1"),
    ];
    let web = sinks::http(port, replies);
    let appliance = start(folder.path(), &config);
    post(&appliance, &alert("Down", FIRING));
    web.wait("/hook ", 1);
    wait_until("the receipt", || delivered(&appliance) == 1);
    let metrics = appliance.ask("GET", "/metrics", "");
    for reason in ["unavailable", "timeout", "rate_limited"] {
        let retried = metrics.lines().any(|line| {
            line.starts_with("belvedere_notification_retries_total{") && line.contains(reason)
        });
        assert!(retried, "{reason} is missing in {metrics}");
    }
    appliance.signal("TERM");
    assert_eq!(appliance.wait(), Some(0));
    assert_eq!(web.with("/hook ").len(), 1);
}

#[test]
fn a_rule_that_becomes_true_and_false_again_tells_both() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let rules = "groups:\n  - name: g\n    interval: 1s\n    rules:\n      - {alert: Hot, expr: \
                 temperature > 50, annotations: {summary: 'at {{ $value }}'}}\n";
    fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let config = config(&format!(
        "      webhook_configs: [{{url: 'http://127.0.0.1:{port}/hook'}}]\nrule_files: [rules.yml]\n"
    ));
    let web = sinks::http(port, []);
    let appliance = start(folder.path(), &config);
    measure(&appliance, 70.0);
    let fired = body(&web.wait("\"Hot\"", 1)[0]);
    assert_eq!(fired["status"], "firing");
    assert_eq!(fired["commonAnnotations"]["summary"], "at 70");
    let link = fired["alerts"][0]["generatorURL"].as_str().unwrap();
    let path = &link[link.find("/graph").unwrap()..];
    let led = appliance.ask("GET", path, "").to_lowercase();
    assert!(led.contains("location: /ui/metrics?q=temperature%20%3e%2050"), "{led}");
    measure(&appliance, 20.0);
    let ended = body(&web.wait("\"Hot\"", 2)[1]);
    assert_eq!(ended["status"], "resolved");
    assert_eq!(ended["commonLabels"]["alertname"], "Hot");
}

fn measure(appliance: &Appliance, value: f64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let point = format!(r#"{{"timeUnixNano":"{now}","asDouble":{value}}}"#);
    let metric = format!(r#"{{"name":"temperature","gauge":{{"dataPoints":[{point}]}}}}"#);
    let body = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
    let answer = appliance.ask("POST", "/v1/metrics", &body);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
