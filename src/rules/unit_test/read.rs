//! Test files to tests, or every fault with its line and key.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use crate::base::duration::parse_duration;
use crate::base::yaml::fault::{Fault, Faults};
use crate::base::yaml::node;
use crate::base::yaml::reader::{Context, Section};
use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::rules::definition::RuleExpr;
use crate::rules::unit_test::{AlertCheck, Case, QueryCheck, UnitTests, series};

const MINUTE: Duration = Duration::from_secs(60);

/// Reads the test file `text`, which is named `file` in faults.
///
/// # Errors
/// Every fault at once, in the order of the file.
pub fn read(file: &str, text: &str) -> Result<UnitTests, Faults> {
    let root = node::parse(text).map_err(|fault| {
        let (place, line, key) = (file.to_owned(), Some(fault.line), String::new());
        Faults(vec![Fault { place, line, key, message: fault.message }])
    })?;
    let context = Context {
        place: file.to_owned(),
        folder: Path::new("."),
        environment: &|_| None,
        faults: RefCell::default(),
    };
    let root = Section::new(&context, String::new(), &root);
    let tests = UnitTests {
        rule_files: root.texts("rule_files"),
        evaluation_interval: period(&root, "evaluation_interval").unwrap_or(MINUTE),
        group_order: root.raw_texts("group_eval_order"),
        fuzzy: root.flag("fuzzy_compare").unwrap_or(false),
        cases: root.sections("tests").into_iter().map(case).collect(),
    };
    root.finish();
    let mut faults = context.faults.into_inner();
    if faults.is_empty() {
        return Ok(tests);
    }
    faults.sort_by_key(|fault| fault.line.unwrap_or(usize::MAX));
    Err(Faults(faults))
}

fn case(section: Section<'_>) -> Case {
    let case = Case {
        name: section.raw_text("name").unwrap_or_default(),
        interval: period(&section, "interval").unwrap_or(MINUTE),
        start: optional(&section, "start_timestamp", instant).unwrap_or_default(),
        input: section.sections("input_series").into_iter().filter_map(input).collect(),
        alerts: section.sections("alert_rule_test").into_iter().map(alert_check).collect(),
        queries: section.sections("promql_expr_test").into_iter().filter_map(query_check).collect(),
        external_labels: map(&section, "external_labels"),
        external_url: section.raw_text("external_url").unwrap_or_default(),
    };
    section.finish();
    case
}

fn input(section: Section<'_>) -> Option<(Labels, Vec<Option<f64>>)> {
    let labels = parsed(&section, "series", series::labels);
    let values = parsed(&section, "values", series::values);
    if labels.as_ref().is_some_and(|labels| labels.metric_name().is_empty()) {
        section.fault("series", "a series needs a name");
    }
    section.finish();
    Some((labels?, values?))
}

fn alert_check(section: Section<'_>) -> AlertCheck {
    let at = time(&section, "eval_time");
    let (line, alert) = (line(&section, "alertname"), section.raw_text("alertname"));
    if alert.as_ref().is_none_or(String::is_empty) {
        section.fault("alertname", "say which alert");
    }
    let alert = alert.unwrap_or_default();
    let mut expected = Vec::new();
    for alert_section in section.sections("exp_alerts") {
        let mut labels = map(&alert_section, "exp_labels").to_builder();
        labels.set("alertname", &alert);
        expected.push((labels.build(), map(&alert_section, "exp_annotations")));
        alert_section.finish();
    }
    section.finish();
    AlertCheck { line, at, alert, expected }
}

fn query_check(section: Section<'_>) -> Option<QueryCheck> {
    let at = time(&section, "eval_time");
    let line = line(&section, "expr");
    let parse = |text: &str| RuleExpr::parse(text).map_err(|error| error.to_string());
    let expr = parsed(&section, "expr", parse);
    let mut expected = Vec::new();
    for sample in section.sections("exp_samples") {
        let labels = match sample.is_written("labels") {
            true => parsed(&sample, "labels", series::labels),
            false => Some(Labels::empty()),
        };
        let number = |text: &str| match series::values(text)?.as_slice() {
            [Some(value)] => Ok(*value),
            _ => Err(format!("{text:?} is not a number")),
        };
        let value = parsed(&sample, "value", number);
        sample.finish();
        expected.extend(labels.zip(value));
    }
    section.finish();
    Some(QueryCheck { line, at, expr: expr?, expected })
}

fn line(section: &Section<'_>, key: &'static str) -> usize {
    section.node(key).map_or(0, |node| node.line)
}

/// Reads a text that must be there and that `parse` understands.
fn parsed<T>(
    section: &Section<'_>,
    key: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let Some(text) = section.raw_text(key) else {
        if !section.is_written(key) {
            section.fault(key, "is missing");
        }
        return None;
    };
    parse(&text).map_err(|why| section.fault(key, why)).ok()
}

/// Reads a text that `parse` understands, if there is one.
fn optional<T>(
    section: &Section<'_>,
    key: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let text = section.raw_text(key)?;
    parse(&text).map_err(|why| section.fault(key, why)).ok()
}

/// Reads a time since the start; none is the start itself.
fn time(section: &Section<'_>, key: &'static str) -> Duration {
    optional(section, key, parse_duration).unwrap_or_default()
}

/// Reads RFC 3339, or seconds since the epoch.
fn instant(text: &str) -> Result<TimestampMs, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(TimestampMs(seconds.saturating_mul(1_000)));
    }
    let instant = text.parse::<jiff::Timestamp>();
    let instant = instant.map_err(|_| format!("{text:?} is neither a time nor seconds"))?;
    Ok(TimestampMs(instant.as_millisecond()))
}

fn period(section: &Section<'_>, key: &'static str) -> Option<Duration> {
    optional(section, key, |text| match parse_duration(text)? {
        Duration::ZERO => Err("must be longer than 0".to_owned()),
        period => Ok(period),
    })
}

fn map(section: &Section<'_>, key: &'static str) -> Labels {
    let Some(map) = section.section(key) else { return Labels::empty() };
    let mut pairs = Vec::new();
    for (name, node) in map.free_entries() {
        let text = map.scalar(&map.full(name), node, false);
        pairs.extend(text.map(|text| (name, text)));
    }
    Labels::from_pairs(pairs)
}
