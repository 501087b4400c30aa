//! Prometheus' relabelling: rules that rewrite, keep or drop label sets.

use md5::{Digest, Md5};
use regex::Regex;

use crate::model::labels::LabelsBuilder;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelabelAction {
    /// Sets the target label to the replacement when the regex matches.
    Replace,
    /// Drops sets that do not match.
    Keep,
    /// Drops sets that match.
    Drop,
    /// Drops sets whose joined sources differ from the target label.
    KeepEqual,
    /// Drops sets whose joined sources equal the target label.
    DropEqual,
    /// Sets the target label to the sources' hash modulo the modulus.
    HashMod,
    /// Copies labels whose names match to names by the replacement.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Sets the target label to the sources in lower case.
    Lowercase,
    /// Sets the target label to the sources in upper case.
    Uppercase,
}

impl RelabelAction {
    const ALL: [RelabelAction; 11] = [
        RelabelAction::Replace,
        RelabelAction::Keep,
        RelabelAction::Drop,
        RelabelAction::KeepEqual,
        RelabelAction::DropEqual,
        RelabelAction::HashMod,
        RelabelAction::LabelMap,
        RelabelAction::LabelDrop,
        RelabelAction::LabelKeep,
        RelabelAction::Lowercase,
        RelabelAction::Uppercase,
    ];

    /// Returns the word in configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            RelabelAction::Replace => "replace",
            RelabelAction::Keep => "keep",
            RelabelAction::Drop => "drop",
            RelabelAction::KeepEqual => "keepequal",
            RelabelAction::DropEqual => "dropequal",
            RelabelAction::HashMod => "hashmod",
            RelabelAction::LabelMap => "labelmap",
            RelabelAction::LabelDrop => "labeldrop",
            RelabelAction::LabelKeep => "labelkeep",
            RelabelAction::Lowercase => "lowercase",
            RelabelAction::Uppercase => "uppercase",
        }
    }

    /// Reads the word in lower case.
    pub fn from_word(word: &str) -> Option<Self> {
        RelabelAction::ALL.into_iter().find(|action| action.as_str() == word)
    }

    fn needs_target(self) -> bool {
        match self {
            RelabelAction::Replace
            | RelabelAction::KeepEqual
            | RelabelAction::DropEqual
            | RelabelAction::HashMod
            | RelabelAction::Lowercase
            | RelabelAction::Uppercase => true,
            RelabelAction::Keep
            | RelabelAction::Drop
            | RelabelAction::LabelMap
            | RelabelAction::LabelDrop
            | RelabelAction::LabelKeep => false,
        }
    }
}

/// One rule, checked.
#[derive(Debug, Clone)]
pub struct RelabelRule {
    action: RelabelAction,
    source_labels: Vec<String>,
    separator: String,
    pattern: String,
    regex: Regex,
    modulus: u64,
    target_label: String,
    replacement: String,
}

impl PartialEq for RelabelRule {
    fn eq(&self, other: &Self) -> bool {
        let own = (&self.action, &self.source_labels, &self.separator, &self.pattern);
        let others = (&other.action, &other.source_labels, &other.separator, &other.pattern);
        let own_rest = (self.modulus, &self.target_label, &self.replacement);
        own == others && own_rest == (other.modulus, &other.target_label, &other.replacement)
    }
}

impl RelabelRule {
    /// Checks and compiles a rule; the regex is anchored at both ends.
    ///
    /// # Errors
    /// A text for people.
    pub fn new(
        action: RelabelAction,
        source_labels: Vec<String>,
        separator: &str,
        pattern: &str,
        modulus: u64,
        target_label: &str,
        replacement: &str,
    ) -> Result<Self, String> {
        let regex = Regex::new(&format!("^(?s:{pattern})$"))
            .map_err(|error| format!("the regex {pattern:?} does not compile: {error}"))?;
        if action.needs_target() && target_label.is_empty() {
            return Err(format!("target_label is missing for {}", action.as_str()));
        }
        if action == RelabelAction::HashMod && modulus == 0 {
            return Err("modulus is missing for hashmod".to_owned());
        }
        Ok(RelabelRule {
            action,
            source_labels,
            separator: separator.to_owned(),
            pattern: pattern.to_owned(),
            regex,
            modulus,
            target_label: target_label.to_owned(),
            replacement: braced(replacement),
        })
    }

