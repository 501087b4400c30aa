//! Conditions on one label, as in `{job="a", pod=~"b.*"}`.

use std::fmt;
use std::sync::Arc;

use crate::base::error::Result;
use crate::model::labels::Labels;
use crate::model::pattern::{Pattern, Shape};

/// How a [`Matcher`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends.
    Regex,
    /// `!~`, anchored at both ends.
    NotRegex,
}

impl MatchOp {
    /// Returns the operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }
}

/// A condition on one label; a label that is not set has the empty value.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    /// The comparison.
    pub op: MatchOp,
    /// The text or pattern as it was written.
    pub value: String,
    pattern: Option<Arc<Pattern>>,
}

impl Matcher {
    /// Builds a matcher and compiles its pattern, anchored, with `.` matching newlines.
    ///
    /// # Errors
    /// `InvalidInput` when the pattern does not compile or is too large.
    pub fn new(op: MatchOp, name: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        let value = value.into();
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Arc::new(Pattern::new(&value)?)),
        };
        Ok(Matcher { name: name.into(), op, value, pattern })
    }

    /// Builds an equality matcher, which cannot fail.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Matcher { name: name.into(), op: MatchOp::Equal, value: value.into(), pattern: None }
    }

    /// Returns whether a label of this value fulfils the condition; absent means `""`.
    pub fn matches(&self, value: &str) -> bool {
        self.hits(value) != self.is_negative()
    }

    /// Returns whether the condition is one of those that a hit breaks: `!=` and `!~`.
    pub fn is_negative(&self) -> bool {
        match self.op {
            MatchOp::Equal | MatchOp::Regex => false,
            MatchOp::NotEqual | MatchOp::NotRegex => true,
        }
    }

    /// Returns whether `value` is the text, or matches the pattern, whatever follows from it.
    pub fn hits(&self, value: &str) -> bool {
        self.pattern.as_ref().map_or(self.value == value, |pattern| pattern.matches(value))
    }

    /// Returns all texts that are hits, sorted; `None` when the pattern has too many.
    pub fn texts(&self) -> Option<&[String]> {
        match self.pattern.as_ref().map(|pattern| pattern.shape()) {
            None => Some(std::slice::from_ref(&self.value)),
            Some(Shape::Texts(texts)) => Some(texts),
            Some(_) => None,
        }
    }

    /// Returns the pattern of a condition that has one.
    pub fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_deref()
    }

    /// Returns whether a series without this label fulfils the condition.
    pub fn matches_absent(&self) -> bool {
        self.matches("")
    }

    /// Returns whether `labels` fulfil the condition.
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or(""))
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.op == other.op && self.name == other.name && self.value == other.value
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op.as_str(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_anchored_and_dot_matches_newline() {
        let matcher = Matcher::new(MatchOp::Regex, "pod", "a|b.*").unwrap();
        assert!(matcher.matches("a") && matcher.matches("b\nc"));
        assert!(!matcher.matches("xa") && !matcher.matches("ab"));
    }

    #[test]
    fn an_absent_label_counts_as_empty() {
        assert!(Matcher::new(MatchOp::NotEqual, "a", "x").unwrap().matches_absent());
        assert!(!Matcher::new(MatchOp::Regex, "a", ".+").unwrap().matches_absent());
    }

    #[test]
    fn a_pattern_that_explodes_is_refused() {
        assert!(Matcher::new(MatchOp::Regex, "a", "((a{1000}){1000}){1000}").is_err());
        assert!(Matcher::new(MatchOp::Regex, "a", "(").is_err());
    }
}
