//! Reads the whole section.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::alerting::config::notifiers::Reading;
use crate::alerting::config::routes::{self, Names};
use crate::alerting::config::{AlertingConfig, ReceiverConfig, global, masked, times};
use crate::alerting::template::Templates;
use crate::base::yaml::node::Node;
use crate::base::yaml::reader::{Context, Section};

/// The most template files.
const MAX_TEMPLATE_FILES: usize = 200;

/// Reads Alertmanager's configuration at `path` in the file of `context`, noting every fault there.
pub fn read(context: &Context<'_>, path: &str, node: &Node) -> AlertingConfig {
    let root = Section::new(context, path.to_owned(), node);
    let mut config = AlertingConfig { original: masked(node, 0), ..AlertingConfig::default() };
    let global = global::read(root.section("global"));
    config.resolve_timeout = global.resolve_timeout;
    config.time_intervals = times::read(&root);
    config.templates = templates(&root, context.folder);
    let reading = Reading { global: &global, templates: &config.templates };
    let receivers = root.sections("receivers").into_iter();
    config.receivers = receivers.map(|receiver| reading.receiver(receiver)).collect();
    let names = Names {
        receivers: unique_names(&root, &config.receivers),
        intervals: &config.time_intervals,
    };
    match root.section("route") {
        Some(route) => config.route = routes::root(route, &names),
        None => root.fault("route", "no route provided"),
    }
    let rules = root.sections("inhibit_rules").into_iter();
    config.inhibit_rules = rules.map(routes::inhibit_rule).collect();
    root.later("tracing");
    root.finish();
    config
}

fn unique_names(root: &Section<'_>, receivers: &[ReceiverConfig]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for receiver in receivers {
        if !names.insert(receiver.name.clone()) {
            root.fault("receivers", format!("receiver {:?} is not unique", receiver.name));
        }
    }
    names
}

/// Reads the template files that `templates` names; `*` stands for any part of a file's name.
fn templates(root: &Section<'_>, folder: &Path) -> Templates {
    let mut templates = Templates::usual();
    for (line, pattern) in root.texts("templates") {
        let files = match matching_files(folder, &pattern) {
            Ok(files) => files,
            Err(why) => {
                root.fault_at(line, "templates", why);
                continue;
            }
        };
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|error| error.to_string());
            let name = file.file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
            if let Err(why) = text.and_then(|text| templates.add(&name, &text)) {
                root.fault_at(line, "templates", format!("{}: {why}", file.display()));
            }
        }
    }
    templates
}

fn matching_files(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let path = folder.join(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| format!("{pattern:?} names no file"))?;
    let parent = path.parent().unwrap_or(folder);
    if parent.to_string_lossy().contains('*') {
        return Err("`*` is understood in the name of the file only".to_owned());
    }
    if !name.contains('*') {
        return Ok(vec![path]);
    }
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", parent.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(parent).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if fits(&name, &entry.file_name().to_string_lossy()) {
            files.push(entry.path());
        }
    }
    if files.len() > MAX_TEMPLATE_FILES {
        return Err(format!("more than {MAX_TEMPLATE_FILES} files"));
    }
    files.sort();
    Ok(files)
}

/// Whether a name has the parts of `pattern` between its stars, in order.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_part_of_a_name() {
        assert!(fits("*.tmpl", "a.tmpl") && fits("a*b*c", "aXbYc") && fits("a", "a"));
        assert!(!fits("*.tmpl", "a.txt") && !fits("a*b", "b") && !fits("", "a"));
    }
}
