//! What the dictionaries and postings of a sealed day tell.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use fst::{IntoStreamer, Map, Streamer};
use roaring::RoaringBitmap;

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::Reader;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::matching::{Found, Terms};
use crate::engines::metrics::postings;
use crate::engines::metrics::sealed_index::automaton::Walk;
use crate::engines::metrics::sealed_index::pages::PageReader;
use crate::engines::metrics::sealed_index::read::{GroupReader, SealedView};
use crate::engines::metrics::sealed_index::write::VERSION;
use crate::engines::metrics::sealed_index::{DICTIONARIES, Fault, Key, NAMES, NAMES_KEY, POSTINGS};
use crate::model::matcher::Matcher;
use crate::model::pattern::Shape;

type Dictionary = Map<Vec<u8>>;

/// The row of names.
pub(super) struct Names {
    series: SeriesRef,
    /// Sorted by text.
    names: Vec<Name>,
}

/// One label name.
struct Name {
    text: Box<str>,
    values: u64,
    postings: u64,
    dictionary: u64,
    dictionary_length: usize,
}

/// Reads terms for one question.
pub(super) struct SealedTerms<'v> {
    view: &'v SealedView,
    names: Arc<Names>,
    lists: RefCell<PageReader<'v>>,
}

impl<'v> SealedTerms<'v> {
    /// Opens what a view has.
    ///
    /// # Errors
    /// The row that is damaged, or cannot be read; likewise below.
    pub(super) fn open(view: &'v SealedView) -> std::result::Result<Self, Fault> {
        let names = view.cache.kept.get_or_read(Key::Names { file: view.file }, || {
            let row = view.snapshot.get(NAMES, NAMES_KEY);
            let missing = || Error::corrupt("the names of a sealed day are missing");
            let row = row.and_then(|row| row.ok_or_else(missing));
            let read = row.and_then(|row| Ok((read_names(&row)?, row.len() * 2)));
            read.map_err(|error| Fault::new(NAMES, NAMES_KEY, error))
        })?;
        let lists = PageReader::new(&view.snapshot, &view.cache, view.file, POSTINGS);
        Ok(SealedTerms { view, names, lists: RefCell::new(lists) })
    }

    /// Returns the names that some series have, `None` meaning all of them.
    pub(super) fn names_of(
        &self,
        asked: Option<&RoaringBitmap>,
    ) -> std::result::Result<BTreeSet<String>, Fault> {
        let mut found = BTreeSet::new();
        for name in &self.names.names {
            if asked.is_none() || self.meets(name.postings, asked)? {
                found.insert(name.text.to_string());
            }
        }
        Ok(found)
    }

    /// Returns the values of a label in some series, `None` meaning all of them.
    pub(super) fn values_of(
        &self,
        name: &str,
        asked: Option<&RoaringBitmap>,
    ) -> std::result::Result<BTreeSet<String>, Fault> {
        let mut found = BTreeSet::new();
        let Some(name) = self.name(name) else { return Ok(found) };
        let dictionary = self.dictionary(name)?;
        let mut values = dictionary.stream();
        while let Some((value, place)) = values.next() {
            if asked.is_none() || self.meets(place, asked)? {
                found.insert(String::from_utf8_lossy(value).into_owned());
            }
        }
        Ok(found)
    }

    /// Returns whether there are fewer of some series than values of a label.
    pub(super) fn has_fewer(&self, asked: &RoaringBitmap, name: &str) -> bool {
        self.name(name).is_some_and(|name| asked.len() < name.values)
    }

    fn meets(&self, place: u64, asked: Option<&RoaringBitmap>) -> std::result::Result<bool, Fault> {
        let Some(asked) = asked else { return Ok(true) };
        self.lists.borrow_mut().list(place, |bytes| {
            let mut few = Vec::new();
            let many = postings::read(bytes, &mut few)?;
            let meets_many = many.is_some_and(|many| !many.is_disjoint(asked));
            Ok(meets_many || few.iter().any(|series| asked.contains(*series)))
        })
    }

    fn name(&self, name: &str) -> Option<&Name> {
        let names = &self.names.names;
        let place = names.binary_search_by(|own| (*own.text).cmp(name)).ok()?;
        names.get(place)
    }

    fn dictionary(&self, name: &Name) -> std::result::Result<Arc<Dictionary>, Fault> {
        let view = self.view;
        let key = Key::Dictionary { file: view.file, name: name.text.clone() };
        view.cache.kept.get_or_read(key, || {
            let mut pages = PageReader::new(&view.snapshot, &view.cache, view.file, DICTIONARIES);
            let bytes = pages.bytes(name.dictionary, name.dictionary_length)?;
            let read = fst::raw::Fst::new(bytes).and_then(|fst| fst.verify().map(|()| fst));
            let damaged = |error| Error::corrupt(format!("a dictionary of values: {error}"));
            let fst = read.map_err(damaged);
            let fst = fst.map_err(|error| Fault::new(NAMES, name.text.as_bytes(), error))?;
            Ok((Map::from(fst), name.dictionary_length))
        })
    }

    /// Returns the place of the postings of a value.
    fn place(&self, name: &str, value: &str) -> std::result::Result<Option<u64>, Fault> {
        let Some(name) = self.name(name) else { return Ok(None) };
        Ok(self.dictionary(name)?.get(value))
    }

