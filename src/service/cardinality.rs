//! What the series of a store consist of: which names and labels are the many.

use std::collections::{HashMap, HashSet};

use crate::model::cut::Cut;
use crate::model::labels::{Labels, METRIC_NAME};

/// The label that names who sends a series.
const JOB: &str = "job";

/// Counts of series and label values, the largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cardinality {
    /// Series looked at.
    pub series: u64,
    /// Different pairs of label name and value.
    pub label_pairs: u64,
    /// Series of each metric name.
    pub series_by_metric: Vec<(String, u64)>,
    /// Different values of each label name.
    pub values_by_label: Vec<(String, u64)>,
    /// Bytes of the different values of each label name.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Series of each pair `name=value`.
    pub series_by_pair: Vec<(String, u64)>,
    /// Series of each job: who sends them.
    pub series_by_job: Vec<(String, u64)>,
    /// Whether there were more series than were looked at.
    pub truncated: bool,
}

impl Cardinality {
    /// Counts `series` and keeps the `top` largest of each list.
    pub fn of(series: &Cut<Labels>, top: usize) -> Self {
        let mut by_metric: HashMap<&str, u64> = HashMap::new();
        let mut by_job: HashMap<&str, u64> = HashMap::new();
        let mut by_pair: HashMap<(&str, &str), u64> = HashMap::new();
        let mut values: HashMap<&str, HashSet<&str>> = HashMap::new();
        for labels in &series.items {
            for (name, value) in labels.iter() {
                if name == METRIC_NAME {
                    *by_metric.entry(value).or_default() += 1;
                }
                if name == JOB {
                    *by_job.entry(value).or_default() += 1;
                }
                *by_pair.entry((name, value)).or_default() += 1;
                values.entry(name).or_default().insert(value);
            }
        }
        let bytes = |values: &HashSet<&str>| values.iter().map(|value| value.len() as u64).sum();
        Cardinality {
            series: series.items.len() as u64,
            label_pairs: by_pair.len() as u64,
            values_by_label: largest(
                values.iter().map(|(name, all)| ((*name).to_owned(), all.len() as u64)),
                top,
            ),
            bytes_by_label: largest(
                values.iter().map(|(name, all)| ((*name).to_owned(), bytes(all))),
                top,
            ),
            series_by_metric: largest(
                by_metric.into_iter().map(|(name, count)| (name.to_owned(), count)),
                top,
            ),
            series_by_job: largest(
                by_job.into_iter().map(|(name, count)| (name.to_owned(), count)),
                top,
            ),
            series_by_pair: largest(
                by_pair
                    .into_iter()
                    .map(|((name, value), count)| (format!("{name}={value}"), count)),
                top,
            ),
            truncated: series.truncated,
        }
    }
}

fn largest(counts: impl Iterator<Item = (String, u64)>, top: usize) -> Vec<(String, u64)> {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(top);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_equal_ones_by_name() {
        let series = Cut::whole(vec![
            Labels::from_pairs([(METRIC_NAME, "up"), ("job", "a")]),
            Labels::from_pairs([(METRIC_NAME, "up"), ("job", "bcd")]),
            Labels::from_pairs([(METRIC_NAME, "down"), ("job", "a")]),
        ]);
        let report = Cardinality::of(&series, 2);
        assert_eq!((report.series, report.label_pairs), (3, 4));
        let own = |list: &[(&str, u64)]| {
            list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>()
        };
        assert_eq!(report.series_by_metric, own(&[("up", 2), ("down", 1)]));
        assert_eq!(report.values_by_label, own(&[("__name__", 2), ("job", 2)]));
        assert_eq!(report.bytes_by_label, own(&[("__name__", 6), ("job", 4)]));
        assert_eq!(report.series_by_job, own(&[("a", 2), ("bcd", 1)]));
        assert_eq!(report.series_by_pair, own(&[("__name__=up", 2), ("job=a", 2)]));
    }
}
