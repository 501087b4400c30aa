//! Label names, values, series and exemplars over all places.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;

use crate::base::error::Result;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::day_series::{DaySeries, add_names, add_values};
use crate::engines::metrics::head::add_exemplar;
use crate::engines::metrics::index::Index;
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
    mut damage: Damage,
) -> Result<Cut<String>> {
    let mut names = BTreeSet::new();
    each_day(places, query, &mut damage, |series, asked, damage| {
        series.names(asked, damage, &mut names)
    })?;
    each_head(places, query, |index, asked| add_names(index, Some(asked), &mut names));
    Ok(cut(names, query.limit, &damage))
}

/// Returns the values of one label of the asked series.
pub(super) fn label_values(
    places: &Places,
    name: &str,
    query: &LabelQuery,
    mut damage: Damage,
) -> Result<Cut<String>> {
    let mut values = BTreeSet::new();
    each_day(places, query, &mut damage, |series, asked, damage| {
        series.values(name, asked, damage, &mut values)
    })?;
    each_head(places, query, |index, asked| add_values(index, name, Some(asked), &mut values));
    Ok(cut(values, query.limit, &damage))
}

/// Returns the labels of the asked series.
pub(super) fn series(
    places: &Places,
    query: &LabelQuery,
    mut damage: Damage,
) -> Result<Cut<Labels>> {
    let mut found = BTreeSet::new();
    each_day(places, query, &mut damage, |series, asked, damage| {
        let all;
        let asked = match asked {
            Some(asked) => asked,
            None => {
                all = series.matching_any(&[], damage)?;
                &all
            }
        };
        series.labels(asked, damage, |_, labels| insert(&mut found, labels))
    })?;
    each_head(places, query, |index, asked| {
        asked.iter().for_each(|series| insert(&mut found, index.labels(series)));
    });
    Ok(cut(found, query.limit, &damage))
}

fn insert(found: &mut BTreeSet<Labels>, labels: &Labels) {
    if !found.contains(labels) {
        found.insert(labels.clone());
    }
}

fn cut<T>(items: BTreeSet<T>, limit: Option<usize>, damage: &Damage) -> Cut<T> {
    let mut cut = Cut::limited(items.into_iter().collect(), limit);
    cut.warnings = damage.warnings();
    cut
}

/// Shows every day with the asked series of it, `None` meaning all of them: files know times by
/// the day.
fn each_day(
    places: &Places,
    query: &LabelQuery,
    damage: &mut Damage,
    mut see: impl FnMut(&DaySeries, Option<&RoaringBitmap>, &mut Damage) -> Result<()>,
) -> Result<()> {
    if query.range.is_empty() {
        return Ok(());
    }
    for day in places.days(query.range) {
        let Some(view) = day.view(damage)? else { continue };
        let asked = match query.match_sets.is_empty() {
            true => None,
            false => Some(view.series().matching_any(&query.match_sets, damage)?),
        };
        see(view.series(), asked.as_ref(), damage)?;
    }
    Ok(())
}

/// Shows every head with the asked series of it: memory knows times by the series.
fn each_head(places: &Places, query: &LabelQuery, mut see: impl FnMut(&Index, &RoaringBitmap)) {
    if query.range.is_empty() {
        return;
    }
    for head in places.heads() {
        let head = head.read();
        let asked = head.index().matching_any(&query.match_sets).into_iter();
        let asked = asked.filter(|series| head.points(*series).overlaps(query.range));
        see(head.index(), &asked.collect());
    }
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
        let Some(view) = day.view(&mut damage)? else { continue };
        let asked = view.series().matching_any(match_sets, &mut damage)?;
        let mut own = Vec::new();
        for series in &asked {
            let exemplars = view.exemplars(series, range, &mut damage)?;
            if !exemplars.is_empty() {
                own.push((series, exemplars));
            }
        }
        let with: RoaringBitmap = own.iter().map(|(series, _)| *series).collect();
        let mut own = own.into_iter().peekable();
        view.series().labels(&with, &mut damage, |series, labels| {
            while own.next_if(|(other, _)| *other < series).is_some() {}
            if let Some((_, exemplars)) = own.next_if(|(other, _)| *other == series) {
                add(labels, &exemplars);
            }
        })?;
    }
    Ok(found.into_iter().map(|(labels, exemplars)| SeriesExemplars { labels, exemplars }).collect())
}
