//! From memory into the day files: one transaction a day, newest day last.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::error::{Error, Result};
use crate::engines::kit::container::{Change, PAGE_SLACK, Snapshot};
use crate::engines::kit::log::Lsn;
use crate::engines::metrics::blob::Limit;
use crate::engines::metrics::codec::bytes::Reader;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::day::{
    CHUNKS, DayFile, EXEMPLARS, FAMILIES, FAMILIES_KEY, MARK_KEY, META, QUARANTINE, SERIES,
    blob_key, first_series, put_tombstones,
};
use crate::engines::metrics::entry::{put_points, read_points};
use crate::engines::metrics::head::{Head, HeadSeries, MAX_EXEMPLARS, add_exemplar};
use crate::engines::metrics::index::{Index, SeriesRef};
use crate::engines::metrics::mark::Mark;
use crate::engines::metrics::record::{put_exemplars, put_metadata, read_exemplars};
use crate::engines::metrics::series_block;
use crate::engines::metrics::tombstones::Tombstones;
use crate::engines::metrics::window::{Joined, Rewrite, Window, rewrite};
use crate::model::batch::MetricMetadata;
use crate::model::exemplar::Exemplar;
use crate::model::time::{Day, TimeRange, TimestampMs};

/// A blob and its checksum just fit a page of 32 KiB of the container, which then wastes nothing.
const BLOB_BYTES: usize = (32 << 10) - PAGE_SLACK - 4;

/// Returns the size of the blobs of windows.
pub(super) fn window_limit() -> Limit {
    Limit(BLOB_BYTES)
}

/// Which series of a head have something for a window.
#[derive(Default)]
pub(super) struct DayPlan {
    points: BTreeMap<Window, Vec<SeriesRef>>,
    exemplars: BTreeMap<Window, Vec<SeriesRef>>,
}

impl DayPlan {
    fn is_empty(&self) -> bool {
        self.points.is_empty() && self.exemplars.is_empty()
    }
}

/// Finds out which days and windows a head touches.
///
/// # Errors
/// `Corrupt` when a chunk in memory does not decode, which is a fault of the codec.
pub(super) fn plan(head: &Head) -> Result<BTreeMap<Day, DayPlan>> {
    let mut days: BTreeMap<Day, DayPlan> = BTreeMap::new();
    for series in 0..head.index().len() as SeriesRef {
        let own = head.points(series);
        let mut windows = BTreeSet::new();
        own.windows(&mut windows)?;
        for window in windows {
            days.entry(window.day).or_default().points.entry(window).or_default().push(series);
        }
        let windows: BTreeSet<_> =
            own.exemplars().iter().map(|one| Window::of(one.timestamp.0)).collect();
        for window in windows {
            days.entry(window.day).or_default().exemplars.entry(window).or_default().push(series);
        }
    }
    Ok(days)
}

/// What a flush says of the log and of the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// Everything up to here is in the head that is flushed, or in files already.
    pub(super) lsn: Lsn,
    /// The newest point of the store, `i64::MIN` when there is none.
    pub(super) newest: i64,
}

/// Writes what a head holds of one day, in one transaction.
///
/// `last` says that all other days are written: then everything up to the flush's LSN is complete.
///
/// # Errors
/// `Unavailable` when the disk refuses; `Internal` and `Corrupt` from the container. Then the file
/// holds what it held before.
pub(super) fn write_day(
    file: &DayFile,
    head: &Head,
    plan: &DayPlan,
    progress: Progress,
    last: Option<&[MetricMetadata]>,
    damage: &mut Damage,
) -> Result<()> {
    let index = file.index(damage)?;
    let local = local_refs(head, plan, file, &mut index.write(), damage)?;
    let mut mark = Mark { flushed: progress.lsn, ..file.mark() };
    if last.is_some() {
        mark.complete = progress.lsn;
        mark.newest = progress.newest;
    }
    mark.changed |= mark.sealed.is_some() && !plan.is_empty();
    let mut tombstones = Tombstones::clone(&file.tombstones());
    let mut revived = false;
    local.values().for_each(|series| revived |= tombstones.revive(*series));
    let known = mark.series;
    let before = file.container().snapshot()?;
    file.container().write(|change| {
        mark.series = write_series(change, &index.read(), known)?;
        for (window, series) in &plan.points {
            let new = of_window(series, &local);
            let changed = rewrite(
                blobs(&before, CHUNKS, *window, damage)?,
                new,
                window_limit(),
                |old, from| join_points(old, head.points(from), *window, &mut mark),
            );
            apply(change, CHUNKS, *window, changed, damage)?;
        }
        for (window, series) in &plan.exemplars {
            let new = of_window(series, &local);
            let changed = rewrite(
                blobs(&before, EXEMPLARS, *window, damage)?,
                new,
                window_limit(),
                |old, from| join_exemplars(old, head.points(from).exemplars(), *window),
            );
            apply(change, EXEMPLARS, *window, changed, damage)?;
        }
        if let Some(families) = last {
            let mut row = Vec::new();
            put_metadata(families, &mut row);
            change.put(FAMILIES, FAMILIES_KEY, &row)?;
        }
        if revived {
            put_tombstones(change, &tombstones)?;
        }
        change.put(META, MARK_KEY, &mark.encode())
    })?;
    file.set_mark(mark);
    if revived {
        file.set_tombstones(tombstones);
    }
    Ok(())
}

