//! Joins what several places hold of one series: the first place wins a timestamp.

use crate::engines::metrics::codec::point::Point;
use crate::model::histogram::CounterResetHint;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::time::{TimeRange, TimestampMs};

/// Points of one series in time order, one a timestamp whatever its type.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Points {
    pub(super) floats: Vec<Sample>,
    pub(super) histograms: Vec<HistogramSample>,
    /// When counting began, of those points of which it is known.
    pub(super) starts: Vec<StartTime>,
}

impl Points {
    /// Returns whether there is no point.
    pub(super) fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    /// Removes all points and keeps the room that they took.
    pub(super) fn clear(&mut self) {
        self.floats.clear();
        self.histograms.clear();
        self.starts.clear();
    }

    /// Returns the number of points.
    pub(super) fn len(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }

    /// Returns the times of the first and the last point; `None` when there is none.
    pub(super) fn bounds(&self) -> Option<TimeRange<TimestampMs>> {
        let firsts = [self.floats.first().map(Point::at), self.histograms.first().map(Point::at)];
        let lasts = [self.floats.last().map(Point::at), self.histograms.last().map(Point::at)];
        let first = firsts.into_iter().flatten().min()?;
        let last = lasts.into_iter().flatten().max()?;
        Some(TimeRange::new(TimestampMs(first), TimestampMs(last)))
    }

    /// Adds points of a later place, except where a timestamp is taken.
    pub(super) fn add(&mut self, mut later: Points) {
        // What it says is about a point of another place, which may be deleted there.
        later.histograms.first_mut().into_iter().for_each(Point::doubt);
        if self.is_empty() {
            *self = later;
            return;
        }
        if !self.histograms.is_empty() {
            later.floats.retain(|one| !holds(&self.histograms, one.at()));
        }
        later.histograms.retain(|one| !holds(&self.floats, one.at()));
        merge(&mut self.floats, later.floats);
        merge(&mut self.histograms, later.histograms);
        merge(&mut self.starts, later.starts);
    }

    /// Settles what histograms say of the ones right before them, where that is open.
    pub(super) fn settle(&mut self) {
        let mut previous: Option<HistogramSample> = None;
        for sample in &mut self.histograms {
            if sample.histogram.counter_reset_hint == CounterResetHint::Unknown {
                sample.settle(previous.as_ref());
            }
            previous = Some(sample.clone());
        }
    }

    /// Removes the points inside the ranges, which are in time order and apart from each other.
    pub(super) fn remove(&mut self, ranges: &[TimeRange<TimestampMs>]) {
        if ranges.is_empty() {
            return;
        }
        remove(&mut self.floats, ranges);
        remove(&mut self.histograms, ranges);
        remove(&mut self.starts, ranges);
    }
}

fn remove<P: Point>(points: &mut Vec<P>, ranges: &[TimeRange<TimestampMs>]) {
    let mut after_removed = false;
    points.retain_mut(|point| {
        let at = TimestampMs(point.at());
        let place = ranges.partition_point(|range| range.end < at);
        let removed = ranges.get(place).is_some_and(|range| range.contains(at));
        // What it says of the one before is said of a point that is not there any more.
        if std::mem::replace(&mut after_removed, removed) && !removed {
            point.doubt();
        }
        !removed
    });
}

fn holds<P: Point>(points: &[P], at: i64) -> bool {
    points.binary_search_by_key(&at, Point::at).is_ok()
}

/// Merges two sorted lists; of two points at one time the first list's stays.
fn merge<P: Point>(first: &mut Vec<P>, later: Vec<P>) {
    let Some(from) = later.first().map(Point::at) else { return };
    if first.last().is_none_or(|last| last.at() < from) {
        first.extend(later);
        return;
    }
    let mut merged = Vec::with_capacity(first.len() + later.len());
    let mut later = later.into_iter().peekable();
    // A point whose neighbour came from the other list says nothing of it.
    let mut neighbour_is_later = false;
    for mut point in first.drain(..) {
        while let Some(mut earlier) = later.next_if(|other| other.at() < point.at()) {
            if !neighbour_is_later {
                earlier.doubt();
            }
            neighbour_is_later = true;
            merged.push(earlier);
        }
        while later.next_if(|other| other.at() == point.at()).is_some() {}
        if std::mem::take(&mut neighbour_is_later) {
            point.doubt();
        }
        merged.push(point);
    }
    if let Some(next) = later.peek_mut() {
        next.doubt();
    }
    merged.extend(later);
    *first = merged;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::histogram::Histogram;
    use std::sync::Arc;

    fn floats(times: &[i64], value: f64) -> Points {
        let floats = times.iter().map(|at| Sample::new(*at, value)).collect();
        Points { floats, ..Points::default() }
    }

    #[test]
    fn the_first_place_wins_and_time_order_stays() {
        let mut points = floats(&[10, 30, 50], 1.0);
        points.add(floats(&[5, 10, 20, 50, 60], 2.0));
        let found: Vec<_> = points.floats.iter().map(|one| (one.at(), one.value)).collect();
        let wanted = [(5, 2.0), (10, 1.0), (20, 2.0), (30, 1.0), (50, 1.0), (60, 2.0)];
        assert_eq!(found, wanted);
    }

    #[test]
    fn removed_ranges_leave_no_point_behind() {
        let mut points = floats(&[10, 20, 30, 40, 50], 1.0);
        let ranges = [(5, 10), (25, 30), (35, 45)];
        points.remove(
            &ranges.map(|(start, end)| TimeRange::new(TimestampMs(start), TimestampMs(end))),
        );
        assert_eq!(points.floats.iter().map(Point::at).collect::<Vec<_>>(), [20, 50]);
    }

    #[test]
    fn a_float_keeps_a_later_histogram_out_and_the_other_way_round() {
        let histogram = |at| HistogramSample {
            timestamp: TimestampMs(at),
            histogram: Arc::new(Histogram::default()),
        };
        let mut points = floats(&[10], 1.0);
        let histograms = vec![histogram(10), histogram(20)];
        points.add(Points { histograms, ..Points::default() });
        points.add(floats(&[20, 30], 3.0));
        assert_eq!(points.floats.iter().map(Point::at).collect::<Vec<_>>(), [10, 30]);
        assert_eq!(points.histograms.iter().map(Point::at).collect::<Vec<_>>(), [20]);
    }
}
