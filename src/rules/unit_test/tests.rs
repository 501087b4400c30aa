use super::*;
use crate::rules::packs::{self, Pack};
use crate::rules::read::{RuleDefaults, read};
use crate::rules::{GroupDefinition, RuleDefinition};

const RULES: &str = "
groups:
- name: example
  rules:
  - alert: InstanceDown
    expr: up == 0
    for: 5m
    labels: {severity: page}
    annotations:
      summary: 'Instance {{ $labels.instance }} down'
- name: later
  rules:
  - {record: 'job:up:sum', expr: sum by (job) (up)}
";

fn defaults() -> RuleDefaults {
    RuleDefaults { interval: Duration::from_secs(60), query_offset: Duration::ZERO }
}

fn groups() -> Vec<GroupDefinition> {
    read("r.yml", RULES, defaults()).unwrap()
}

/// The example of Prometheus' documentation, a little shorter.
const TESTS: &str = "
rule_files: [r.yml]
evaluation_interval: 1m
group_eval_order: [later, example]
tests:
- interval: 1m
  input_series:
  - {series: 'up{job=\"prometheus\", instance=\"localhost:9090\"}', values: '0 0 0 0 0 0 0 0 0 0 0 1'}
  - {series: 'up{job=\"node\", instance=\"localhost:9100\"}', values: '1+0x6 0 0 0 0'}
  alert_rule_test:
  - eval_time: 4m
    alertname: InstanceDown
  - eval_time: 10m
    alertname: InstanceDown
    exp_alerts:
    - exp_labels: {severity: page, instance: 'localhost:9090', job: prometheus}
      exp_annotations: {summary: 'Instance localhost:9090 down'}
  promql_expr_test:
  - expr: job:up:sum
    eval_time: 6m
    exp_samples:
    - {labels: 'job:up:sum{job=\"node\"}', value: 1}
    - {labels: 'job:up:sum{job=\"prometheus\"}', value: 0}
";

#[tokio::test]
async fn the_documented_example_passes() {
    let tests = read_unit_tests("t.yml", TESTS).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(tests.rule_files, [(2, "r.yml".to_owned())]);
    assert_eq!(tests.run(&groups()).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_differs_is_told_with_both_sides_and_its_line() {
    let text = TESTS.replace("value: 1}", "value: 2}").replace("9090 down", "9090 is gone");
    let tests = read_unit_tests("t.yml", &text).unwrap();
    let differences = tests.run(&groups()).await.unwrap();
    assert_eq!(differences.len(), 2, "{differences:#?}");
    let alert = &differences[0];
    assert!(alert.starts_with("line 14: alertname: InstanceDown, time: 10m\n"), "{alert}");
    assert!(alert.contains("9090 is gone") && alert.contains("9090 down"), "{alert}");
    let query = &differences[1];
    assert!(query.starts_with("line 19: expr: job:up:sum, time: 6m\n"), "{query}");
}

#[tokio::test]
async fn a_test_may_begin_at_any_time_and_a_rule_that_fails_is_told() {
    let text = "
tests:
- name: later
  start_timestamp: '2024-01-01T00:00:00Z'
  input_series: [{series: 'up{job=\"a\"}', values: '10+10x15'}]
  promql_expr_test:
  - {expr: 'timestamp(up)', eval_time: 5m, exp_samples: [{labels: '{job=\"a\"}', value: 1704067500}]}
  - {expr: 'time()', exp_samples: [{value: 1704067200}]}
";
    let tests = read_unit_tests("t.yml", text).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(tests.run(&groups()).await.unwrap(), Vec::<String>::new());
    let rule = "groups: [{name: g, rules: [{record: x, expr: 'a + on () b'}]}]";
    let text = "
tests:
- input_series:
  - {series: a, values: 1}
  - {series: 'b{x=\"1\"}', values: 1}
  - {series: 'b{x=\"2\"}', values: 1}
";
    let tests = read_unit_tests("t.yml", text).unwrap();
    let differences = tests.run(&read("r.yml", rule, defaults()).unwrap()).await.unwrap();
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert!(differences[0].starts_with("rule: x, time: 0s\n    "), "{differences:?}");
}

#[test]
fn every_fault_of_a_test_file_is_told() {
    let text = "
evaluation_interval: 0s
tests:
- input_series:
  - {series: 'sum(up)', values: '1'}
  - {series: 'up', values: 'a'}
  alert_rule_test:
  - {eval_time: soon}
  promql_expr_test:
  - {expr: 'sum(', eval_time: 1m, exp_sample: []}
";
    let faults = read_unit_tests("t.yml", text).unwrap_err();
    let keys: Vec<&str> = faults.0.iter().map(|fault| fault.key.as_str()).collect();
    let expected = [
        "evaluation_interval",
        "tests[0].input_series[0].series",
        "tests[0].input_series[1].values",
        "tests[0].alert_rule_test[0].eval_time",
        "tests[0].alert_rule_test[0].alertname",
        "tests[0].promql_expr_test[0].expr",
        "tests[0].promql_expr_test[0].exp_sample",
    ];
    assert_eq!(keys, expected, "{faults}");
}

#[tokio::test]
async fn every_shipped_alert_has_a_test_in_which_it_fires() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/tests");
    let mut untested = Vec::new();
    for pack in Pack::ALL {
        let path = folder.join(format!("{}.yml", pack.as_str()));
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let tests = read_unit_tests(&name, &text).unwrap_or_else(|faults| panic!("{faults}"));
        let groups = packs::groups(&[pack], defaults()).unwrap();
        let differences = tests.run(&groups).await.unwrap();
        assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
        let tested = tests.expected_alerts();
        for rule in groups.iter().flat_map(|group| &group.rules) {
            if let RuleDefinition::Alerting(alert) = rule
                && !tested.contains(&alert.alert)
            {
                untested.push(alert.alert.clone());
            }
        }
    }
    assert_eq!(untested, Vec::<String>::new());
}
