//! One day as it was when a reader came: the sealed tables first, then the windows.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::container::Snapshot;
use crate::engines::metrics::aggregates::{self, HourAggregate};
use crate::engines::metrics::blob::Blob;
use crate::engines::metrics::codec::bytes::Reader;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::day::{
    AGGREGATES, CHUNKS, EXEMPLARS, SEALED, TIMES, blob_key, first_series, sealed_key,
};
use crate::engines::metrics::day_series::DaySeries;
use crate::engines::metrics::entry::read_points;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::mark::Mark;
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::record::read_exemplars;
use crate::engines::metrics::sealed;
use crate::engines::metrics::times::{self, StreamRef};
use crate::engines::metrics::tombstones::Tombstones;
use crate::engines::metrics::window::Window;
use crate::model::exemplar::Exemplar;
use crate::model::time::{Day, TimeRange, TimestampMs};

/// Blobs of one window that stay open, because series that are read one after the other came to
/// the day at different times.
const OPEN_BLOBS: usize = 2;

/// Decoded streams of times that are kept.
const OPEN_STREAMS: usize = 16;

/// One day as it was when the view was opened.
pub(super) struct DayView {
    day: Day,
    snapshot: Snapshot,
    series: DaySeries,
    tombstones: Arc<Tombstones>,
    mark: Mark,
    sealed: Near,
    aggregates: Near,
    windows: [Near; 12],
    streams: Streams,
}

impl DayView {
    /// Opens a view; `mark` is not newer than the snapshot.
    pub(super) fn new(
        day: Day,
        snapshot: Snapshot,
        series: DaySeries,
        tombstones: Arc<Tombstones>,
        mark: Mark,
    ) -> Self {
        DayView {
            day,
            snapshot,
            series,
            tombstones,
            mark,
            sealed: Near::default(),
            aggregates: Near::default(),
            windows: Default::default(),
            streams: Streams::default(),
        }
    }

    /// Returns the series of the day that have something left.
    pub(super) fn series(&self) -> &DaySeries {
        &self.series
    }

    /// Returns the day.
    pub(super) fn day(&self) -> Day {
        self.day
    }

    /// Returns how many blobs were read for points, and their bytes.
    pub(super) fn touched(&self) -> (u64, u64) {
        let near = self.windows.iter().chain([&self.sealed, &self.aggregates, &self.streams.near]);
        near.fold((0, 0), |(blobs, bytes), near| (blobs + near.blobs, bytes + near.bytes))
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
        if self.mark.sealed.is_some_and(|sealed| series < sealed) {
            points = self.sealed_points(series, range, damage)?;
        }
        if self.mark.is_final() {
            return Ok(points);
        }
        for window in Window::within(self.day, range) {
            let source = Source { snapshot: &self.snapshot, day: self.day, table: CHUNKS };
            let near = &mut self.windows[usize::from(window.number)];
            let key = |series| blob_key(window, series).to_vec();
            let Some(entry) = near.entry(source, series, key, damage)? else { continue };
            match read_points(entry, range) {
                Ok(found) => points.add(found),
                Err(error) => damage.note(self.day, CHUNKS, &blob_key(window, series), &error)?,
            }
        }
        Ok(points)
    }

    fn sealed_points(
        &mut self,
        series: SeriesRef,
        range: TimeRange<TimestampMs>,
        damage: &mut Damage,
    ) -> Result<Points> {
        let source = Source { snapshot: &self.snapshot, day: self.day, table: SEALED };
        let key = |series| sealed_key(series).to_vec();
        let Some(entry) = self.sealed.entry(source, series, key, damage)? else {
            return Ok(Points::default());
        };
        let (snapshot, streams) = (&self.snapshot, &mut self.streams);
        let source = Source { snapshot, day: self.day, table: TIMES };
        let read = sealed::read_points(entry, range, |stream| streams.get(source, stream, damage));
        match read {
            Ok(mut points) => {
                points.remove(self.tombstones.of(series));
                Ok(points)
            }
            Err(error) => {
                damage.note(self.day, SEALED, &sealed_key(series), &error)?;
                Ok(Points::default())
            }
        }
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
        let source = Source { snapshot: &self.snapshot, day: self.day, table: AGGREGATES };
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
            let source = Source { snapshot: &self.snapshot, day: self.day, table: CHUNKS };
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
            let source = Source { snapshot: &self.snapshot, day: self.day, table: EXEMPLARS };
            let key = |series| blob_key(window, series).to_vec();
            let Some((_, blob)) = source.blob(series, key, damage)? else { continue };
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

/// A table of packed blobs at one moment.
#[derive(Clone, Copy)]
struct Source<'a> {
    snapshot: &'a Snapshot,
    day: Day,
    table: &'static str,
}

impl Source<'_> {
    /// Reads the blob in which a series would be, with the first series its key names; `None` when no
    /// blob starts early enough, or it is damaged, which is noted.
    fn blob(
        self,
        series: SeriesRef,
        key: impl Fn(SeriesRef) -> Vec<u8>,
        damage: &mut Damage,
    ) -> Result<Option<(SeriesRef, Blob)>> {
        let row = self.snapshot.last_in(self.table, &key(0), &key(series))?;
        let Some((key, bytes)) = row else { return Ok(None) };
        let first = first_series(&key)?;
        match bytes.and_then(Blob::open) {
            Ok(blob) => Ok(Some((first, blob))),
            Err(error) if error.kind() == ErrorKind::Internal => Err(error),
            Err(error) => {
                damage.note(self.day, self.table, &key, &error)?;
                Ok(None)
            }
        }
    }
}

/// The blobs of one table that were read last, newest first, because the next series is mostly in
/// one of them too.
#[derive(Default)]
struct Near {
    open: VecDeque<(SeriesRef, Blob)>,
    /// How many were read, and their bytes.
    blobs: u64,
    bytes: u64,
}

impl Near {
    /// Returns the entry of a series, if it has one.
    fn entry(
        &mut self,
        source: Source<'_>,
        series: SeriesRef,
        key: impl Fn(SeriesRef) -> Vec<u8>,
        damage: &mut Damage,
    ) -> Result<Option<&[u8]>> {
        let holds = |(first, blob): &(SeriesRef, Blob)| {
            *first <= series && blob.last().is_some_and(|last| series <= last)
        };
        let place = match self.open.iter().position(holds) {
            Some(place) => place,
            None => {
                let Some(read) = source.blob(series, key, damage)? else { return Ok(None) };
                self.blobs += 1;
                self.bytes += read.1.len() as u64;
                self.open.truncate(OPEN_BLOBS - 1);
                self.open.push_front(read);
                0
            }
        };
        Ok(self.open.get(place).and_then(|(_, blob)| blob.entry(series)))
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
        if let Some(times) = self.decoded.get(&stream) {
            return Ok(Arc::clone(times));
        }
        let row = self.row(source, stream, damage)?;
        let times = times::decode(&row, |whole| {
            if let Some(times) = self.decoded.get(&whole) {
                return Ok(Arc::clone(times));
            }
            let row = self.row(source, whole, damage)?;
            let nested = |_| Err(Error::corrupt("a part of a part of a stream of times"));
            times::decode(&row, nested).map(Arc::new)
        });
        let times = Arc::new(times?);
        if self.decoded.len() >= OPEN_STREAMS {
            self.decoded.clear();
        }
        self.decoded.insert(stream, Arc::clone(&times));
        Ok(times)
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
