//! `route` and `inhibit_rules`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alerting::config::{GROUP_INTERVAL, GROUP_WAIT, REPEAT_INTERVAL};
use crate::alerting::inhibit::InhibitRule;
use crate::alerting::matchers;
use crate::alerting::route::{GroupBy, Route, RouteOptions};
use crate::alerting::time_interval::TimeInterval;
use crate::base::yaml::reader::Section;
use crate::model::matcher::{MatchOp, Matcher};

/// What routes may name.
pub(crate) struct Names<'a> {
    pub(crate) receivers: BTreeSet<String>,
    pub(crate) intervals: &'a BTreeMap<String, Vec<TimeInterval>>,
}

/// The most routes.
const MAX_ROUTES: usize = 10_000;

/// Reads the tree from its root.
pub(crate) fn root(section: Section<'_>, names: &Names<'_>) -> Route {
    for key in ["match", "match_re", "matchers"] {
        if section.is_written(key) && section.node(key).is_some() {
            section.fault(key, "root route must not have any matchers");
        }
    }
    for key in ["mute_time_intervals", "active_time_intervals"] {
        if !section.texts(key).is_empty() {
            section.fault(key, "root route must not have any time intervals");
        }
    }
    if section.flag("continue") == Some(true) {
        section.fault("continue", "cannot have continue in root route");
    }
    let above = RouteOptions {
        index: 0,
        key: String::new(),
        receiver: String::new(),
        group_by: GroupBy::Labels(BTreeSet::new()),
        group_wait: GROUP_WAIT,
        group_interval: GROUP_INTERVAL,
        repeat_interval: REPEAT_INTERVAL,
        mute: Vec::new(),
        active: Vec::new(),
    };
    if section.text("receiver").is_none() {
        section.fault("receiver", "root route must specify a default receiver");
    }
    let mut count = 0;
    route(section, &above, names, &mut count)
}

fn route(
    section: Section<'_>,
    above: &RouteOptions,
    names: &Names<'_>,
    count: &mut usize,
) -> Route {
    let is_root = above.key.is_empty();
    let index = *count;
    *count += 1;
    if *count == MAX_ROUTES {
        section.fault("", format!("more than {MAX_ROUTES} routes"));
    }
    let matchers = if is_root { Vec::new() } else { route_matchers(&section) };
    let own_receiver = section.text("receiver");
    if let Some(name) = own_receiver.as_ref().filter(|name| !names.receivers.contains(*name)) {
        section.fault("receiver", format!("undefined receiver {name:?} used in route"));
    }
    let receiver = own_receiver.unwrap_or_else(|| above.receiver.clone());
    let own = matchers::key(&matchers);
    let options = RouteOptions {
        index,
        key: if is_root { own } else { format!("{}/{own}", above.key) },
        receiver,
        group_by: group_by(&section).unwrap_or_else(|| above.group_by.clone()),
        group_wait: section.duration("group_wait").unwrap_or(above.group_wait),
        group_interval: section.period("group_interval").unwrap_or(above.group_interval),
        repeat_interval: section.period("repeat_interval").unwrap_or(above.repeat_interval),
        mute: intervals(&section, "mute_time_intervals", names),
        active: intervals(&section, "active_time_intervals", names),
    };
    let goes_on = section.flag("continue").unwrap_or(false) && !is_root;
    let mut routes = Vec::new();
    if *count < MAX_ROUTES {
        let children = section.sections("routes").into_iter();
        routes = children.map(|child| route(child, &options, names, count)).collect();
    }
    section.finish();
    Route { options: Arc::new(options), matchers, goes_on, routes }
}

fn group_by(section: &Section<'_>) -> Option<GroupBy> {
    section.node("group_by")?;
    let mut labels = BTreeSet::new();
    let mut all = false;
    for (line, label) in section.texts("group_by") {
        match label.as_str() {
            "..." => all = true,
            "" => section.fault_at(line, "group_by", "a label name cannot be empty"),
            _ => {
                if !labels.insert(label.clone()) {
                    let why = format!("duplicated label {label:?} in group_by");
                    section.fault_at(line, "group_by", why);
                }
            }
        }
    }
    if all && !labels.is_empty() {
        section.fault("group_by", "cannot have wildcard group_by (`...`) and other labels");
    }
    Some(if all { GroupBy::All } else { GroupBy::Labels(labels) })
}

fn intervals(section: &Section<'_>, key: &'static str, names: &Names<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (line, name) in section.texts(key) {
        if !names.intervals.contains_key(&name) {
            section.fault_at(line, key, format!("undefined time interval {name:?} used in route"));
        }
        found.push(name);
    }
    found
}

fn route_matchers(section: &Section<'_>) -> Vec<Matcher> {
    join([equals(section, "match"), patterns(section, "match_re"), listed(section, "matchers")])
}

fn join(parts: [Vec<Matcher>; 3]) -> Vec<Matcher> {
    parts.into_iter().flatten().collect()
}

fn equals(section: &Section<'_>, key: &'static str) -> Vec<Matcher> {
    pairs(section, key, MatchOp::Equal)
}

fn patterns(section: &Section<'_>, key: &'static str) -> Vec<Matcher> {
    pairs(section, key, MatchOp::Regex)
}

fn pairs(section: &Section<'_>, key: &'static str, op: MatchOp) -> Vec<Matcher> {
    let Some(section) = section.section(key) else { return Vec::new() };
    let mut matchers = Vec::new();
    for (name, node) in section.free_entries() {
        let Some(value) = section.scalar(&section.full(name), node, false) else { continue };
        match Matcher::new(op, name, value) {
            Ok(matcher) => matchers.push(matcher),
            Err(error) => section.fault_at(node.line, name, error.message()),
        }
    }
    matchers
}

fn listed(section: &Section<'_>, key: &'static str) -> Vec<Matcher> {
    let mut found = Vec::new();
    for (full, node) in section.items(key) {
        let Some(text) = section.scalar(&full, node, false) else { continue };
        match matchers::parse(&text) {
            Ok(matchers) => found.extend(matchers),
            Err(why) => section.fault_at(node.line, key, why),
        }
    }
    found
}

/// Reads one rule of inhibition.
pub(crate) fn inhibit_rule(section: Section<'_>) -> InhibitRule {
    section.text("name");
    let source = join([
        equals(&section, "source_match"),
        patterns(&section, "source_match_re"),
        listed(&section, "source_matchers"),
    ]);
    let target = join([
        equals(&section, "target_match"),
        patterns(&section, "target_match_re"),
        listed(&section, "target_matchers"),
    ]);
    let equal = section.texts("equal").into_iter().map(|(_, name)| name).collect();
    section.finish();
    InhibitRule { source, target, equal }
}
