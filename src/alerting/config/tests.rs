use std::cell::RefCell;
use std::path::Path;

use super::*;
use crate::base::yaml::fault::Fault;
use crate::base::yaml::node;
use crate::base::yaml::reader::Context;
use crate::model::labels::Labels;

fn read_in(folder: &Path, text: &str) -> (AlertingConfig, Vec<Fault>) {
    let environment = |_: &str| None;
    let context = Context {
        place: "am.yml".to_owned(),
        folder,
        environment: &environment,
        faults: RefCell::default(),
    };
    let node = node::parse(text).unwrap();
    let config = read(&context, "", &node);
    (config, context.faults.into_inner())
}

pub(crate) fn read_well(text: &str) -> AlertingConfig {
    let (config, faults) = read_in(Path::new("."), text);
    assert_eq!(faults, Vec::new());
    config
}

fn faults(text: &str) -> String {
    let (_, mut faults) = read_in(Path::new("."), text);
    faults.sort();
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

const TREE: &str = r#"
route:
  receiver: default
  group_by: [alertname]
  group_wait: 10s
  routes:
    - match: {severity: critical}
      receiver: pager
      repeat_interval: 1h
      continue: true
      routes:
        - matchers: ['team=~"a|b"', '"größe"!="klein"']
          group_by: ['...']
          mute_time_intervals: [nights]
    - match_re: {severity: critical|warning}
      receiver: slack
receivers:
  - name: default
  - name: pager
    webhook_configs: [{url: 'http://127.0.0.1:1/hook?token=SECRET', max_alerts: 5}]
  - name: slack
    slack_configs: [{channel: '#{{ .CommonLabels.team }}', send_resolved: true}]
global: {slack_api_url: 'https://hooks.example/SECRET', resolve_timeout: 10m}
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]}]
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_match: {severity: warning}
    equal: [alertname]
"#;

fn ends(config: &AlertingConfig, labels: &[(&str, &str)]) -> Vec<String> {
    let labels = Labels::from_pairs(labels.iter().copied());
    let found = config.route.matching(&labels).into_iter();
    found.map(|options| format!("{} {}", options.receiver, options.key)).collect()
}

#[test]
fn alerts_end_at_the_deepest_route_and_at_siblings_where_one_goes_on() {
    let config = read_well(TREE);
    assert_eq!(ends(&config, &[("severity", "info")]), ["default {}"]);
    assert_eq!(
        ends(&config, &[("severity", "critical"), ("team", "c")]),
        [r#"pager {}/{severity="critical"}"#, r#"slack {}/{severity=~"critical|warning"}"#]
    );
    assert_eq!(
        ends(&config, &[("severity", "critical"), ("team", "a")])[0],
        r#"pager {}/{severity="critical"}/{größe!="klein",team=~"a|b"}"#
    );
}

#[test]
fn routes_inherit_what_they_do_not_say() {
    let config = read_well(TREE);
    let child = &config.route.routes[0].routes[0].options;
    assert_eq!(child.group_by, GroupBy::All);
    assert_eq!(child.group_wait, Duration::from_secs(10));
    assert_eq!(child.group_interval, Duration::from_secs(300));
    assert_eq!(child.repeat_interval, Duration::from_secs(3_600));
    assert_eq!(child.mute, ["nights"]);
    assert_eq!(config.route.routes[1].options.repeat_interval, Duration::from_secs(14_400));
    assert_eq!(config.resolve_timeout, Duration::from_secs(600));
    let labels = Labels::from_pairs([("alertname", "A"), ("job", "x")]);
    let group = config.route.options.group_by.of(&labels);
    assert_eq!(config.route.options.group_key(&group), r#"{}:{alertname="A"}"#);
}

#[test]
fn no_secret_is_shown() {
    let config = read_well(TREE);
    assert!(!config.original.contains("SECRET"), "{}", config.original);
    assert!(!format!("{config:?}").contains("SECRET"));
}

#[test]
fn every_fault_is_told_with_line_and_key() {
    let told = faults(
        r#"route:
  receiver: nobody
  routes:
    - matchers: ['a=']
    - matchers: ['a=~"("']
    - group_by: [a, a]
      repeat_interval: 0s
    - recevier: x
      mute_time_intervals: [never]
receivers:
  - name: a
    pagerduty_configs: [{routing_key: x}]
    webhook_configs: [{url: 'ftp://x'}]
    email_configs: [{to: a@b}]
  - name: a
    slack_configs: [{api_url: 'http://x', title: '{{ nofunction }}'}]
inhibit_rules: {}
"#,
    );
    for part in [
        "am.yml:2: route.receiver: undefined receiver \"nobody\"",
        "am.yml:5: route.routes[1].matchers",
        "am.yml:6: route.routes[2].group_by: duplicated label",
        "am.yml:7: route.routes[2].repeat_interval: must be longer",
        "am.yml:8: route.routes[3].recevier: unknown key; did you mean \"receiver\"?",
        "undefined time interval \"never\"",
        "am.yml:12: receivers[0].pagerduty_configs: this kind of receiver is not built yet",
        "receivers[0].webhook_configs[0].url: not an http",
        "no smarthost here nor in global",
        "receiver \"a\" is not unique",
        "nofunction",
        "inhibit_rules: expected a list",
    ] {
        assert!(told.contains(part), "{part:?} is missing in:\n{told}");
    }
    assert!(!told.contains("routes[0]"), "an empty value is fine:\n{told}");
}

#[test]
fn templates_are_read_from_files_and_password_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.tmpl", "{{ define \"own.title\" }}mine{{ end }}");
    write("b.tmpl", "{{ define \"broken\" }}");
    write("password", "SECRET\n");
    let text = |pattern: &str| {
        format!(
            "templates: ['{pattern}']\nroute: {{receiver: m}}\nreceivers:\n  - name: m\n    \
             email_configs: [{{to: 'a@b.c', from: 'x@y.z', smarthost: 'h:465', auth_username: u, \
             auth_password_file: password}}]\n"
        )
    };
    let (config, faults) = read_in(folder.path(), &text("a*.tmpl"));
    assert_eq!(faults, Vec::new());
    assert_eq!(config.templates.check("t", "{{ template \"own.title\" . }}"), Ok(()));
    let NotifierConfig::Email(email) = &config.receivers[0].integrations[0].notifier else {
        panic!("no e-mail");
    };
    assert_eq!(email.login.as_ref().unwrap().1.expose(), "SECRET");
    assert!(!config.receivers[0].integrations[0].send_resolved);
    let (_, faults) = read_in(folder.path(), &text("*.tmpl"));
    assert!(faults[0].message.contains("b.tmpl"), "{faults:?}");
}
