//! The real binary, as a person or a service manager runs it.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::appliance::{LISTEN, run, start, text};

#[test]
fn it_starts_without_arguments_is_ready_and_drains_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), "");
    assert!(appliance.ask("GET", "/-/ready", "").starts_with("HTTP/1.1 200"));
    let unknown = appliance.ask("GET", "/no/such/path", "");
    assert!(unknown.starts_with("HTTP/1.1 404") && unknown.ends_with("404 page not found"));
    let healthy = run(folder.path(), &["healthcheck"]);
    assert_eq!((healthy.status.code(), text(&healthy.stdout)), (Some(0), "ready\n".to_owned()));
    appliance.signal("TERM");
    assert_eq!(appliance.wait(), Some(0));
    assert!(!folder.path().join("data/endpoint.json").exists());
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let orderly = ["ready", "draining", "stopped"].map(|word| log.find(&format!("\"{word}\"")));
    assert!(orderly.is_sorted() && orderly[0].is_some(), "{log}");
    assert_eq!(run(folder.path(), &["healthcheck"]).status.code(), Some(1));
}

#[test]
fn a_second_appliance_on_the_same_data_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path(), "");
    let second = run(folder.path(), &["serve"]);
    assert_eq!(second.status.code(), Some(1));
    let why = text(&second.stderr);
    assert!(why.contains("another belvedere") && why.contains("--data-dir"), "{why}");
    assert!(why.contains(&first.child.id().to_string()), "{why}");
    assert!(first.ask("GET", "/-/ready", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn what_was_acknowledged_is_found_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path(), "");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let point = format!(r#"{{"timeUnixNano":"{now}","asDouble":7}}"#);
    let metric = format!(r#"{{"name":"kept","gauge":{{"dataPoints":[{point}]}}}}"#);
    let body = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
    let sent = first.ask("POST", "/v1/metrics", &body);
    assert!(sent.starts_with("HTTP/1.1 200"), "{sent}");
    first.signal("KILL");
    assert_eq!(first.wait(), None);
    let second = start(folder.path(), "");
    let found = second.ask("GET", "/api/v1/query?query=kept", "");
    assert!(found.starts_with("HTTP/1.1 200") && found.contains(r#""7"]"#), "{found}");
}

#[test]
fn reload_takes_new_targets_and_keeps_the_old_ones_when_the_file_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let appliance = start(folder.path(), "");
    let targets = || appliance.ask("GET", "/api/v1/targets", "");
    assert!(!targets().contains("127.0.0.1:9"));
    let jobs = "scrape_configs: [{job_name: a, static_configs: [{targets: ['127.0.0.1:9']}]}]\n";
    fs::write(folder.path().join("belvedere.yaml"), format!("{LISTEN}{jobs}")).unwrap();
    let reloaded = appliance.ask("POST", "/-/reload", "");
    assert!(reloaded.starts_with("HTTP/1.1 200"), "{reloaded}");
    assert!(targets().contains("http://127.0.0.1:9/metrics"));
    fs::write(folder.path().join("belvedere.yaml"), "scrape_config: []\n").unwrap();
    let refused = appliance.ask("POST", "/-/reload", "");
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("scrape_configs"), "{refused}");
    assert!(targets().contains("http://127.0.0.1:9/metrics"));
}

#[test]
fn check_config_names_every_fault_and_the_exit_code_says_usage() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.yaml"), "retention: {logs: 3d}\n").unwrap();
    let good = run(folder.path(), &["check", "config", "good.yaml"]);
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(0), "good.yaml: ok\n".to_owned()));
    fs::write(folder.path().join("bad.yaml"), "retention: {logs: 3}\nlissten: {}\n").unwrap();
    let bad = run(folder.path(), &["check", "config", "bad.yaml"]);
    assert_eq!(bad.status.code(), Some(2));
    let faults = text(&bad.stderr);
    assert!(faults.contains("bad.yaml:1: retention.logs: "), "{faults}");
    assert!(
        faults.contains("bad.yaml:2: lissten: unknown key; did you mean \"listen\""),
        "{faults}"
    );
    assert_eq!(run(folder.path(), &["--config", "bad.yaml", "serve"]).status.code(), Some(2));
    assert_eq!(run(folder.path(), &["no-such-command"]).status.code(), Some(2));
}

