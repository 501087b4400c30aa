//! Which series there are in memory, and which of them fulfil matchers.
//!
//! Every text is there once: names and values in one buffer in order of arrival, found by hash;
//! sorted lists of a label's values are made when somebody asks for order, and kept. Beside its
//! labels a series costs about 100 bytes.

pub(super) mod table;
#[cfg(test)]
pub(super) mod tests;

use std::convert::Infallible;
use std::sync::Arc;

use parking_lot::Mutex;
use roaring::RoaringBitmap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::engines::metrics::index::table::Table;
use crate::engines::metrics::matching::{self, Found, Terms};
use crate::engines::metrics::postings::Postings;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;

/// The number of a series within its index, given in order of arrival from 0.
pub(super) type SeriesRef = u32;

/// The number of a name with a value.
type PairRef = u32;

/// Series by labels, and an inverted index name → value → series in rising order.
#[derive(Default)]
pub(super) struct Index {
    series: Vec<Labels>,
    by_labels: Table,
    /// Numbers whose labels are lost.
    lost: RoaringBitmap,
    names: Vec<Name>,
    by_name: Table,
    pairs: Pairs,
    by_pair: Table,
}

/// A label name.
struct Name {
    text: Box<str>,
    /// The series that have it.
    series: RoaringBitmap,
    /// Its values in order of arrival.
    pairs: Vec<PairRef>,
    /// The pair of the last series that has it, because the next one often has the same.
    last: PairRef,
    /// The values by text, as far as somebody asked.
    sorted: Mutex<Arc<Vec<PairRef>>>,
}

/// The values of all names.
#[derive(Default)]
struct Pairs {
    names: Vec<u32>,
    postings: Vec<Postings>,
    texts: String,
    /// Where each text ends.
    ends: Vec<u32>,
}

impl Pairs {
    fn text(&self, pair: PairRef) -> &str {
        let place = pair as usize;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start as usize..self.ends[place] as usize]
    }

    fn is(&self, pair: PairRef, name: u32, value: &str) -> bool {
        self.names[pair as usize] == name && self.text(pair) == value
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
        self.by_labels.find(labels.hash64(), |series| self.labels(series) == labels)
    }

    /// Adds a series that is not known and returns its number; `None` when numbers or room for
    /// texts are used up.
    pub(super) fn add(&mut self, labels: &Labels) -> Option<SeriesRef> {
        // The greatest number stands for none, and one series adds less text than its labels have.
        let series = SeriesRef::try_from(self.series.len()).ok().filter(|one| *one < u32::MAX)?;
        u32::try_from(self.pairs.texts.len() + labels.as_bytes().len()).ok()?;
        self.by_labels.add(labels.hash64(), series);
        self.series.push(labels.clone());
        for (name, value) in labels.iter() {
            let name = self.name_of(name);
            let pair = self.pair_of(name, value);
            self.pairs.postings[pair as usize].push(series);
            let name = &mut self.names[name as usize];
            name.series.insert(series);
            name.last = pair;
        }
        Some(series)
    }

    /// Gives away numbers below `end` to series whose labels are lost; nothing finds them.
    pub(super) fn lose(&mut self, end: SeriesRef) {
        let first = self.len() as SeriesRef;
        if first < end {
            self.series.resize(end as usize, Labels::empty());
            self.lost.insert_range(first..end);
        }
    }

    /// Returns all label names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<_> = self.names.iter().map(|name| &*name.text).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Returns all values of a label, sorted.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let sorted = self.named(name).map(|name| self.sorted(name)).unwrap_or_default();
        (0..sorted.len()).map(move |place| self.pairs.text(sorted[place]))
    }

    /// Returns the series that fulfil one whole set, or every series when there is no set, rising.
    pub(super) fn matching_any(&self, match_sets: &[Vec<Matcher>]) -> Vec<SeriesRef> {
        let Ok(found) = matching::matching_any(self, match_sets);
        found.iter().collect()
    }

    /// Returns the series that fulfil every matcher, rising.
    pub(super) fn matching(&self, matchers: &[Matcher]) -> Vec<SeriesRef> {
        let Ok(found) = matching::matching(self, matchers);
        found.iter().collect()
    }

    fn named(&self, name: &str) -> Option<&Name> {
        let is = |number: u32| *self.names[number as usize].text == *name;
        let number = self.by_name.find(xxh3_64(name.as_bytes()), is)?;
        self.names.get(number as usize)
    }

    fn pair(&self, name: &str, value: &str) -> Option<&Postings> {
        let hash = xxh3_64(name.as_bytes());
        let name = self.by_name.find(hash, |own| *self.names[own as usize].text == *name)?;
        let hash = pair_hash(name, value);
        let pair = self.by_pair.find(hash, |pair| self.pairs.is(pair, name, value))?;
        self.pairs.postings.get(pair as usize)
    }

    /// Returns the number of a name, which may be new.
    fn name_of(&mut self, name: &str) -> u32 {
        let hash = xxh3_64(name.as_bytes());
        let known = self.by_name.find(hash, |own| *self.names[own as usize].text == *name);
        known.unwrap_or_else(|| {
            let number = self.names.len() as u32;
            self.names.push(Name {
                text: Box::from(name),
                series: RoaringBitmap::new(),
                pairs: Vec::new(),
                last: PairRef::MAX,
                sorted: Mutex::default(),
            });
            self.by_name.add(hash, number);
            number
        })
    }

    /// Returns the number of a value of a name, which may be new.
    fn pair_of(&mut self, name: u32, value: &str) -> PairRef {
        let last = self.names[name as usize].last;
        if last != PairRef::MAX && self.pairs.text(last) == value {
            return last;
        }
        let hash = pair_hash(name, value);
        let known = self.by_pair.find(hash, |pair| self.pairs.is(pair, name, value));
        known.unwrap_or_else(|| {
            let pair = self.pairs.names.len() as PairRef;
            self.pairs.names.push(name);
            self.pairs.postings.push(Postings::default());
            self.pairs.texts.push_str(value);
            self.pairs.ends.push(self.pairs.texts.len() as u32);
            self.names[name as usize].pairs.push(pair);
            self.by_pair.add(hash, pair);
            pair
        })
    }

    /// Returns the values of a name by text.
    fn sorted(&self, name: &Name) -> Arc<Vec<PairRef>> {
        let mut known = name.sorted.lock();
        if known.len() < name.pairs.len() {
            let by_text = |pair: &PairRef| self.pairs.text(*pair);
            let mut all = known.to_vec();
            all.extend_from_slice(&name.pairs[known.len()..]);
            // This merges what is sorted with what came since.
            all.sort_by(|one, other| by_text(one).cmp(by_text(other)));
            *known = Arc::new(all);
        }
        Arc::clone(&known)
    }
}

