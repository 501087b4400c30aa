//! The effective configuration as YAML that reads back, secrets as `<secret>`.

use std::fmt::Write;

use crate::access::{Anonymous, Role, Scope, Scopes};
use crate::alerting::AlertingConfig;
use crate::base::duration::format_duration;
use crate::collect::scrape::{RelabelRule, ScrapeJob};
use crate::config::checked::Config;
use crate::wire::exposition::Histograms;

/// Writes the configuration as a file would say it, in the order of the documentation.
pub fn print(config: &Config) -> String {
    let mut out = Printer::default();
    out.listen(config);
    out.access(config);
    out.limits(config);
    out.scrape(config);
    out.alerting(config);
    out.rest(config);
    out.text
}

/// Collects lines.
#[derive(Default)]
struct Printer {
    text: String,
}

impl Printer {
    fn line(&mut self, indent: usize, line: impl AsRef<str>) {
        // Writing into a text cannot fail.
        let _ = writeln!(self.text, "{:indent$}{}", "", line.as_ref());
    }

    fn listen(&mut self, config: &Config) {
        let listen = &config.listen;
        let or_off = |address: Option<std::net::SocketAddr>| {
            address.map_or("off".to_owned(), |a| quoted(&a.to_string()))
        };
        self.line(0, "listen:");
        self.line(2, format!("http: {}", quoted(&listen.http.to_string())));
        self.line(2, format!("otlp_grpc: {}", or_off(listen.otlp_grpc)));
        self.line(2, format!("otlp_http: {}", or_off(listen.otlp_http)));
        let compat = listen.compat.iter().map(|e| format!("{}:{}", e.door.name(), e.address));
        self.line(2, format!("compat: {}", list(compat)));
        self.line(2, format!("allowed_hosts: {}", list(listen.allowed_hosts.iter())));
        self.line(2, format!("insecure: {}", listen.insecure));
        let url = config.external_url.as_deref().map_or("null".to_owned(), quoted);
        self.line(0, format!("external_url: {url}"));
    }

    fn access(&mut self, config: &Config) {
        let anonymous = match config.access.anonymous {
            Anonymous::Open => return,
            Anonymous::Read => "read",
            Anonymous::Nothing => "none",
        };
        self.line(0, "auth:");
        self.line(2, "tokens:");
        for token in &config.access.tokens {
            self.line(4, format!("- name: {}", quoted(&token.name)));
            self.line(6, "hash: <secret>");
            self.line(6, format!("scopes: {}", list(scope_words(token.scopes))));
        }
        self.line(2, "users:");
        for user in &config.access.users {
            let role = match user.role {
                Role::Viewer => "viewer",
                Role::Editor => "editor",
                Role::Admin => "admin",
            };
            self.line(4, format!("- name: {}", quoted(&user.name)));
            self.line(6, "password_hash: <secret>");
            self.line(6, format!("role: {role}"));
        }
        self.line(2, format!("anonymous: {anonymous}"));
    }

    fn limits(&mut self, config: &Config) {
        let (budget, kept, metrics) = (&config.budget, &config.retention, &config.metrics);
        self.line(0, "budget:");
        self.line(2, format!("memory: {}", budget.memory));
        self.line(2, format!("disk: {}", budget.disk));
        self.line(2, format!("query_timeout: {}", format_duration(budget.query_timeout)));
        self.line(2, format!("query_samples: {}", budget.query_samples));
        self.line(0, "retention:");
        self.line(2, format!("metrics: {}", format_duration(kept.metrics)));
        self.line(2, format!("logs: {}", format_duration(kept.logs)));
        self.line(2, format!("traces: {}", format_duration(kept.traces)));
        self.line(0, "storage:");
        self.line(2, format!("commit_window: {}", format_duration(config.commit_window)));
        self.line(0, "metrics:");
        let window = format_duration(metrics.out_of_order_window);
        self.line(2, format!("out_of_order_window: {window}"));
        self.line(2, format!("lookback_delta: {}", format_duration(metrics.lookback_delta)));
        self.line(2, format!("max_active_series: {}", metrics.max_active_series));
        let (limits, series) = (&config.ingest, config.ingest.series);
        self.line(0, "ingest:");
        self.line(2, "limits:");
        self.line(4, format!("labels: {}", limits.labels));
        self.line(4, format!("label_name_bytes: {}", limits.name_bytes));
        self.line(4, format!("label_value_bytes: {}", limits.label_value_bytes));
        self.line(4, format!("series_per_metric: {}", series.per_metric));
        self.line(4, format!("new_series_per_second: {}", series.per_second));
        self.line(4, format!("new_series_burst: {}", series.burst));
    }

    fn scrape(&mut self, config: &Config) {
        let global = &config.global;
        self.line(0, "telemetry:");
        self.line(2, format!("self: {}", config.own.enabled));
        self.line(0, "global:");
        self.line(2, format!("scrape_interval: {}", format_duration(global.scrape_interval)));
        self.line(2, format!("scrape_timeout: {}", format_duration(global.scrape_timeout)));
        let every = format_duration(global.evaluation_interval);
        self.line(2, format!("evaluation_interval: {every}"));
        let offset = format_duration(global.rule_query_offset);
        self.line(2, format!("rule_query_offset: {offset}"));
        self.line(2, "external_labels:");
        for (name, value) in global.external_labels.iter() {
            self.line(4, format!("{}: {}", quoted(name), quoted(value)));
        }
        self.line(0, format!("rule_files: {}", list(config.rules.files.iter())));
        let packs = config.rules.packs.iter().map(|pack| pack.as_str());
        self.line(0, format!("rule_packs: {}", list(packs)));
        let none = if config.scrape.is_empty() { " []" } else { "" };
        self.line(0, format!("scrape_configs:{none}"));
        for job in &config.scrape {
            self.job(job);
        }
    }

