//! The tree that says who is told of which alerts, together with which others, and how often.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::alerting::matchers;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;

/// A node of the tree with everything it inherits.
#[derive(Debug, Clone)]
pub struct Route {
    /// What holds for alerts that end here.
    pub options: Arc<RouteOptions>,
    /// An alert enters when it fulfils all of these.
    pub matchers: Vec<Matcher>,
    /// Whether siblings behind this one are asked too.
    pub goes_on: bool,
    /// The children, in order.
    pub routes: Vec<Route>,
}

/// What holds for the alerts that end at a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteOptions {
    /// The place of the route in the tree, unique.
    pub index: usize,
    /// The matchers from the root to here, in Alertmanager's form.
    pub key: String,
    /// Who is told.
    pub receiver: String,
    /// Which alerts are told of together.
    pub group_by: GroupBy,
    /// How long a new group waits for more alerts.
    pub group_wait: Duration,
    /// How long a group waits between two looks at it.
    pub group_interval: Duration,
    /// After how long people are reminded.
    pub repeat_interval: Duration,
    /// Nobody is told within these time intervals.
    pub mute: Vec<String>,
    /// Somebody is told only within these, unless there are none.
    pub active: Vec<String>,
}

/// Which alerts are told of together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// Those that agree in every label: each alone.
    All,
    /// Those that agree in these.
    Labels(BTreeSet<String>),
}

impl GroupBy {
    /// Returns the labels of an alert that name its group.
    pub fn of(&self, labels: &Labels) -> Labels {
        match self {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.without(|name| !names.contains(name)),
        }
    }
}

impl RouteOptions {
    /// Returns the name of a group in Alertmanager's form.
    pub fn group_key(&self, group: &Labels) -> String {
        format!("{}:{group}", self.key)
    }
}

impl Route {
    /// Returns the routes at which an alert ends: the deepest that match, more than one where a
    /// route goes on. The root matches everything.
    pub fn matching(&self, labels: &Labels) -> Vec<&Arc<RouteOptions>> {
        if !matchers::all_match(&self.matchers, labels) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for route in &self.routes {
            let matching = route.matching(labels);
            let is_last = !matching.is_empty() && !route.goes_on;
            found.extend(matching);
            if is_last {
                break;
            }
        }
        if found.is_empty() {
            found.push(&self.options);
        }
        found
    }

    /// Returns the names of the receivers that are told of an alert, sorted.
    pub fn receivers_of(&self, labels: &Labels) -> Vec<String> {
        let names: BTreeSet<String> =
            self.matching(labels).into_iter().map(|options| options.receiver.clone()).collect();
        names.into_iter().collect()
    }
}
