//! One alert as the pages show it.

use crate::model::alert::Alert;
use crate::model::delivery::AlertView;
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::service::{ActiveAlert, AlertState, Expression, GroupStatus, RuleStatus};
use crate::ui::address::Address;
use crate::ui::format;

/// An alert with everything that leads on from it.
pub(crate) struct Card {
    pub(crate) state: AlertState,
    /// 0 for the most urgent severity.
    pub(crate) rank: u8,
    pub(crate) since: TimestampMs,
    pub(crate) labels: Labels,
    pub(crate) name: String,
    pub(crate) severity: String,
    pub(crate) summary: String,
    pub(crate) description: String,
    /// What to do, in words.
    pub(crate) runbook: String,
    /// A page about it; empty unless it is a web address.
    pub(crate) runbook_url: String,
    pub(crate) age: String,
    pub(crate) machine_time: String,
    pub(crate) value: String,
    /// Whether the condition is gone and the alert is kept firing.
    pub(crate) lingers: bool,
    pub(crate) chips: Vec<LabelChip>,
    pub(crate) rule_href: String,
    pub(crate) query_href: String,
    pub(crate) logs_href: String,
    pub(crate) silence_href: String,
    pub(crate) told: Told,
}

/// Who is told of an alert, or why nobody is.
#[derive(Default)]
pub(crate) struct Told {
    /// The receivers, with commas between; empty while nobody is told.
    pub(crate) receivers: String,
    /// `silenced`, `inhibited`, `muted`, or empty.
    pub(crate) quiet: &'static str,
}

impl Told {
    pub(crate) fn of(view: &AlertView) -> Self {
        let quiet = match &view.quiet {
            quiet if !quiet.silenced_by.is_empty() => "silenced",
            quiet if !quiet.inhibited_by.is_empty() => "inhibited",
            quiet if !quiet.muted_by.is_empty() => "muted",
            _ => "",
        };
        Told { receivers: view.receivers.join(", "), quiet }
    }
}

/// A label that filters the list.
pub(crate) struct LabelChip {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) href: String,
}

impl Card {
    /// An alert of a rule.
    pub(crate) fn of(
        group: &GroupStatus,
        rule: &RuleStatus,
        alert: &ActiveAlert,
        address: &Address,
        now: TimestampMs,
    ) -> Self {
        Card {
            state: alert.state,
            value: format::number(alert.value),
            lingers: alert.keep_firing_since.is_some(),
            rule_href: rule_href(group, rule, address),
            query_href: address.jump("/ui/metrics").with("q", drawn(&rule.query)).to_string(),
            ..Card::bare(&alert.labels, &alert.annotations, alert.active_at, address, now)
        }
    }

    /// An alert that somebody else raised and posted here.
    pub(crate) fn foreign(view: &AlertView, address: &Address, now: TimestampMs) -> Self {
        let Alert { labels, annotations, starts_at, .. } = &view.alert;
        Card { told: Told::of(view), ..Card::bare(labels, annotations, *starts_at, address, now) }
    }

    /// A firing alert without a rule.
    fn bare(
        labels: &Labels,
        annotations: &Labels,
        since: TimestampMs,
        address: &Address,
        now: TimestampMs,
    ) -> Self {
        let label = |name: &str| labels.get(name).unwrap_or_default().to_owned();
        let text = |name: &str| annotations.get(name).unwrap_or_default().to_owned();
        let severity = label("severity");
        let runbook_url = text("runbook_url");
        let is_web = runbook_url.starts_with("https://") || runbook_url.starts_with("http://");
        Card {
            state: AlertState::Firing,
            rank: rank(&severity),
            since,
            name: label("alertname"),
            summary: text("summary"),
            description: text("description"),
            runbook: text("runbook"),
            runbook_url: if is_web { runbook_url } else { String::new() },
            age: format::age(since, now),
            machine_time: format::machine(since),
            value: String::new(),
            lingers: false,
            chips: chips(labels, address),
            rule_href: String::new(),
            query_href: String::new(),
            logs_href: logs_href(labels, address),
            silence_href: silence_href(labels),
            told: Told::default(),
            labels: labels.clone(),
            severity,
        }
    }

