//! What is in memory: everything since the last flush, all of it in the log as well.

use std::collections::BTreeSet;

use crate::base::error::Result;
use crate::engines::kit::log::Lsn;
use crate::engines::metrics::float_run::FloatRun;
use crate::engines::metrics::index::{Index, SeriesRef};
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::run::{Insert, Run};
use crate::engines::metrics::window::Window;
use crate::model::batch::SeriesWrite;
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::receipt::Receipt;
use crate::model::reject::RejectReason;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::metric_store::KEEPABLE;

/// Exemplars of one series that are kept of one window, and in memory; the oldest give way.
pub(super) const MAX_EXEMPLARS: usize = 64;

/// The series and points since the last flush.
///
/// Records of the log name series by their number here, and say their labels until a record that
/// does so is durable: a power cut may take that one and leave a later one. Numbers mean something
/// only together with the head's [`Head::life`].
#[derive(Default)]
pub(super) struct Head {
    life: Lsn,
    index: Index,
    series: Vec<HeadSeries>,
    /// Whether a durable record of the log says the series' labels.
    logged: Vec<bool>,
    samples: u64,
    oldest: Option<TimestampMs>,
    newest: Option<TimestampMs>,
    /// The earliest time that was written since it was last asked for.
    touched: Option<TimestampMs>,
}

/// What a head takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Points before this instant are too old.
    pub(super) horizon: TimestampMs,
}

/// The points of one series.
#[derive(Default)]
pub(super) struct HeadSeries {
    floats: FloatRun,
    /// Behind a pointer, because few series have any of it.
    more: Option<Box<More>>,
}

/// What a series may have besides floats.
#[derive(Default)]
struct More {
    histograms: Run<HistogramSample>,
    /// When counting began, of those points of which it is known; few senders say it.
    starts: Run<StartTime>,
    exemplars: Vec<Exemplar>,
}

impl Head {
    /// Returns the series.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Returns the points of a series of this head.
    pub(super) fn points(&self, series: SeriesRef) -> &HeadSeries {
        &self.series[series as usize]
    }

    /// Returns the number of points.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// Returns the times of the oldest and newest point.
    pub(super) fn bounds(&self) -> Option<TimeRange<TimestampMs>> {
        Some(TimeRange::new(self.oldest?, self.newest?))
    }

    /// Returns the earliest time of what was added since the last call; `None` when nothing was.
    pub(super) fn take_touched(&mut self) -> Option<TimestampMs> {
        self.touched.take()
    }

    fn touch(&mut self, at: TimestampMs) {
        self.touched = Some(self.touched.map_or(at, |known| known.min(at)));
    }

    /// Returns whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Returns from which record of the log on this head's numbers are used. Records name the head
    /// by it.
    pub(super) fn life(&self) -> Lsn {
        self.life
    }

    /// Says that this head's numbers are used from the record `life` on.
    pub(super) fn set_life(&mut self, life: Lsn) {
        self.life = life;
    }

    /// Returns the number of a series, adding it when it is new; `None` when there are `most`
    /// series already.
    pub(super) fn add(&mut self, labels: &Labels, most: usize) -> Option<SeriesRef> {
        if let Some(known) = self.index.get(labels) {
            return Some(known);
        }
        if self.index.len() >= most {
            return None;
        }
        let added = self.index.add(labels)?;
        self.series.push(HeadSeries::default());
        self.logged.push(false);
        Some(added)
    }

    /// Returns whether a durable record of the log says the labels of a series.
    pub(super) fn is_logged(&self, series: SeriesRef) -> bool {
        self.logged.get(series as usize).copied().unwrap_or(false)
    }

    /// Notes that a durable record of the log says the labels of a series.
    pub(super) fn set_logged(&mut self, series: SeriesRef) {
        if let Some(logged) = self.logged.get_mut(series as usize) {
            *logged = true;
        }
    }

    /// Writes the points of one series, the `index`-th of its batch. `series` is `None` when there
    /// was no room for it.
    ///
    /// # Errors
    /// `Corrupt` when a chunk in memory does not decode, which is a fault of the codec.
    pub(super) fn write(
        &mut self,
        index: usize,
        series: Option<SeriesRef>,
        write: &SeriesWrite,
        limits: Limits,
        receipt: &mut Receipt,
    ) -> Result<()> {
        let only_floats =
            write.histograms.is_empty() && write.starts.is_empty() && write.exemplars.is_empty();
        if let ([sample], Some(series), true) = (write.samples.as_slice(), series, only_floats)
            && limits.take(sample.timestamp)
            && self.write_float(series, *sample)? != Insert::Differs
        {
            receipt.accepted += 1;
            return Ok(());
        }
        self.write_any(index, series, write, limits, receipt)
    }

    /// Writes one float that is young enough.
    ///
    /// # Errors
    /// Those of [`Head::write`].
    pub(super) fn write_float(&mut self, series: SeriesRef, sample: Sample) -> Result<Insert> {
        let outcome = self.series[series as usize].insert_float(sample)?;
        if outcome == Insert::New {
            self.count(sample.timestamp);
        }
        Ok(outcome)
    }

    fn count(&mut self, at: TimestampMs) {
        self.samples += 1;
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = self.newest.max(Some(at));
        self.touch(at);
    }

