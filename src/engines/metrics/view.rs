//! One day as it was when a reader came: the sealed tables first, then the windows.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::engines::kit::container::Snapshot;
use crate::engines::metrics::aggregates::{self, HourAggregate};
use crate::engines::metrics::blob_cache::Kept;
use crate::engines::metrics::codec::bytes::Reader;
use crate::engines::metrics::codec::point::LastTimes;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::day::{
    AGGREGATES, CHUNKS, EXEMPLARS, SEALED, TIMES, blob_key, sealed_key,
};
use crate::engines::metrics::day_series::DaySeries;
use crate::engines::metrics::entry;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::mark::Mark;
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::near::{Near, Source};
use crate::engines::metrics::record::read_exemplars;
use crate::engines::metrics::sealed;
use crate::engines::metrics::times::{self, StreamRef};
use crate::engines::metrics::tombstones::Tombstones;
use crate::engines::metrics::window::Window;
use crate::model::exemplar::Exemplar;
use crate::model::time::{Day, TimeRange, TimestampMs};

/// Decoded streams of times that are kept.
const OPEN_STREAMS: usize = 16;

/// One day as it was when the view was opened.
pub(super) struct DayView {
    day: Day,
    snapshot: Snapshot,
    series: Arc<DaySeries>,
    tombstones: Arc<Tombstones>,
    mark: Mark,
    kept: Kept,
    sealed: Near,
    aggregates: Near,
    windows: [Near; 12],
    /// Of the entry that was read last in each window.
    times: [LastTimes; 12],
    streams: Streams,
}

impl DayView {
    /// Opens a view; `mark` is not newer than the snapshot.
    pub(super) fn new(
        day: Day,
        snapshot: Snapshot,
        series: Arc<DaySeries>,
        tombstones: Arc<Tombstones>,
        mark: Mark,
        kept: Kept,
    ) -> Self {
        DayView {
            day,
            snapshot,
            series,
            tombstones,
            mark,
            kept,
            sealed: Near::default(),
            aggregates: Near::default(),
            windows: Default::default(),
            times: Default::default(),
            streams: Streams::default(),
        }
    }

    /// Returns a view of the same moment, of which nothing was read yet.
    pub(super) fn twin(&self) -> Self {
        let (snapshot, series) = (self.snapshot.clone(), Arc::clone(&self.series));
        let (tombstones, kept) = (Arc::clone(&self.tombstones), self.kept.clone());
        DayView::new(self.day, snapshot, series, tombstones, self.mark, kept)
    }

    /// Returns the series of the day that have something left.
    pub(super) fn series(&self) -> &DaySeries {
        &self.series
    }

    /// Leaves alone what other readers are glad of, because much will be read.
    pub(super) fn reads_much(&mut self) {
        self.kept.forget();
    }

    /// Returns the day.
    pub(super) fn day(&self) -> Day {
        self.day
    }

    /// Returns how many blobs were read for points, and their bytes.
    pub(super) fn touched(&self) -> (u64, u64) {
        let near = self.windows.iter().chain([&self.sealed, &self.aggregates, &self.streams.near]);
        near.map(Near::touched).fold((0, 0), |sum, near| (sum.0 + near.0, sum.1 + near.1))
    }

    /// Returns the day's file at this moment.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Returns the points of a series inside `range`. What is damaged is noted and left out.
    ///
    /// # Errors
    /// `Internal` from the container.
    pub(super) fn points(
        &mut self,
        series: SeriesRef,
        range: TimeRange<TimestampMs>,
        damage: &mut Damage,
    ) -> Result<Points> {
        let mut points = Points::default();
        self.add_points(series, range, damage, &mut points)?;
        Ok(points)
    }

    /// Adds the points of a series inside `range` to those of earlier places. What is damaged is
    /// noted and left out.
    ///
    /// # Errors
    /// `Internal` from the container.
    pub(super) fn add_points(
        &mut self,
        series: SeriesRef,
        range: TimeRange<TimestampMs>,
        damage: &mut Damage,
        points: &mut Points,
    ) -> Result<()> {
        if self.mark.sealed.is_some_and(|sealed| series < sealed) {
            // The first points go where there is room for all that follow.
            let mut own =
                if points.is_empty() { std::mem::take(points) } else { Points::default() };
            self.sealed_points(series, range, damage, &mut own)?;
            points.add(own);
        }
        if self.mark.is_final() {
            return Ok(());
        }
        let mut left = Window::within(self.day, range).count();
        for window in Window::within(self.day, range) {
            let known = points.floats.len();
            left -= 1;
            let source =
                Source { snapshot: &self.snapshot, day: self.day, table: CHUNKS, kept: &self.kept };
            let place = usize::from(window.number);
            let key = |series| blob_key(window, series).to_vec();
            let near = &mut self.windows[place];
            let Some(entry) = near.entry(source, series, key, damage)? else { continue };
            if let Err(error) = entry::add_points(entry, range, &mut self.times[place], points) {
                damage.note(self.day, CHUNKS, &blob_key(window, series), &error)?;
            }
            // The windows of a day are mostly alike. Room that does for the next may do for all.
            let floats = &mut points.floats;
            let own = floats.len().saturating_sub(known);
            if floats.capacity() - floats.len() < own {
                floats.reserve_exact(own * left);
            }
        }
        Ok(())
    }

