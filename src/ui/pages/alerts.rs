//! The alerts that are pending or fire, and the rules behind them.

pub(crate) mod rules;
pub(crate) mod rule;
pub(crate) mod silences;
pub(crate) mod receipts;
mod card;
mod timeline;

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::base::error::Result;
use crate::model::delivery::{AlertView, DeliveryOutcome, DeliveryReceipt};
use crate::model::labels::Labels;
use crate::model::silence::SilenceState;
use crate::model::time::TimestampMs;
use crate::service::{
    AlertQuery, AlertState, GroupStatus, RuleFilter, RuleHealth, RuleKind, RuleQuery,
};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::pages::alerts::card::{Card, Told};
use crate::ui::range::Choice;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

/// Alerts that one page shows.
const MAX_SHOWN: usize = 500;
/// Labels that groups can be made by.
const MAX_LABELS: usize = 12;

/// The page, and what teaches when it is empty.
#[derive(Template)]
#[template(path = "alerts.html")]
pub(crate) struct AlertsPage {
    shell: Shell,
    tabs: Vec<Tab>,
    states: Vec<Choice>,
    groupings: Vec<Choice>,
    by: String,
    find: String,
    pills: Vec<Pill>,
    groups: Vec<AlertGroup>,
    /// Alerts that the filters leave, and all.
    matching: usize,
    total: usize,
    more: usize,
    rules: usize,
    failing: usize,
    failing_href: String,
}

/// A part of the page, with how much is in it.
pub(crate) struct Tab {
    pub(crate) choice: Choice,
    pub(crate) count: usize,
    /// Whether the number is one to look at.
    pub(crate) bad: bool,
}

/// A condition on labels that can be removed.
struct Pill {
    words: String,
    without: String,
}

/// Alerts that share a value.
struct AlertGroup {
    title: String,
    firing: usize,
    pending: usize,
    cards: Vec<Card>,
}

/// Shows the alerts.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    match load(&state, &caller, &request, &address).await {
        Ok(template) => {
            let nonce = template.shell.nonce.clone();
            render::page(&template, &nonce)
        }
        Err(error) => render::failure(&state, &request, &address, &error),
    }
}

async fn load(
    state: &UiState,
    caller: &Caller,
    request: &HeaderMap,
    address: &Address,
) -> Result<AlertsPage> {
    let query = RuleQuery { kind: Some(RuleFilter::Alerting), ..RuleQuery::default() };
    let groups = state.services.rules.groups(caller, query).await?.groups;
    let told = state.services.alerts.alerts(caller, AlertQuery::default()).await?;
    let tabs = load_tabs(state, caller, address, "/ui/alerts").await?;
    let about = About { page: "alerts", title: "Alerts", has_range: false, refresh: "10s" };
    let shell = Shell::new(state, request, address, about);
    let now = TimestampMs(state.clock.now_ms());
    let cards = cards(&groups, &told, address, now);
    Ok(build(shell, tabs, &groups, cards, address))
}

impl AlertsPage {
    /// Shows how to name rules.
    pub(crate) const RULES: &'static str =
        "rule_packs: [infrastructure, application, self]\nrule_files: ['rules/*.yml']";
}

fn build(
    shell: Shell,
    tabs: Vec<Tab>,
    groups: &[GroupStatus],
    all: Vec<Card>,
    address: &Address,
) -> AlertsPage {
    let total = all.len();
    let labels = label_names(&all);
    let by = match address.get("by") {
        "" => "alertname".to_owned(),
        label => label.to_owned(),
    };
    let mut shown: Vec<Card> = all.into_iter().filter(|card| card.admitted(address)).collect();
    let matching = shown.len();
    shown.truncate(MAX_SHOWN);
    let rules = groups.iter().flat_map(|group| &group.rules);
    let failing = rules.clone().filter(|rule| rule.health == RuleHealth::Err).count();
    AlertsPage {
        tabs,
        states: states(address),
        groupings: labels.iter().map(|label| grouping(address, label, &by)).collect(),
        find: address.get("find").to_owned(),
        pills: pills(address),
        more: matching - shown.len(),
        groups: grouped(shown, &by),
        by,
        matching,
        total,
        rules: rules.count(),
        failing,
        failing_href: address.jump("/ui/alerts/rules").with("health", "err").to_string(),
        shell,
    }
}