    /// Returns the action.
    pub fn action(&self) -> RelabelAction {
        self.action
    }

    /// Returns the labels whose values are joined.
    pub fn source_labels(&self) -> &[String] {
        &self.source_labels
    }

    /// Returns what stands between joined values.
    pub fn separator(&self) -> &str {
        &self.separator
    }

    /// Returns the regex as written.
    pub fn regex(&self) -> &str {
        &self.pattern
    }

    /// Returns the modulus of `hashmod`, else 0.
    pub fn modulus(&self) -> u64 {
        self.modulus
    }

    /// Returns the label that is set or compared.
    pub fn target_label(&self) -> &str {
        &self.target_label
    }

    /// Returns the replacement, its groups in braces.
    pub fn replacement(&self) -> &str {
        &self.replacement
    }

    /// Applies the rule; `false` means that the set is dropped.
    fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        let joined = || {
            let values = self.source_labels.iter().map(|name| labels.get(name).unwrap_or(""));
            values.collect::<Vec<_>>().join(&self.separator)
        };
        match self.action {
            RelabelAction::Keep => return self.regex.is_match(&joined()),
            RelabelAction::Drop => return !self.regex.is_match(&joined()),
            RelabelAction::KeepEqual => return joined() == self.target(labels),
            RelabelAction::DropEqual => return joined() != self.target(labels),
            RelabelAction::Replace => {
                let joined = joined();
                self.replace(labels, &joined);
            }
            RelabelAction::HashMod => {
                let value = hash_modulo(&joined(), self.modulus).to_string();
                labels.set(&self.target_label, &value);
            }
            RelabelAction::Lowercase => {
                let value = joined().to_lowercase();
                labels.set(&self.target_label, &value);
            }
            RelabelAction::Uppercase => {
                let value = joined().to_uppercase();
                labels.set(&self.target_label, &value);
            }
            RelabelAction::LabelMap => self.map_names(labels),
            RelabelAction::LabelDrop => self.remove_names(labels, true),
            RelabelAction::LabelKeep => self.remove_names(labels, false),
        }
        true
    }

    fn target<'a>(&self, labels: &'a LabelsBuilder) -> &'a str {
        labels.get(&self.target_label).unwrap_or("")
    }

    fn replace(&self, labels: &mut LabelsBuilder, joined: &str) {
        let Some(captures) = self.regex.captures(joined) else { return };
        let (mut name, mut value) = (String::new(), String::new());
        captures.expand(&braced(&self.target_label), &mut name);
        captures.expand(&self.replacement, &mut value);
        if is_label_name(&name) {
            labels.set(&name, &value);
        }
    }

    fn map_names(&self, labels: &mut LabelsBuilder) {
        let mut renamed = Vec::new();
        for (name, value) in labels.iter() {
            if let Some(captures) = self.regex.captures(name) {
                let mut target = String::new();
                captures.expand(&self.replacement, &mut target);
                renamed.push((target, value.to_owned()));
            }
        }
        for (name, value) in renamed.iter().filter(|(name, _)| is_label_name(name)) {
            labels.set(name, value);
        }
    }

    fn remove_names(&self, labels: &mut LabelsBuilder, matching: bool) {
        let names: Vec<String> = labels.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names.iter().filter(|name| self.regex.is_match(name) == matching) {
            labels.remove(name);
        }
    }
}

/// Applies the rules in order; `false` means that the set is dropped.
pub(crate) fn apply(rules: &[RelabelRule], labels: &mut LabelsBuilder) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

/// Prometheus takes the last eight bytes of the MD5 digest, and shards of a fleet must agree.
fn hash_modulo(joined: &str, modulus: u64) -> u64 {
    let digest: [u8; 16] = Md5::digest(joined.as_bytes()).into();
    let low = digest[8..].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    low % modulus
}

