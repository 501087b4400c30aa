//! Rules and alerts in Prometheus' words.

use axum::extract::State;

use crate::access::Caller;
use crate::base::gotemplate::format_float;
use crate::protocols::prometheus::PrometheusState;
use crate::protocols::prometheus::error::{ApiError, ApiResult};
use crate::protocols::prometheus::params::Params;
use crate::protocols::prometheus::response::success;
use crate::protocols::prometheus::status::{rfc3339, rfc3339_or_never};
use crate::service::{
    ActiveAlert, AlertState, Expression, GroupStatus, RuleFilter, RuleKind, RuleQuery, RuleStatus,
};
use crate::wire::prometheus_api::json::{push_labels, push_list, push_text};
use crate::wire::prometheus_api::number::push_float;

/// Answers the rules, group by group.
pub(crate) async fn rules(
    State(state): State<PrometheusState>,
    caller: Caller,
    params: Params,
) -> ApiResult {
    let (query, with_alerts) = (rule_query(&params)?, !exclude_alerts(&params)?);
    let page = state.services.rules.groups(&caller, query).await?;
    Ok(success(&[], |out| {
        out.extend_from_slice(b"{\"groups\":");
        push_list(out, &page.groups, |out, group| push_group(out, group, with_alerts));
        if let Some(next) = &page.next {
            out.extend_from_slice(b",\"groupNextToken\":");
            push_text(out, next);
        }
        out.push(b'}');
    }))
}

/// Answers the pending and firing alerts.
pub(crate) async fn alerts(State(state): State<PrometheusState>, caller: Caller) -> ApiResult {
    let alerts = state.services.rules.alerts(&caller).await?;
    Ok(success(&[], |out| {
        out.extend_from_slice(b"{\"alerts\":");
        push_list(out, &alerts, push_alert);
        out.push(b'}');
    }))
}

fn rule_query(params: &Params) -> Result<RuleQuery, ApiError> {
    let list = |name: &str| params.all(name).map(str::to_owned).collect();
    let kind = match params.get("type").map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("alert") => Some(RuleFilter::Alerting),
        Some("record") => Some(RuleFilter::Recording),
        Some(other) => {
            return Err(ApiError::parameter("type", format!("not supported value {other:?}")));
        }
    };
    let mut match_sets = Vec::new();
    for text in params.all("match[]") {
        let set = Expression::parse_selector(text);
        match_sets.push(set.map_err(|error| ApiError::parameter("match[]", error.message()))?);
    }
    let limit = params.get("group_limit").map(group_limit).transpose()?;
    let after = params.get("group_next_token").map(str::to_owned);
    if after.is_some() && limit.is_none() {
        let why = "group_limit needs to be present in order to paginate over the groups";
        return Err(ApiError::parameter("group_next_token", why));
    }
    Ok(RuleQuery {
        kind,
        names: list("rule_name[]"),
        groups: list("rule_group[]"),
        files: list("file[]"),
        match_sets,
        limit,
        after,
    })
}

fn group_limit(text: &str) -> Result<usize, ApiError> {
    match text.parse::<usize>() {
        Ok(0) => Err(ApiError::parameter("group_limit", "group_limit needs to be greater than 0")),
        Ok(limit) => Ok(limit),
        Err(_) => {
            let why = format!("group_limit needs to be a valid number: {text:?}");
            Err(ApiError::parameter("group_limit", why))
        }
    }
}

fn exclude_alerts(params: &Params) -> Result<bool, ApiError> {
    match params.get("exclude_alerts") {
        None => Ok(false),
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
        Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
        Some(other) => {
            let why = format!("error converting exclude_alerts: {other:?} is no truth value");
            Err(ApiError::parameter("exclude_alerts", why))
        }
    }
}

fn push_group(out: &mut Vec<u8>, group: &GroupStatus, with_alerts: bool) {
    push_key(out, "{", "name");
    push_text(out, &group.name);
    push_key(out, ",", "file");
    push_text(out, &group.file);
    push_key(out, ",", "rules");
    push_list(out, &group.rules, |out, rule| push_rule(out, rule, with_alerts));
    push_key(out, ",", "interval");
    push_float(out, group.interval.as_secs_f64());
    push_key(out, ",", "limit");
    out.extend_from_slice(group.limit.to_string().as_bytes());
    push_key(out, ",", "evaluationTime");
    push_float(out, group.evaluation_time.as_secs_f64());
    push_key(out, ",", "lastEvaluation");
    push_text(out, &rfc3339_or_never(group.last_evaluation));
    out.push(b'}');
}

fn push_rule(out: &mut Vec<u8>, rule: &RuleStatus, with_alerts: bool) {
    let kind = match &rule.kind {
        RuleKind::Recording => {
            push_named(out, "{", rule);
            push_key(out, ",", "labels");
            push_labels(out, &rule.labels);
            "recording"
        }
        RuleKind::Alerting { hold, keep_firing_for, annotations, alerts } => {
            push_key(out, "{", "state");
            push_text(out, rule.state().map_or("unknown", AlertState::as_str));
            push_named(out, ",", rule);
            push_key(out, ",", "duration");
            push_float(out, hold.as_secs_f64());
            push_key(out, ",", "keepFiringFor");
            push_float(out, keep_firing_for.as_secs_f64());
            push_key(out, ",", "labels");
            push_labels(out, &rule.labels);
            push_key(out, ",", "annotations");
            push_labels(out, annotations);
            push_key(out, ",", "alerts");
            match with_alerts {
                true => push_list(out, alerts, push_alert),
                false => out.extend_from_slice(b"null"),
            }
            "alerting"
        }
    };
    push_key(out, ",", "health");
    push_text(out, rule.health.as_str());
    if !rule.last_error.is_empty() {
        push_key(out, ",", "lastError");
        push_text(out, &rule.last_error);
    }
    push_key(out, ",", "evaluationTime");
    push_float(out, rule.evaluation_time.as_secs_f64());
    push_key(out, ",", "lastEvaluation");
    push_text(out, &rfc3339_or_never(rule.last_evaluation));
    push_key(out, ",", "type");
    push_text(out, kind);
    out.push(b'}');
}

fn push_named(out: &mut Vec<u8>, before: &str, rule: &RuleStatus) {
    push_key(out, before, "name");
    push_text(out, &rule.name);
    push_key(out, ",", "query");
    push_text(out, &rule.query);
}

fn push_alert(out: &mut Vec<u8>, alert: &ActiveAlert) {
    push_key(out, "{", "labels");
    push_labels(out, &alert.labels);
    push_key(out, ",", "annotations");
    push_labels(out, &alert.annotations);
    push_key(out, ",", "state");
    push_text(out, alert.state.as_str());
    push_key(out, ",", "activeAt");
    push_text(out, &rfc3339(alert.active_at));
    if let Some(since) = alert.keep_firing_since {
        push_key(out, ",", "keepFiringSince");
        push_text(out, &rfc3339(since));
    }
    push_key(out, ",", "value");
    push_text(out, &format_float(alert.value, 'e', None));
    out.push(b'}');
}

fn push_key(out: &mut Vec<u8>, before: &str, key: &str) {
    out.extend_from_slice(before.as_bytes());
    push_text(out, key);
    out.push(b':');
}