/// Returns the number in the day's file of every series of the head that the plan names. New series
/// get theirs in the order of their labels, so that what is read together lies together.
fn local_refs(
    head: &Head,
    plan: &DayPlan,
    file: &DayFile,
    index: &mut Index,
    damage: &mut Damage,
) -> Result<BTreeMap<SeriesRef, SeriesRef>> {
    let named: BTreeSet<_> =
        plan.points.values().chain(plan.exemplars.values()).flatten().collect();
    let mut named: Vec<_> =
        named.into_iter().map(|series| (head.index().labels(*series), *series)).collect();
    named.sort();
    let labels: Vec<_> = named.iter().map(|(labels, _)| *labels).collect();
    let sealed = file.sealed_numbers(&labels, damage)?;
    let mut local = BTreeMap::new();
    for ((labels, series), sealed) in named.into_iter().zip(sealed) {
        let known = sealed.or_else(|| index.get(labels)).or_else(|| index.add(labels));
        let full = || Error::internal("a day file has no numbers left for new series");
        local.insert(series, known.ok_or_else(full)?);
    }
    Ok(local)
}

/// Returns series of the head by their number in the day's file.
fn of_window(
    series: &[SeriesRef],
    local: &BTreeMap<SeriesRef, SeriesRef>,
) -> BTreeMap<SeriesRef, SeriesRef> {
    series.iter().filter_map(|from| Some((*local.get(from)?, *from))).collect()
}

/// Writes the series from number `known` on and returns how many there are now.
fn write_series(change: &mut Change<'_>, index: &Index, known: SeriesRef) -> Result<SeriesRef> {
    let mut first = known;
    for block in index.since(known).chunks(series_block::MAX_BLOCK_SERIES) {
        change.put(SERIES, &first.to_be_bytes(), &series_block::encode(block)?)?;
        first += block.len() as SeriesRef;
    }
    Ok(first)
}

/// Returns the points of one series in one window, those in the file first.
fn join_points(old: Option<&[u8]>, new: &HeadSeries, window: Window, mark: &mut Mark) -> Joined {
    let all = TimeRange::<TimestampMs>::ALL;
    let old = old.map(|entry| read_points(entry, all));
    let damaged = matches!(old, Some(Err(_)));
    let mut points = old.and_then(Result::ok).unwrap_or_default();
    // Chunks in memory decoded when the flush was planned.
    let fresh = new.within(window.range()).unwrap_or_default();
    points.add(fresh);
    if let Some(bounds) = points.bounds() {
        mark.include(bounds);
    }
    Joined { entry: put_points(&points), damaged }
}

/// Returns the exemplars of one series in one window, old and new.
fn join_exemplars(old: Option<&[u8]>, new: &[Exemplar], window: Window) -> Joined {
    let old = old.map(|entry| read_exemplars(&mut Reader::new(entry)));
    let damaged = matches!(old, Some(Err(_)));
    let mut exemplars = old.and_then(Result::ok).unwrap_or_default();
    for exemplar in new.iter().filter(|one| window.range().contains(one.timestamp)) {
        add_exemplar(&mut exemplars, exemplar);
    }
    let surplus = exemplars.len().saturating_sub(MAX_EXEMPLARS);
    exemplars.drain(..surplus);
    let mut entry = Vec::new();
    put_exemplars(&exemplars, &mut entry);
    Joined { entry, damaged }
}

/// Returns the blobs of a window; a damaged one comes without its bytes.
///
/// # Errors
/// `Corrupt` when the structure of the file hides some of them.
pub(super) fn blobs(
    before: &Snapshot,
    table: &'static str,
    window: Window,
    damage: &mut Damage,
) -> Result<Vec<(SeriesRef, Vec<u8>)>> {
    let mut found = Vec::new();
    for (key, bytes) in before.scan(table, &[window.number], Some(&[window.number + 1]))? {
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) if key.is_empty() => return Err(error),
            Err(error) => {
                damage.note(window.day, table, &key, &error)?;
                Vec::new()
            }
        };
        found.push((first_series(&key)?, bytes));
    }
    Ok(found)
}

/// Puts the new blobs of a window in place of the old ones, and damaged ones aside.
pub(super) fn apply(
    change: &mut Change<'_>,
    table: &'static str,
    window: Window,
    changed: Rewrite,
    damage: &mut Damage,
) -> Result<()> {
    for (first, bytes) in changed.damaged {
        let key = blob_key(window, first);
        let error = Error::corrupt("a packed blob does not hold what its directory says");
        damage.note(window.day, table, &key, &error)?;
        change.put(QUARANTINE, &[table.as_bytes(), &key].concat(), &bytes)?;
    }
    for first in changed.removed {
        change.delete(table, &blob_key(window, first))?;
    }
    for (first, bytes) in changed.written {
        change.put(table, &blob_key(window, first), &bytes)?;
    }
    Ok(())
}
