//! The sections `budget`, `retention`, `storage`, `metrics`, `host` and `mcp`.

use std::time::Duration;

use crate::base::size::ByteSize;
use crate::base::yaml::reader::Section;
use crate::config::checked::{Budget, Global, Host, Mcp, Metrics, Retention};
use crate::model::labels::{Labels, METRIC_NAME};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// The least memory the appliance can live with.
const LEAST_MEMORY: ByteSize = ByteSize::mib(128);

/// Reads `budget`; `machine` is the machine's memory, where known.
pub(crate) fn budget(section: Option<Section<'_>>, machine: Option<ByteSize>) -> Budget {
    let quarter = machine.map_or(ByteSize::gib(1), |memory| ByteSize(memory.0 / 4));
    let mut budget = Budget {
        memory: quarter.clamp(LEAST_MEMORY, ByteSize::gib(1)),
        disk: ByteSize::gib(10),
        query_timeout: Duration::from_secs(120),
        query_samples: 50_000_000,
    };
    let Some(section) = section else { return budget };
    if let Some(memory) = section.size("memory") {
        if memory < LEAST_MEMORY {
            section.fault("memory", format!("must be at least {LEAST_MEMORY}"));
        }
        budget.memory = memory;
    }
    budget.disk = section.size("disk").unwrap_or(budget.disk);
    budget.query_timeout = section.period("query_timeout").unwrap_or(budget.query_timeout);
    budget.query_samples = section.number("query_samples").unwrap_or(budget.query_samples);
    section.later("query_bytes");
    section.finish();
    budget
}

/// Reads `retention`.
pub(crate) fn retention(section: Option<Section<'_>>) -> Retention {
    let mut retention = Retention { metrics: 30 * DAY, logs: 14 * DAY, traces: 7 * DAY };
    let Some(section) = section else { return retention };
    retention.metrics = section.period("metrics").unwrap_or(retention.metrics);
    retention.logs = section.period("logs").unwrap_or(retention.logs);
    retention.traces = section.period("traces").unwrap_or(retention.traces);
    section.later("metrics_1h");
    section.finish();
    retention
}

/// Reads `storage` and returns the commit window.
pub(crate) fn storage(section: Option<Section<'_>>) -> Duration {
    let usual = Duration::from_millis(20);
    let Some(section) = section else { return usual };
    let window = section.duration("commit_window");
    if window.is_some_and(|window| window > Duration::from_secs(1)) {
        section.fault("commit_window", "must not be longer than 1s, for every write waits for it");
    }
    for key in ["metrics", "logs", "traces"] {
        section.later_unless(key, "embedded");
    }
    section.finish();
    window.unwrap_or(usual)
}

/// Reads `metrics`.
pub(crate) fn metrics(section: Option<Section<'_>>) -> Metrics {
    let mut metrics = Metrics {
        out_of_order_window: HOUR,
        lookback_delta: Duration::from_secs(300),
        max_active_series: 1_000_000,
    };
    let Some(section) = section else { return metrics };
    let window = section.duration("out_of_order_window");
    metrics.out_of_order_window = window.unwrap_or(metrics.out_of_order_window);
    metrics.lookback_delta = section.period("lookback_delta").unwrap_or(metrics.lookback_delta);
    let series = section.number("max_active_series");
    metrics.max_active_series = series.unwrap_or(metrics.max_active_series);
    section.finish();
    metrics
}

/// Reads `global`.
pub(crate) fn global(section: Option<Section<'_>>) -> Global {
    let interval = Duration::from_secs(15);
    let mut global = Global {
        scrape_interval: interval,
        scrape_timeout: Duration::from_secs(10),
        evaluation_interval: interval,
        rule_query_offset: Duration::ZERO,
        external_labels: Labels::empty(),
    };
    let Some(section) = section else { return global };
    global.scrape_interval = section.period("scrape_interval").unwrap_or(interval);
    let timeout = section.period("scrape_timeout");
    if timeout.is_some_and(|timeout| timeout > global.scrape_interval) {
        section.fault("scrape_timeout", "must not be longer than scrape_interval");
    }
    global.scrape_timeout = timeout.unwrap_or(global.scrape_timeout).min(global.scrape_interval);
    global.evaluation_interval = section.period("evaluation_interval").unwrap_or(interval);
    global.rule_query_offset = section.duration("rule_query_offset").unwrap_or_default();
    if let Some(labels) = section.section("external_labels") {
        global.external_labels = external_labels(&labels);
    }
    for key in ["query_log_file", "scrape_failure_log_file"] {
        section.later(key);
    }
    section.finish();
    global
}

fn external_labels(section: &Section<'_>) -> Labels {
    let mut pairs = Vec::new();
    for (name, node) in section.free_entries() {
        let full = section.full(name);
        if name.is_empty() || name == METRIC_NAME {
            section.fault_at(node.line, name, "is not a valid label name");
        }
        if let Some(value) = section.scalar(&full, node, true) {
            pairs.push((name, value));
        }
    }
    Labels::from_pairs(pairs)
}

/// Reads `host`.
pub(crate) fn host(section: Option<Section<'_>>) -> Host {
    let mut host = Host { enabled: true, interval: Duration::from_secs(15) };
    let Some(section) = section else { return host };
    host.enabled = section.flag("enabled").unwrap_or(true);
    host.interval = section.period("interval").unwrap_or(host.interval);
    section.later("containers");
    section.finish();
    host
}

/// Reads `mcp`.
pub(crate) fn mcp(section: Option<Section<'_>>) -> Mcp {
    let mut mcp = Mcp { sessions: true, allowed_origins: Vec::new() };
    let Some(section) = section else { return mcp };
    section.later_unless("path", "/mcp");
    mcp.sessions = section.flag("sessions").unwrap_or(true);
    mcp.allowed_origins =
        section.texts("allowed_origins").into_iter().map(|(_, origin)| origin).collect();
    section.later("token_budget");
    section.later("write_tools");
    section.finish();
    mcp
}
