use std::time::Duration;

use super::*;
use crate::access::Scope;
use crate::config::checked::MakeTools;
use crate::config::print;

fn with(text: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Config, Faults> {
    let lookup = |name: &str| {
        let found = environment.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let file = Some(ConfigFile { path: PathBuf::from("b.yaml"), text: text.to_owned() });
    load(Sources { file, flags, environment: &lookup, memory: Some(ByteSize::gib(2)) })
}

fn faults(text: &str) -> Vec<(usize, String)> {
    let faults = with(text, &[], Flags::default()).expect_err("must be refused");
    faults.0.into_iter().map(|fault| (fault.line.unwrap_or(0), fault.key)).collect()
}

fn config(text: &str) -> Config {
    with(text, &[], Flags::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn nothing_at_all_is_a_complete_configuration_on_loopback() {
    let config = config("");
    assert_eq!(config.listen.http.to_string(), "127.0.0.1:8080");
    assert_eq!(config.budget.memory, ByteSize::mib(512));
    assert_eq!(config.retention.metrics, Duration::from_secs(30 * 86_400));
    assert_eq!(config.storage, StorageKind::Disk);
    assert!(config.own.enabled && config.host.enabled && config.make.is_none());
}

#[test]
fn every_fault_is_reported_at_once_with_line_and_full_key() {
    let text = "\
lisen: {}
retention:
  logs: 14
  traces: [7d]
budget: {memory: 1MiB}
scrape_configs:
  - job_name: a
    static_configs:
      - targets: ['host:1', 'http://x/y']
  - job_name: a
    scrape_intervall: 5s
    scrape_timeout: 1h
";
    let expected = [
        (1, "lisen"),
        (3, "retention.logs"),
        (4, "retention.traces"),
        (5, "budget.memory"),
        (9, "scrape_configs[0].static_configs[0].targets"),
        (10, "scrape_configs[1].job_name"),
        (11, "scrape_configs[1].scrape_intervall"),
        (12, "scrape_configs[1].scrape_timeout"),
    ];
    let expected: Vec<_> = expected.map(|(line, key)| (line, key.to_owned())).into();
    assert_eq!(faults(text), expected);
}

#[test]
fn an_unknown_key_names_the_nearest_known_one() {
    let faults = with("lisen: {}\n", &[], Flags::default()).unwrap_err();
    assert_eq!(faults.to_string(), "b.yaml:1: lisen: unknown key; did you mean \"listen\"?");
}

#[test]
fn what_a_later_version_brings_is_refused_unless_it_is_off() {
    assert_eq!(faults("remote_write: [{}]\n"), [(1, "remote_write".to_owned())]);
    assert_eq!(
        faults("storage: {metrics: {prometheus: {}}}\n"),
        [(1, "storage.metrics".to_owned())]
    );
    config("remote_write: []\nredis: []\nanomaly: {}\nstorage: {metrics: embedded}\n");
}

#[test]
fn an_address_beyond_loopback_needs_auth_or_consent() {
    assert_eq!(faults("listen: {http: '0.0.0.0:8080'}\n"), [(1, "listen".to_owned())]);
    config("listen: {http: '0.0.0.0:8080', insecure: true}\n");
    let hash = format!("sha256:{}", "ab".repeat(32));
    let token = format!("auth: {{tokens: [{{name: a, hash: '{hash}', scopes: [read]}}]}}\n");
    let config = config(&format!("listen: {{http: '0.0.0.0:8080'}}\n{token}"));
    assert!(config.access.tokens[0].scopes.contains(Scope::Read));
    assert!(!config.access.tokens[0].scopes.contains(Scope::Ingest));
    let flags = Flags { listen: "0.0.0.0:1".parse().ok(), ..Flags::default() };
    assert!(with("", &[], flags).is_err());
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let text = "listen: {http: '127.0.0.1:1'}\nmake: {zone: us1.make.com, team_id: 7}\n";
    let environment = [("PORT", "2"), ("MAKE_API_KEY", "k"), ("LOG_LEVEL", "debug")];
    let config = with(text, &environment, Flags::default()).unwrap();
    assert_eq!(config.listen.http.port(), 2);
    assert_eq!(config.log_level, LogLevel::Debug);
    let make = config.make.unwrap();
    assert_eq!(make.client.base_url, "https://us1.make.com/api/v2");
    assert_eq!((make.client.team_id, make.tools), (Some(7), MakeTools::Read));
    let flags = Flags { listen: "127.0.0.1:3".parse().ok(), ..Flags::default() };
    assert_eq!(with(text, &environment, flags).unwrap().listen.http.port(), 3);
}

#[test]
fn a_wrong_variable_is_a_fault_of_the_environment() {
    let faults = with("", &[("PORT", "web")], Flags::default()).unwrap_err();
    assert_eq!(faults.0[0].place, "environment");
    assert_eq!(faults.0[0].key, "PORT");
}

#[test]
fn variables_are_replaced_in_own_scalars_but_never_in_relabelling() {
    let text = "\
scrape_configs:
  - job_name: ${JOB}
    relabel_configs:
      - {source_labels: [__address__], target_label: x, replacement: '${1}'}
";
    let config = with(text, &[("JOB", "app")], Flags::default()).unwrap();
    assert_eq!(config.scrape[0].name, "app");
    assert_eq!(config.scrape[0].relabel.len(), 1);
    let faults = with(text, &[], Flags::default()).unwrap_err();
    assert_eq!(faults.0[0].key, "scrape_configs[0].job_name");
}

#[test]
fn secrets_come_from_files_and_are_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "hush\n").unwrap();
    let text = "make: {token_file: token}\nscrape_configs: [{job_name: a, basic_auth: {username: u, password: hush}}]\n";
    let file = Some(ConfigFile { path: folder.path().join("b.yaml"), text: text.to_owned() });
    let config =
        load(Sources { file, flags: Flags::default(), environment: &|_| None, memory: None })
            .unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.make.as_ref().map(|make| make.client.token.expose()), Some("hush"));
    let printed = print::print(&config);
    assert!(printed.contains("<secret>"), "{printed}");
    assert!(!printed.contains("hush") && !format!("{config:?}").contains("hush"));
}

#[test]
fn what_is_printed_reads_back_as_the_same_configuration() {
    let text = "\
listen: {otlp_grpc: off, compat: [elasticsearch, 'jaeger:127.0.0.1:5']}
scrape_configs:
  - job_name: app
    params: {a: [b, c]}
    static_configs: [{targets: ['h:1'], labels: {env: prod}}]
    metric_relabel_configs: [{action: drop, source_labels: [__name__], regex: 'go_.*'}]
";
    let first = print::print(&config(text));
    assert_eq!(print::print(&config(&first)), first);
    assert!(first.contains("otlp_grpc: off"), "{first}");
}

#[test]
fn limits_of_the_door_and_scrape_protocols_are_read() {
    let text = "ingest:\n  limits:\n    series_per_metric: 5\n    labels: 9\n\
                scrape_configs:\n- job_name: a\n  scrape_native_histograms: true\n\
                - job_name: b\n  scrape_protocols: [PrometheusText0.0.4]\n";
    let config = config(text);
    assert_eq!((config.ingest.series.per_metric, config.ingest.labels), (5, 9));
    let names = |job: usize| -> Vec<&str> {
        config.scrape[job].protocols.iter().map(|protocol| protocol.name()).collect()
    };
    assert_eq!((names(0).len(), names(0)[0]), (5, "PrometheusProto"));
    assert_eq!(names(1), ["PrometheusText0.0.4"]);
}
