//! Windows: the two hours of one day file that are packed together, and their rewriting.

use std::collections::BTreeMap;
use std::iter::Peekable;

use crate::engines::metrics::blob::{Blob, Limit, Packer};
use crate::engines::metrics::index::SeriesRef;
use crate::model::time::{Day, TimeRange, TimestampMs};

/// Milliseconds of one window.
pub(super) const WINDOW_MS: i64 = 2 * 3_600_000;

/// A window counted from the start of its UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Window {
    /// The day.
    pub(super) day: Day,
    /// 0 to 11.
    pub(super) number: u8,
}

impl Window {
    /// Returns the window that holds `at`.
    pub(super) fn of(at: i64) -> Self {
        let day = Day::of_ms(TimestampMs(at));
        let into_day = at.saturating_sub(day.range_ms().start.0);
        Window { day, number: into_day.div_euclid(WINDOW_MS).clamp(0, 11) as u8 }
    }

    /// Returns the milliseconds of this window.
    pub(super) fn range(self) -> TimeRange<TimestampMs> {
        let start = self.day.range_ms().start.0 + i64::from(self.number) * WINDOW_MS;
        TimeRange::new(TimestampMs(start), TimestampMs(start + WINDOW_MS - 1))
    }

    /// Returns the windows of a day that share an instant with `range`.
    pub(super) fn within(day: Day, range: TimeRange<TimestampMs>) -> impl Iterator<Item = Window> {
        let windows = (0..12).map(move |number| Window { day, number });
        windows.filter(move |window| window.range().overlaps(&range))
    }
}

/// The blobs of one window before and after a flush.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    /// First series of the blobs to remove.
    pub(super) removed: Vec<SeriesRef>,
    /// Removed blobs that hold damaged bytes, to be kept aside.
    pub(super) damaged: Vec<(SeriesRef, Vec<u8>)>,
    /// First series and bytes of the blobs to write, after the removal.
    pub(super) written: Vec<(SeriesRef, Vec<u8>)>,
}

/// An old and a new entry in one.
pub(super) struct Joined {
    /// The bytes of the entry; none when it goes.
    pub(super) entry: Vec<u8>,
    /// Whether the old entry could not be read and only the new one is in here.
    pub(super) damaged: bool,
}

/// Joins new entries into the blobs of a window. Blobs that no entry touches stay as they are.
///
/// `join` gets the old entry of a series, if there is one, and the new one.
pub(super) fn rewrite<T>(
    old: Vec<(SeriesRef, Vec<u8>)>,
    new: BTreeMap<SeriesRef, T>,
    limit: Limit,
    mut join: impl FnMut(Option<&[u8]>, T) -> Joined,
) -> Rewrite {
    let mut result = Rewrite::default();
    let mut packer = Packer::new(limit);
    let mut new = new.into_iter().peekable();
    let mut old = old.into_iter().peekable();
    while let Some((first, bytes)) = old.next() {
        let end = old.peek().map(|(first, _)| *first);
        // New series before the first blob of all go into it.
        let touched = new.peek().is_some_and(|(series, _)| end.is_none_or(|end| *series < end));
        if !touched {
            packer.close();
            continue;
        }
        result.removed.push(first);
        let blob = Blob::open(bytes.clone()).ok();
        let whole = join_blob(blob.as_ref(), &mut new, end, &mut packer, &mut join);
        if blob.is_none() || !whole {
            result.damaged.push((first, bytes));
        }
    }
    join_blob(None, &mut new, None, &mut packer, &mut join);
    result.written = packer.finish().into_iter().map(|blob| (blob.first, blob.bytes)).collect();
    result
}