fn pair_hash(name: u32, value: &str) -> u64 {
    xxh3_64_with_seed(value.as_bytes(), u64::from(name))
}

impl Terms for Index {
    type Fault = Infallible;

    const FEW: u64 = 64;

    fn everything(&self) -> Result<RoaringBitmap, Infallible> {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.len() as SeriesRef);
        all -= &self.lost;
        Ok(all)
    }

    fn count_named(&self, name: &str) -> Result<u64, Infallible> {
        Ok(self.named(name).map_or(0, |name| name.series.len()))
    }

    fn count_valued(&self, name: &str, value: &str) -> Result<u64, Infallible> {
        Ok(self.pair(name, value).map_or(0, Postings::len))
    }

    fn named<'t>(&'t self, name: &str, found: &mut Found<'t>) -> Result<(), Infallible> {
        if let Some(name) = Index::named(self, name) {
            found.lend(&name.series);
        }
        Ok(())
    }

    fn valued<'t>(
        &'t self,
        name: &str,
        value: &str,
        found: &mut Found<'t>,
    ) -> Result<(), Infallible> {
        if let Some(postings) = self.pair(name, value) {
            found.add(postings);
        }
        Ok(())
    }

    fn searched<'t>(
        &'t self,
        matcher: &Matcher,
        prefix: &str,
        found: &mut Found<'t>,
    ) -> Result<(), Infallible> {
        let Some(name) = Index::named(self, &matcher.name) else { return Ok(()) };
        let mut look = |pair: &PairRef| {
            if matcher.hits(self.pairs.text(*pair)) {
                found.add(&self.pairs.postings[*pair as usize]);
            }
        };
        if prefix.is_empty() {
            name.pairs.iter().for_each(look);
            return Ok(());
        }
        let sorted = self.sorted(name);
        let from = sorted.partition_point(|pair| self.pairs.text(*pair) < prefix);
        sorted[from..]
            .iter()
            .take_while(|pair| self.pairs.text(**pair).starts_with(prefix))
            .for_each(&mut look);
        Ok(())
    }

    fn retain(&self, candidates: &mut RoaringBitmap, matcher: &Matcher) -> Result<(), Infallible> {
        let right = candidates.iter();
        let right = right.filter(|series| matcher.matches_labels(self.labels(*series)));
        *candidates = right.collect();
        Ok(())
    }
}