    /// Whether the address asks for it: `state`, `f` as `label=value`, and `find` in any text.
    pub(crate) fn admitted(&self, address: &Address) -> bool {
        let state = address.get("state");
        let wanted = address.get("find").to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&wanted);
        let labels_hold = address.all("f").all(|filter| {
            let (label, value) = filter.split_once('=').unwrap_or((filter, ""));
            self.labels.get(label).unwrap_or_default() == value
        });
        let found = holds(&self.summary) || self.labels.iter().any(|(_, value)| holds(value));
        (state.is_empty() || state == self.state.as_str()) && labels_hold && found
    }

    /// The colour of its severity.
    pub(crate) fn severity_class(&self) -> &'static str {
        severity_class(&self.severity)
    }
}

/// The colour class of a severity label's value.
pub(crate) fn severity_class(severity: &str) -> &'static str {
    match rank(severity) {
        0 => "error",
        1 => "warning",
        2 => "accent",
        _ => "",
    }
}

fn rank(severity: &str) -> u8 {
    match severity.to_ascii_lowercase().as_str() {
        "critical" | "page" | "emergency" | "error" | "high" => 0,
        "warning" | "warn" | "medium" => 1,
        "info" | "notice" | "low" => 2,
        _ => 3,
    }
}

/// The address of a rule's page.
pub(crate) fn rule_href(group: &GroupStatus, rule: &RuleStatus, address: &Address) -> String {
    let page = address.jump("/ui/alerts/rule").with("file", &group.file);
    let page = page.with("group", &group.name).with("rule", &rule.name);
    // Rules of one name in one group differ by severity; their place tells them apart.
    let namesakes = group.rules.iter().filter(|other| other.name == rule.name);
    match namesakes.take_while(|other| !std::ptr::eq(*other, rule)).count() {
        0 => page.to_string(),
        nth => page.with("nth", nth.to_string()).to_string(),
    }
}

/// What a chart of a rule draws: the measured side of its comparison.
pub(crate) fn drawn(query: &str) -> String {
    let threshold = Expression::parse(query).ok().and_then(|expression| expression.threshold());
    threshold.map_or_else(|| query.to_owned(), |threshold| threshold.measured)
}

fn chips(labels: &Labels, address: &Address) -> Vec<LabelChip> {
    let shown = labels.iter().filter(|(name, _)| !["alertname", "severity"].contains(name));
    let chip = |(name, value): (&str, &str)| {
        let filter = format!("{name}={value}");
        let list = Address::of("/ui/alerts");
        let kept = address.all("f").filter(|own| *own != filter);
        let list = kept.fold(list, |list, own| list.and("f", own));
        LabelChip {
            href: list.and("f", filter).to_string(),
            name: name.to_owned(),
            value: value.to_owned(),
        }
    };
    shown.map(chip).collect()
}

/// The form of a new silence for exactly this alert.
fn silence_href(labels: &Labels) -> String {
    let form = Address::of("/ui/alerts/silences");
    let conditions = labels.iter().map(|(name, value)| format!("{name}={value:?}"));
    conditions.fold(form, |form, condition| form.and("m", condition)).to_string()
}

/// The logs of what the labels name; all logs when they name nothing that logs have.
fn logs_href(labels: &Labels, address: &Address) -> String {
    let service = labels.get("service_name").or_else(|| labels.get("service"));
    let service = service.or_else(|| labels.get("job")).unwrap_or_default();
    let page = address.jump("/ui/logs");
    match service.rsplit('/').next() {
        Some(name) if !name.is_empty() => {
            page.with("f", format!("service.name={name}")).to_string()
        }
        _ => page.to_string(),
    }
}
