//! What is in memory: everything since the last flush, all of it in the log as well.

use crate::base::error::Result;
use crate::engines::metrics::index::{Index, SeriesRef};
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::run::{Insert, Run};
use crate::model::batch::SeriesWrite;
use crate::model::exemplar::Exemplar;
use crate::model::receipt::Receipt;
use crate::model::reject::RejectReason;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::metric_store::KEEPABLE;

/// Exemplars of one series that are kept of one window, and in memory; the oldest give way.
pub(super) const MAX_EXEMPLARS: usize = 64;

/// The series and points since the last flush.
#[derive(Default)]
pub(super) struct Head {
    index: Index,
    series: Vec<HeadSeries>,
    samples: u64,
    oldest: Option<TimestampMs>,
    newest: Option<TimestampMs>,
}

/// What a head takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Points before this instant are too old.
    pub(super) horizon: TimestampMs,
    /// New series are refused once there are this many.
    pub(super) max_series: usize,
}

/// The points of one series.
#[derive(Default)]
pub(super) struct HeadSeries {
    pub(super) floats: Run<Sample>,
    /// Behind a pointer, because few series have any.
    pub(super) histograms: Option<Box<Run<HistogramSample>>>,
    /// When counting began, of those points of which it is known; few senders say it.
    pub(super) starts: Option<Box<Run<StartTime>>>,
    pub(super) exemplars: Vec<Exemplar>,
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

    /// Returns whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Writes one series, the `index`-th of its batch.
    ///
    /// # Errors
    /// `Corrupt` when a chunk in memory does not decode, which is a fault of the codec.
    pub(super) fn write(
        &mut self,
        index: usize,
        write: &SeriesWrite,
        limits: Limits,
        receipt: &mut Receipt,
    ) -> Result<()> {
        let reject = |receipt: &mut Receipt, count, reason, text: &str| {
            if count > 0 {
                receipt.reject(index, count, reason, format!("{}: {text}", write.labels));
            }
        };
        let late = count_points(write, |at| at > KEEPABLE.end);
        reject(receipt, late, RejectReason::TooFarInFuture, "later than the year 9999");
        let old = count_points(write, |at| at < limits.horizon);
        reject(receipt, old, RejectReason::TooOld, "older than the out-of-order window");
        let points = (write.samples.len() + write.histograms.len()) as u64 - late - old;
        if points == 0 && !write.exemplars.iter().any(|one| limits.take(one.timestamp)) {
            return Ok(());
        }
        let Some(series) = self.series_of(write, limits.max_series) else {
            reject(receipt, points, RejectReason::LimitExceeded, "there are too many series");
            return Ok(());
        };
        let differing = self.write_points(series, write, limits)?;
        receipt.accepted += points - differing;
        let text = "another value at a known timestamp";
        reject(receipt, differing, RejectReason::DuplicateTimestamp, text);
        self.series[series as usize].add_exemplars(write, limits);
        Ok(())
    }

    fn series_of(&mut self, write: &SeriesWrite, max_series: usize) -> Option<SeriesRef> {
        if let Some(known) = self.index.get(&write.labels) {
            return Some(known);
        }
        if self.index.len() >= max_series {
            return None;
        }
        let added = self.index.add(&write.labels)?;
        self.series.push(HeadSeries::default());
        Some(added)
    }

    /// Writes the points that are young enough and returns how many contradict known ones.
    fn write_points(
        &mut self,
        series: SeriesRef,
        write: &SeriesWrite,
        limits: Limits,
    ) -> Result<u64> {
        let own = &mut self.series[series as usize];
        let mut differing = 0;
        let mut count = |at: TimestampMs, outcome: Insert| match outcome {
            Insert::New => {
                self.samples += 1;
                self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
                self.newest = self.newest.max(Some(at));
            }
            Insert::Known => {}
            Insert::Differs => differing += 1,
        };
        for sample in write.samples.iter().filter(|one| limits.take(one.timestamp)) {
            count(sample.timestamp, own.insert_float(*sample)?);
        }
        for sample in write.histograms.iter().filter(|one| limits.take(one.timestamp)) {
            count(sample.timestamp, own.insert_histogram(sample)?);
        }
        for start in write.starts.iter().filter(|one| limits.take(one.timestamp)) {
            // The first start of a point stays, like its first value.
            own.starts.get_or_insert_default().insert(*start)?;
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
    fn take(&self, at: TimestampMs) -> bool {
        self.horizon <= at && at <= KEEPABLE.end
    }
}

impl HeadSeries {
    fn insert_float(&mut self, sample: Sample) -> Result<Insert> {
        if let Some(histograms) = &self.histograms
            && histograms.holds(sample.timestamp.0)?
        {
            return Ok(Insert::Differs);
        }
        self.floats.insert(sample)
    }

    fn insert_histogram(&mut self, sample: &HistogramSample) -> Result<Insert> {
        if self.floats.holds(sample.timestamp.0)? {
            return Ok(Insert::Differs);
        }
        self.histograms.get_or_insert_default().insert(sample.clone())
    }

    fn add_exemplars(&mut self, write: &SeriesWrite, limits: Limits) {
        for exemplar in write.exemplars.iter().filter(|one| limits.take(one.timestamp)) {
            add_exemplar(&mut self.exemplars, exemplar);
        }
        let surplus = self.exemplars.len().saturating_sub(MAX_EXEMPLARS);
        self.exemplars.drain(..surplus);
    }

    /// Returns the points inside `range`.
    ///
    /// # Errors
    /// `Corrupt` when a chunk in memory does not decode, which is a fault of the codec.
    pub(super) fn within(&self, range: TimeRange<TimestampMs>) -> Result<Points> {
        let (start, end) = (range.start.0, range.end.0);
        let histograms = match &self.histograms {
            Some(histograms) => histograms.within(start, end)?,
            None => Vec::new(),
        };
        let starts = match &self.starts {
            Some(starts) => starts.within(start, end)?,
            None => Vec::new(),
        };
        Ok(Points { floats: self.floats.within(start, end)?, histograms, starts })
    }

    /// Returns a copy that holds at least the points inside `range`, and no exemplars.
    pub(super) fn copy(&self, range: TimeRange<TimestampMs>) -> Self {
        let (start, end) = (range.start.0, range.end.0);
        HeadSeries {
            floats: self.floats.copy(start, end),
            histograms: self.histograms.as_ref().map(|own| Box::new(own.copy(start, end))),
            starts: self.starts.as_ref().map(|own| Box::new(own.copy(start, end))),
            exemplars: Vec::new(),
        }
    }

    /// Returns whether any point may lie inside `range`.
    pub(super) fn overlaps(&self, range: TimeRange<TimestampMs>) -> bool {
        let inside = |bounds: Option<(i64, i64)>| {
            bounds.is_some_and(|(first, last)| first <= range.end.0 && range.start.0 <= last)
        };
        inside(self.floats.bounds())
            || self.histograms.as_ref().is_some_and(|histograms| inside(histograms.bounds()))
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
