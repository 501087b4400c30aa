//! A target after relabelling, and what is known of it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::collect::scrape::job::ScrapeJob;
use crate::collect::scrape::relabel;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;

/// Something that answers scrapes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    /// Labels before relabelling.
    pub(crate) discovered: Labels,
    /// Labels of its series.
    pub(crate) labels: Labels,
    /// The URL, parameters included.
    pub(crate) url: String,
}

/// Whether the last scrape succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    Unknown,
    /// It did.
    Up,
    /// It did not.
    Down,
}

/// What is known of a target, for `/api/v1/targets`.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetStatus {
    /// The scrape job.
    pub job: String,
    /// Labels before relabelling.
    pub discovered: Labels,
    /// Labels of its series.
    pub labels: Labels,
    /// The URL that is scraped.
    pub url: String,
    /// The time between scrapes.
    pub interval: Duration,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// How the last scrape went.
    pub health: Health,
    /// Why the last scrape failed; empty when it did not.
    pub last_error: String,
    /// When the last scrape began; `None` before the first.
    pub last_scrape: Option<TimestampMs>,
    /// How long it took.
    pub last_duration: Duration,
}

/// A status that the loop writes and others read.
pub(crate) type SharedStatus = Arc<Mutex<TargetStatus>>;

/// Returns the job's targets: relabelled, those dropped left out, each label set once, in order.
pub(crate) fn targets(job: &ScrapeJob) -> Vec<Target> {
    let mut found: Vec<Target> = Vec::new();
    for group in &job.groups {
        for address in &group.targets {
            if let Some(target) = target(job, address, &group.labels)
                && !found
                    .iter()
                    .any(|other| other.labels == target.labels && other.url == target.url)
            {
                found.push(target);
            }
        }
    }
    if job.limits.targets > 0 && found.len() > job.limits.targets {
        let (have, limit) = (found.len(), job.limits.targets);
        tracing::warn!(job = job.name, have, limit, "more targets than target_limit; none scraped");
        found.clear();
    }
    found
}

fn target(job: &ScrapeJob, address: &str, labels: &[(String, String)]) -> Option<Target> {
    let mut builder =
        Labels::from_pairs(labels.iter().map(|(name, value)| (name, value))).to_builder();
    let interval = crate::base::duration::format_duration(job.interval);
    let timeout = crate::base::duration::format_duration(job.timeout);
    let own = [
        ("__address__", address),
        ("__metrics_path__", &job.path),
        ("__scheme__", &job.scheme),
        ("__scrape_interval__", &interval),
        ("__scrape_timeout__", &timeout),
        ("job", &job.name),
    ];
    for (name, value) in own {
        // What a group's labels say wins, as in Prometheus.
        if builder.get(name).is_none() {
            builder.set(name, value);
        }
    }
    for (name, value) in &job.params {
        let name = format!("__param_{name}");
        if builder.get(&name).is_none() {
            builder.set(&name, value);
        }
    }
    let discovered = builder.clone().build();
    if !relabel::apply(&job.relabel, &mut builder) {
        return None;
    }
    let relabelled = builder.build();
    let address = relabelled.get("__address__")?;
    let url = url(job, &relabelled, address);
    let mut kept = relabelled.without(|name| name.starts_with("__")).to_builder();
    if kept.get("instance").is_none() {
        kept.set("instance", address);
    }
    Some(Target { discovered, labels: kept.build(), url })
}

fn url(job: &ScrapeJob, labels: &Labels, address: &str) -> String {
    let scheme = labels.get("__scheme__").unwrap_or("http");
    let path = labels.get("__metrics_path__").unwrap_or("/metrics");
    let mut url = format!("{scheme}://{address}{path}");
    let mut separator = if path.contains('?') { '&' } else { '?' };
    let mut seen: Vec<&str> = Vec::new();
    let mut push = |name: &str, value: &str| {
        url.push(separator);
        url.push_str(&format!("{}={}", encoded(name), encoded(value)));
        separator = '&';
    };
    for (name, value) in &job.params {
        // Relabelling may change the first value of a parameter.
        let first = !seen.contains(&name.as_str());
        seen.push(name);
        let relabelled = labels.get(&format!("__param_{name}")).filter(|_| first);
        push(name, relabelled.unwrap_or(value));
    }
    for (label, value) in labels.iter() {
        if let Some(name) = label.strip_prefix("__param_").filter(|name| !seen.contains(name)) {
            push(name, value);
        }
    }
    url
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// Returns how far into the interval a target's scrapes lie, so that targets spread evenly and
/// stay in their place across restarts.
pub(crate) fn offset(target: &Target, interval: Duration) -> Duration {
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(target.url.as_bytes(), target.labels.hash64());
    Duration::from_nanos(hash % nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::scrape::job::{ScrapeLimits, TargetGroup};
    use crate::collect::scrape::{Protocol, RelabelAction, RelabelRule};
    use crate::wire::exposition::Histograms;

    fn job(targets: &[&str], relabel: Vec<RelabelRule>) -> ScrapeJob {
        let targets = targets.iter().map(|&target| target.to_owned()).collect();
        let labels = vec![("env".to_owned(), "prod".to_owned())];
        ScrapeJob {
            name: "app".to_owned(),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
            scheme: "http".to_owned(),
            path: "/metrics".to_owned(),
            params: vec![("q".to_owned(), "a b".to_owned()), ("q".to_owned(), "c".to_owned())],
            honor_labels: false,
            honor_timestamps: true,
            protocols: Protocol::ALL[1..].to_vec(),
            fallback_format: None,
            histograms: Histograms::Classic,
            authorization: None,
            limits: ScrapeLimits::default(),
            groups: vec![TargetGroup { targets, labels }],
            relabel,
            metric_relabel: Vec::new(),
        }
    }

    #[test]
    fn a_target_gets_job_instance_and_its_groups_labels() {
        let found = targets(&job(&["h:1", "h:1", "h:2"], Vec::new()));
        let urls: Vec<_> = found.iter().map(|target| target.url.as_str()).collect();
        assert_eq!(urls, ["http://h:1/metrics?q=a%20b&q=c", "http://h:2/metrics?q=a%20b&q=c"]);
        assert_eq!(found[0].labels.to_string(), r#"{env="prod", instance="h:1", job="app"}"#);
        assert_eq!(found[0].discovered.get("__address__"), Some("h:1"));
    }

    #[test]
    fn relabelling_moves_the_address_and_drops_targets() {
        let sources = || vec!["__address__".to_owned()];
        let rule = |action, regex, target, replacement| {
            RelabelRule::new(action, sources(), ";", regex, 0, target, replacement).unwrap()
        };
        let rules = vec![
            rule(RelabelAction::Drop, "h:2", "", ""),
            rule(RelabelAction::Replace, "(.*)", "instance", "$1"),
            rule(RelabelAction::Replace, ".*", "__address__", "proxy:9"),
            rule(RelabelAction::Replace, ".*", "__param_module", "x"),
        ];
        let found = targets(&job(&["h:1", "h:2"], rules));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].url, "http://proxy:9/metrics?q=a%20b&q=c&module=x");
        assert_eq!(found[0].labels.get("instance"), Some("h:1"));
    }

    #[test]
    fn a_targets_place_in_the_interval_is_steady_and_inside() {
        let interval = Duration::from_secs(15);
        let found = targets(&job(&["h:1", "h:2"], Vec::new()));
        assert!(found.iter().all(|target| offset(target, interval) < interval));
        assert_eq!(offset(&found[0], interval), offset(&found[0], interval));
        assert_ne!(offset(&found[0], interval), offset(&found[1], interval));
    }
}
