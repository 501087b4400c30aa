//! Whose points are refused: the metrics and labels that were refused most, within a bound.

use std::collections::{BTreeMap, HashMap};

use xxhash_rust::xxh3::xxh3_64;

use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::reject::RejectReason;

/// Metrics, and labels of all metrics, that are remembered.
const REMEMBERED: usize = 128;
/// Labels of one metric whose values are counted.
const LABELS: usize = 16;
/// Bits of one count of different values.
const BITS: u64 = 1_024;

/// What was refused lately, most first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offenders {
    /// The metrics whose points were refused at the door.
    pub metrics: Vec<OffendingMetric>,
    /// The labels because of which points were refused, and how many of them.
    pub labels: Vec<(String, u64)>,
    /// The metrics with the most series, refused or not.
    pub largest: Vec<(String, u64)>,
}

/// A metric of which points were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffendingMetric {
    /// Its name.
    pub name: String,
    /// Refused points by reason.
    pub refused: Vec<(RejectReason, u64)>,
    /// About how many different values each label had in the refused series, most first; counts end
    /// near 5,000.
    pub values: Vec<(String, u64)>,
}

impl OffendingMetric {
    /// Returns the number of refused points.
    pub fn total(&self) -> u64 {
        self.refused.iter().map(|(_, count)| count).sum()
    }
}

/// Remembers refusals. When it is full, who was refused least gives its place to the next, so that
/// whoever is refused much is never missed.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    metrics: HashMap<String, Tally>,
    labels: HashMap<String, LabelTally>,
}

#[derive(Debug, Default)]
struct Tally {
    /// All refusals; also those of whom had the place before, as a handicap.
    weight: u64,
    by_reason: BTreeMap<RejectReason, u64>,
    values: Vec<(String, Values)>,
}

#[derive(Debug, Default)]
struct LabelTally {
    /// As that of a metric.
    weight: u64,
    refused: u64,
}

/// Counts different values by the bits that their hashes set.
#[derive(Debug)]
struct Values([u64; (BITS / 64) as usize]);

impl Refused {
    /// Notes the refusal of `points` points of a series; `label` names the label at fault.
    pub(crate) fn note(
        &mut self,
        labels: &Labels,
        reason: RejectReason,
        points: u64,
        label: Option<&str>,
    ) {
        let name = labels.metric_name();
        if !self.metrics.contains_key(name) {
            let weight = make_room(&mut self.metrics, |tally| tally.weight);
            self.metrics.insert(name.to_owned(), Tally { weight, ..Tally::default() });
        }
        if let Some(tally) = self.metrics.get_mut(name) {
            tally.note(labels, reason, points);
        }
        let Some(label) = label else { return };
        if !self.labels.contains_key(label) {
            let weight = make_room(&mut self.labels, |tally| tally.weight);
            self.labels.insert(label.to_owned(), LabelTally { weight, refused: 0 });
        }
        if let Some(tally) = self.labels.get_mut(label) {
            tally.weight = tally.weight.saturating_add(points);
            tally.refused = tally.refused.saturating_add(points);
        }
    }

    /// Returns what is remembered, most refused first.
    pub(crate) fn told(&self) -> Offenders {
        let mut metrics: Vec<_> =
            self.metrics.iter().map(|(name, tally)| tally.told(name)).collect();
        metrics.sort_by(|one, other| {
            other.total().cmp(&one.total()).then_with(|| one.name.cmp(&other.name))
        });
        let labels = self.labels.iter().map(|(name, tally)| (name.clone(), tally.refused));
        Offenders { metrics, labels: most_first(labels.collect()), largest: Vec::new() }
    }
}

impl Tally {
    fn note(&mut self, labels: &Labels, reason: RejectReason, points: u64) {
        self.weight = self.weight.saturating_add(points);
        *self.by_reason.entry(reason).or_default() += points;
        for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
            let has_room = self.values.len() < LABELS;
            match self.values.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.add(value),
                None if has_room => {
                    let mut values = Values([0; (BITS / 64) as usize]);
                    values.add(value);
                    self.values.push((name.to_owned(), values));
                }
                None => {}
            }
        }
    }

    fn told(&self, name: &str) -> OffendingMetric {
        let values = self.values.iter().map(|(name, values)| (name.clone(), values.count()));
        OffendingMetric {
            name: name.to_owned(),
            refused: self.by_reason.iter().map(|(reason, count)| (*reason, *count)).collect(),
            values: most_first(values.collect()),
        }
    }
}

impl Values {
    fn add(&mut self, value: &str) {
        let bit = xxh3_64(value.as_bytes()) % BITS;
        self.0[(bit / 64) as usize] |= 1 << (bit % 64);
    }

    /// Estimates how many different values there were from how many bits they left unset.
    fn count(&self) -> u64 {
        let set: u32 = self.0.iter().map(|bits| bits.count_ones()).sum();
        let unset = (BITS - u64::from(set)).max(1) as f64;
        (-(BITS as f64) * (unset / BITS as f64).ln()).round() as u64
    }
}

/// Removes the least of a full map and returns its weight, which the next one inherits.
fn make_room<T>(map: &mut HashMap<String, T>, weight: impl Fn(&T) -> u64) -> u64 {
    if map.len() < REMEMBERED {
        return 0;
    }
    let least = map.iter().min_by_key(|(_, one)| weight(one)).map(|(name, _)| name.clone());
    let removed = least.and_then(|name| map.remove(&name));
    removed.map_or(0, |one| weight(&one))
}

fn most_first(mut counts: Vec<(String, u64)>) -> Vec<(String, u64)> {
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(metric: &str, user: usize) -> Labels {
        let user = user.to_string();
        Labels::from_pairs([("__name__", metric), ("job", "a"), ("user", user.as_str())])
    }

    #[test]
    fn who_is_refused_most_is_told_first_and_with_the_label_that_explodes() {
        let mut refused = Refused::default();
        for user in 0..500 {
            refused.note(&series("wide", user), RejectReason::TooManySeries, 2, None);
        }
        refused.note(&series("long", 1), RejectReason::TooLarge, 1, Some("user"));
        let told = refused.told();
        assert_eq!(told.metrics[0].name, "wide");
        assert_eq!(told.metrics[0].refused, [(RejectReason::TooManySeries, 1_000)]);
        let (label, values) = &told.metrics[0].values[0];
        assert!(label == "user" && (450..550).contains(values), "{label} {values}");
        assert_eq!(told.metrics[0].values[1], ("job".to_owned(), 1));
        assert_eq!(told.labels, [("user".to_owned(), 1)]);
    }

    #[test]
    fn a_flood_of_names_neither_fills_memory_nor_hides_who_is_refused_most() {
        let mut refused = Refused::default();
        for flood in 0..10_000 {
            refused.note(&series("steady", flood), RejectReason::TooManySeries, 1, None);
            let name = format!("once_{flood}");
            refused.note(&series(&name, 0), RejectReason::NewSeriesRate, 1, Some(&name));
        }
        let told = refused.told();
        assert!(told.metrics.len() <= REMEMBERED && told.labels.len() <= REMEMBERED);
        assert_eq!((told.metrics[0].name.as_str(), told.metrics[0].total()), ("steady", 10_000));
    }
}