    fn add(&self, place: u64, found: &mut Found<'_>) -> std::result::Result<(), Fault> {
        self.lists.borrow_mut().list(place, |bytes| found.add_bytes(bytes))
    }

    fn count(&self, place: u64) -> std::result::Result<u64, Fault> {
        self.lists.borrow_mut().list(place, postings::read_count)
    }

    fn search(
        &self,
        name: &Name,
        matcher: &Matcher,
        prefix: &str,
    ) -> std::result::Result<RoaringBitmap, Fault> {
        let dictionary = self.dictionary(name)?;
        let mut found = Found::default();
        if let Some(walk) = self.walk(matcher).as_deref().and_then(Option::as_ref) {
            let mut hits = dictionary.search(walk).into_stream();
            while let Some((_, place)) = hits.next() {
                self.add(place, &mut found)?;
            }
            return Ok(found.union());
        }
        let mut values = dictionary.range().ge(prefix).into_stream();
        while let Some((value, place)) = values.next() {
            if !value.starts_with(prefix.as_bytes()) {
                break;
            }
            if std::str::from_utf8(value).is_ok_and(|value| matcher.hits(value)) {
                self.add(place, &mut found)?;
            }
        }
        Ok(found.union())
    }

    /// Returns the automaton of a matcher for which one is worth its price.
    fn walk(&self, matcher: &Matcher) -> Option<Arc<Option<Walk>>> {
        match matcher.pattern()?.shape() {
            Shape::Regex { .. } => {}
            Shape::Texts(_)
            | Shape::Anything
            | Shape::NonEmpty
            | Shape::StartsWith(_)
            | Shape::EndsWith(_)
            | Shape::Contains(_) => return None,
        }
        let key = Key::Automaton { pattern: matcher.value.as_str().into() };
        let built = self.view.cache.kept.get_or_read(key, || {
            let walk = Walk::new(&matcher.value);
            let bytes = walk.as_ref().map_or(0, Walk::bytes);
            Ok::<_, std::convert::Infallible>((walk, bytes))
        });
        built.ok()
    }
}

fn read_names(row: &[u8]) -> Result<Names> {
    let mut bytes = Reader::new(row);
    let version = bytes.byte()?;
    if version != VERSION {
        return Err(Error::unsupported(format!("series index of version {version}")));
    }
    let series = bytes.count(SeriesRef::MAX as usize)? as SeriesRef;
    let mut names: Vec<Name> = Vec::new();
    for _ in 0..bytes.count(row.len())? {
        let name = Name {
            text: bytes.text()?.into(),
            values: bytes.varint()?,
            postings: bytes.varint()?,
            dictionary: bytes.varint()?,
            dictionary_length: usize::try_from(bytes.varint()?).unwrap_or(usize::MAX),
        };
        if names.last().is_some_and(|last| last.text >= name.text) {
            return Err(Error::corrupt("names of a sealed day are not sorted"));
        }
        names.push(name);
    }
    Ok(Names { series, names })
}

impl Terms for SealedTerms<'_> {
    type Fault = Fault;

    const FEW: u64 = 32;

    fn everything(&self) -> std::result::Result<RoaringBitmap, Fault> {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.names.series);
        Ok(all)
    }

    fn count_named(&self, name: &str) -> std::result::Result<u64, Fault> {
        self.name(name).map_or(Ok(0), |name| self.count(name.postings))
    }

    fn count_valued(&self, name: &str, value: &str) -> std::result::Result<u64, Fault> {
        self.place(name, value)?.map_or(Ok(0), |place| self.count(place))
    }

    fn named<'t>(&'t self, name: &str, found: &mut Found<'t>) -> std::result::Result<(), Fault> {
        self.name(name).map_or(Ok(()), |name| self.add(name.postings, found))
    }

    fn valued<'t>(
        &'t self,
        name: &str,
        value: &str,
        found: &mut Found<'t>,
    ) -> std::result::Result<(), Fault> {
        self.place(name, value)?.map_or(Ok(()), |place| self.add(place, found))
    }

    fn searched<'t>(
        &'t self,
        matcher: &Matcher,
        prefix: &str,
        found: &mut Found<'t>,
    ) -> std::result::Result<(), Fault> {
        let Some(name) = self.name(&matcher.name) else { return Ok(()) };
        let key = Key::Search {
            file: self.view.file,
            name: name.text.clone(),
            pattern: matcher.value.as_str().into(),
        };
        let hits = self.view.cache.kept.get_or_read(key, || {
            let hits = self.search(name, matcher, prefix)?;
            let bytes = hits.serialized_size();
            Ok((hits, bytes))
        })?;
        found.share(hits);
        Ok(())
    }

    fn retain(
        &self,
        candidates: &mut RoaringBitmap,
        matcher: &Matcher,
    ) -> std::result::Result<(), Fault> {
        let mut labels = GroupReader::new(self.view, candidates);
        let mut right = RoaringBitmap::new();
        for series in candidates.iter() {
            if matcher.matches_labels(&labels.labels(series)?) {
                right.insert(series);
            }
        }
        *candidates = right;
        Ok(())
    }
}
