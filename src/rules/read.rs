//! Rule files to checked groups, or every fault with its line and key.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use crate::base::duration::parse_duration;
use crate::base::yaml::fault::{Fault, Faults};
use crate::base::yaml::node;
use crate::base::yaml::reader::{Context, Section};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::rules::definition::{
    AlertingDefinition, GroupDefinition, RecordingDefinition, RuleDefinition, RuleExpr,
};
use crate::rules::template;

/// What groups have when their file does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleDefaults {
    /// The time between evaluations.
    pub interval: Duration,
    /// How far evaluations look into the past.
    pub query_offset: Duration,
}

/// Reads the rule file `text`, which is named `file` in faults and answers.
///
/// # Errors
/// Every fault at once, in the order of the file.
pub fn read(
    file: &str,
    text: &str,
    defaults: RuleDefaults,
) -> Result<Vec<GroupDefinition>, Faults> {
    let root = node::parse(text).map_err(|fault| {
        let (place, line, key) = (file.to_owned(), Some(fault.line), String::new());
        Faults(vec![Fault { place, line, key, message: fault.message }])
    })?;
    // Rules have dollar signs of their own: nothing is replaced in them.
    let context = Context {
        place: file.to_owned(),
        folder: Path::new("."),
        environment: &|_| None,
        faults: RefCell::default(),
    };
    let root = Section::new(&context, String::new(), &root);
    let reader = Reader { context: &context, file, defaults };
    let groups = reader.groups(&root);
    root.finish();
    let mut faults = context.faults.into_inner();
    if faults.is_empty() {
        return Ok(groups);
    }
    faults.sort_by_key(|fault| fault.line.unwrap_or(usize::MAX));
    Err(Faults(faults))
}

struct Reader<'a> {
    context: &'a Context<'a>,
    file: &'a str,
    defaults: RuleDefaults,
}

impl Reader<'_> {
    fn groups(&self, root: &Section<'_>) -> Vec<GroupDefinition> {
        let mut groups: Vec<GroupDefinition> = Vec::new();
        for section in root.sections("groups") {
            let name = section.raw_text("name").unwrap_or_default();
            if name.is_empty() {
                section.fault("name", "a group needs a name");
            } else if groups.iter().any(|group| group.name == name) {
                let why = format!("groupname: {name:?} is repeated in the same file");
                section.fault("name", why);
            }
            groups.push(self.group(section, name));
        }
        groups
    }

    fn group(&self, section: Section<'_>, name: String) -> GroupDefinition {
        let interval = duration(&section, "interval").unwrap_or(self.defaults.interval);
        let interval = if interval.is_zero() { self.defaults.interval } else { interval };
        let query_offset = duration(&section, "query_offset");
        let limit = section.raw_text("limit").map(|text| {
            text.parse().unwrap_or_else(|_| {
                section.fault("limit", format!("expected a whole number, not {text:?}"));
                0
            })
        });
        let labels = self.labels(&section, "labels", false);
        let rules = section.sections("rules").into_iter();
        let group = GroupDefinition {
            name,
            file: self.file.to_owned(),
            interval,
            limit: limit.unwrap_or(0),
            query_offset: query_offset.unwrap_or(self.defaults.query_offset),
            rules: rules.filter_map(|rule| self.rule(rule, &labels)).collect(),
        };
        section.finish();
        group
    }

    fn rule(&self, section: Section<'_>, group_labels: &Labels) -> Option<RuleDefinition> {
        let record = section.raw_text("record").filter(|text| !text.is_empty());
        let alert = section.raw_text("alert").filter(|text| !text.is_empty());
        let expr = expression(&section);
        let own = self.labels(&section, "labels", alert.is_some());
        let mut labels = group_labels.to_builder();
        for (name, value) in own.iter() {
            labels.set(name, value);
        }
        let rule = match (record, alert) {
            (Some(_), Some(_)) => {
                section.fault("record", "only one of 'record' and 'alert' must be set");
                // Known, so that they are not faults besides.
                for key in ["for", "keep_firing_for", "annotations"] {
                    section.is_written(key);
                }
                None
            }
            (None, None) => {
                section.fault("", "one of 'record' or 'alert' must be set");
                for key in ["for", "keep_firing_for", "annotations"] {
                    section.is_written(key);
                }
                None
            }
            (Some(record), None) => {
                check_record(&section, &record);
                let labels = labels.build();
                expr.map(|expr| {
                    RuleDefinition::Recording(RecordingDefinition { record, expr, labels })
                })
            }
            (None, Some(alert)) => self.alerting(&section, alert, expr, labels.build()),
        };
        section.finish();
        rule
    }

    fn alerting(
        &self,
        section: &Section<'_>,
        alert: String,
        expr: Option<RuleExpr>,
        labels: Labels,
    ) -> Option<RuleDefinition> {
        let hold = duration(section, "for").unwrap_or_default();
        let keep_firing_for = duration(section, "keep_firing_for").unwrap_or_default();
        let annotations = self.labels(section, "annotations", true);
        let expr = expr?;
        Some(RuleDefinition::Alerting(AlertingDefinition {
            alert,
            expr,
            hold,
            keep_firing_for,
            labels,
            annotations,
        }))
    }

    /// Reads names with texts, checking both; texts with `templates` are parsed.
    fn labels(&self, section: &Section<'_>, key: &'static str, templates: bool) -> Labels {
        let Some(map) = section.section(key) else { return Labels::empty() };
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, node) in map.free_entries() {
            let full = map.full(name);
            let Some(text) = map.scalar(&full, node, false) else { continue };
            if name.is_empty() || (key == "labels" && name == METRIC_NAME) {
                let what = if key == "labels" { "label" } else { "annotation" };
                self.context.fault(node.line, &full, format!("invalid {what} name: {name:?}"));
            }
            if templates && let Err(why) = template::check("check", &text) {
                self.context.fault(node.line, &full, why.replace("__alert_check", name));
            }
            pairs.push((name.to_owned(), text));
        }
        Labels::from_pairs(pairs)
    }
}

