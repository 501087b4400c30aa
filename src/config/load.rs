//! Joins flags, environment and file, in this order of precedence.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::access::Anonymous;
use crate::base::size::ByteSize;
use crate::base::yaml::fault::{Fault, Faults};
use crate::base::yaml::node;
use crate::base::yaml::reader::{Context, Environment, Section};
use crate::config::checked::{Config, Listen, Own, StorageKind};
use crate::config::environment::Variables;
use crate::config::{access, alerting, ingest, limits, listen, make, rules, scrape};
use crate::telemetry::logging::{LogFormat, LogLevel};

/// Top-level keys of parts that later versions bring.
const LATER: [&str; 9] = [
    "tls",
    "remote_write",
    "remote_read",
    "prometheus_file",
    "export",
    "redis",
    "elasticsearch_monitor",
    "checks",
    "anomaly",
];

/// A configuration file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it lies; relative `*_file` paths start from its folder.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// What the command line says; `None` where it is silent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--storage`
    pub storage: Option<StorageKind>,
    /// `--log-format`
    pub log_format: Option<LogFormat>,
    /// `--log-level`
    pub log_level: Option<LogLevel>,
}

/// Everything a configuration is made from.
pub struct Sources<'a> {
    /// The file, if there is one.
    pub file: Option<ConfigFile>,
    /// The command line.
    pub flags: Flags,
    /// Looks up an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The machine's memory, where known.
    pub memory: Option<ByteSize>,
}

/// Checks everything and returns the configuration.
///
/// # Errors
/// Every fault at once, in the order of the file.
pub fn load(sources: Sources<'_>) -> Result<Config, Faults> {
    let Sources { file, flags, environment, memory } = sources;
    let (path, text) = match &file {
        Some(file) => (file.path.as_path(), file.text.as_str()),
        None => (Path::new("belvedere.yaml"), ""),
    };
    let place = path.display().to_string();
    let root = node::parse(text).map_err(|fault| {
        let (line, key) = (Some(fault.line), String::new());
        Faults(vec![Fault { place: place.clone(), line, key, message: fault.message }])
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let context = Context { place: place.clone(), folder, environment, faults: RefCell::default() };
    let root = Section::new(&context, String::new(), &root);
    let mut variables = Variables::new(environment);
    let config = read(&context, root, &flags, &mut variables, memory);
    let mut faults = context.faults.into_inner();
    faults.append(&mut variables.faults);
    if faults.is_empty() {
        return Ok(config);
    }
    // Rule files come behind the file that names them.
    let order = |fault: &Fault| (fault.place != place, fault.place.clone(), fault.line);
    faults.sort_by_key(|fault| order(fault));
    Err(Faults(faults))
}

fn read(
    context: &Context<'_>,
    root: Section<'_>,
    flags: &Flags,
    variables: &mut Variables<'_>,
    memory: Option<ByteSize>,
) -> Config {
    let mut listen = listen::read(root.section("listen"));
    variables.listen(&mut listen);
    listen.http = flags.listen.unwrap_or(listen.http);
    let access = access::read(root.section("auth"));
    check_exposure(&root, &listen, access.anonymous);
    let mut make = make::read(root.section("make"));
    variables.make(&mut make);
    let mut own = own(root.section("telemetry"));
    variables.own(&mut own);
    let global = limits::global(root.section("global"));
    let config = Config {
        data_dir: flags.data_dir.clone().unwrap_or_else(|| PathBuf::from("data")),
        storage: flags.storage.unwrap_or(StorageKind::Disk),
        log_format: flags.log_format.unwrap_or_default(),
        log_level: flags.log_level.or(variables.log_level()).unwrap_or_default(),
        listen,
        external_url: root.parsed("external_url", make::url),
        access,
        budget: limits::budget(root.section("budget"), memory),
        retention: limits::retention(root.section("retention")),
        commit_window: limits::storage(root.section("storage")),
        metrics: limits::metrics(root.section("metrics")),
        ingest: ingest::read(root.section("ingest")),
        own,
        scrape: scrape::read(root.sections("scrape_configs"), &global),
        rules: rules::read(context, &root, &global),
        alerting: alerting::read(context, &root),
        global,
        host: limits::host(root.section("host")),
        make: make.account(),
        mcp: limits::mcp(root.section("mcp")),
        warnings: variables.warnings(),
    };
    for key in LATER {
        root.later(key);
    }
    root.finish();
    config
}

/// Refuses to open the appliance to a network without anybody having said so.
fn check_exposure(root: &Section<'_>, listen: &Listen, anonymous: Anonymous) {
    if listen.insecure || anonymous != Anonymous::Open {
        return;
    }
    let optional = [("otlp_grpc", listen.otlp_grpc), ("otlp_http", listen.otlp_http)];
    let compat = listen.compat.iter().map(|entry| ("compat", Some(entry.address)));
    let all = [("http", Some(listen.http))].into_iter().chain(optional).chain(compat);
    for (key, address) in all {
        let Some(address) = address.filter(|address| !address.ip().is_loopback()) else { continue };
        root.fault(
            "listen",
            format!(
                "{key}: {address} can be reached from other machines; configure auth, or say \
                 listen.insecure: true"
            ),
        );
    }
}

fn own(section: Option<Section<'_>>) -> Own {
    let mut own = Own { enabled: true, sampling: 1.0 };
    let Some(section) = section else { return own };
    own.enabled = section.flag("self").unwrap_or(true);
    section.finish();
    own
}

/// Returns the machine's memory, where the system tells.
pub(crate) fn machine_memory() -> Option<ByteSize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(ByteSize(kilobytes << 10))
}

impl<'a> Sources<'a> {
    /// Returns the sources of a run that reads no file.
    pub fn without_file(flags: Flags, environment: &'a Environment<'a>) -> Self {
        Sources { file: None, flags, environment, memory: machine_memory() }
    }

    /// Gathers the sources of a run: `file` if given, else `belvedere.yaml` if it is there.
    ///
    /// # Errors
    /// One fault when the file cannot be read.
    pub fn gather(
        file: Option<&Path>,
        flags: Flags,
        environment: &'a Environment<'a>,
    ) -> Result<Self, Faults> {
        let usual = Path::new("belvedere.yaml");
        let path = file.or_else(|| usual.exists().then_some(usual));
        let file = path.map(read_file).transpose()?;
        Ok(Sources { file, flags, environment, memory: machine_memory() })
    }
}

fn read_file(path: &Path) -> Result<ConfigFile, Faults> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(ConfigFile { path: path.to_owned(), text }),
        Err(error) => Err(Faults(vec![Fault {
            place: path.display().to_string(),
            line: None,
            key: String::new(),
            message: format!("cannot be read: {error}"),
        }])),
    }
}

#[cfg(test)]
mod tests;
