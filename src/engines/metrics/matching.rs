//! From matchers to series, whatever holds the label dictionaries.
//!
//! Every matcher says either that the value must be a hit, or that it must not be one. Hits are
//! found by the cheapest way that the pattern's shape allows: exact texts, a prefix, a search. A
//! series without the label has the empty value; so a matcher that the empty value fulfils takes
//! away the series with wrong values, and every other one keeps those with right ones.

use std::borrow::Cow;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::base::error as base;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::postings::{self, Postings};
use crate::model::matcher::Matcher;
use crate::model::pattern::Shape;

/// What label dictionaries tell. An empty value is never in them.
pub(super) trait Terms {
    /// What can go wrong when they are read.
    type Fault;

    /// Below this many candidates their labels are looked at instead of the dictionaries.
    const FEW: u64;

    /// Returns every series.
    fn everything(&self) -> Result<RoaringBitmap, Self::Fault>;

    /// Returns how many series have a label.
    fn count_named(&self, name: &str) -> Result<u64, Self::Fault>;

    /// Returns how many series have a label of a value.
    fn count_valued(&self, name: &str, value: &str) -> Result<u64, Self::Fault>;

    /// Adds the series that have a label.
    fn named<'t>(&'t self, name: &str, found: &mut Found<'t>) -> Result<(), Self::Fault>;

    /// Adds the series that have a label of a value.
    fn valued<'t>(
        &'t self,
        name: &str,
        value: &str,
        found: &mut Found<'t>,
    ) -> Result<(), Self::Fault>;

    /// Adds the series that have the label of a matcher with a value that is a hit and starts with
    /// `prefix`.
    fn searched<'t>(
        &'t self,
        matcher: &Matcher,
        prefix: &str,
        found: &mut Found<'t>,
    ) -> Result<(), Self::Fault>;

    /// Keeps the series whose labels fulfil a matcher.
    fn retain(&self, candidates: &mut RoaringBitmap, matcher: &Matcher) -> Result<(), Self::Fault>;
}

/// The union of postings, not joined yet.
#[derive(Default)]
pub(super) struct Found<'t> {
    few: Vec<SeriesRef>,
    many: Vec<Many<'t>>,
}

enum Many<'t> {
    Lent(Cow<'t, RoaringBitmap>),
    Shared(Arc<RoaringBitmap>),
}

impl Many<'_> {
    fn bitmap(&self) -> &RoaringBitmap {
        match self {
            Many::Lent(bitmap) => bitmap,
            Many::Shared(bitmap) => bitmap,
        }
    }
}

impl<'t> Found<'t> {
    /// Adds a list.
    pub(super) fn add(&mut self, postings: &'t Postings) {
        match postings {
            Postings::Few(count, few) => self.few.extend(&few[..usize::from(*count)]),
            Postings::Packed(packed) => self.few.extend(packed.iter()),
            Postings::Many(many) => self.lend(many),
        }
    }

    /// Adds a list from its bytes.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are no list.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) -> base::Result<()> {
        if let Some(many) = postings::read(bytes, &mut self.few)? {
            self.own(many);
        }
        Ok(())
    }

    /// Adds a bitmap that outlives the search.
    pub(super) fn lend(&mut self, bitmap: &'t RoaringBitmap) {
        self.many.push(Many::Lent(Cow::Borrowed(bitmap)));
    }

    /// Adds a bitmap that others keep too.
    pub(super) fn share(&mut self, bitmap: Arc<RoaringBitmap>) {
        self.many.push(Many::Shared(bitmap));
    }

    /// Adds a bitmap of this search.
    pub(super) fn own(&mut self, bitmap: RoaringBitmap) {
        self.many.push(Many::Lent(Cow::Owned(bitmap)));
    }

    /// Joins everything.
    pub(super) fn union(mut self) -> RoaringBitmap {
        self.gather();
        let mut parts = self.many.into_iter();
        let mut all = match parts.next() {
            Some(Many::Lent(bitmap)) => bitmap.into_owned(),
            Some(Many::Shared(bitmap)) => RoaringBitmap::clone(&bitmap),
            None => return RoaringBitmap::new(),
        };
        parts.for_each(|part| all |= part.bitmap());
        all
    }

    /// Returns what of `candidates` is in here.
    fn kept_of(mut self, candidates: &RoaringBitmap) -> RoaringBitmap {
        self.gather();
        let mut kept = RoaringBitmap::new();
        self.many.iter().for_each(|part| kept |= candidates & part.bitmap());
        kept
    }

    /// Takes what is in here away from `candidates`.
    fn taken_from(mut self, candidates: &mut RoaringBitmap) {
        self.gather();
        self.many.iter().for_each(|part| *candidates -= part.bitmap());
    }

    fn gather(&mut self) {
        if self.few.is_empty() {
            return;
        }
        let mut few = std::mem::take(&mut self.few);
        few.sort_unstable();
        few.dedup();
        self.own(few.into_iter().collect());
    }
}

