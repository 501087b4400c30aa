//! Starts and ends the real binary.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_belvedere");
pub const LISTEN: &str =
    "listen: {http: '127.0.0.1:0', otlp_http: '127.0.0.1:0', otlp_grpc: '127.0.0.1:0'}\n";
const DEADLINE: Duration = Duration::from_secs(30);

/// A running appliance in a directory of its own; killed when the test ends early.
pub struct Appliance {
    pub child: Child,
    pub address: String,
}

impl Drop for Appliance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder).args(arguments).env_clear().env("TMPDIR", folder);
    command
}

pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Starts the binary and waits until `endpoint.json` tells that it is ready.
pub fn start(folder: &Path, config: &str) -> Appliance {
    let data = folder.join("data");
    launch(folder, config, &["--log-format", "json"], || Some(data.clone()))
}

/// Starts the demo, whose data lies in a directory of its own below `folder`.
pub fn start_demo(folder: &Path) -> Appliance {
    let arguments = ["demo", "--config", "belvedere.yaml", "--log-format", "json"];
    launch(folder, "", &arguments, || demo_directory(folder))
}

/// Returns the directory of a running demo.
pub fn demo_directory(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.display().to_string().contains("belvedere-demo-"))
}

fn launch(
    folder: &Path,
    config: &str,
    arguments: &[&str],
    data: impl Fn() -> Option<PathBuf>,
) -> Appliance {
    fs::write(folder.join("belvedere.yaml"), format!("{LISTEN}{config}")).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let child = command(folder, arguments).stderr(log).stdout(Stdio::null()).spawn();
    let mut appliance = Appliance { child: child.unwrap(), address: String::new() };
    let begin = Instant::now();
    loop {
        let ended = appliance.child.try_wait().unwrap();
        let log = || fs::read_to_string(folder.join("log")).unwrap();
        assert!(ended.is_none(), "it ended: {}", log());
        assert!(begin.elapsed() < DEADLINE, "not ready: {}", log());
        let address = data().and_then(|data| address(&data, appliance.child.id()));
        if let Some(address) = address {
            appliance.address = address;
            return appliance;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Reads the address that the process `pid` wrote; a killed one leaves its own behind.
fn address(data: &Path, pid: u32) -> Option<String> {
    let text = fs::read_to_string(data.join("endpoint.json")).ok()?;
    text.contains(&format!("\"pid\": {pid},")).then_some(())?;
    let rest = text.split("\"http\": \"http://").nth(1)?;
    Some(rest.split('"').next()?.to_owned())
}

impl Appliance {
    /// Sends a request with a JSON body and returns the whole answer.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> String {
        self.send(method, path, "application/json", body.as_bytes())
    }

    /// Sends a request of any type and returns the whole answer.
    pub fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The appliance may answer, and close, before it has read a body that it refuses.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        text(&answer)
    }

    /// Asks until the answer contains `part`, and returns that answer.
    pub fn ask_until(&self, path: &str, part: &str) -> String {
        let begin = Instant::now();
        loop {
            let answer = self.ask("GET", path, "");
            if answer.contains(part) {
                return answer;
            }
            assert!(begin.elapsed() < DEADLINE, "{path} never said {part}: {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end and returns the exit code.
    pub fn wait(mut self) -> Option<i32> {
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
