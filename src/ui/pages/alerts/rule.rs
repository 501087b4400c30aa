//! One rule: its expression, the chart with its threshold, its past, its alerts.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use crate::access::Caller;
use crate::base::error::Error;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::service::AlertState;
use crate::service::{
    Expression, GroupStatus, RuleHealth, RuleKind, RuleQuery, RuleStatus, Threshold,
};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::ask::Asker;
use crate::ui::chart::{ChartBlock, Level, Unit};
use crate::ui::format;
use crate::ui::pages::alerts::card::Card;
use crate::ui::pages::alerts::rules::RuleRow;
use crate::ui::pages::alerts::timeline;
use crate::ui::pages::alerts::timeline::Bar;
use crate::ui::render;
use crate::ui::shell::{About, Shell};

/// Rows of the table of values.
const MAX_ROWS: usize = 50;

#[derive(Template)]
#[template(path = "alerts_rule.html")]
struct RulePage {
    shell: Shell,
    list_href: String,
    row: RuleRow,
    /// The expression as written.
    query: String,
    group: String,
    file: String,
    facts: Vec<(&'static str, String)>,
    annotations: Vec<(String, String)>,
    cards: Vec<Card>,
    chart: ChartBlock,
    chart_href: String,
    level: String,
    /// Series of the measured side with their values, and whether each fulfils the comparison.
    values: Result<Vec<ValueRow>, String>,
    more: usize,
    bars: Result<Vec<Bar>, String>,
    fired: usize,
}

struct ValueRow {
    name: String,
    value: String,
    holds: bool,
}

/// Shows the rule that `file`, `group`, `rule` and among its namesakes `nth` name.
pub(crate) async fn page(
    State(state): State<UiState>,
    caller: Caller,
    request: HeaderMap,
    address: Address,
) -> Response {
    let one = |key: &str| vec![address.get(key).to_owned()];
    let query = RuleQuery {
        files: one("file"),
        groups: one("group"),
        names: one("rule"),
        ..RuleQuery::default()
    };
    let groups = match state.services.rules.groups(&caller, query).await {
        Ok(page) => page.groups,
        Err(error) => return render::failure(&state, &request, &address, &error),
    };
    let nth = address.get("nth").parse().unwrap_or(0);
    let found = groups.first().and_then(|group| Some((group, group.rules.get(nth)?)));
    let Some((group, rule)) = found else {
        let [name, group, file] = ["rule", "group", "file"].map(|key| address.get(key));
        let error = Error::not_found(match name.is_empty() {
            true => "the address names no rule; the list of rules links to each".to_owned(),
            false => format!("no rule {name:?} in group {group:?} of {file:?}"),
        });
        return render::failure(&state, &request, &address, &error);
    };
    let about = About { page: "alerts", title: "Rule", has_range: true, refresh: "30s" };
    let mut shell = Shell::new(&state, &request, &address, about);
    shell.title = rule.name.clone();
    let template = build(&state, &caller, &address, shell, group, rule).await;
    let nonce = template.shell.nonce.clone();
    render::page(&template, &nonce)
}

async fn build(
    state: &UiState,
    caller: &Caller,
    address: &Address,
    shell: Shell,
    group: &GroupStatus,
    rule: &RuleStatus,
) -> RulePage {
    let asker = Asker { state, caller, range: &shell.range, address };
    let threshold = Expression::parse(&rule.query).ok().and_then(|query| query.threshold());
    let drawn = threshold.as_ref().map_or(rule.query.as_str(), |found| found.measured.as_str());
    let (values, bars) = tokio::join!(asker.at_end(drawn), timeline::of(&asker, &rule.name));
    let mut values = values.map(|series| value_rows(&series, drawn, threshold.as_ref()));
    let more = values.as_ref().map_or(0, |rows| rows.len().saturating_sub(MAX_ROWS));
    if let Ok(rows) = &mut values {
        rows.truncate(MAX_ROWS);
    }
    let (bars, fired) = match bars {
        Ok((bars, fired)) => (Ok(bars), fired),
        Err(error) => (Err(error.message().to_owned()), 0),
    };
    let level = threshold.as_ref().map(words).unwrap_or_default();
    let thresholds =
        threshold.iter().map(|found| Level { value: found.level, words: words(found) });
    let chart = ChartBlock {
        queries: vec![drawn.to_owned()],
        thresholds: thresholds.collect(),
        unit: Unit::Number,
        label: "",
    };
    let now = TimestampMs(state.clock.now_ms());
    let (annotations, cards) = match &rule.kind {
        RuleKind::Recording => (Vec::new(), Vec::new()),
        RuleKind::Alerting { annotations, alerts, .. } => (
            annotations.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
            alerts.iter().map(|alert| Card::of(group, rule, alert, address, now)).collect(),
        ),
    };
    RulePage {
        list_href: address.jump("/ui/alerts/rules").to_string(),
        row: RuleRow::of(group, rule, address),
        query: rule.query.trim().to_owned(),
        group: group.name.clone(),
        file: group.file.clone(),
        facts: facts(group, rule, now),
        annotations,
        cards,
        chart_href: asker.href(drawn),
        chart,
        level,
        values: values.map_err(|error| error.message().to_owned()),
        more,
        bars,
        fired,
        shell,
    }
}

fn words(threshold: &Threshold) -> String {
    format!("{} {}", threshold.comparison, format::number(threshold.level))
}

fn value_rows(
    series: &[(Labels, f64)],
    drawn: &str,
    threshold: Option<&Threshold>,
) -> Vec<ValueRow> {
    let mut series: Vec<&(Labels, f64)> = series.iter().collect();
    series.sort_by(|a, b| b.1.total_cmp(&a.1));
    let row = |(labels, value): &(Labels, f64)| ValueRow {
        name: if labels.is_empty() { drawn.to_owned() } else { labels.to_string() },
        value: format::number(*value),
        holds: threshold.is_some_and(|found| holds(found, *value)),
    };
    series.into_iter().map(row).collect()
}

fn holds(threshold: &Threshold, value: f64) -> bool {
    match threshold.comparison {
        ">" => value > threshold.level,
        ">=" => value >= threshold.level,
        "<" => value < threshold.level,
        "<=" => value <= threshold.level,
        "==" => value == threshold.level,
        _ => value != threshold.level,
    }
}

fn facts(group: &GroupStatus, rule: &RuleStatus, now: TimestampMs) -> Vec<(&'static str, String)> {
    let length = |duration: std::time::Duration| format::duration_ns(duration.as_nanos() as i64);
    let mut facts = vec![("group", group.name.clone()), ("file", group.file.clone())];
    facts.push(("evaluated every", length(group.interval)));
    if let RuleKind::Alerting { hold, keep_firing_for, .. } = &rule.kind {
        if !hold.is_zero() {
            facts.push(("fires after", length(*hold)));
        }
        if !keep_firing_for.is_zero() {
            facts.push(("keeps firing for", length(*keep_firing_for)));
        }
    }
    if !rule.labels.is_empty() {
        facts.push(("labels", rule.labels.to_string()));
    }
    if let Some(at) = rule.last_evaluation {
        let took = length(rule.evaluation_time);
        facts.push(("last evaluation", format!("{} ago, in {took}", format::age(at, now))));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_marked_when_it_fulfils_the_comparison() {
        let threshold = |text: &str| Expression::parse(text).unwrap().threshold().unwrap();
        for (text, value, expected) in [
            ("a > 5", 6.0, true),
            ("a > 5", 5.0, false),
            ("a >= 5", 5.0, true),
            ("5 > a", 4.0, true),
            ("a == 0", 0.0, true),
            ("a != 0", 0.0, false),
        ] {
            assert_eq!(holds(&threshold(text), value), expected, "{text} at {value}");
        }
    }
}
