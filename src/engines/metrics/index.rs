//! Which series there are, and which of them fulfil matchers.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Bound;

use crate::model::labels::Labels;
use crate::model::matcher::{MatchOp, Matcher};

/// The number of a series within its index, given in order of arrival from 0.
pub(super) type SeriesRef = u32;

/// Below this many candidates the labels themselves are compared instead of value dictionaries.
const FEW_CANDIDATES: usize = 64;

/// Series by labels, and an inverted index name → value → series in rising order.
#[derive(Default)]
pub(super) struct Index {
    series: Vec<Labels>,
    by_hash: HashMap<u64, SeriesRef, BuildHasherDefault<Hashed>>,
    /// Series whose hash another one took first.
    collided: HashMap<Labels, SeriesRef>,
    names: BTreeMap<Box<str>, BTreeMap<Box<str>, Vec<SeriesRef>>>,
    /// Whether there are numbers whose labels are lost.
    holes: bool,
}

/// Takes a label hash as it is: it is mixed well already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Index {
    /// Returns the number of series.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Returns the labels of a series of this index.
    pub(super) fn labels(&self, series: SeriesRef) -> &Labels {
        &self.series[series as usize]
    }

    /// Returns the labels of the series from a number on.
    pub(super) fn since(&self, first: SeriesRef) -> &[Labels] {
        self.series.get(first as usize..).unwrap_or_default()
    }

    /// Returns the number of a known series.
    pub(super) fn get(&self, labels: &Labels) -> Option<SeriesRef> {
        let first = *self.by_hash.get(&labels.hash64())?;
        if self.labels(first) == labels {
            return Some(first);
        }
        self.collided.get(labels).copied()
    }

    /// Adds a series that is not known and returns its number; `None` when numbers are used up.
    pub(super) fn add(&mut self, labels: &Labels) -> Option<SeriesRef> {
        let series = SeriesRef::try_from(self.series.len()).ok()?;
        let hash = labels.hash64();
        if let std::collections::hash_map::Entry::Vacant(vacant) = self.by_hash.entry(hash) {
            vacant.insert(series);
        } else {
            self.collided.insert(labels.clone(), series);
        }
        self.series.push(labels.clone());
        for (name, value) in labels.iter() {
            if let Some(values) = self.names.get_mut(name) {
                if let Some(postings) = values.get_mut(value) {
                    postings.push(series);
                } else {
                    values.insert(Box::from(value), vec![series]);
                }
            } else {
                let values = BTreeMap::from([(Box::from(value), vec![series])]);
                self.names.insert(Box::from(name), values);
            }
        }
        Some(series)
    }

    /// Gives away numbers below `end` to series whose labels are lost; nothing finds them.
    pub(super) fn lose(&mut self, end: SeriesRef) {
        if self.len() < end as usize {
            self.series.resize(end as usize, Labels::empty());
            self.holes = true;
        }
    }

    /// Returns all label names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(AsRef::as_ref)
    }

    /// Returns all values of a label, sorted.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.names.get(name).into_iter().flat_map(|values| values.keys().map(AsRef::as_ref))
    }

    /// Returns the series that fulfil one whole set, or every series when there is no set, rising.
    pub(super) fn matching_any(&self, match_sets: &[Vec<Matcher>]) -> Vec<SeriesRef> {
        if match_sets.is_empty() {
            return self.everything();
        }
        union(match_sets.iter().map(|matchers| self.matching(matchers)).collect())
    }

    /// Returns the series that fulfil every matcher, rising.
    pub(super) fn matching(&self, matchers: &[Matcher]) -> Vec<SeriesRef> {
        // Equality narrows most and costs least.
        let by_cost = |matcher: &&Matcher| match matcher.op {
            MatchOp::Equal => 0,
            MatchOp::Regex => 1,
            MatchOp::NotEqual | MatchOp::NotRegex => 2,
        };
        let mut matchers: Vec<_> = matchers.iter().collect();
        matchers.sort_by_key(by_cost);
        let mut candidates: Option<Vec<SeriesRef>> = None;
        for matcher in matchers {
            candidates = Some(match candidates {
                Some(known) if known.len() <= FEW_CANDIDATES => self.retain(known, matcher),
                Some(known) => self.narrow(known, matcher),
                None => self.narrow(self.everything(), matcher),
            });
        }
        candidates.unwrap_or_else(|| self.everything())
    }

    fn everything(&self) -> Vec<SeriesRef> {
        let all = 0..self.len() as SeriesRef;
        all.filter(|series| !self.holes || !self.labels(*series).is_empty()).collect()
    }

    fn retain(&self, mut candidates: Vec<SeriesRef>, matcher: &Matcher) -> Vec<SeriesRef> {
        candidates.retain(|series| matcher.matches_labels(self.labels(*series)));
        candidates
    }

    /// Keeps the candidates that fulfil a matcher, by the postings of the label's values.
    fn narrow(&self, candidates: Vec<SeriesRef>, matcher: &Matcher) -> Vec<SeriesRef> {
        if !matcher.matches_absent() {
            return intersect(&candidates, &self.postings(matcher, |value| matcher.matches(value)));
        }
        // A series without the label fulfils it, so those with a wrong value are taken away.
        let misses = self.postings_of_all(&matcher.name, |value| !matcher.matches(value));
        subtract(&candidates, &misses)
    }

    /// Returns the series whose value of the matcher's label is accepted, looking only where an
    /// accepted value can be.
    fn postings(&self, matcher: &Matcher, accept: impl Fn(&str) -> bool) -> Vec<SeriesRef> {
        let Some(values) = self.names.get(matcher.name.as_str()) else { return Vec::new() };
        let literals = match matcher.op {
            MatchOp::Equal => Some(vec![matcher.value.as_str()]),
            MatchOp::Regex => literal_alternatives(&matcher.value),
            MatchOp::NotEqual | MatchOp::NotRegex => None,
        };
        if let Some(literals) = literals {
            let found = literals.into_iter().filter_map(|value| values.get(value).cloned());
            return union(found.collect());
        }
        let prefix = match matcher.op {
            MatchOp::Regex => literal_prefix(&matcher.value),
            MatchOp::Equal | MatchOp::NotEqual | MatchOp::NotRegex => "",
        };
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let near = values.range::<str, _>(from).take_while(|(value, _)| value.starts_with(prefix));
        union(near.filter(|(value, _)| accept(value)).map(|(_, series)| series.clone()).collect())
    }

    fn postings_of_all(&self, name: &str, accept: impl Fn(&str) -> bool) -> Vec<SeriesRef> {
        let Some(values) = self.names.get(name) else { return Vec::new() };
        let accepted = values.iter().filter(|(value, _)| accept(value));
        union(accepted.map(|(_, series)| series.clone()).collect())
    }
}

