//! Inhibition: while one alert fires, others that follow from it tell nobody.

use std::collections::HashMap;

use crate::alerting::matchers;
use crate::model::alert::Alert;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::time::TimestampMs;

/// Which alerts inhibit which.
#[derive(Debug, Clone)]
pub struct InhibitRule {
    /// An alert that fires and fulfils these inhibits.
    pub source: Vec<Matcher>,
    /// An alert that fulfils these is inhibited.
    pub target: Vec<Matcher>,
    /// In these labels both must agree; two missing labels agree.
    pub equal: Vec<String>,
}

impl InhibitRule {
    fn agreed(&self, labels: &Labels) -> Vec<String> {
        self.equal.iter().map(|name| labels.get(name).unwrap_or("").to_owned()).collect()
    }
}

/// The alerts that inhibit at one instant, ready to be asked.
pub struct Inhibitors<'a> {
    rules: &'a [InhibitRule],
    /// For each rule the sources by what they agree in.
    sources: Vec<HashMap<Vec<String>, Vec<Source>>>,
}

struct Source {
    fingerprint: u64,
    /// Whether the source fulfils the target's side too: then it does not inhibit its like.
    is_target: bool,
}

impl<'a> Inhibitors<'a> {
    /// Gathers the sources among `alerts` that fire at `now`.
    pub fn new<'b>(
        rules: &'a [InhibitRule],
        alerts: impl Iterator<Item = (u64, &'b Alert)> + Clone,
        now: TimestampMs,
    ) -> Self {
        let mut sources = Vec::with_capacity(rules.len());
        for rule in rules {
            let mut by_agreed: HashMap<Vec<String>, Vec<Source>> = HashMap::new();
            for (fingerprint, alert) in alerts.clone() {
                let labels = &alert.labels;
                if alert.is_resolved_at(now) || !matchers::all_match(&rule.source, labels) {
                    continue;
                }
                let is_target = matchers::all_match(&rule.target, labels);
                let source = Source { fingerprint, is_target };
                by_agreed.entry(rule.agreed(labels)).or_default().push(source);
            }
            sources.push(by_agreed);
        }
        Inhibitors { rules, sources }
    }

    /// Returns the fingerprint of one alert per rule that inhibits an alert with these labels.
    pub fn of(&self, labels: &Labels) -> Vec<u64> {
        let mut found = Vec::new();
        for (rule, sources) in self.rules.iter().zip(&self.sources) {
            if sources.is_empty() || !matchers::all_match(&rule.target, labels) {
                continue;
            }
            let Some(agreeing) = sources.get(&rule.agreed(labels)) else { continue };
            let both_sides = matchers::all_match(&rule.source, labels);
            let source = agreeing.iter().find(|source| !(both_sides && source.is_target));
            found.extend(source.map(|source| source.fingerprint));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::fingerprint::fingerprint;

    const NOW: TimestampMs = TimestampMs(1_000);

    fn alert(labels: &str, ends_at: i64) -> Alert {
        let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
        Alert {
            labels: Labels::from_pairs(pairs),
            annotations: Labels::empty(),
            starts_at: TimestampMs(0),
            ends_at: Some(TimestampMs(ends_at)),
            updated_at: TimestampMs(0),
            generator_url: String::new(),
        }
    }

    fn rule(source: &str, target: &str, equal: &[&str]) -> InhibitRule {
        InhibitRule {
            source: matchers::parse(source).unwrap(),
            target: matchers::parse(target).unwrap(),
            equal: equal.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn inhibits(rule: InhibitRule, source: &Alert, target: &str) -> bool {
        let rules = [rule];
        let alerts = [(fingerprint(&source.labels), source)];
        let inhibitors = Inhibitors::new(&rules, alerts.into_iter(), NOW);
        let found = inhibitors.of(&alert(target, 0).labels);
        assert!(found.is_empty() || found == [fingerprint(&source.labels)]);
        !found.is_empty()
    }

    #[test]
    fn a_firing_source_inhibits_targets_that_agree_with_it() {
        let rule = || rule("severity=critical", "severity=warning", &["host", "zone"]);
        let source = alert("severity=critical,host=a", 2_000);
        assert!(inhibits(rule(), &source, "severity=warning,host=a"));
        assert!(!inhibits(rule(), &source, "severity=warning,host=b"));
        assert!(!inhibits(rule(), &source, "severity=warning,host=a,zone=x"));
        assert!(!inhibits(rule(), &source, "severity=info,host=a"));
    }

    #[test]
    fn a_resolved_source_inhibits_nothing() {
        let rule = rule("severity=critical", "severity=warning", &[]);
        assert!(!inhibits(rule, &alert("severity=critical", 1_000), "severity=warning"));
    }

    #[test]
    fn alerts_that_fulfil_both_sides_do_not_inhibit_themselves_or_their_like() {
        let both = || rule("severity=~critical|warning", "severity=~critical|warning", &[]);
        let source = alert("severity=critical", 2_000);
        assert!(!inhibits(both(), &source, "severity=critical"));
        assert!(!inhibits(both(), &source, "severity=warning"));
        let one_sided = alert("severity=critical,only=source", 2_000);
        let rule = rule("severity=critical", "only!=source,severity=critical", &[]);
        assert!(inhibits(rule, &one_sided, "severity=critical"));
    }
}
