//! The section `scrape_configs`, as in `prometheus.yml`.

use std::collections::HashSet;
use std::time::Duration;

use crate::base::size::ByteSize;
use crate::base::yaml::reader::Section;
use crate::collect::scrape::{Authorization, Protocol, ScrapeJob, ScrapeLimits, TargetGroup};
use crate::config::checked::Global;
use crate::config::{make, relabel};
use crate::wire::exposition::{Format, Histograms};

/// Keys of Prometheus that a later version reads.
const LATER: [&str; 37] = [
    "azure_sd_configs",
    "consul_sd_configs",
    "convert_classic_histograms_to_nhcb",
    "digitalocean_sd_configs",
    "dns_sd_configs",
    "docker_sd_configs",
    "dockerswarm_sd_configs",
    "ec2_sd_configs",
    "eureka_sd_configs",
    "file_sd_configs",
    "gce_sd_configs",
    "hetzner_sd_configs",
    "http_headers",
    "http_sd_configs",
    "ionos_sd_configs",
    "keep_dropped_targets",
    "kubernetes_sd_configs",
    "kuma_sd_configs",
    "lightsail_sd_configs",
    "linode_sd_configs",
    "marathon_sd_configs",
    "metric_name_escaping_scheme",
    "metric_name_validation_scheme",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
    "nerve_sd_configs",
    "no_proxy",
    "nomad_sd_configs",
    "oauth2",
    "openstack_sd_configs",
    "ovhcloud_sd_configs",
    "proxy_connect_header",
    "proxy_from_environment",
    "proxy_url",
    "puppetdb_sd_configs",
    "scaleway_sd_configs",
    "tls_config",
];

/// Keys whose only supported value is Prometheus' own default.
const ONLY_DEFAULT: [(&str, &str); 4] = [
    ("enable_compression", "true"),
    ("enable_http2", "true"),
    ("follow_redirects", "true"),
    ("track_timestamps_staleness", "false"),
];

/// Reads the jobs.
pub(crate) fn read(jobs: Vec<Section<'_>>, global: &Global) -> Vec<ScrapeJob> {
    let mut names = HashSet::new();
    let mut read = Vec::new();
    for section in jobs {
        let name = section.text("job_name").unwrap_or_default();
        if name.is_empty() {
            section.fault("job_name", "is missing");
        } else if !names.insert(name.clone()) {
            section.fault("job_name", format!("{name:?} stands twice"));
        }
        read.push(job(section, name, global));
    }
    read
}

fn job(section: Section<'_>, name: String, global: &Global) -> ScrapeJob {
    let (interval, timeout) = times(&section, global);
    let scheme = section.parsed("scheme", |text| match text {
        "http" | "https" => Ok(text.to_owned()),
        other => Err(format!("{other:?} is not http or https")),
    });
    let path = section.parsed("metrics_path", |text| match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} does not start with /")),
    });
    let native = section.flag("scrape_native_histograms").unwrap_or(false);
    // The older name of the same wish.
    let classic = ["always_scrape_classic_histograms", "scrape_classic_histograms"]
        .map(|key| section.flag(key).unwrap_or(false));
    let histograms = match (native, classic.contains(&true)) {
        (false, _) => Histograms::Classic,
        (true, false) => Histograms::Native,
        (true, true) => Histograms::Both,
    };
    let job = ScrapeJob {
        name,
        interval,
        timeout,
        scheme: scheme.unwrap_or_else(|| "http".to_owned()),
        path: path.unwrap_or_else(|| "/metrics".to_owned()),
        params: params(&section),
        honor_labels: section.flag("honor_labels").unwrap_or(false),
        honor_timestamps: section.flag("honor_timestamps").unwrap_or(true),
        protocols: protocols(&section, native),
        fallback_format: fallback(&section),
        histograms,
        authorization: authorization(&section),
        limits: limits(&section),
        groups: section.sections("static_configs").into_iter().map(group).collect(),
        relabel: relabel::read(&section, "relabel_configs"),
        metric_relabel: relabel::read(&section, "metric_relabel_configs"),
    };
    for key in LATER {
        section.later(key);
    }
    for (key, only) in ONLY_DEFAULT {
        section.later_unless(key, only);
    }
    section.finish();
    job
}

fn times(section: &Section<'_>, global: &Global) -> (Duration, Duration) {
    let interval = section.period("scrape_interval").unwrap_or(global.scrape_interval);
    let timeout = section.period("scrape_timeout");
    if timeout.is_some_and(|timeout| timeout > interval) {
        section.fault("scrape_timeout", "must not be longer than scrape_interval");
    }
    (interval, timeout.unwrap_or(global.scrape_timeout).min(interval))
}

