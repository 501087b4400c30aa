//! The series of one day: sealed ones in its file, all others in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::base::error::Result;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::index::{Index, SeriesRef};
use crate::engines::metrics::sealed_index::SealedView;
use crate::engines::metrics::tombstones::Tombstones;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;

/// Where the series of a day are, and which of them have nothing left.
pub(super) struct DaySeries {
    sealed: Option<SealedView>,
    /// Numbers below are sealed.
    end_of_sealed: SeriesRef,
    /// `None` when all are sealed.
    index: Option<Arc<RwLock<Index>>>,
    deleted: Arc<Tombstones>,
}

impl DaySeries {
    /// Joins the sealed series, whose numbers are below `end_of_sealed`, and the others.
    pub(super) fn new(
        sealed: Option<SealedView>,
        end_of_sealed: SeriesRef,
        index: Option<Arc<RwLock<Index>>>,
        deleted: Arc<Tombstones>,
    ) -> Self {
        DaySeries { sealed, end_of_sealed, index, deleted }
    }

    /// Returns the series that fulfil one whole set, or every series when there is no set, and have
    /// something left.
    ///
    /// # Errors
    /// `Internal` from the container; what is damaged is noted and left out; likewise below.
    pub(super) fn matching_any(
        &self,
        match_sets: &[Vec<Matcher>],
        damage: &mut Damage,
    ) -> Result<RoaringBitmap> {
        let mut found = match &self.sealed {
            Some(sealed) => sealed.matching_any(match_sets, damage)?,
            None => RoaringBitmap::new(),
        };
        if let Some(index) = &self.index {
            found.extend(index.read().matching_any(match_sets));
        }
        for series in self.deleted.gone() {
            found.remove(*series);
        }
        Ok(found)
    }

    /// Shows the labels of series, rising.
    pub(super) fn labels(
        &self,
        series: &RoaringBitmap,
        damage: &mut Damage,
        mut see: impl FnMut(SeriesRef, &Labels),
    ) -> Result<()> {
        if let Some(sealed) = &self.sealed {
            let own = self.sealed_of(series);
            sealed.labels(&own, damage, |series, labels| see(series, &labels))?;
        }
        if let Some(index) = &self.index {
            let index = index.read();
            let own = series.range(self.end_of_sealed..);
            own.for_each(|series| see(series, index.labels(series)));
        }
        Ok(())
    }

    /// Adds the names of the labels of some series, `None` meaning all of them.
    pub(super) fn names(
        &self,
        asked: Option<&RoaringBitmap>,
        damage: &mut Damage,
        names: &mut BTreeSet<String>,
    ) -> Result<()> {
        let left = self.left(asked, damage)?;
        let asked = asked.or(left.as_ref());
        if let Some(sealed) = &self.sealed {
            let own = asked.map(|asked| self.sealed_of(asked));
            names.extend(sealed.names(own.as_ref(), damage)?);
        }
        if let Some(index) = &self.index {
            let own = asked.map(|asked| asked.range(self.end_of_sealed..).collect());
            add_names(&index.read(), own.as_ref(), names);
        }
        Ok(())
    }

    /// Adds the values that a label has in some series, `None` meaning all of them.
    pub(super) fn values(
        &self,
        name: &str,
        asked: Option<&RoaringBitmap>,
        damage: &mut Damage,
        values: &mut BTreeSet<String>,
    ) -> Result<()> {
        let left = self.left(asked, damage)?;
        let asked = asked.or(left.as_ref());
        if let Some(sealed) = &self.sealed {
            let own = asked.map(|asked| self.sealed_of(asked));
            values.extend(sealed.values(name, own.as_ref(), damage)?);
        }
        if let Some(index) = &self.index {
            let own = asked.map(|asked| asked.range(self.end_of_sealed..).collect());
            add_values(&index.read(), name, own.as_ref(), values);
        }
        Ok(())
    }

    /// Returns what "all series" means where some have nothing left.
    fn left(
        &self,
        asked: Option<&RoaringBitmap>,
        damage: &mut Damage,
    ) -> Result<Option<RoaringBitmap>> {
        if asked.is_some() || self.deleted.gone().is_empty() {
            return Ok(None);
        }
        self.matching_any(&[], damage).map(Some)
    }

    fn sealed_of(&self, series: &RoaringBitmap) -> RoaringBitmap {
        let mut own = series.clone();
        own.remove_range(self.end_of_sealed..);
        own
    }
}

/// Adds the names of the labels of some series of an index, `None` meaning all of them.
pub(super) fn add_names(
    index: &Index,
    asked: Option<&RoaringBitmap>,
    names: &mut BTreeSet<String>,
) {
    match asked {
        None => index.names().for_each(|name| insert(names, name)),
        Some(asked) => {
            let labels = asked.iter().map(|series| index.labels(series));
            labels.flat_map(Labels::iter).for_each(|(name, _)| insert(names, name));
        }
    }
}

/// Adds the values that a label has in some series of an index, `None` meaning all of them.
pub(super) fn add_values(
    index: &Index,
    name: &str,
    asked: Option<&RoaringBitmap>,
    values: &mut BTreeSet<String>,
) {
    match asked {
        None => index.values(name).for_each(|value| insert(values, value)),
        Some(asked) => {
            let labels = asked.iter().map(|series| index.labels(series));
            labels.filter_map(|own| own.get(name)).for_each(|value| insert(values, value));
        }
    }
}

fn insert(texts: &mut BTreeSet<String>, text: &str) {
    if !texts.contains(text) {
        texts.insert(text.to_owned());
    }
}
