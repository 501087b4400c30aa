//! The lists below: targets, the newest errors, the slowest traces.

use crate::access::Caller;
use crate::base::error::Error;
use crate::model::log::LogRecord;
use crate::model::log::Severity;
use crate::model::log_filter::{FilterValue, LogField, LogFilter};
use crate::model::log_query::{Direction, LogSearch, LogSelect};
use crate::model::trace::{StatusCode, Trace};
use crate::model::trace_query::{SpanCondition, TraceSearch};
use crate::service::{ActiveAlert, AlertState, RuleFilter, RuleKind, RuleQuery};
use crate::service::{LogsService, Pill, Target, TargetHealth};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::range::Range;

/// Rows of each list.
const ROWS: usize = 8;
/// Traces that are looked through for the slowest.
const LOOKED_AT: usize = 200;
/// Characters of a log line that a row shows.
const LINE_CHARACTERS: usize = 300;

/// A scraped target.
pub(crate) struct TargetRow {
    pub(crate) job: String,
    pub(crate) url: String,
    pub(crate) health: TargetHealth,
    /// Why it is down; empty when it is not.
    pub(crate) error: String,
    pub(crate) took: String,
    pub(crate) href: String,
}

/// An alert that is pending or fires.
pub(crate) struct AlertRow {
    pub(crate) name: String,
    pub(crate) firing: bool,
    /// What it says for people; may be empty.
    pub(crate) summary: String,
    /// How long its condition holds.
    pub(crate) since: String,
    pub(crate) href: String,
}

/// A log record of severity error or fatal.
pub(crate) struct ErrorLog {
    pub(crate) time: String,
    pub(crate) machine_time: String,
    pub(crate) severity: &'static str,
    pub(crate) service: String,
    pub(crate) line: String,
    /// The span that wrote it, or the lines of its service.
    pub(crate) href: String,
}

/// A trace that took long.
pub(crate) struct SlowTrace {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) duration: String,
    pub(crate) spans: usize,
    pub(crate) failed: bool,
    pub(crate) href: String,
}

/// Returns the targets, those that are down first.
pub(crate) async fn targets(
    state: &UiState,
    caller: &Caller,
    address: &Address,
) -> Result<Vec<TargetRow>, String> {
    let mut targets = state.services.status.targets(caller).await.map_err(words)?;
    targets.sort_by_key(|target| match target.health {
        TargetHealth::Down => 0,
        TargetHealth::Unknown => 1,
        TargetHealth::Up => 2,
    });
    Ok(targets.into_iter().map(|target| target_row(target, address)).collect())
}

fn target_row(target: Target, address: &Address) -> TargetRow {
    let instance = target.labels.get("instance").unwrap_or_default();
    let query = format!("up{{job={:?},instance={instance:?}}}", target.job);
    let took = i64::try_from(target.last_duration.as_nanos()).unwrap_or(i64::MAX);
    TargetRow {
        href: address.jump("/ui/metrics").with("q", query).to_string(),
        took: target.last_scrape.map_or(format::MISSING.to_owned(), |_| format::duration_ns(took)),
        job: target.job,
        url: target.url,
        health: target.health,
        error: target.last_error,
    }
}

/// Returns the alerts, those that fire first, the newest before the older.
pub(crate) async fn alerts(
    state: &UiState,
    caller: &Caller,
    address: &Address,
) -> Result<Vec<AlertRow>, String> {
    let query = RuleQuery { kind: Some(RuleFilter::Alerting), ..RuleQuery::default() };
    let page = state.services.rules.groups(caller, query).await.map_err(words)?;
    let mut active: Vec<(&str, &ActiveAlert)> = Vec::new();
    for rule in page.groups.iter().flat_map(|group| &group.rules) {
        let RuleKind::Alerting { alerts, .. } = &rule.kind else { continue };
        active.extend(alerts.iter().map(|alert| (rule.name.as_str(), alert)));
    }
    active.sort_by_key(|(_, alert)| std::cmp::Reverse((alert.state, alert.active_at)));
    active.truncate(ROWS);
    let now_ms = state.clock.now_ms();
    let row = |(name, alert): (&str, &ActiveAlert)| AlertRow {
        name: name.to_owned(),
        firing: alert.state == AlertState::Firing,
        summary: alert.annotations.get("summary").unwrap_or_default().to_owned(),
        since: format::duration_ns(
            now_ms.saturating_sub(alert.active_at.0).max(0).saturating_mul(1_000_000),
        ),
        href: address.jump("/ui/alerts").with("find", name).to_string(),
    };
    Ok(active.into_iter().map(row).collect())
}

