//! The keys `rule_files` and `rule_packs`, and the files they name.

use std::path::Path;

use crate::base::error::Error;
use crate::base::yaml::fault::{Fault, Faults};
use crate::base::yaml::reader::{Context, Section};
use crate::config::checked::{Global, Rules};
use crate::config::glob;
use crate::rules::{self, GroupDefinition, Pack, RuleDefaults, UnitTests};

/// The largest rule file, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Reads the rules that the configuration names; faults of their files are faults of it.
pub(crate) fn read(context: &Context<'_>, root: &Section<'_>, global: &Global) -> Rules {
    let defaults = RuleDefaults {
        interval: global.evaluation_interval,
        query_offset: global.rule_query_offset,
    };
    let mut found = Rules { files: Vec::new(), packs: packs(root), groups: Vec::new() };
    for (line, pattern) in root.texts("rule_files") {
        let path = context.folder.join(&pattern);
        match glob::files(&path) {
            None => root.fault_at(line, "rule_files", format!("{pattern} names too many files")),
            Some(files) if files.is_empty() && !glob::is_pattern(&pattern) => {
                let why = format!("there is no file {}", path.display());
                root.fault_at(line, "rule_files", why);
            }
            Some(files) => {
                for file in files {
                    let name = file.display().to_string();
                    if found.groups.iter().any(|group| group.file == name) {
                        continue;
                    }
                    take(context, read_file(&name, defaults), &mut found.groups);
                }
            }
        }
        found.files.push(pattern);
    }
    take(context, rules::pack_groups(&found.packs, defaults), &mut found.groups);
    found
}

/// Reads one rule file.
///
/// # Errors
/// Every fault, or the one that the file cannot be read.
pub(crate) fn read_file(
    name: &str,
    defaults: RuleDefaults,
) -> Result<Vec<GroupDefinition>, Faults> {
    rules::read(name, &read_text(name)?, defaults)
}

fn read_text(name: &str) -> Result<String, Faults> {
    let too_large = std::fs::metadata(name).is_ok_and(|about| about.len() > MAX_FILE_BYTES);
    if too_large {
        return Err(fault(name, None, "", format!("is larger than {} MiB", MAX_FILE_BYTES >> 20)));
    }
    let text = std::fs::read_to_string(name);
    text.map_err(|error| fault(name, None, "", format!("cannot be read: {error}")))
}

fn fault(place: &str, line: Option<usize>, key: &str, message: String) -> Faults {
    Faults(vec![Fault { place: place.to_owned(), line, key: key.to_owned(), message }])
}

fn take(
    context: &Context<'_>,
    read: Result<Vec<GroupDefinition>, Faults>,
    groups: &mut Vec<GroupDefinition>,
) {
    match read {
        Ok(read) => groups.extend(read),
        Err(faults) => context.faults.borrow_mut().extend(faults.0),
    }
}

fn packs(root: &Section<'_>) -> Vec<Pack> {
    if !root.is_written("rule_packs") {
        return Pack::ALL.to_vec();
    }
    let mut packs = Vec::new();
    for (line, word) in root.texts("rule_packs") {
        match Pack::from_word(&word) {
            Some(pack) if packs.contains(&pack) => {}
            Some(pack) => packs.push(pack),
            None => {
                let known: Vec<&str> = Pack::ALL.iter().map(|pack| pack.as_str()).collect();
                let why = format!("there is no pack {word:?}; there are {}", known.join(", "));
                root.fault_at(line, "rule_packs", why);
            }
        }
    }
    packs
}

/// Reads one rule file as it would run, for `check rules`.
///
/// # Errors
/// Every fault of the file.
pub fn check_rule_file(name: &str) -> Result<Vec<GroupDefinition>, Faults> {
    let interval = std::time::Duration::from_secs(15);
    read_file(name, RuleDefaults { interval, query_offset: std::time::Duration::ZERO })
}

/// Unit tests of rules with the rules they are about.
pub struct RuleTests {
    tests: UnitTests,
    groups: Vec<GroupDefinition>,
}

impl RuleTests {
    /// Reads a test file and the rule files that it names, relative to itself.
    ///
    /// # Errors
    /// Every fault of the first file that has any.
    pub fn read(name: &str) -> Result<Self, Faults> {
        let text = read_text(name)?;
        let tests = rules::read_unit_tests(name, &text)?;
        let folder = Path::new(name).parent().unwrap_or(Path::new("."));
        let mut groups = Vec::new();
        for (line, pattern) in &tests.rule_files {
            let files = glob::files(&folder.join(pattern)).unwrap_or_default();
            if files.is_empty() {
                let message = format!("there is no file {pattern}");
                return Err(fault(name, Some(*line), "rule_files", message));
            }
            for file in files {
                groups.extend(check_rule_file(&file.display().to_string())?);
            }
        }
        Ok(RuleTests { tests, groups })
    }

    /// Returns the number of tests.
    pub fn count(&self) -> usize {
        self.tests.len()
    }

    /// Runs every test; returns what differs from what was expected, in words.
    ///
    /// # Errors
    /// Those of the tests that cannot be run at all.
    pub async fn run(&self) -> Result<Vec<String>, Error> {
        self.tests.run(&self.groups).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::{ConfigFile, Flags, Sources, load};

    fn loaded(folder: &std::path::Path, text: &str) -> Result<Rules, String> {
        let file = ConfigFile { path: folder.join("b.yaml"), text: text.to_owned() };
        let sources = Sources {
            file: Some(file),
            flags: Flags::default(),
            environment: &|_| None,
            memory: None,
        };
        load(sources).map(|config| config.rules).map_err(|faults| faults.to_string())
    }

    #[test]
    fn rule_files_lie_beside_the_configuration_and_follow_its_interval() {
        let folder = tempfile::tempdir().unwrap();
        let rule = "groups: [{name: g, rules: [{record: x, expr: up}]}]\n";
        std::fs::write(folder.path().join("a.yml"), rule).unwrap();
        let text = "rule_files: ['*.yml', a.yml]\nrule_packs: []\n\
                    global: {evaluation_interval: 7s}\n";
        let rules = loaded(folder.path(), text).unwrap();
        assert_eq!(rules.groups.len(), 1);
        assert_eq!(rules.groups[0].interval, std::time::Duration::from_secs(7));
        assert_eq!(rules.files, ["*.yml", "a.yml"]);
        assert_eq!(rules.packs, []);
    }

    #[test]
    fn all_packs_are_on_unless_the_file_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(loaded(folder.path(), "").unwrap().packs, Pack::ALL);
        let some = loaded(folder.path(), "rule_packs: [self, self]\n").unwrap();
        assert_eq!(some.packs, [Pack::Own]);
        assert!(some.groups.iter().all(|group| group.file == "rules/self.yml"));
    }

    #[test]
    fn faults_of_rule_files_are_faults_of_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yml"), "groups:\n- nam: g\n").unwrap();
        let text = "rule_files: [a.yml, missing.yml]\nrule_packs: [other]\n";
        let faults = loaded(folder.path(), text).unwrap_err();
        let lines: Vec<&str> = faults.lines().collect();
        assert_eq!(lines.len(), 4, "{faults}");
        assert!(lines[0].contains("b.yaml:1: rule_files: there is no file"), "{faults}");
        assert!(lines[1].contains("b.yaml:2: rule_packs: there is no pack \"other\""), "{faults}");
        assert!(lines[2].contains("a.yml:2: groups[0].nam"), "{faults}");
    }
}