#[test]
fn the_effective_configuration_is_data_and_hides_secrets() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("belvedere.yaml"), "make: {token: hush}\n").unwrap();
    let printed = run(folder.path(), &["--listen", "127.0.0.1:7", "config", "print"]);
    let yaml = text(&printed.stdout);
    assert!(yaml.contains("127.0.0.1:7") && yaml.contains("<secret>"), "{yaml}");
    assert!(!yaml.contains("hush"), "{yaml}");
    assert_eq!(text(&run(folder.path(), &["version"]).stdout), "belvedere 0.1.0\n");
    assert!(text(&run(folder.path(), &["completions", "bash"]).stdout).contains("healthcheck"));
}

/// A rule that always holds and fires after two seconds.
const RULES: &str = "\
groups:
- name: g
  interval: 1s
  rules:
  - alert: Always
    expr: vector(7)
    for: 2s
    annotations: {summary: 'it is {{ $value }}'}
";

/// Returns when the only alert became active, as text.
fn active_at(alerts: &str) -> String {
    let rest = alerts.split("\"activeAt\":\"").nth(1).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn an_alert_fires_on_after_kill_9_with_its_first_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("r.yml"), RULES).unwrap();
    let config = "rule_files: ['*.yml']\nrule_packs: []\n";
    let first = start(folder.path(), config);
    let fired = first.ask_until("/api/v1/alerts", "\"state\":\"firing\"");
    assert!(fired.contains("\"summary\":\"it is 7\""), "{fired}");
    first.signal("KILL");
    assert_eq!(first.wait(), None);
    let second = start(folder.path(), config);
    let again = second.ask_until("/api/v1/alerts", "\"activeAt\"");
    assert!(again.contains("\"state\":\"firing\""), "{again}");
    assert_eq!(active_at(&again), active_at(&fired));
}

#[test]
fn a_reload_takes_new_rules_keeps_alerts_and_refuses_files_with_faults() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("r.yml");
    fs::write(&rules, RULES).unwrap();
    let appliance = start(folder.path(), "rule_files: [r.yml]\nrule_packs: []\n");
    let fired = appliance.ask_until("/api/v1/alerts", "\"state\":\"firing\"");
    let recording = "  - {record: seven, expr: vector(7)}\n";
    fs::write(&rules, format!("{}{recording}", RULES.replace("2s", "1h"))).unwrap();
    let reloaded = appliance.ask("POST", "/-/reload", "");
    assert!(reloaded.starts_with("HTTP/1.1 200"), "{reloaded}");
    appliance.ask_until("/api/v1/query?query=seven", "\"7\"");
    let kept = appliance.ask("GET", "/api/v1/alerts", "");
    assert!(kept.contains("\"state\":\"firing\""), "{kept}");
    assert_eq!(active_at(&kept), active_at(&fired));
    fs::write(&rules, RULES.replace("expr", "exprr")).unwrap();
    let refused = appliance.ask("POST", "/-/reload", "");
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("r.yml:6"), "{refused}");
    assert!(appliance.ask("GET", "/api/v1/rules", "").contains("seven"));
}

#[test]
fn check_and_test_rules_tell_every_fault_and_difference_by_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("good.yml", RULES);
    let good = run(folder.path(), &["check", "rules", "good.yml"]);
    let ok = "good.yml: ok, 1 rules in 1 groups\n".to_owned();
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(0), ok));
    write("bad.yml", &RULES.replace("vector(7)", "vector(").replace("2s", "soon"));
    let bad = run(folder.path(), &["check", "rules", "good.yml", "bad.yml"]);
    let faults = text(&bad.stderr);
    assert_eq!(bad.status.code(), Some(2), "{faults}");
    assert!(faults.contains("bad.yml:6: groups[0].rules[0].expr: "), "{faults}");
    assert!(faults.contains("bad.yml:7: groups[0].rules[0].for: "), "{faults}");
    let alerts =
        "- {eval_time: 1m, alertname: Always, exp_alerts: [{exp_annotations: {summary: it is 7}}]}";
    let tests = format!("rule_files: [good.yml]\ntests:\n- alert_rule_test:\n  {alerts}\n");
    write("t.yml", &tests);
    let passed = run(folder.path(), &["test", "rules", "t.yml"]);
    assert_eq!(text(&passed.stdout), "t.yml: ok, 1 tests\n", "{}", text(&passed.stderr));
    write("t.yml", &tests.replace("is 7", "is 8"));
    let failed = run(folder.path(), &["test", "rules", "t.yml"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stderr).contains("line 4: alertname: Always"), "{}", text(&failed.stderr));
}