/// Returns the address of the page that shows all of [`errors`].
pub(crate) fn errors_address(address: &Address) -> Address {
    address.jump("/ui/logs").with("q", "severity:(error OR fatal)")
}

/// Returns the newest records of severity error and fatal.
pub(crate) async fn errors(
    state: &UiState,
    caller: &Caller,
    range: &Range,
    address: &Address,
) -> Result<Vec<ErrorLog>, String> {
    let scope = LogsService::view_filter("", std::iter::empty(), &range.scope).map_err(words)?;
    let is = |severity: Severity| {
        let word = FilterValue::Str(severity.word().to_owned());
        LogFilter::Equals(LogField::Severity, word)
    };
    let search = LogSearch {
        select: LogSelect {
            indices: Vec::new(),
            range: range.ns(),
            filter: LogFilter::And(vec![
                LogFilter::Or(vec![is(Severity::ERROR), is(Severity::FATAL)]),
                scope,
            ]),
        },
        direction: Direction::Backward,
        after: None,
        limit: ROWS,
    };
    let page = state.services.logs.search(caller, search).await.map_err(words)?;
    let row = |hit: &crate::model::log_query::LogHit| ErrorLog {
        time: format::clock(hit.record.timestamp),
        machine_time: format::machine(hit.record.timestamp.to_ms()),
        severity: hit.record.severity.word(),
        service: hit.record.service_name().to_owned(),
        line: hit.record.body.to_text().chars().take(LINE_CHARACTERS).collect(),
        href: origin_of(&hit.record, address).to_string(),
    };
    Ok(page.hits.iter().map(row).collect())
}

/// Returns the address of the span that wrote a record; without one, of the errors of its service.
fn origin_of(record: &LogRecord, address: &Address) -> Address {
    match (record.trace_id, record.span_id) {
        (Some(trace), Some(span)) => {
            address.jump(&format!("/ui/traces/{trace}")).with("span", span.to_string())
        }
        (Some(trace), None) => address.jump(&format!("/ui/traces/{trace}")),
        (None, _) => {
            errors_address(address).with("f", format!("service.name={}", record.service_name()))
        }
    }
}

/// Returns the slowest among the newest traces, and the services that have spans in the range.
pub(crate) async fn slow_traces(
    state: &UiState,
    caller: &Caller,
    range: &Range,
    address: &Address,
) -> Result<(Vec<SlowTrace>, Vec<String>), String> {
    let condition = Pill::scope_spans(SpanCondition::All, &range.scope).map_err(words)?;
    let search = TraceSearch { range: range.ns(), condition, limit: LOOKED_AT };
    let found = state.services.traces.search(caller, search).await.map_err(words)?;
    let services = state.services.traces.services(caller, range.ns()).await.map_err(words)?;
    let mut traces: Vec<(i64, &Trace)> =
        found.items.iter().map(|trace| (trace.length_ns(), trace)).collect();
    traces.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    let rows = traces.into_iter().take(ROWS).filter_map(|(length, trace)| {
        let root = trace.root()?;
        Some(SlowTrace {
            name: root.name.clone(),
            service: root.service_name().to_owned(),
            duration: format::duration_ns(length),
            spans: trace.spans.len(),
            failed: trace.spans.iter().any(|span| span.status.code == StatusCode::Error),
            href: address.jump(&format!("/ui/traces/{}", trace.trace_id)).to_string(),
        })
    });
    Ok((rows.collect(), services))
}

fn words(error: Error) -> String {
    error.message().to_owned()
}
