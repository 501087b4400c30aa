//! Label names, values, series and exemplars over all places.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::error::Result;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::head::add_exemplar;
use crate::engines::metrics::index::{Index, SeriesRef};
use crate::engines::metrics::places::Places;
use crate::model::cut::Cut;
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::series::{LabelQuery, SeriesExemplars};
use crate::model::time::{TimeRange, TimestampMs};

/// Returns the names of the labels of the asked series.
pub(super) fn label_names(
    places: &Places,
    query: &LabelQuery,
    damage: Damage,
) -> Result<Cut<String>> {
    let mut names = BTreeSet::new();
    let damage = visit(places, query, damage, |index, asked| match asked {
        None => index.names().for_each(|name| insert(&mut names, name)),
        Some(asked) => {
            let labels = asked.iter().map(|series| index.labels(*series));
            labels.flat_map(Labels::iter).for_each(|(name, _)| insert(&mut names, name));
        }
    })?;
    Ok(cut(names, query.limit, &damage))
}

/// Returns the values of one label of the asked series.
pub(super) fn label_values(
    places: &Places,
    name: &str,
    query: &LabelQuery,
    damage: Damage,
) -> Result<Cut<String>> {
    let mut values = BTreeSet::new();
    let damage = visit(places, query, damage, |index, asked| match asked {
        None => index.values(name).for_each(|value| insert(&mut values, value)),
        Some(asked) => {
            let labels = asked.iter().map(|series| index.labels(*series));
            labels
                .filter_map(|labels| labels.get(name))
                .for_each(|value| insert(&mut values, value));
        }
    })?;
    Ok(cut(values, query.limit, &damage))
}

/// Returns the labels of the asked series.
pub(super) fn series(places: &Places, query: &LabelQuery, damage: Damage) -> Result<Cut<Labels>> {
    let mut found = BTreeSet::new();
    let damage = visit(places, query, damage, |index, asked| {
        let everything = || index.matching_any(&[]);
        let asked = asked.map_or_else(everything, <[SeriesRef]>::to_vec);
        found.extend(asked.into_iter().map(|series| index.labels(series).clone()));
    })?;
    Ok(cut(found, query.limit, &damage))
}

fn insert(texts: &mut BTreeSet<String>, text: &str) {
    if !texts.contains(text) {
        texts.insert(text.to_owned());
    }
}

fn cut<T>(items: BTreeSet<T>, limit: Option<usize>, damage: &Damage) -> Cut<T> {
    let mut cut = Cut::limited(items.into_iter().collect(), limit);
    cut.warnings = damage.warnings();
    cut
}

/// Shows every place with the asked series in it, `None` meaning all of them. Files know times by
/// the day, memory by the series.
fn visit(
    places: &Places,
    query: &LabelQuery,
    mut damage: Damage,
    mut see: impl FnMut(&Index, Option<&[SeriesRef]>),
) -> Result<Damage> {
    if query.range.is_empty() {
        return Ok(damage);
    }
    for day in places.days(query.range) {
        let index = day.index(&mut damage)?;
        let index = index.read();
        let deleted = day.tombstones();
        let gone = deleted.gone();
        let some = !query.match_sets.is_empty() || !gone.is_empty();
        let mut asked = some.then(|| index.matching_any(&query.match_sets));
        if let Some(asked) = asked.as_mut().filter(|_| !gone.is_empty()) {
            asked.retain(|series| !gone.contains(series));
        }
        see(&index, asked.as_deref());
    }
    for head in places.heads() {
        let head = head.read();
        let mut asked = head.index().matching_any(&query.match_sets);
        asked.retain(|series| head.points(*series).overlaps(query.range));
        see(head.index(), Some(&asked));
    }
    Ok(damage)
}

/// Returns exemplars of the matching series, sorted by labels.
pub(super) fn exemplars(
    places: &Places,
    match_sets: &[Vec<Matcher>],
    range: TimeRange<TimestampMs>,
    mut damage: Damage,
) -> Result<Vec<SeriesExemplars>> {
    let mut found: BTreeMap<Labels, Vec<Exemplar>> = BTreeMap::new();
    let mut add = |labels: &Labels, new: &[Exemplar]| {
        let mut inside = new.iter().filter(|one| range.contains(one.timestamp)).peekable();
        if inside.peek().is_some() {
            let own = found.entry(labels.clone()).or_default();
            inside.for_each(|exemplar| add_exemplar(own, exemplar));
        }
    };
    for head in places.heads() {
        let head = head.read();
        for series in head.index().matching_any(match_sets) {
            add(head.index().labels(series), head.points(series).exemplars());
        }
    }
    for day in places.days_around(range) {
        let view = day.view(&mut damage)?;
        let index = view.index().read();
        for series in index.matching_any(match_sets) {
            add(index.labels(series), &view.exemplars(series, range, &mut damage)?);
        }
    }
    Ok(found.into_iter().map(|(labels, exemplars)| SeriesExemplars { labels, exemplars }).collect())
}