fn is_label_name(name: &str) -> bool {
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Writes `$1` as `${1}` and `$name` as `${name}`: Go reads the longest word after the dollar sign,
/// and so does the regex crate, but a dollar sign before anything else stands for itself in both.
fn braced(template: &str) -> String {
    let mut text = String::with_capacity(template.len() + 2);
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let word = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        if word > 0 {
            text.push('{');
            text.push_str(&rest[..word]);
            text.push('}');
            rest = &rest[word..];
        } else if let Some(tail) = rest.strip_prefix('$') {
            text.push('$');
            rest = tail;
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::labels::Labels;

    fn run(
        action: &str,
        sources: &[&str],
        regex: &str,
        target: &str,
        replacement: &str,
        labels: &[(&str, &str)],
    ) -> Option<String> {
        let action = RelabelAction::from_word(action).unwrap();
        let sources = sources.iter().map(|&name| name.to_owned()).collect();
        let rule = RelabelRule::new(action, sources, ";", regex, 0, target, replacement).unwrap();
        let mut builder = Labels::from_pairs(labels.iter().copied()).to_builder();
        apply(&[rule], &mut builder).then(|| builder.build().to_string())
    }

    #[test]
    fn replace_fills_groups_and_is_anchored_at_both_ends() {
        let labels = [("a", "foo"), ("b", "bar")];
        let set = run("replace", &["a", "b"], "f(.*);(.*)r", "c", "$1-${2}", &labels);
        assert_eq!(set.as_deref(), Some(r#"{a="foo", b="bar", c="oo-ba"}"#));
        let unchanged = run("replace", &["a"], "o", "c", "x", &labels);
        assert_eq!(unchanged.as_deref(), Some(r#"{a="foo", b="bar"}"#));
    }

    #[test]
    fn an_empty_replacement_removes_the_label() {
        let set = run("replace", &["a"], ".*", "a", "", &[("a", "x"), ("b", "y")]);
        assert_eq!(set.as_deref(), Some(r#"{b="y"}"#));
    }

    #[test]
    fn keep_and_drop_decide_about_the_whole_set() {
        let labels = [("a", "x")];
        assert!(run("keep", &["a"], "x", "", "", &labels).is_some());
        assert!(run("keep", &["a"], "y", "", "", &labels).is_none());
        assert!(run("drop", &["a"], "x|y", "", "", &labels).is_none());
        assert!(run("keepequal", &["a"], "", "b", "", &labels).is_none());
        assert!(run("dropequal", &["a"], "", "b", "", &labels).is_some());
    }

    #[test]
    fn names_are_mapped_dropped_and_kept_by_regex() {
        let labels = [("meta_x", "1"), ("y", "2")];
        let mapped = run("labelmap", &[], "meta_(.+)", "", "$1", &labels);
        assert_eq!(mapped.as_deref(), Some(r#"{meta_x="1", x="1", y="2"}"#));
        let dropped = run("labeldrop", &[], "meta_.*", "", "", &labels);
        assert_eq!(dropped.as_deref(), Some(r#"{y="2"}"#));
        let kept = run("labelkeep", &[], "meta_.*", "", "", &labels);
        assert_eq!(kept.as_deref(), Some(r#"{meta_x="1"}"#));
    }

    #[test]
    fn hashmod_agrees_with_prometheus() {
        // From Prometheus' own relabel tests: "baz" in 1000 shards.
        assert_eq!(hash_modulo("baz", 1000), 976);
    }

    #[test]
    fn incomplete_rules_are_refused() {
        let new = |action, target| {
            RelabelRule::new(action, Vec::new(), ";", "(.*)", 0, target, "$1").map(|_| ())
        };
        assert!(new(RelabelAction::Replace, "").is_err());
        assert!(new(RelabelAction::HashMod, "x").is_err());
        let broken = RelabelRule::new(RelabelAction::Keep, Vec::new(), ";", "(", 0, "", "");
        assert!(broken.is_err());
    }
}
