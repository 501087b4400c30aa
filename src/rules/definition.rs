//! Rules as their files define them, checked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::model::labels::Labels;
use crate::query::promql::{self, Expr, ParseError};

/// Rules that are evaluated together, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupDefinition {
    /// Unique within its file.
    pub name: String,
    /// Where it is defined; with the name it identifies the group.
    pub file: String,
    /// The time between evaluations.
    pub interval: Duration,
    /// The most series or alerts of one rule; 0 means any number.
    pub limit: u64,
    /// How far evaluations look into the past.
    pub query_offset: Duration,
    /// The rules in their order.
    pub rules: Vec<RuleDefinition>,
}

impl GroupDefinition {
    /// Returns what identifies the group: `file;name`.
    pub fn key(&self) -> String {
        format!("{};{}", self.file, self.name)
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleDefinition {
    /// Writes a series for every element of the result.
    Recording(RecordingDefinition),
    /// Raises an alert for every element of the result.
    Alerting(AlertingDefinition),
}

impl RuleDefinition {
    /// Returns the name of the series or alert.
    pub fn name(&self) -> &str {
        match self {
            RuleDefinition::Recording(rule) => &rule.record,
            RuleDefinition::Alerting(rule) => &rule.alert,
        }
    }

    /// Returns the expression.
    pub fn expr(&self) -> &RuleExpr {
        match self {
            RuleDefinition::Recording(rule) => &rule.expr,
            RuleDefinition::Alerting(rule) => &rule.expr,
        }
    }

    /// Returns the labels, those of the group included.
    pub fn labels(&self) -> &Labels {
        match self {
            RuleDefinition::Recording(rule) => &rule.labels,
            RuleDefinition::Alerting(rule) => &rule.labels,
        }
    }
}

/// A rule that writes series.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingDefinition {
    /// The name of the series.
    pub record: String,
    /// What is evaluated.
    pub expr: RuleExpr,
    /// Labels that the series get.
    pub labels: Labels,
}

/// A rule that raises alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertingDefinition {
    /// The name of the alert.
    pub alert: String,
    /// What is evaluated.
    pub expr: RuleExpr,
    /// How long an element must be there before its alert fires (`for`).
    pub hold: Duration,
    /// How long an alert fires on after its element is gone.
    pub keep_firing_for: Duration,
    /// Templates of labels that the alerts get.
    pub labels: Labels,
    /// Templates of texts for people.
    pub annotations: Labels,
}

/// An expression that was read; equal when written alike. Cloning is cheap.
#[derive(Clone)]
pub struct RuleExpr(Arc<Expr>);

impl RuleExpr {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Ok(RuleExpr(Arc::new(promql::parse(text)?)))
    }

    /// Returns the tree.
    pub(crate) fn tree(&self) -> &Arc<Expr> {
        &self.0
    }
}

impl PartialEq for RuleExpr {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl fmt::Display for RuleExpr {
    /// Writes the expression on one line, as Prometheus shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RuleExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}
