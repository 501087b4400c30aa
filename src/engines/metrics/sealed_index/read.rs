//! Reads the index of a sealed day.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::container::Snapshot;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::matching;
use crate::engines::metrics::sealed_index::groups::{self, Group};
use crate::engines::metrics::sealed_index::terms::SealedTerms;
use crate::engines::metrics::sealed_index::{Fault, IndexCache, Key, LABELS, NAMES, NAMES_KEY};
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::time::Day;
use std::sync::Arc;

/// A selection that touches more groups of labels than this leaves what is remembered alone.
const FEW_GROUPS: usize = 64;

/// The index in the file of a sealed day.
pub(in crate::engines::metrics) struct SealedIndex {
    cache: IndexCache,
    file: u64,
}

impl SealedIndex {
    /// Finds the index of a file; `None` when its day is not sealed.
    ///
    /// # Errors
    /// `Unavailable` from the container.
    pub(in crate::engines::metrics) fn find(
        snapshot: &Snapshot,
        cache: &IndexCache,
    ) -> Result<Option<Self>> {
        match snapshot.get(NAMES, NAMES_KEY) {
            Ok(None) => return Ok(None),
            Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
            // A damaged row says at least that there is an index.
            Ok(Some(_)) | Err(_) => {}
        }
        Ok(Some(SealedIndex { cache: cache.clone(), file: cache.next_file() }))
    }

    /// Opens the index as it stands in a snapshot of its file.
    pub(in crate::engines::metrics) fn view(&self, day: Day, snapshot: &Snapshot) -> SealedView {
        let (snapshot, cache) = (snapshot.clone(), self.cache.clone());
        SealedView { day, snapshot, cache, file: self.file }
    }
}

/// The series of a sealed day.
pub(in crate::engines::metrics) struct SealedView {
    day: Day,
    pub(super) snapshot: Snapshot,
    pub(super) cache: IndexCache,
    pub(super) file: u64,
}

impl SealedView {
    /// Returns the series that fulfil one whole set, or every series when there is no set. Damage
    /// is noted; then the labels themselves decide.
    ///
    /// # Errors
    /// `Unavailable` from the container; likewise below.
    pub(in crate::engines::metrics) fn matching_any(
        &self,
        match_sets: &[Vec<Matcher>],
        damage: &mut Damage,
    ) -> Result<RoaringBitmap> {
        let found =
            SealedTerms::open(self).and_then(|terms| matching::matching_any(&terms, match_sets));
        self.or_labels(found, damage, |found: &mut RoaringBitmap, series, labels| {
            let fulfils = |matchers: &Vec<Matcher>| {
                matchers.iter().all(|matcher| matcher.matches_labels(&labels))
            };
            if match_sets.is_empty() || match_sets.iter().any(fulfils) {
                found.insert(series);
            }
        })
    }

    /// Shows the labels of series, rising. Those that are damaged are noted and left out.
    pub(in crate::engines::metrics) fn labels(
        &self,
        wanted: &RoaringBitmap,
        damage: &mut Damage,
        mut see: impl FnMut(SeriesRef, Labels),
    ) -> Result<()> {
        let mut reader = GroupReader::new(self, wanted);
        for series in wanted {
            match reader.labels(series) {
                Ok(labels) => see(series, labels),
                Err(fault) => damage.note(self.day, fault.table, &fault.key, &fault.error)?,
            }
        }
        Ok(())
    }

    /// Returns the names of the labels of some series, `None` meaning all of them.
    pub(in crate::engines::metrics) fn names(
        &self,
        asked: Option<&RoaringBitmap>,
        damage: &mut Damage,
    ) -> Result<BTreeSet<String>> {
        let found = SealedTerms::open(self).and_then(|terms| terms.names_of(asked));
        self.or_labels(found, damage, |found: &mut BTreeSet<String>, series, labels| {
            if asked.is_none_or(|asked| asked.contains(series)) {
                found.extend(labels.iter().map(|(name, _)| name.to_owned()));
            }
        })
    }

    /// Returns the values that a label has in some series, `None` meaning all of them.
    pub(in crate::engines::metrics) fn values(
        &self,
        name: &str,
        asked: Option<&RoaringBitmap>,
        damage: &mut Damage,
    ) -> Result<BTreeSet<String>> {
        let terms = SealedTerms::open(self);
        let found = match asked {
            // Few series tell their values faster than many values tell their series.
            Some(asked) if terms.as_ref().is_ok_and(|terms| terms.has_fewer(asked, name)) => {
                let mut found = BTreeSet::new();
                self.labels(asked, damage, |_, labels| {
                    found.extend(labels.get(name).map(str::to_owned));
                })?;
                return Ok(found);
            }
            _ => terms.and_then(|terms| terms.values_of(name, asked)),
        };
        self.or_labels(found, damage, |found: &mut BTreeSet<String>, series, labels| {
            if asked.is_none_or(|asked| asked.contains(series)) {
                found.extend(labels.get(name).map(str::to_owned));
            }
        })
    }

