//! Unit tests of rules in the format of `promtool test rules`.
//!
//! In: a test file and the groups it is about. Out: what differs from what was expected, in words.
//! Time is made up: series begin at the epoch, or where the test says, and nothing outside the test is read or written.
//! Deliberately absent: native histograms in series.

mod series;
mod read;
mod run;

use std::time::Duration;

use crate::model::labels::Labels;
use crate::model::time::TimestampMs;
use crate::rules::definition::RuleExpr;

pub use crate::rules::unit_test::read::read as read_unit_tests;

/// A file of unit tests.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitTests {
    /// Patterns of the rule files, relative to this file, each with its line.
    pub rule_files: Vec<(usize, String)>,
    /// The time between evaluations.
    pub(crate) evaluation_interval: Duration,
    /// Groups that are evaluated first, in this order.
    pub(crate) group_order: Vec<String>,
    /// Whether numbers may differ in their last digits.
    pub(crate) fuzzy: bool,
    pub(crate) cases: Vec<Case>,
}

impl UnitTests {
    /// Returns the number of tests.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// Returns whether there is no test.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Returns the names of the alerts that some test expects to fire or to show up in `ALERTS`.
    #[cfg(test)]
    pub(crate) fn expected_alerts(&self) -> Vec<String> {
        let mut names = Vec::new();
        for case in &self.cases {
            let alerts = case.alerts.iter().filter(|check| !check.expected.is_empty());
            names.extend(alerts.map(|check| check.alert.clone()));
            let rows = case.queries.iter().flat_map(|check| &check.expected);
            names.extend(rows.filter_map(|(labels, _)| labels.get("alertname").map(str::to_owned)));
        }
        names
    }
}

/// Series, and what rules make of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The time between values of a series.
    pub(crate) interval: Duration,
    /// When the first values are.
    pub(crate) start: TimestampMs,
    /// Series with their values; `None` where there is none.
    pub(crate) input: Vec<(Labels, Vec<Option<f64>>)>,
    pub(crate) alerts: Vec<AlertCheck>,
    pub(crate) queries: Vec<QueryCheck>,
    pub(crate) external_labels: Labels,
    pub(crate) external_url: String,
}

/// Which alerts of a name fire at a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlertCheck {
    pub(crate) line: usize,
    pub(crate) at: Duration,
    pub(crate) alert: String,
    /// Labels and annotations.
    pub(crate) expected: Vec<(Labels, Labels)>,
}

/// What an expression comes to at a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueryCheck {
    pub(crate) line: usize,
    pub(crate) at: Duration,
    pub(crate) expr: RuleExpr,
    pub(crate) expected: Vec<(Labels, f64)>,
}

#[cfg(test)]
mod tests;
