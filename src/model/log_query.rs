//! Questions about logs and their answers, as plain data.

use crate::model::log::LogRecord;
use crate::model::log_filter::{LogField, LogFilter};
use crate::model::receipt::Receipt;
use crate::model::time::{TimeRange, TimestampNs};

/// What a search reads.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSelect {
    /// Index names; `*` is a wildcard, a leading `-` excludes. Empty means every index.
    pub indices: Vec<String>,
    /// Records outside are not read.
    pub range: TimeRange<TimestampNs>,
    /// The condition.
    pub filter: LogFilter,
}

/// Which way time runs in a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// The place of a record in the total order of the store: time, then arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition {
    /// The record's timestamp.
    pub timestamp: TimestampNs,
    /// Rises with each write of the store and never repeats, also across restarts.
    pub sequence: u64,
}

/// A page of records in time order.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSearch {
    /// What to read.
    pub select: LogSelect,
    /// Which way.
    pub direction: Direction,
    /// Start strictly behind this place in the chosen direction.
    pub after: Option<LogPosition>,
    /// At most this many records.
    pub limit: usize,
}

/// A found record.
#[derive(Debug, Clone, PartialEq)]
pub struct LogHit {
    /// Its place, to continue from.
    pub position: LogPosition,
    /// The version of its id: 1, and one more at each replacement.
    pub version: u64,
    /// The record.
    pub record: LogRecord,
}

/// A page of a search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogPage {
    /// The records.
    pub hits: Vec<LogHit>,
    /// How many records match in all.
    pub total: u64,
    /// What the caller should know besides, such as a quarantined partition.
    pub warnings: Vec<String>,
}

/// A field that records have, with the type its values show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldType {
    /// The field.
    pub field: LogField,
    /// What its values are; whole and other numbers together are numbers, other mixtures text.
    pub kind: FieldKind,
}

/// The type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Text.
    Text,
    /// Whole numbers.
    Long,
    /// Numbers.
    Double,
    /// Truth values.
    Boolean,
    /// Instants.
    Date,
}

/// What became of one operation of a batch, in batch order; Elasticsearch answers with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOutcome {
    /// A new record; its sequence.
    Created(u64),
    /// A record replaced an older one; sequence and version.
    Updated(u64, u64),
    /// A record was removed; sequence and version of the removal.
    Deleted(u64, u64),
    /// Refused; see the receipt.
    Rejected,
}

/// The receipt of a log write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogReceipt {
    /// Counts and reasons.
    pub receipt: Receipt,
    /// One outcome for each operation.
    pub outcomes: Vec<LogOutcome>,
}

/// An index that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSummary {
    /// Its name.
    pub name: String,
    /// Records in it.
    pub records: u64,
}

/// Returns whether index `name` is chosen by `patterns` as [`LogSelect::indices`] describes.
pub fn index_matches(patterns: &[String], name: &str) -> bool {
    let positive: Vec<_> = patterns.iter().filter(|pattern| !pattern.starts_with('-')).collect();
    let excluded = patterns
        .iter()
        .filter_map(|pattern| pattern.strip_prefix('-'))
        .any(|pattern| glob_matches(pattern, name));
    let included = positive.is_empty()
        || positive.iter().any(|pattern| *pattern == "_all" || glob_matches(pattern, name));
    included && !excluded
}

/// Returns whether `text` matches a pattern in which `*` stands for any run and `?` for one
/// character. Runs in time proportional to the product of both lengths at worst.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                last_star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(&character) if character == '?' || character == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match last_star {
                Some((star, begin)) => {
                    last_star = Some((star, begin + 1));
                    at_pattern = star + 1;
                    at_text = begin + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_patterns_include_and_exclude() {
        let patterns =
            |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(index_matches(&[], "logs-a"));
        assert!(index_matches(&patterns(&["logs-*", "-logs-b"]), "logs-a"));
        assert!(!index_matches(&patterns(&["logs-*", "-logs-b"]), "logs-b"));
        assert!(index_matches(&patterns(&["_all"]), "x"));
    }

    #[test]
    fn globs_backtrack_over_stars() {
        assert!(glob_matches("a*b?d", "axxbbcd"));
        assert!(!glob_matches("a*b", "axxc"));
        assert!(glob_matches("*", ""));
    }
}
