//! The real binary, as a person or a service manager runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it did not run"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const BINARY: &str = env!("CARGO_BIN_EXE_belvedere");
const LISTEN: &str =
    "listen: {http: '127.0.0.1:0', otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0'}\n";
const DEADLINE: Duration = Duration::from_secs(30);

/// A running appliance in a directory of its own; killed when the test ends early.
struct Appliance {
    child: Child,
    address: String,
}

impl Drop for Appliance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder).args(arguments).env_clear();
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Starts the binary and waits until `endpoint.json` tells that it is ready.
fn start(folder: &Path, config: &str) -> Appliance {
    fs::write(folder.join("belvedere.yaml"), format!("{LISTEN}{config}")).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let child =
        command(folder, &["--log-format", "json"]).stderr(log).stdout(Stdio::null()).spawn();
    let mut appliance = Appliance { child: child.unwrap(), address: String::new() };
    let begin = Instant::now();
    loop {
        let ended = appliance.child.try_wait().unwrap();
        let log = || fs::read_to_string(folder.join("log")).unwrap();
        assert!(ended.is_none(), "it ended: {}", log());
        assert!(begin.elapsed() < DEADLINE, "not ready: {}", log());
        if let Some(address) = address(folder, appliance.child.id()) {
            appliance.address = address;
            return appliance;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Reads the address that the process `pid` wrote; a killed one leaves its own behind.
fn address(folder: &Path, pid: u32) -> Option<String> {
    let text = fs::read_to_string(folder.join("data/endpoint.json")).ok()?;
    text.contains(&format!("\"pid\": {pid},")).then_some(())?;
    let rest = text.split("\"http\": \"http://").nth(1)?;
    Some(rest.split('"').next()?.to_owned())
}

impl Appliance {
    /// Sends a request and returns the whole answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end and returns the exit code.
    fn wait(mut self) -> Option<i32> {
        let begin = Instant::now();
        while begin.elapsed() < DEADLINE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it did not end");
    }
}

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