    fn sealed_points(
        &mut self,
        series: SeriesRef,
        range: TimeRange<TimestampMs>,
        damage: &mut Damage,
        points: &mut Points,
    ) -> Result<()> {
        let source =
            Source { snapshot: &self.snapshot, day: self.day, table: SEALED, kept: &self.kept };
        let key = |series| sealed_key(series).to_vec();
        let Some(entry) = self.sealed.entry(source, series, key, damage)? else {
            return Ok(());
        };
        let (snapshot, streams) = (&self.snapshot, &mut self.streams);
        let source = Source { snapshot, day: self.day, table: TIMES, kept: &self.kept };
        let stream = |stream| streams.get(source, stream, damage);
        match sealed::read_points(entry, range, stream, points) {
            Ok(()) => points.remove(self.tombstones.of(series)),
            Err(error) => damage.note(self.day, SEALED, &sealed_key(series), &error)?,
        }
        Ok(())
    }

    /// Returns the aggregates of a series' hours that share an instant with `range`; `None` when the
    /// points themselves have to be read: in a live day, after late points and deletions, and of a
    /// series that has histograms or starts.
    ///
    /// # Errors
    /// `Internal` from the container.
    pub(super) fn aggregates(
        &mut self,
        series: SeriesRef,
        range: TimeRange<TimestampMs>,
        damage: &mut Damage,
    ) -> Result<Option<Vec<HourAggregate>>> {
        if self.mark.sealed.is_none_or(|sealed| series >= sealed)
            || !self.tombstones.of(series).is_empty()
            || self.is_late(series, damage)?
        {
            return Ok(None);
        }
        let source =
            Source { snapshot: &self.snapshot, day: self.day, table: AGGREGATES, kept: &self.kept };
        let key = |series| sealed_key(series).to_vec();
        let Some(entry) = self.aggregates.entry(source, series, key, damage)? else {
            return Ok(None);
        };
        match aggregates::read(entry, self.day.range_ms().start) {
            Ok(mut hours) => {
                hours.retain(|own| {
                    TimeRange::new(own.first.timestamp, own.last.timestamp).overlaps(&range)
                });
                Ok(Some(hours))
            }
            Err(error) => {
                damage.note(self.day, AGGREGATES, &key(series), &error)?;
                Ok(None)
            }
        }
    }

    /// Returns whether points of a sealed series came later.
    fn is_late(&mut self, series: SeriesRef, damage: &mut Damage) -> Result<bool> {
        if self.mark.is_final() {
            return Ok(false);
        }
        for window in Window::within(self.day, self.day.range_ms()) {
            let source =
                Source { snapshot: &self.snapshot, day: self.day, table: CHUNKS, kept: &self.kept };
            let near = &mut self.windows[usize::from(window.number)];
            let key = |series| blob_key(window, series).to_vec();
            if near.entry(source, series, key, damage)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the exemplars of a series inside `range`. What is damaged is noted and left out.
    ///
    /// # Errors
    /// `Internal` from the container.
    pub(super) fn exemplars(
        &self,
        series: SeriesRef,
        range: TimeRange<TimestampMs>,
        damage: &mut Damage,
    ) -> Result<Vec<Exemplar>> {
        let mut found = Vec::new();
        for window in Window::within(self.day, range) {
            let source = Source {
                snapshot: &self.snapshot,
                day: self.day,
                table: EXEMPLARS,
                kept: &self.kept,
            };
            let key = |series| blob_key(window, series).to_vec();
            let Some((_, blob)) = source.blob_of(series, key, damage)? else { continue };
            let Some(entry) = blob.entry(series) else { continue };
            match read_exemplars(&mut Reader::new(entry)) {
                Ok(own) => {
                    found.extend(own.into_iter().filter(|one| range.contains(one.timestamp)))
                }
                Err(error) => damage.note(self.day, EXEMPLARS, &key(series), &error)?,
            }
        }
        Ok(found)
    }
}

/// The streams of times that were decoded.
#[derive(Default)]
struct Streams {
    near: Near,
    decoded: HashMap<StreamRef, Arc<Vec<i64>>>,
}

impl Streams {
    fn get(
        &mut self,
        source: Source<'_>,
        stream: StreamRef,
        damage: &mut Damage,
    ) -> Result<Arc<Vec<i64>>> {
        if let Some(times) = self.known(source, stream) {
            return Ok(times);
        }
        let row = self.row(source, stream, damage)?;
        let times = times::decode(&row, |whole| {
            if let Some(times) = self.known(source, whole) {
                return Ok(times);
            }
            let row = self.row(source, whole, damage)?;
            let nested = |_| Err(Error::corrupt("a part of a part of a stream of times"));
            times::decode(&row, nested).map(Arc::new)
        });
        let times = Arc::new(times?);
        source.kept.keep_stream(stream, &times);
        if self.decoded.len() >= OPEN_STREAMS {
            self.decoded.clear();
        }
        self.decoded.insert(stream, Arc::clone(&times));
        Ok(times)
    }

    fn known(&self, source: Source<'_>, stream: StreamRef) -> Option<Arc<Vec<i64>>> {
        self.decoded.get(&stream).cloned().or_else(|| source.kept.stream(stream))
    }

    fn row(
        &mut self,
        source: Source<'_>,
        stream: StreamRef,
        damage: &mut Damage,
    ) -> Result<Vec<u8>> {
        let key = |stream| sealed_key(stream).to_vec();
        let row = self.near.entry(source, stream, key, damage)?;
        row.map(<[u8]>::to_vec).ok_or_else(|| Error::corrupt("a stream of times is missing"))
    }
}
