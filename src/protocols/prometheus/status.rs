//! What the appliance says of itself in Prometheus' words.

use axum::extract::State;
use jiff::Timestamp;

use crate::access::{Caller, Scope};
use crate::base::duration::format_duration;
use crate::base::error::Error;
use crate::model::time::TimestampMs;
use crate::protocols::prometheus::PrometheusState;
use crate::protocols::prometheus::error::{ApiError, ApiResult};
use crate::protocols::prometheus::params::Params;
use crate::protocols::prometheus::response::success;
use crate::service::{Target, TargetHealth};
use crate::wire::prometheus_api::json::{push_labels, push_list, push_object, push_text};

/// The version of Prometheus whose HTTP API this door speaks. Grafana chooses by it which calls it
/// may make, and needs three numbers; the appliance's own version stands in `revision`.
const API_VERSION: &str = "3.5.0";

/// The most names of each list of `status/tsdb`.
const MAX_LISTED: usize = 10_000;

/// Answers the version. There is no key `features`: Grafana would take the appliance for Mimir.
pub(crate) async fn build(State(state): State<PrometheusState>, caller: Caller) -> ApiResult {
    let facts = state.services.status.facts(&caller).await?;
    let own = match facts.revision.as_str() {
        "" => format!("belvedere-{}", facts.version),
        revision => format!("belvedere-{}-{revision}", facts.version),
    };
    let entries = [
        ("version", API_VERSION),
        ("revision", own.as_str()),
        ("branch", "belvedere"),
        ("buildUser", ""),
        ("buildDate", ""),
        ("goVersion", ""),
    ];
    Ok(success(&[], |out| push_object(out, entries, push_text)))
}

/// Answers when and where the appliance runs.
pub(crate) async fn runtime(State(state): State<PrometheusState>, caller: Caller) -> ApiResult {
    let facts = state.services.status.facts(&caller).await?;
    let started = rfc3339(facts.started);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(success(&[], |out| {
        let texts = [
            ("startTime", started.as_str()),
            ("CWD", facts.working_directory.as_str()),
            ("lastConfigTime", started.as_str()),
            ("storageRetention", facts.retention.as_str()),
        ];
        push_object(out, texts, push_text);
        out.pop();
        let rest =
            format!(",\"reloadConfigSuccess\":true,\"corruptionCount\":0,\"GOMAXPROCS\":{cores}}}");
        out.extend_from_slice(rest.as_bytes());
    }))
}

/// Answers the effective configuration, secrets masked.
pub(crate) async fn config(State(state): State<PrometheusState>, caller: Caller) -> ApiResult {
    let facts = state.services.status.facts(&caller).await?;
    Ok(success(&[], |out| push_object(out, [("yaml", facts.config.as_str())], push_text)))
}

/// Answers the command line.
pub(crate) async fn flags(State(state): State<PrometheusState>, caller: Caller) -> ApiResult {
    let facts = state.services.status.facts(&caller).await?;
    let flags = facts.flags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(success(&[], |out| push_object(out, flags, push_text)))
}

/// Answers what the series consist of.
pub(crate) async fn tsdb(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    let limit = match params.get("limit") {
        None => 10,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| *limit >= 1)
            .ok_or_else(|| ApiError::from(Error::invalid("limit must be a positive number")))?,
    };
    if limit > MAX_LISTED {
        let text = format!("limit must not exceed {MAX_LISTED}");
        return Err(ApiError::from(Error::invalid(text)));
    }
    let stats = state.services.status.metric_stats(&caller).await?;
    let found = state.services.status.cardinality(&caller, limit).await?;
    let warnings: Vec<String> = found
        .truncated
        .then(|| format!("only {} series were looked at", found.series))
        .into_iter()
        .collect();
    let time = |at: Option<TimestampMs>| at.map_or(0, |at| at.0);
    let head = [
        ("numSeries", i64::try_from(stats.active_series).unwrap_or(i64::MAX)),
        ("numLabelPairs", i64::try_from(found.label_pairs).unwrap_or(i64::MAX)),
        ("chunkCount", 0),
        ("minTime", time(stats.min_time)),
        ("maxTime", time(stats.max_time)),
    ];
    let lists = [
        ("seriesCountByMetricName", &found.series_by_metric),
        ("labelValueCountByLabelName", &found.values_by_label),
        ("memoryInBytesByLabelName", &found.bytes_by_label),
        ("seriesCountByLabelValuePair", &found.series_by_pair),
    ];
    Ok(success(&warnings, |out| {
        out.extend_from_slice(b"{\"headStats\":");
        push_object(out, head, push_number);
        for (name, counts) in lists {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            push_list(out, counts, |out, (name, count)| {
                out.extend_from_slice(b"{\"name\":");
                push_text(out, name);
                out.extend_from_slice(format!(",\"value\":{count}}}").as_bytes());
            });
        }
        out.push(b'}');
    }))
}

/// Answers how far the log was replayed: the door opens once all of it was.
pub(crate) async fn wal_replay(caller: Caller) -> ApiResult {
    caller.require(Scope::Read)?;
    let done = [("min", 0), ("max", 0), ("current", 0)];
    Ok(success(&[], |out| push_object(out, done, push_number)))
}

/// Answers what is scraped; nothing is ever dropped, because there is no relabelling yet.
pub(crate) async fn targets(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    let wanted = params.get("state").unwrap_or("any").to_ascii_lowercase();
    let show_active = matches!(wanted.as_str(), "any" | "active");
    let pool = params.get("scrapePool");
    let mut targets = state.services.status.targets(&caller).await?;
    targets.retain(|target| show_active && pool.is_none_or(|pool| pool == target.job));
    Ok(success(&[], |out| {
        out.extend_from_slice(b"{\"activeTargets\":");
        push_list(out, &targets, push_target);
        out.extend_from_slice(b",\"droppedTargets\":[],\"droppedTargetCounts\":{}}");
    }))
}

fn push_target(out: &mut Vec<u8>, target: &Target) {
    let health = match target.health {
        TargetHealth::Unknown => "unknown",
        TargetHealth::Up => "up",
        TargetHealth::Down => "down",
    };
    let last = rfc3339_or_never(target.last_scrape);
    let (interval, timeout) = (format_duration(target.interval), format_duration(target.timeout));
    out.extend_from_slice(b"{\"discoveredLabels\":");
    push_labels(out, &target.discovered_labels);
    out.extend_from_slice(b",\"labels\":");
    push_labels(out, &target.labels);
    let texts = [
        ("scrapePool", target.job.as_str()),
        ("scrapeUrl", target.url.as_str()),
        ("globalUrl", target.url.as_str()),
        ("lastError", target.last_error.as_str()),
        ("lastScrape", last.as_str()),
        ("health", health),
        ("scrapeInterval", interval.as_str()),
        ("scrapeTimeout", timeout.as_str()),
    ];
    for (name, text) in texts {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        push_text(out, text);
    }
    let seconds = target.last_duration.as_secs_f64();
    out.extend_from_slice(format!(",\"lastScrapeDuration\":{seconds}}}").as_bytes());
}

fn push_number(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(number.to_string().as_bytes());
}

/// Writes an instant; Go's zero time stands for "never".
pub(crate) fn rfc3339_or_never(at: Option<TimestampMs>) -> String {
    at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339)
}

/// Writes an instant.
pub(crate) fn rfc3339(at: TimestampMs) -> String {
    Timestamp::from_millisecond(at.0).map_or_else(|_| String::new(), |instant| instant.to_string())
}
