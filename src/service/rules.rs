//! Questions about rules and the alerts they raise.

use std::sync::Arc;

use crate::access::Caller;
use crate::base::error::{Error, Result};
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::service::desk::Desk;

pub use crate::rules::{
    ActiveAlert, AlertState, GroupStatus, RuleHealth, RuleKind, RuleStatus, Ruler,
};

/// Knows the rules that are evaluated; `app` joins it to them.
pub trait RuleSource: Send + Sync {
    /// Returns the groups in any order.
    fn groups(&self) -> Vec<Arc<GroupStatus>>;
}

impl RuleSource for Ruler {
    fn groups(&self) -> Vec<Arc<GroupStatus>> {
        Ruler::groups(self)
    }
}

/// A source without rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRules;

impl RuleSource for NoRules {
    fn groups(&self) -> Vec<Arc<GroupStatus>> {
        Vec::new()
    }
}

/// Which kind of rules a caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleFilter {
    /// Rules that raise alerts.
    Alerting,
    /// Rules that write series.
    Recording,
}

/// Which rules a caller wants; empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct RuleQuery {
    /// The kind; `None` means both.
    pub kind: Option<RuleFilter>,
    /// Names of rules.
    pub names: Vec<String>,
    /// Names of groups.
    pub groups: Vec<String>,
    /// Files.
    pub files: Vec<String>,
    /// Sets of conditions on the rule's labels; one whole set must hold.
    pub match_sets: Vec<Vec<Matcher>>,
    /// At most so many groups.
    pub limit: Option<usize>,
    /// Begin behind the page that gave this token.
    pub after: Option<String>,
}

/// Groups with the rules that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct RulePage {
    /// The groups, sorted by file and name; none is empty.
    pub groups: Vec<GroupStatus>,
    /// Asks for the next page; `None` at the end.
    pub next: Option<String>,
}

/// Tells about rules and alerts.
#[derive(Clone)]
pub struct RulesService {
    source: Arc<dyn RuleSource>,
    desk: Desk,
}

impl RulesService {
    pub(crate) fn new(source: Arc<dyn RuleSource>, desk: Desk) -> Self {
        RulesService { source, desk }
    }

    /// Returns the groups that have a rule of those asked for.
    ///
    /// # Errors
    /// Permission; `InvalidInput` for a token of no group.
    pub async fn groups(&self, caller: &Caller, query: RuleQuery) -> Result<RulePage> {
        let source = Arc::clone(&self.source);
        self.desk.read(caller, "rules.groups", async move { page(sorted(&*source), &query) }).await
    }

    /// Returns every pending and firing alert, rule by rule.
    ///
    /// # Errors
    /// Permission.
    pub async fn alerts(&self, caller: &Caller) -> Result<Vec<ActiveAlert>> {
        let source = Arc::clone(&self.source);
        let work = async move {
            let groups = sorted(&*source);
            let rules = groups.iter().flat_map(|group| &group.rules);
            let alerts = rules.flat_map(|rule| match &rule.kind {
                RuleKind::Alerting { alerts, .. } => alerts.as_slice(),
                RuleKind::Recording => &[],
            });
            Ok(alerts.cloned().collect())
        };
        self.desk.read(caller, "rules.alerts", work).await
    }
}

fn sorted(source: &dyn RuleSource) -> Vec<Arc<GroupStatus>> {
    let mut groups = source.groups();
    groups.sort_by(|left, right| (&left.file, &left.name).cmp(&(&right.file, &right.name)));
    groups
}

fn page(groups: Vec<Arc<GroupStatus>>, query: &RuleQuery) -> Result<RulePage> {
    let mut groups = groups.into_iter().peekable();
    if let Some(after) = &query.after {
        while groups.next_if(|group| token(group) != *after).is_some() {}
        if groups.peek().is_none() {
            let text =
                format!("invalid group_next_token {after:?}: were rule groups changed meanwhile?");
            return Err(Error::invalid(text));
        }
    }
    let mut found = RulePage { groups: Vec::new(), next: None };
    for group in groups {
        if !wanted(&query.groups, &group.name) || !wanted(&query.files, &group.file) {
            continue;
        }
        let rules: Vec<RuleStatus> =
            group.rules.iter().filter(|rule| query.admits(rule)).cloned().collect();
        if rules.is_empty() {
            continue;
        }
        if query.limit.is_some_and(|limit| found.groups.len() >= limit) {
            found.next = Some(token(&group));
            break;
        }
        found.groups.push(GroupStatus { rules, ..GroupStatus::clone(&group) });
    }
    Ok(found)
}

/// Names the group that a page begins with.
fn token(group: &GroupStatus) -> String {
    let hash = xxhash_rust::xxh3::xxh3_128(format!("{};{}", group.file, group.name).as_bytes());
    format!("{hash:032x}")
}

fn wanted(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|wanted| wanted == name)
}

impl RuleQuery {
    fn admits(&self, rule: &RuleStatus) -> bool {
        let kind = match (&self.kind, &rule.kind) {
            (None, _) => true,
            (Some(RuleFilter::Alerting), RuleKind::Alerting { .. }) => true,
            (Some(RuleFilter::Recording), RuleKind::Recording) => true,
            (Some(_), _) => false,
        };
        kind && wanted(&self.names, &rule.name) && self.matches(&rule.labels)
    }

    fn matches(&self, labels: &Labels) -> bool {
        if self.match_sets.is_empty() {
            return true;
        }
        let holds = |set: &Vec<Matcher>| set.iter().all(|matcher| matcher.matches_labels(labels));
        self.match_sets.iter().any(holds)
    }
}
