//! Where points are: the day files, the head that is being flushed, and the head.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::engines::kit::log::Lsn;
use crate::engines::metrics::day::DayFile;
use crate::engines::metrics::flush::Progress;
use crate::engines::metrics::head::Head;
use crate::model::time::{Day, TimeRange, TimestampMs};

/// The most series of day files that are kept in memory besides those of the newest two days.
const MAX_LOADED_SERIES: usize = 500_000;

/// All places in the order in which they win a timestamp. Cloning shares them: a clone sees every
/// point that was there when it was made, though not in which place.
#[derive(Clone, Default)]
pub(super) struct Places {
    days: BTreeMap<Day, Arc<DayFile>>,
    flushing: Option<Flushing>,
    active: Arc<RwLock<Head>>,
}

/// A head that takes no new batches and is on its way into files.
#[derive(Clone)]
pub(super) struct Flushing {
    pub(super) head: Arc<RwLock<Head>>,
    /// How far the log is in it, once the batches that came before the flush are applied.
    pub(super) progress: Option<Progress>,
}

impl Places {
    /// Starts with the files of some days.
    pub(super) fn new(days: impl IntoIterator<Item = DayFile>) -> Self {
        let days = days.into_iter().map(|file| (file.day(), Arc::new(file))).collect();
        Places { days, ..Places::default() }
    }

    /// Returns the head that takes points.
    pub(super) fn active(&self) -> &Arc<RwLock<Head>> {
        &self.active
    }

    /// Returns the head on its way into files.
    pub(super) fn flushing(&self) -> Option<&Flushing> {
        self.flushing.as_ref()
    }

    /// Returns the heads in the order in which they win.
    pub(super) fn heads(&self) -> impl Iterator<Item = &Arc<RwLock<Head>>> {
        self.flushing.iter().map(|flushing| &flushing.head).chain([&self.active])
    }

    /// Returns the files of days with points in `range`.
    pub(super) fn days(
        &self,
        range: TimeRange<TimestampMs>,
    ) -> impl Iterator<Item = &Arc<DayFile>> {
        self.days.values().filter(move |file| file.mark().bounds.overlaps(&range))
    }

    /// Returns the files of days that share an instant with `range`, with points or without.
    pub(super) fn days_around(
        &self,
        range: TimeRange<TimestampMs>,
    ) -> impl Iterator<Item = &Arc<DayFile>> {
        self.days.values().filter(move |file| file.day().range_ms().overlaps(&range))
    }

    /// Returns all files, oldest first.
    pub(super) fn all_days(&self) -> impl DoubleEndedIterator<Item = &Arc<DayFile>> {
        self.days.values()
    }

    /// Returns the file of a day.
    pub(super) fn day(&self, day: Day) -> Option<&Arc<DayFile>> {
        self.days.get(&day)
    }

    /// Returns whether a day's file is still this one.
    pub(super) fn holds(&self, file: &Arc<DayFile>) -> bool {
        self.days.get(&file.day()).is_some_and(|own| Arc::ptr_eq(own, file))
    }

    /// Adds the file of a day, in place of an older one.
    pub(super) fn add_day(&mut self, file: Arc<DayFile>) {
        self.days.insert(file.day(), file);
    }

    /// Forgets the file of a day; readers that have it keep it.
    pub(super) fn remove_day(&mut self, day: Day) {
        self.days.remove(&day);
    }

    /// Takes the head out of the way of new batches, whose records begin at `life`.
    pub(super) fn start_flush(&mut self, life: Lsn) {
        debug_assert!(self.flushing.is_none());
        let head = std::mem::take(&mut self.active);
        self.active.write().set_life(life);
        self.flushing = Some(Flushing { head, progress: None });
    }

    /// Tells that the head on its way into files gets no more points.
    pub(super) fn settle_flush(&mut self, progress: Progress) {
        if let Some(flushing) = &mut self.flushing {
            flushing.progress.get_or_insert(progress);
        }
    }

    /// Forgets the head that is in files now.
    pub(super) fn end_flush(&mut self) {
        self.flushing = None;
    }

    /// Gives series in memory away, oldest days first, until few enough are left.
    pub(super) fn trim(&self) {
        let mut left = 0;
        for (place, file) in self.days.values().rev().enumerate() {
            let loaded = file.loaded_series();
            if place >= 2 && left + loaded > MAX_LOADED_SERIES {
                file.unload_index();
            } else {
                left += loaded;
            }
        }
    }

    /// Gives the series of all days but the newest two away.
    pub(super) fn shed(&self) {
        self.days.values().rev().skip(2).for_each(|file| file.unload_index());
    }

    /// Returns the time of the oldest point.
    pub(super) fn oldest(&self) -> Option<TimestampMs> {
        let files = self.days.values().map(|file| file.mark().bounds);
        let files = files.filter(|bounds| !bounds.is_empty()).map(|bounds| bounds.start);
        let heads = self.heads().filter_map(|head| head.read().bounds()).map(|bounds| bounds.start);
        files.chain(heads).min()
    }
}