/// Returns the series that fulfil one whole set, or every series when there is no set.
///
/// # Errors
/// Those of the dictionaries; likewise below.
pub(super) fn matching_any<T: Terms>(
    terms: &T,
    match_sets: &[Vec<Matcher>],
) -> Result<RoaringBitmap, T::Fault> {
    if match_sets.is_empty() {
        return terms.everything();
    }
    let mut any = RoaringBitmap::new();
    for matchers in match_sets {
        any |= matching(terms, matchers)?;
    }
    Ok(any)
}

/// Returns the series that fulfil every matcher.
pub(super) fn matching<T: Terms>(
    terms: &T,
    matchers: &[Matcher],
) -> Result<RoaringBitmap, T::Fault> {
    let mut steps = Vec::with_capacity(matchers.len());
    for matcher in matchers {
        if let Some(step) = Step::of(terms, matcher)? {
            steps.push(step);
        }
    }
    steps.sort_by_key(|step| (step.takes_away, step.cost));
    let mut steps = steps.into_iter();
    let mut candidates = match steps.as_slice().first() {
        Some(first) if !first.takes_away => {
            let found = hits_or_rest(terms, first)?.union();
            steps.next();
            found
        }
        _ => terms.everything()?,
    };
    for step in steps {
        if candidates.is_empty() {
            break;
        }
        if candidates.len() <= T::FEW {
            terms.retain(&mut candidates, step.matcher)?;
        } else if step.takes_away {
            hits_or_rest(terms, &step)?.taken_from(&mut candidates);
        } else {
            candidates = hits_or_rest(terms, &step)?.kept_of(&candidates);
        }
    }
    Ok(candidates)
}

/// What one matcher asks of the dictionaries.
struct Step<'m> {
    matcher: &'m Matcher,
    /// Whether the series that are found do not fulfil the matcher; else only they do.
    takes_away: bool,
    /// Whether the hits are to be found, or the values that are none.
    hits: bool,
    /// How many series it may find, as far as that is cheap to know.
    cost: u64,
}

impl<'m> Step<'m> {
    /// Plans a matcher; `None` when everything fulfils it.
    fn of<T: Terms>(terms: &T, matcher: &'m Matcher) -> Result<Option<Self>, T::Fault> {
        let takes_away = matcher.matches_absent();
        let hits = matcher.is_negative() == takes_away;
        if takes_away && !hits && matches!(shape(matcher), Some(Shape::Anything)) {
            return Ok(None);
        }
        let name = &matcher.name;
        let mut cost = 0;
        match matcher.texts() {
            Some(texts) if hits => {
                for text in texts.iter().filter(|text| !text.is_empty()) {
                    cost += terms.count_valued(name, text)?;
                }
            }
            _ => cost = terms.count_named(name)?,
        }
        Ok(Some(Step { matcher, takes_away, hits, cost }))
    }
}

fn shape(matcher: &Matcher) -> Option<&Shape> {
    matcher.pattern().map(|pattern| pattern.shape())
}

/// Finds the hits of a step, or the series with the label that are none.
fn hits_or_rest<'t, T: Terms>(terms: &'t T, step: &Step<'_>) -> Result<Found<'t>, T::Fault> {
    let mut found = Found::default();
    if step.hits {
        hits(terms, step.matcher, &mut found)?;
        return Ok(found);
    }
    let mut wrong = Found::default();
    hits(terms, step.matcher, &mut wrong)?;
    terms.named(&step.matcher.name, &mut found)?;
    if wrong.few.is_empty() && wrong.many.is_empty() {
        return Ok(found);
    }
    let mut rest = found.union();
    wrong.taken_from(&mut rest);
    let mut found = Found::default();
    found.own(rest);
    Ok(found)
}

fn hits<'t, T: Terms>(
    terms: &'t T,
    matcher: &Matcher,
    found: &mut Found<'t>,
) -> Result<(), T::Fault> {
    let name = &matcher.name;
    if let Some(texts) = matcher.texts() {
        for text in texts.iter().filter(|text| !text.is_empty()) {
            terms.valued(name, text, found)?;
        }
        return Ok(());
    }
    match shape(matcher) {
        Some(Shape::Anything | Shape::NonEmpty) => terms.named(name, found),
        Some(Shape::StartsWith(prefix) | Shape::Regex { prefix }) => {
            terms.searched(matcher, prefix, found)
        }
        Some(Shape::EndsWith(_) | Shape::Contains(_) | Shape::Texts(_)) | None => {
            terms.searched(matcher, "", found)
        }
    }
}
