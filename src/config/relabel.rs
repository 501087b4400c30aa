//! Relabelling rules, read as they are written: a `${1}` in them belongs to the rule.

use crate::base::yaml::reader::Section;
use crate::collect::scrape::{RelabelAction, RelabelRule};

/// Reads the rules under `key`.
pub(crate) fn read(section: &Section<'_>, key: &'static str) -> Vec<RelabelRule> {
    section.sections(key).into_iter().filter_map(rule).collect()
}

fn rule(section: Section<'_>) -> Option<RelabelRule> {
    let word = section.raw_text("action").unwrap_or_else(|| "replace".to_owned());
    let action = RelabelAction::from_word(&word.to_ascii_lowercase());
    if action.is_none() {
        section.fault("action", format!("{word:?} is not a relabel action"));
    }
    let source_labels = section.raw_texts("source_labels");
    let separator = section.raw_text("separator");
    let regex = section.raw_text("regex");
    let modulus = section.number("modulus");
    let target_label = section.raw_text("target_label");
    let replacement = section.raw_text("replacement");
    let written = RelabelRule::new(
        action?,
        source_labels,
        separator.as_deref().unwrap_or(";"),
        regex.as_deref().unwrap_or("(.*)"),
        modulus.unwrap_or(0),
        target_label.as_deref().unwrap_or(""),
        replacement.as_deref().unwrap_or("$1"),
    );
    let rule = written.map_err(|why| section.fault("", why)).ok();
    section.finish();
    rule
}