    /// Returns the numbers of series, sorted by labels, in a walk over the labels of the whole day;
    /// `None` for those that are not here.
    pub(in crate::engines::metrics) fn numbers(
        &self,
        sorted: &[&Labels],
        damage: &mut Damage,
    ) -> Result<Vec<Option<SeriesRef>>> {
        debug_assert!(sorted.is_sorted());
        let mut numbers = vec![None; sorted.len()];
        let mut place = 0;
        self.each_label(damage, |series, labels| {
            while sorted.get(place).is_some_and(|wanted| **wanted < labels) {
                place += 1;
            }
            if sorted.get(place).is_some_and(|wanted| **wanted == labels) {
                numbers[place] = Some(series);
            }
        })?;
        Ok(numbers)
    }

    /// Returns what was found, or what all labels say when the index could not be read.
    fn or_labels<R: Default>(
        &self,
        found: std::result::Result<R, Fault>,
        damage: &mut Damage,
        mut see: impl FnMut(&mut R, SeriesRef, Labels),
    ) -> Result<R> {
        let fault = match found {
            Ok(found) => return Ok(found),
            Err(fault) => fault,
        };
        damage.note(self.day, fault.table, &fault.key, &fault.error)?;
        let mut slow = R::default();
        self.each_label(damage, |series, labels| see(&mut slow, series, labels))?;
        Ok(slow)
    }

    /// Shows the labels of every series, rising, row by row.
    fn each_label(
        &self,
        damage: &mut Damage,
        mut see: impl FnMut(SeriesRef, Labels),
    ) -> Result<()> {
        for (key, row) in self.snapshot.scan(LABELS, &[], None)? {
            let row = row.and_then(|row| groups::read(&row, first_series(&key)?, |_| true));
            let groups = match row {
                Ok(groups) => groups,
                Err(error) => {
                    damage.note(self.day, LABELS, &key, &error)?;
                    continue;
                }
            };
            for group in groups {
                for series in group.first()..group.end() {
                    match group.labels(series) {
                        Ok(labels) => see(series, labels),
                        Err(error) => damage.note(self.day, LABELS, &key, &error)?,
                    }
                }
            }
        }
        Ok(())
    }
}

fn first_series(key: &[u8]) -> Result<SeriesRef> {
    let first = key.first_chunk::<4>().ok_or_else(|| Error::corrupt("labels have a short key"))?;
    Ok(SeriesRef::from_be_bytes(*first))
}

/// Reads labels of rising series, a row and a group once.
pub(super) struct GroupReader<'v> {
    view: &'v SealedView,
    remember: bool,
    row: Option<(SeriesRef, Vec<u8>)>,
    group: Option<Arc<Group>>,
}

impl<'v> GroupReader<'v> {
    /// Starts to read the labels of `wanted`.
    pub(super) fn new(view: &'v SealedView, wanted: &RoaringBitmap) -> Self {
        let mut last = None;
        let starts_group = |series: &SeriesRef| last.replace(groups::first_of(*series)) != last;
        let groups = wanted.iter().filter(starts_group).take(FEW_GROUPS + 1).count();
        GroupReader { view, remember: groups <= FEW_GROUPS, row: None, group: None }
    }

    /// Returns the labels of a series.
    ///
    /// # Errors
    /// The row that is damaged, or cannot be read.
    pub(super) fn labels(&mut self, series: SeriesRef) -> std::result::Result<Labels, Fault> {
        let first = groups::first_of(series);
        let group = match &self.group {
            Some(group) if group.first() == first => Arc::clone(group),
            _ => self.group(first)?,
        };
        let labels = group.labels(series);
        self.group = Some(group);
        labels.map_err(|error| Fault::new(LABELS, &series.to_be_bytes(), error))
    }

    fn group(&mut self, first: SeriesRef) -> std::result::Result<Arc<Group>, Fault> {
        let view = self.view;
        let key = Key::Group { file: view.file, first };
        if let Some(known) = view.cache.kept.get(&key) {
            return Ok(known);
        }
        let group = Arc::new(self.read(first)?);
        if self.remember {
            view.cache.kept.put(key, Arc::clone(&group), group.bytes());
        }
        Ok(group)
    }

    fn read(&mut self, first: SeriesRef) -> std::result::Result<Group, Fault> {
        let key = first.to_be_bytes();
        let fault = |error| Fault::new(LABELS, &key, error);
        let missing = || fault(Error::corrupt("a group of labels is missing"));
        if let Some((start, row)) = self.row.as_ref().filter(|(start, _)| *start <= first) {
            let mut groups = groups::read(row, *start, |own| own == first).map_err(fault)?;
            if let Some(group) = groups.pop() {
                return Ok(group);
            }
        }
        let found = self.view.snapshot.last_in(LABELS, &[0; 4], &key).map_err(fault)?;
        let (own_key, row) = found.ok_or_else(missing)?;
        let row = row.map_err(|error| Fault::new(LABELS, &own_key, error))?;
        let start = first_series(&own_key).map_err(fault)?;
        let mut groups = groups::read(&row, start, |own| own == first).map_err(fault)?;
        self.row = Some((start, row));
        groups.pop().ok_or_else(missing)
    }
}
