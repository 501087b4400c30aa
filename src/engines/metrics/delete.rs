//! Deleting from one day: windows are rewritten, sealed tables get tombstones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::kit::container::Snapshot;
use crate::engines::metrics::blob::Blob;
use crate::engines::metrics::codec::bytes::Reader;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::day::{CHUNKS, DayFile, EXEMPLARS, MARK_KEY, META, put_tombstones};
use crate::engines::metrics::entry::{put_points, read_points};
use crate::engines::metrics::flush::{apply, blobs, window_limit};
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::mark::Mark;
use crate::engines::metrics::record::{put_exemplars, read_exemplars};
use crate::engines::metrics::tombstones::Tombstones;
use crate::engines::metrics::window::{Joined, Rewrite, Window, rewrite};
use crate::model::labels::Labels;
use crate::model::matcher::Matcher;
use crate::model::time::{TimeRange, TimestampMs};

/// What a deletion does to one series of a day.
struct Loss {
    /// Whether points go, not only exemplars.
    of_points: bool,
    /// Whether nothing is left.
    of_all: bool,
}

/// Deletes what lies inside `range` of the matching series of a day, in one transaction. Returns the
/// series that lost points.
///
/// # Errors
/// Those of the container; then nothing was deleted.
pub(super) fn delete_from_day(
    file: &Arc<DayFile>,
    match_sets: &[Vec<Matcher>],
    range: TimeRange<TimestampMs>,
    damage: &mut Damage,
) -> Result<Vec<Labels>> {
    let mark = file.mark();
    let mut tombstones = Tombstones::clone(&file.tombstones());
    let touched = touched(file, match_sets, range, damage)?;
    if touched.is_empty() {
        return Ok(Vec::new());
    }
    for (series, loss) in &touched {
        if mark.sealed.is_some_and(|sealed| *series < sealed) {
            tombstones.delete(*series, range);
        }
        if loss.of_all {
            tombstones.lose(*series);
        }
    }
    let mark = Mark { changed: true, ..mark };
    let series: BTreeSet<SeriesRef> = touched.keys().copied().collect();
    let before = file.container().snapshot()?;
    file.container().write(|change| {
        for window in Window::within(file.day(), range) {
            let changed = without_points(&before, window, &series, range, damage)?;
            apply(change, CHUNKS, window, changed, damage)?;
            let changed = without_exemplars(&before, window, &series, range, damage)?;
            apply(change, EXEMPLARS, window, changed, damage)?;
        }
        put_tombstones(change, &tombstones)?;
        change.put(META, MARK_KEY, &mark.encode())
    })?;
    file.set_mark(mark);
    file.set_tombstones(tombstones);
    let lost = touched.iter().filter(|(_, loss)| loss.of_points).map(|(series, _)| *series);
    let mut labels = Vec::new();
    let view = file.view(damage)?.ok_or_else(unreadable)?;
    view.series().labels(&lost.collect(), damage, |_, own| labels.push(own.clone()))?;
    Ok(labels)
}

fn unreadable() -> Error {
    Error::corrupt("the day's file cannot be read")
}

/// Returns what the matching series that have something inside `range` lose.
fn touched(
    file: &Arc<DayFile>,
    match_sets: &[Vec<Matcher>],
    range: TimeRange<TimestampMs>,
    damage: &mut Damage,
) -> Result<BTreeMap<SeriesRef, Loss>> {
    let all = TimeRange::<TimestampMs>::ALL;
    let mut view = file.view(damage)?.ok_or_else(unreadable)?;
    let matching = view.series().matching_any(match_sets, damage)?;
    let mut touched = BTreeMap::new();
    for series in matching {
        let mut points = view.points(series, all, damage)?;
        let mut exemplars = view.exemplars(series, all, damage)?;
        let (of_points, of_exemplars) = (points.len(), exemplars.len());
        points.remove(&[range]);
        exemplars.retain(|one| !range.contains(one.timestamp));
        let of_points = points.len() < of_points;
        if of_points || exemplars.len() < of_exemplars {
            let of_all = points.is_empty() && exemplars.is_empty();
            touched.insert(series, Loss { of_points, of_all });
        }
    }
    Ok(touched)
}

fn without_points(
    before: &Snapshot,
    window: Window,
    series: &BTreeSet<SeriesRef>,
    range: TimeRange<TimestampMs>,
    damage: &mut Damage,
) -> Result<Rewrite> {
    without(before, CHUNKS, window, series, damage, |entry| {
        let mut points = read_points(entry, TimeRange::<TimestampMs>::ALL)?;
        points.remove(&[range]);
        Ok(if points.is_empty() { Vec::new() } else { put_points(&points) })
    })
}

fn without_exemplars(
    before: &Snapshot,
    window: Window,
    series: &BTreeSet<SeriesRef>,
    range: TimeRange<TimestampMs>,
    damage: &mut Damage,
) -> Result<Rewrite> {
    without(before, EXEMPLARS, window, series, damage, |entry| {
        let mut exemplars = read_exemplars(&mut Reader::new(entry))?;
        exemplars.retain(|one| !range.contains(one.timestamp));
        let mut out = Vec::new();
        if !exemplars.is_empty() {
            put_exemplars(&exemplars, &mut out);
        }
        Ok(out)
    })
}

/// Returns the blobs of a window with `edit` done to the entries of some series; an entry that
/// becomes empty goes, and one that cannot be read too, whose blob is kept aside.
fn without(
    before: &Snapshot,
    table: &'static str,
    window: Window,
    series: &BTreeSet<SeriesRef>,
    damage: &mut Damage,
    edit: impl Fn(&[u8]) -> Result<Vec<u8>>,
) -> Result<Rewrite> {
    let mut old = Vec::new();
    let mut present = BTreeMap::new();
    for (first, bytes) in blobs(before, table, window, damage)? {
        let Ok(blob) = Blob::open(bytes.clone()) else { continue };
        let own = blob.entries().map(|(one, _)| one).filter(|one| series.contains(one));
        present.extend(own.map(|one| (one, ())));
        old.push((first, bytes));
    }
    Ok(rewrite(old, present, window_limit(), |old, ()| {
        let edited = old.map(&edit).transpose();
        let damaged = edited.is_err();
        Joined { entry: edited.ok().flatten().unwrap_or_default(), damaged }
    }))
}