fn check_record(section: &Section<'_>, record: &str) {
    if record.contains(['{', '}']) {
        let why =
            format!("braces present in the recording rule name; should it be in expr?: {record}");
        section.fault("record", why);
    }
    for key in ["for", "keep_firing_for", "annotations"] {
        if section.is_written(key) {
            section.fault(key, format!("invalid field '{key}' in recording rule"));
        }
    }
}

fn expression(section: &Section<'_>) -> Option<RuleExpr> {
    let text = section.raw_text("expr").filter(|text| !text.trim().is_empty());
    let Some(text) = text else {
        section.fault("expr", "field 'expr' must be set in rule");
        return None;
    };
    match RuleExpr::parse(&text) {
        Ok(expr) => Some(expr),
        Err(error) => {
            section.fault("expr", format!("could not parse expression: {error}"));
            None
        }
    }
}

fn duration(section: &Section<'_>, key: &'static str) -> Option<Duration> {
    let text = section.raw_text(key)?;
    parse_duration(&text).map_err(|why| section.fault(key, why)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: RuleDefaults =
        RuleDefaults { interval: Duration::from_secs(15), query_offset: Duration::ZERO };

    fn faults(text: &str) -> Vec<(usize, String, String)> {
        let faults = read("r.yml", text, DEFAULTS).expect_err("must be refused");
        let plain = |fault: Fault| (fault.line.unwrap_or(0), fault.key, fault.message);
        faults.0.into_iter().map(plain).collect()
    }

    #[test]
    fn a_file_as_prometheus_documents_it_is_read_whole() {
        let text = "\
groups:
- name: example
  interval: 1m
  limit: 10
  query_offset: 5s
  labels: {team: web}
  rules:
  - record: code:prometheus_http_requests_total:sum
    expr: sum by (code) (prometheus_http_requests_total)
    labels: {team: core}
  - alert: HighRequestLatency
    expr: |
      job:request_latency_seconds:mean5m{job=\"myjob\"} > 0.5
    for: 10m
    keep_firing_for: 5m
    labels:
      severity: page
    annotations:
      summary: '{{ $labels.instance }} costs $5: {{ $value | humanize }}'
";
        let groups = read("r.yml", text, DEFAULTS).unwrap();
        assert_eq!(groups.len(), 1);
        let group = &groups[0];
        assert_eq!((group.key().as_str(), group.limit), ("r.yml;example", 10));
        assert_eq!(group.interval, Duration::from_secs(60));
        assert_eq!(group.query_offset, Duration::from_secs(5));
        assert_eq!(group.rules[0].labels().to_string(), r#"{team="core"}"#);
        assert_eq!(group.rules[1].labels().to_string(), r#"{severity="page", team="web"}"#);
        let RuleDefinition::Alerting(alert) = &group.rules[1] else { panic!("an alert") };
        assert_eq!(alert.hold, Duration::from_secs(600));
        assert_eq!(alert.keep_firing_for, Duration::from_secs(300));
        let summary = alert.annotations.get("summary");
        assert_eq!(summary, Some("{{ $labels.instance }} costs $5: {{ $value | humanize }}"));
        assert_eq!(
            alert.expr.to_string(),
            r#"job:request_latency_seconds:mean5m{job="myjob"} > 0.5"#
        );
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_key() {
        let text = "\
groups:
- name: a
  intervall: 1m
  rules:
  - record: x{a=\"b\"}
    expr: sum(
    for: 5m
  - alert: y
    record: y
    expr: up
  - expr: up
  - alert: z
    expr: up == 0
    for: soon
    labels: {__name__: z, ok: '{{ $labels.x }}'}
    annotations:
      summary: '{{ nothing }}'
      other: '{{ end }}'
- name: a
  rules: [{alert: w}]
";
        let found = faults(text);
        let places: Vec<(usize, &str)> =
            found.iter().map(|(line, key, _)| (*line, key.as_str())).collect();
        let expected = [
            (3, "groups[0].intervall"),
            (5, "groups[0].rules[0].record"),
            (6, "groups[0].rules[0].expr"),
            (7, "groups[0].rules[0].for"),
            (9, "groups[0].rules[1].record"),
            (11, "groups[0].rules[2]"),
            (14, "groups[0].rules[3].for"),
            (15, "groups[0].rules[3].labels.__name__"),
            (17, "groups[0].rules[3].annotations.summary"),
            (18, "groups[0].rules[3].annotations.other"),
            (19, "groups[1].name"),
            (20, "groups[1].rules[0].expr"),
        ];
        assert_eq!(places, expected, "{found:#?}");
        let summary = &found[8].2;
        assert!(summary.contains("function \"nothing\" not defined"), "{summary}");
    }

    #[test]
    fn an_empty_file_has_no_groups() {
        assert_eq!(read("r.yml", "", DEFAULTS).unwrap(), []);
        assert_eq!(read("r.yml", "groups: []", DEFAULTS).unwrap(), []);
    }
}