    fn write_any(
        &mut self,
        index: usize,
        series: Option<SeriesRef>,
        write: &SeriesWrite,
        limits: Limits,
        receipt: &mut Receipt,
    ) -> Result<()> {
        let reject = |receipt: &mut Receipt, count, reason, text: &str| {
            if count > 0 {
                receipt.reject(index, count, reason, format!("{text} for series {}", write.labels));
            }
        };
        let late = count_points(write, |at| at > KEEPABLE.end);
        reject(receipt, late, RejectReason::TooFarInFuture, "out of bounds");
        let old = count_points(write, |at| at < limits.horizon);
        reject(receipt, old, RejectReason::TooOld, "too old sample");
        let points = (write.samples.len() + write.histograms.len()) as u64 - late - old;
        if points == 0 && !write.exemplars.iter().any(|one| limits.take(one.timestamp)) {
            return Ok(());
        }
        let Some(series) = series else {
            reject(receipt, points, RejectReason::LimitExceeded, "too many active series");
            return Ok(());
        };
        let differing = self.write_points(series, write, limits, receipt)?;
        receipt.accepted += points - differing;
        let text = "duplicate sample for timestamp";
        reject(receipt, differing, RejectReason::DuplicateTimestamp, text);
        receipt.exemplars += self.series[series as usize].add_exemplars(write, limits);
        Ok(())
    }

    /// Writes the points that are young enough and returns how many contradict known ones.
    fn write_points(
        &mut self,
        series: SeriesRef,
        write: &SeriesWrite,
        limits: Limits,
        receipt: &mut Receipt,
    ) -> Result<u64> {
        let mut differing = 0;
        for sample in write.samples.iter().filter(|one| limits.take(one.timestamp)) {
            differing += u64::from(self.write_float(series, *sample)? == Insert::Differs);
        }
        for sample in write.histograms.iter().filter(|one| limits.take(one.timestamp)) {
            let outcome = self.series[series as usize].insert_histogram(sample)?;
            receipt.histograms += u64::from(outcome != Insert::Differs);
            match outcome {
                Insert::New => self.count(sample.timestamp),
                Insert::Known => {}
                Insert::Differs => differing += 1,
            }
        }
        for start in write.starts.iter().filter(|one| limits.take(one.timestamp)) {
            // The first start of a point stays, like its first value.
            if self.series[series as usize].more().starts.insert(*start)? == Insert::New {
                self.touch(start.timestamp);
            }
        }
        Ok(differing)
    }
}

fn count_points(write: &SeriesWrite, of: impl Fn(TimestampMs) -> bool) -> u64 {
    let floats = write.samples.iter().map(|sample| sample.timestamp);
    let histograms = write.histograms.iter().map(|sample| sample.timestamp);
    floats.chain(histograms).filter(|at| of(*at)).count() as u64
}

impl Limits {
    /// Returns whether a point at `at` is young enough, and before the end of time.
    pub(super) fn take(&self, at: TimestampMs) -> bool {
        self.horizon <= at && at <= KEEPABLE.end
    }
}

impl HeadSeries {
    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    fn insert_float(&mut self, sample: Sample) -> Result<Insert> {
        if let Some(more) = &self.more
            && more.histograms.holds(sample.timestamp.0)?
        {
            return Ok(Insert::Differs);
        }
        self.floats.insert(sample)
    }

    fn insert_histogram(&mut self, sample: &HistogramSample) -> Result<Insert> {
        if self.floats.holds(sample.timestamp.0)? {
            return Ok(Insert::Differs);
        }
        self.more().histograms.insert(sample.clone())
    }

    /// Adds exemplars and returns how many were young enough.
    fn add_exemplars(&mut self, write: &SeriesWrite, limits: Limits) -> u64 {
        if write.exemplars.is_empty() {
            return 0;
        }
        let mut taken = 0;
        let exemplars = &mut self.more().exemplars;
        for exemplar in write.exemplars.iter().filter(|one| limits.take(one.timestamp)) {
            add_exemplar(exemplars, exemplar);
            taken += 1;
        }
        let surplus = exemplars.len().saturating_sub(MAX_EXEMPLARS);
        exemplars.drain(..surplus);
        taken
    }

    /// Returns the exemplars in time order.
    pub(super) fn exemplars(&self) -> &[Exemplar] {
        self.more.as_ref().map_or(&[], |more| &more.exemplars)
    }

    /// Adds the windows in which there is a point.
    ///
    /// # Errors
    /// `Corrupt` when a chunk in memory does not decode, which is a fault of the codec; likewise
    /// below.
    pub(super) fn windows(&self, found: &mut BTreeSet<Window>) -> Result<()> {
        self.floats.windows(found)?;
        match &self.more {
            Some(more) => more.histograms.windows(found),
            None => Ok(()),
        }
    }

    /// Returns the points inside `range`.
    ///
    /// # Errors
    /// Those of [`HeadSeries::windows`].
    pub(super) fn within(&self, range: TimeRange<TimestampMs>) -> Result<Points> {
        let (start, end) = (range.start.0, range.end.0);
        let floats = self.floats.within(start, end)?;
        match &self.more {
            Some(more) => Ok(Points {
                floats,
                histograms: more.histograms.within(start, end)?,
                starts: more.starts.within(start, end)?,
            }),
            None => Ok(Points { floats, ..Points::default() }),
        }
    }

    /// Returns whether any point may lie inside `range`.
    pub(super) fn overlaps(&self, range: TimeRange<TimestampMs>) -> bool {
        let inside = |bounds: Option<(i64, i64)>| {
            bounds.is_some_and(|(first, last)| first <= range.end.0 && range.start.0 <= last)
        };
        inside(self.floats.bounds())
            || self.more.as_ref().is_some_and(|more| inside(more.histograms.bounds()))
    }
}

/// Adds an exemplar at its place in time, unless it is known.
pub(super) fn add_exemplar(exemplars: &mut Vec<Exemplar>, new: &Exemplar) {
    if exemplars.iter().any(|known| known.same_bits(new)) {
        return;
    }
    let place = exemplars.partition_point(|known| known.timestamp <= new.timestamp);
    exemplars.insert(place, new.clone());
}
