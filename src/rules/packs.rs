//! The rules that ship with the appliance.

use crate::base::yaml::fault::Faults;
use crate::rules::definition::GroupDefinition;
use crate::rules::read::{RuleDefaults, read};

/// A set of rules about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pack {
    /// Requests, errors, latency.
    Application,
    /// Hosts, targets, disks.
    Infrastructure,
    /// Refused and suspicious requests.
    Security,
    /// Make.com: scenarios, API, quota.
    Business,
    /// The appliance itself.
    Own,
}

impl Pack {
    /// Every pack.
    pub const ALL: [Pack; 5] =
        [Pack::Application, Pack::Infrastructure, Pack::Security, Pack::Business, Pack::Own];

    /// Returns the word in `rule_packs`.
    pub fn as_str(self) -> &'static str {
        match self {
            Pack::Application => "application",
            Pack::Infrastructure => "infrastructure",
            Pack::Security => "security",
            Pack::Business => "business",
            Pack::Own => "self",
        }
    }

    /// Returns the pack of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Pack::ALL.into_iter().find(|pack| pack.as_str() == word)
    }

    /// Returns the pack's rule file.
    pub fn text(self) -> &'static str {
        match self {
            Pack::Application => include_str!("../../rules/application.yml"),
            Pack::Infrastructure => include_str!("../../rules/infrastructure.yml"),
            Pack::Security => include_str!("../../rules/security.yml"),
            Pack::Business => include_str!("../../rules/business.yml"),
            Pack::Own => include_str!("../../rules/self.yml"),
        }
    }

    /// Returns the name of the pack's rule file.
    pub fn file(self) -> String {
        format!("rules/{}.yml", self.as_str())
    }
}

/// Reads the groups of packs.
///
/// # Errors
/// Faults of the shipped files, of which there are none.
pub fn groups(packs: &[Pack], defaults: RuleDefaults) -> Result<Vec<GroupDefinition>, Faults> {
    let mut groups = Vec::new();
    for pack in packs {
        groups.extend(read(&pack.file(), pack.text(), defaults)?);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rules::definition::RuleDefinition;

    #[test]
    fn shipped_alerts_say_what_is_wrong_what_it_means_and_what_to_do() {
        let defaults =
            RuleDefaults { interval: Duration::from_secs(15), query_offset: Duration::ZERO };
        let groups = groups(&Pack::ALL, defaults).unwrap_or_else(|faults| panic!("{faults}"));
        let mut names = Vec::new();
        for rule in groups.iter().flat_map(|group| &group.rules) {
            let RuleDefinition::Alerting(alert) = rule else { continue };
            names.push(alert.alert.clone());
            for annotation in ["summary", "description", "runbook"] {
                let text = alert.annotations.get(annotation);
                assert!(text.is_some_and(|t| t.len() > 20), "{}: {annotation}", alert.alert);
            }
            let severity = alert.labels.get("severity").unwrap_or_default();
            assert!(["critical", "warning", "info", "none"].contains(&severity), "{}", alert.alert);
        }
        assert!(names.len() >= 40, "{} alerts", names.len());
        names.sort();
        let repeated = names.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(repeated, None);
    }

    #[test]
    fn every_pack_has_its_word() {
        for pack in Pack::ALL {
            assert_eq!(Pack::from_word(pack.as_str()), Some(pack));
        }
        assert_eq!(Pack::from_word("other"), None);
    }
}