    fn job(&mut self, job: &ScrapeJob) {
        self.line(2, format!("- job_name: {}", quoted(&job.name)));
        self.line(4, format!("scrape_interval: {}", format_duration(job.interval)));
        self.line(4, format!("scrape_timeout: {}", format_duration(job.timeout)));
        self.line(4, format!("scheme: {}", job.scheme));
        self.line(4, format!("metrics_path: {}", quoted(&job.path)));
        self.line(4, format!("honor_labels: {}", job.honor_labels));
        self.line(4, format!("honor_timestamps: {}", job.honor_timestamps));
        let mut names: Vec<&str> = job.params.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        if !names.is_empty() {
            self.line(4, "params:");
        }
        for name in names {
            let values = job.params.iter().filter(|(own, _)| own == name);
            self.line(6, format!("{}: {}", quoted(name), list(values.map(|(_, value)| value))));
        }
        let native = job.histograms != Histograms::Classic;
        let classic = job.histograms == Histograms::Both;
        self.line(4, format!("scrape_native_histograms: {native}"));
        self.line(4, format!("always_scrape_classic_histograms: {classic}"));
        let protocols = job.protocols.iter().map(|protocol| protocol.name());
        self.line(4, format!("scrape_protocols: {}", list(protocols)));
        if job.authorization.is_some() {
            self.line(4, "authorization:");
            self.line(6, "credentials: <secret>");
        }
        let limits = &job.limits;
        self.line(4, format!("body_size_limit: {}", limits.body));
        self.line(4, format!("sample_limit: {}", limits.samples));
        self.line(4, format!("label_limit: {}", limits.labels));
        self.line(4, format!("label_name_length_limit: {}", limits.label_name_bytes));
        self.line(4, format!("label_value_length_limit: {}", limits.label_value_bytes));
        self.line(4, format!("target_limit: {}", limits.targets));
        self.line(4, "static_configs:");
        for group in &job.groups {
            self.line(6, format!("- targets: {}", list(group.targets.iter())));
            self.line(8, "labels:");
            for (name, value) in &group.labels {
                self.line(10, format!("{}: {}", quoted(name), quoted(value)));
            }
        }
        self.relabel("relabel_configs", &job.relabel);
        self.relabel("metric_relabel_configs", &job.metric_relabel);
    }

    fn relabel(&mut self, key: &str, rules: &[RelabelRule]) {
        self.line(4, format!("{key}:"));
        for rule in rules {
            self.line(6, format!("- action: {}", rule.action().as_str()));
            self.line(8, format!("source_labels: {}", serde_json::json!(rule.source_labels())));
            self.line(8, format!("separator: {}", as_written(rule.separator())));
            self.line(8, format!("regex: {}", as_written(rule.regex())));
            self.line(8, format!("modulus: {}", rule.modulus()));
            self.line(8, format!("target_label: {}", as_written(rule.target_label())));
            self.line(8, format!("replacement: {}", as_written(rule.replacement())));
        }
    }

    fn alerting(&mut self, config: &Config) {
        let written = &config.alerting.original;
        if *written == AlertingConfig::default().original {
            return;
        }
        self.line(0, "alertmanager:");
        for line in written.lines() {
            self.line(2, line);
        }
    }

    fn rest(&mut self, config: &Config) {
        self.line(0, "host:");
        self.line(2, format!("enabled: {}", config.host.enabled));
        self.line(2, format!("interval: {}", format_duration(config.host.interval)));
        if let Some(make) = &config.make {
            let number = |id: Option<u64>| id.map_or("null".to_owned(), |id| id.to_string());
            self.line(0, "make:");
            self.line(2, format!("base_url: {}", quoted(&make.client.base_url)));
            self.line(2, "token: <secret>");
            self.line(2, format!("organization_id: {}", number(make.client.organization_id)));
            self.line(2, format!("team_id: {}", number(make.client.team_id)));
            self.line(2, format!("tools: {}", make.tools.as_str()));
        }
        self.line(0, "mcp:");
        self.line(2, format!("sessions: {}", config.mcp.sessions));
        self.line(2, format!("allowed_origins: {}", list(config.mcp.allowed_origins.iter())));
    }
}

fn scope_words(scopes: Scopes) -> impl Iterator<Item = &'static str> {
    Scope::ALL.into_iter().filter(move |scope| scopes.contains(*scope)).map(Scope::as_str)
}

fn list(items: impl Iterator<Item = impl AsRef<str>>) -> String {
    let items: Vec<_> = items.map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// Writes a text in YAML's double quotes, doubling dollar signs so that it reads back.
fn quoted(text: &str) -> String {
    as_written(&text.replace('$', "$$"))
}

/// Writes a text in YAML's double quotes, for places where dollar signs are not replaced.
fn as_written(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