/// Packs the entries of a blob and the new ones below `end`, rising by series. Returns whether all
/// old entries could be read.
fn join_blob<T>(
    blob: Option<&Blob>,
    new: &mut Peekable<impl Iterator<Item = (SeriesRef, T)>>,
    end: Option<SeriesRef>,
    packer: &mut Packer,
    join: &mut impl FnMut(Option<&[u8]>, T) -> Joined,
) -> bool {
    let mut whole = true;
    for (series, entry) in blob.into_iter().flat_map(Blob::entries) {
        while let Some((before, fresh)) = new.next_if(|(other, _)| *other < series) {
            packer.push(before, join(None, fresh).entry);
        }
        match new.next_if(|(other, _)| *other == series) {
            Some((_, fresh)) => {
                let joined = join(Some(entry), fresh);
                whole &= !joined.damaged;
                if !joined.entry.is_empty() {
                    packer.push(series, joined.entry);
                }
            }
            None => packer.push(series, entry.to_vec()),
        }
    }
    while let Some((series, fresh)) = new.next_if(|(other, _)| end.is_none_or(|end| *other < end)) {
        packer.push(series, join(None, fresh).entry);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(old: Option<&[u8]>, new: u8) -> Joined {
        let mut entry = old.unwrap_or_default().to_vec();
        entry.push(new);
        Joined { entry, damaged: false }
    }

    fn apply(blobs: &mut BTreeMap<SeriesRef, Vec<u8>>, rewrite: Rewrite) {
        for first in rewrite.removed {
            assert!(blobs.remove(&first).is_some());
        }
        for (first, bytes) in rewrite.written {
            assert!(blobs.insert(first, bytes).is_none(), "blobs overlap at {first}");
        }
    }

    fn content(blobs: &BTreeMap<SeriesRef, Vec<u8>>) -> Vec<(SeriesRef, Vec<u8>)> {
        let mut all = Vec::new();
        for bytes in blobs.values() {
            let blob = Blob::open(bytes.clone()).unwrap();
            all.extend(blob.entries().map(|(series, entry)| (series, entry.to_vec())));
        }
        all
    }

    #[test]
    fn rewriting_over_and_over_keeps_every_entry_in_order() {
        let mut blobs = BTreeMap::new();
        let mut wanted: BTreeMap<SeriesRef, Vec<u8>> = BTreeMap::new();
        for round in 0..50_u8 {
            let step = u32::from(round) % 7 + 1;
            let new: BTreeMap<_, _> =
                (0..60).map(|i| ((i * step * 5 + u32::from(round)) % 400, round)).collect();
            for series in new.keys() {
                wanted.entry(*series).or_default().push(round);
            }
            let old = blobs.clone().into_iter().collect();
            apply(&mut blobs, rewrite(old, new, Limit(200), append));
            assert_eq!(content(&blobs), wanted.clone().into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn untouched_blobs_stay_and_damaged_ones_are_kept_aside() {
        let mut blobs = BTreeMap::new();
        let all: BTreeMap<_, _> = (0..100).map(|series| (series, 1)).collect();
        apply(&mut blobs, rewrite(Vec::new(), all, Limit(200), append));
        let firsts: Vec<_> = blobs.keys().copied().collect();
        blobs.insert(firsts[1], vec![255]);
        let new = BTreeMap::from([(firsts[1] + 1, 2)]);
        let rewritten = rewrite(blobs.clone().into_iter().collect(), new, Limit(200), append);
        assert_eq!(rewritten.removed, [firsts[1]]);
        assert_eq!(rewritten.damaged, [(firsts[1], vec![255])]);
        assert_eq!(rewritten.written.len(), 1);
    }

    #[test]
    fn windows_cut_the_day_in_twelve() {
        let noon = 1_795_435_200_000;
        assert_eq!(Window::of(noon).number, 6);
        assert_eq!(Window::of(noon - 1).number, 5);
        assert_eq!(Window::of(-1), Window { day: Day(-1), number: 11 });
        for at in [noon, noon - 1, -1, 0] {
            assert!(Window::of(at).range().contains(TimestampMs(at)));
        }
        let range = TimeRange::new(TimestampMs(noon - 1), TimestampMs(noon));
        assert_eq!(Window::within(Day::of_ms(TimestampMs(noon)), range).count(), 2);
    }
}