const META: &[char] = &['\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$', '|'];

/// Returns the texts of a pattern that is only texts between bars.
fn literal_alternatives(pattern: &str) -> Option<Vec<&str>> {
    let texts: Vec<_> = pattern.split('|').collect();
    let plain = texts.iter().all(|text| !text.contains(META));
    plain.then_some(texts)
}

/// Returns a text with which every match of the pattern starts.
fn literal_prefix(pattern: &str) -> &str {
    if pattern.contains('|') {
        return "";
    }
    let Some(end) = pattern.find(META) else { return pattern };
    let prefix = &pattern[..end];
    // What repeats may be missing altogether.
    if pattern[end..].starts_with(['?', '*', '{']) {
        let mut chars = prefix.chars();
        chars.next_back();
        return chars.as_str();
    }
    prefix
}

fn union(mut lists: Vec<Vec<SeriesRef>>) -> Vec<SeriesRef> {
    if lists.len() == 1 {
        return lists.pop().unwrap_or_default();
    }
    let mut all = lists.concat();
    all.sort_unstable();
    all.dedup();
    all
}

fn intersect(one: &[SeriesRef], other: &[SeriesRef]) -> Vec<SeriesRef> {
    let (few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let mut rest = many;
    let mut both = Vec::with_capacity(few.len());
    for series in few {
        rest = &rest[skip_to(rest, *series)..];
        if rest.first() == Some(series) {
            both.push(*series);
        }
    }
    both
}

fn subtract(from: &[SeriesRef], what: &[SeriesRef]) -> Vec<SeriesRef> {
    let mut rest = what;
    let mut left = Vec::with_capacity(from.len());
    for series in from {
        rest = &rest[skip_to(rest, *series)..];
        if rest.first() != Some(series) {
            left.push(*series);
        }
    }
    left
}

/// Returns the place of the first entry that is at least `wanted`, in steps that double.
fn skip_to(sorted: &[SeriesRef], wanted: SeriesRef) -> usize {
    let mut end = 1;
    while end < sorted.len() && sorted[end] < wanted {
        end *= 2;
    }
    let (start, end) = (end / 2, sorted.len().min(end + 1));
    start + sorted[start..end].partition_point(|series| *series < wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let mut index = Index::default();
        for i in 0..300 {
            let pod = format!("pod-{i}");
            let zone = if i % 3 == 0 { "" } else { "eu" };
            index.add(&Labels::from_pairs([("pod", pod.as_str()), ("zone", zone)]));
        }
        index
    }

    #[test]
    fn postings_and_labels_choose_the_same_series() {
        let index = index();
        let cases = [
            (MatchOp::Equal, "pod", "pod-7"),
            (MatchOp::Regex, "pod", "pod-1.*"),
            (MatchOp::Regex, "pod", "pod-12?"),
            (MatchOp::Regex, "pod", "pod-1|pod-299|nothing"),
            (MatchOp::Regex, "pod", "x*pod-(3|4)"),
            (MatchOp::Regex, "pod", "(?i)POD-1."),
            (MatchOp::NotRegex, "pod", "pod-1.*"),
            (MatchOp::NotEqual, "zone", ""),
            (MatchOp::NotEqual, "zone", "eu"),
            (MatchOp::Equal, "zone", ""),
            (MatchOp::Regex, "zone", "|eu"),
            (MatchOp::Regex, "zone", ".+"),
        ];
        for (op, name, value) in cases {
            let matcher = Matcher::new(op, name, value).unwrap();
            let all: Vec<_> = (0..300).collect();
            let wanted = index.retain(all.clone(), &matcher);
            assert_eq!(index.narrow(all, &matcher), wanted, "{matcher}");
            assert_eq!(index.matching(&[matcher]), wanted);
        }
    }

    #[test]
    fn a_series_is_found_by_its_labels_only() {
        let index = index();
        let known = index.labels(41).clone();
        assert_eq!(index.get(&known), Some(41));
        assert_eq!(index.get(&Labels::from_pairs([("pod", "pod-41")])), None);
    }

    #[test]
    fn lost_series_keep_their_numbers_and_are_never_found() {
        let mut index = Index::default();
        index.lose(3);
        assert_eq!(index.add(&Labels::from_pairs([("a", "b")])), Some(3));
        assert_eq!(index.matching(&[Matcher::equal("c", "")]), [3]);
        assert_eq!(index.matching_any(&[]), [3]);
    }

    #[test]
    fn sorted_lists_intersect_and_subtract() {
        let even: Vec<_> = (0..100).map(|i| i * 2).collect();
        assert_eq!(intersect(&even, &[1, 2, 3, 100, 198, 199]), [2, 100, 198]);
        assert_eq!(subtract(&[1, 2, 3, 100, 198, 199], &even), [1, 3, 199]);
        assert_eq!(intersect(&[], &even), Vec::<u32>::new());
    }
}
