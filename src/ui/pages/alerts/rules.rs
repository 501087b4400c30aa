//! Every rule, by group: what it asks, how its last evaluation went, and its state.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::model::time::TimestampMs;
use crate::service::{AlertState, GroupStatus, RuleHealth, RuleKind, RuleQuery, RuleStatus};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::format;
use crate::ui::pages::alerts::card;
use crate::ui::pages::alerts::{AlertsPage, Tab, load_tabs};
use crate::ui::range::Choice;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

#[derive(Template)]
#[template(path = "alerts_rules.html")]
struct RulesPage {
    shell: Shell,
    tabs: Vec<Tab>,
    filters: Vec<Choice>,
    find: String,
    groups: Vec<GroupRows>,
    total: usize,
}

/// A group and those of its rules that the filters leave.
struct GroupRows {
    name: String,
    file: String,
    interval: String,
    took: String,
    last: String,
    machine_time: String,
    rows: Vec<RuleRow>,
}

/// A rule in its list.
pub(crate) struct RuleRow {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) query: String,
    pub(crate) query_href: String,
    pub(crate) hold: String,
    pub(crate) severity: String,
    pub(crate) severity_class: &'static str,
    pub(crate) alerting: bool,
    pub(crate) state: AlertState,
    pub(crate) active: usize,
    pub(crate) health: RuleHealth,
    pub(crate) error: String,
    pub(crate) took: String,
}

/// Shows them.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let groups = match state.services.rules.groups(&caller, RuleQuery::default()).await {
        Ok(page) => page.groups,
        Err(error) => return render::failure(&state, &request, &address, &error),
    };
    let tabs = match load_tabs(&state, &caller, &address, "/ui/alerts/rules").await {
        Ok(tabs) => tabs,
        Err(error) => return render::failure(&state, &request, &address, &error),
    };
    let about = About { page: "alerts", title: "Rules", has_range: false, refresh: "30s" };
    let shell = Shell::new(&state, &request, &address, about);
    let now = TimestampMs(state.clock.now_ms());
    let rows = groups.iter().map(|group| group_rows(group, &address, now));
    let template = RulesPage {
        tabs,
        filters: filters(&address),
        find: address.get("find").to_owned(),
        groups: rows.filter(|group| !group.rows.is_empty()).collect(),
        total: groups.iter().map(|group| group.rules.len()).sum(),
        shell,
    };
    let nonce = template.shell.nonce.clone();
    render::page(&template, &nonce)
}

fn group_rows(group: &GroupStatus, address: &Address, now: TimestampMs) -> GroupRows {
    let wanted = group.rules.iter().filter(|rule| admitted(rule, address));
    GroupRows {
        name: group.name.clone(),
        file: group.file.clone(),
        interval: format::duration_ns(group.interval.as_nanos() as i64),
        took: format::duration_ns(group.evaluation_time.as_nanos() as i64),
        last: group
            .last_evaluation
            .map_or_else(|| "never".to_owned(), |at| format!("{} ago", format::age(at, now))),
        machine_time: group.last_evaluation.map(format::machine).unwrap_or_default(),
        rows: wanted.map(|rule| RuleRow::of(group, rule, address)).collect(),
    }
}

impl RuleRow {
    pub(crate) fn of(group: &GroupStatus, rule: &RuleStatus, address: &Address) -> Self {
        let (hold, active, alerting) = match &rule.kind {
            RuleKind::Recording => (String::new(), 0, false),
            RuleKind::Alerting { hold, alerts, .. } => {
                (format::duration_ns(hold.as_nanos() as i64), alerts.len(), true)
            }
        };
        let severity = rule.labels.get("severity").unwrap_or_default();
        RuleRow {
            href: card::rule_href(group, rule, address),
            query_href: address.jump("/ui/metrics").with("q", &rule.query).to_string(),
            name: rule.name.clone(),
            query: rule.query.split_whitespace().collect::<Vec<_>>().join(" "),
            hold,
            severity: severity.to_owned(),
            severity_class: card::severity_class(severity),
            alerting,
            state: rule.state().unwrap_or(AlertState::Inactive),
            active,
            health: rule.health,
            error: rule.last_error.clone(),
            took: rule.last_evaluation.map_or_else(
                || format::MISSING.to_owned(),
                |_| format::duration_ns(rule.evaluation_time.as_nanos() as i64),
            ),
        }
    }
}

/// Whether the address asks for it: `kind`, `state`, `health`, and `find` in name or expression.
fn admitted(rule: &RuleStatus, address: &Address) -> bool {
    let kind = match &rule.kind {
        RuleKind::Recording => "recording",
        RuleKind::Alerting { .. } => "alerting",
    };
    let is = |key: &str, value: &str| address.get(key).is_empty() || address.get(key) == value;
    let wanted = address.get("find").to_lowercase();
    let found = [&rule.name, &rule.query].iter().any(|text| text.to_lowercase().contains(&wanted));
    is("kind", kind)
        && is("state", rule.state().map_or("unknown", AlertState::as_str))
        && is("health", rule.health.as_str())
        && found
}

/// One filter at a time; the text to find is kept.
fn filters(address: &Address) -> Vec<Choice> {
    let choice = |(title, key, value): (&str, &str, &str)| {
        let mut page = address.clone();
        for filter in ["kind", "state", "health"] {
            page = page.with(filter, "");
        }
        let current = match key {
            "" => ["kind", "state", "health"].iter().all(|key| address.get(key).is_empty()),
            key => address.get(key) == value,
        };
        let page = if key.is_empty() { page } else { page.with(key, value) };
        Choice { title: title.to_owned(), href: page.to_string(), current }
    };
    [
        ("All", "", ""),
        ("Alerting", "kind", "alerting"),
        ("Recording", "kind", "recording"),
        ("Firing", "state", "firing"),
        ("Pending", "state", "pending"),
        ("Failing", "health", "err"),
    ]
    .map(choice)
    .into()
}