/// Reads the dialects that targets are asked for; protobuf comes first where native histograms are
/// wanted, for no other dialect has them.
fn protocols(section: &Section<'_>, native: bool) -> Vec<Protocol> {
    let mut protocols = Vec::new();
    for (node, name) in section.texts("scrape_protocols") {
        match Protocol::from_name(&name) {
            Some(protocol) if !protocols.contains(&protocol) => protocols.push(protocol),
            Some(_) => section.fault_at(node, "scrape_protocols", format!("{name} stands twice")),
            None => section.fault_at(node, "scrape_protocols", unknown_protocol(&name)),
        }
    }
    if protocols.is_empty() {
        protocols.extend(&Protocol::ALL[usize::from(!native)..]);
    }
    protocols
}

fn fallback(section: &Section<'_>) -> Option<Format> {
    section.parsed("fallback_scrape_protocol", |text| {
        let protocol = Protocol::from_name(text).ok_or_else(|| unknown_protocol(text))?;
        Ok(protocol.format())
    })
}

fn unknown_protocol(name: &str) -> String {
    let known = Protocol::ALL.map(Protocol::name).join(", ");
    format!("unknown scrape protocol {name}, supported: [{known}]")
}

fn limits(section: &Section<'_>) -> ScrapeLimits {
    let count = |key| section.number(key).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let body = section.parsed("body_size_limit", |text| match text {
        "0" => Ok(ByteSize(0)),
        // Prometheus means binary units when it writes MB.
        text => ByteSize::parse(&text.replace("KB", "KiB").replace("MB", "MiB")),
    });
    let usual = ScrapeLimits::default();
    ScrapeLimits {
        body: body.filter(|body| body.0 > 0).unwrap_or(usual.body),
        samples: count("sample_limit"),
        labels: count("label_limit"),
        label_name_bytes: count("label_name_length_limit"),
        label_value_bytes: count("label_value_length_limit"),
        targets: count("target_limit"),
    }
}

fn params(section: &Section<'_>) -> Vec<(String, String)> {
    let Some(section) = section.section("params") else { return Vec::new() };
    let mut params = Vec::new();
    for (name, node) in section.free_entries() {
        for (full, item) in section.items_of(name, node) {
            if let Some(value) = section.scalar(&full, item, true) {
                params.push((name.to_owned(), value));
            }
        }
    }
    params
}

fn authorization(section: &Section<'_>) -> Option<Authorization> {
    let basic = section.section("basic_auth").map(|basic| {
        let user = basic.text("username").unwrap_or_default();
        let password = basic.secret("password", "password_file");
        basic.later("username_file");
        basic.finish();
        Authorization::basic(&user, password.as_ref().map_or("", |password| password.expose()))
    });
    let scheme = section.section("authorization").and_then(|auth| {
        let scheme = auth.text("type").unwrap_or_else(|| "Bearer".to_owned());
        let credentials = auth.secret("credentials", "credentials_file");
        if scheme.eq_ignore_ascii_case("basic") {
            auth.fault("type", "write basic_auth instead");
        }
        auth.finish();
        credentials.map(|credentials| Authorization::new(&scheme, credentials.expose()))
    });
    let bearer = section.secret("bearer_token", "bearer_token_file");
    let bearer = bearer.map(|token| Authorization::new("Bearer", token.expose()));
    let given = [&basic, &scheme, &bearer].into_iter().flatten().count();
    if given > 1 {
        section.fault("", "write one of basic_auth, authorization and bearer_token");
    }
    basic.or(scheme).or(bearer)
}

fn group(section: Section<'_>) -> TargetGroup {
    let mut targets = Vec::new();
    for (line, target) in section.texts("targets") {
        let wrong = target.is_empty() || target.contains('/') || target.contains(' ');
        if wrong || make::url(&format!("http://{target}")).is_err() {
            section.fault_at(line, "targets", format!("{target:?} is not HOST:PORT"));
        } else {
            targets.push(target);
        }
    }
    let mut labels = Vec::new();
    if let Some(section) = section.section("labels") {
        for (name, node) in section.free_entries() {
            if let Some(value) = section.scalar(&section.full(name), node, true) {
                labels.push((name.to_owned(), value));
            }
        }
    }
    section.finish();
    TargetGroup { targets, labels }
}