/// Every alert of rules and of others, the most urgent first, with what is done about it.
fn cards(
    groups: &[GroupStatus],
    told: &[AlertView],
    address: &Address,
    now: TimestampMs,
) -> Vec<Card> {
    let mut cards = Vec::new();
    for group in groups {
        for rule in &group.rules {
            let RuleKind::Alerting { alerts, .. } = &rule.kind else { continue };
            let card = |alert| Card::of(group, rule, alert, address, now);
            cards.extend(alerts.iter().map(card));
        }
    }
    let own = cards.len();
    for view in told {
        let known = cards[..own].iter_mut().find(|card| is_of(&card.labels, view));
        match known {
            Some(card) => card.told = Told::of(view),
            None => cards.push(Card::foreign(view, address, now)),
        }
    }
    cards.sort_by_key(|card| (std::cmp::Reverse(card.state), card.rank, -card.since.0));
    cards
}

/// Whether delivery speaks of the alert with these labels; it may have added its own.
fn is_of(labels: &Labels, view: &AlertView) -> bool {
    labels.iter().all(|(name, value)| view.alert.labels.get(name) == Some(value))
}

/// Returns the parts of these pages with what is in them.
pub(crate) async fn load_tabs(
    state: &UiState,
    caller: &Caller,
    address: &Address,
    current: &str,
) -> Result<Vec<Tab>> {
    let groups = state.services.rules.groups(caller, RuleQuery::default()).await?.groups;
    let told = state.services.alerts.alerts(caller, AlertQuery::default()).await?;
    let silences = state.services.alerts.silences(caller, Vec::new()).await?;
    let deliveries = state.services.alerts.deliveries(caller, MAX_SHOWN).await?;
    let now = TimestampMs(state.clock.now_ms());
    let cards = cards(&groups, &told, address, now);
    let rules = groups.iter().flat_map(|group| &group.rules);
    let failing = rules.clone().any(|rule| rule.health == RuleHealth::Err);
    let silenced = silences.iter().filter(|one| one.state_at(now) == SilenceState::Active).count();
    let failed = |receipt: &DeliveryReceipt| receipt.outcome == DeliveryOutcome::Failed;
    let tab = |title: &str, path: &str, count: usize, bad: bool| Tab {
        choice: Choice {
            title: title.to_owned(),
            href: address.jump(path).to_string(),
            current: path == current,
        },
        count,
        bad,
    };
    let firing = cards.iter().any(|card| card.state == AlertState::Firing);
    Ok(vec![
        tab("Active", "/ui/alerts", cards.len(), firing),
        tab("Rules", "/ui/alerts/rules", rules.count(), failing),
        tab("Silences", "/ui/alerts/silences", silenced, false),
        tab(
            "Notifications",
            "/ui/alerts/log",
            deliveries.pending.len() + deliveries.receipts.len(),
            deliveries.receipts.iter().any(failed),
        ),
    ])
}

fn states(address: &Address) -> Vec<Choice> {
    let choice = |(value, title): (&str, &str)| Choice {
        title: title.to_owned(),
        href: address.clone().with("state", value).to_string(),
        current: address.get("state") == value,
    };
    [("", "All"), ("firing", "Firing"), ("pending", "Pending")].map(choice).into()
}

fn grouping(address: &Address, label: &str, current: &str) -> Choice {
    Choice {
        title: label.to_owned(),
        href: address.clone().with("by", label).to_string(),
        current: label == current,
    }
}

fn pills(address: &Address) -> Vec<Pill> {
    let without = |gone: &str| {
        let kept: Vec<&str> = address.all("f").filter(|filter| *filter != gone).collect();
        kept.iter().fold(address.clone().with("f", ""), |to, filter| to.and("f", *filter))
    };
    let pill = |filter: &str| Pill {
        words: filter.replacen('=', " = ", 1),
        without: without(filter).to_string(),
    };
    address.all("f").map(pill).collect()
}

/// The labels by which alerts differ, the most common first.
fn label_names(cards: &[Card]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (label, _) in cards.iter().flat_map(|card| card.labels.iter()) {
        *counts.entry(label).or_default() += 1;
    }
    let mut names: Vec<(&str, usize)> = counts.into_iter().collect();
    names.sort_by_key(|(label, count)| (*label != "alertname", std::cmp::Reverse(*count)));
    names.into_iter().take(MAX_LABELS).map(|(label, _)| label.to_owned()).collect()
}

/// Puts cards together in the order of the first of each group.
fn grouped(cards: Vec<Card>, by: &str) -> Vec<AlertGroup> {
    let mut groups: Vec<AlertGroup> = Vec::new();
    for card in cards {
        let title = card.labels.get(by).unwrap_or("without this label").to_owned();
        let at = groups.iter().position(|group| group.title == title).unwrap_or_else(|| {
            groups.push(AlertGroup { title, firing: 0, pending: 0, cards: Vec::new() });
            groups.len() - 1
        });
        let group = &mut groups[at];
        match card.state {
            AlertState::Firing => group.firing += 1,
            AlertState::Pending | AlertState::Inactive => group.pending += 1,
        }
        group.cards.push(card);
    }
    groups
}
