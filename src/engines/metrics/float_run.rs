//! The float points of one series in memory: frozen chunks, then the tail of the newest.

use std::collections::BTreeSet;

use crate::base::error::Result;
use crate::engines::metrics::codec::point::{Point, decode};
use crate::engines::metrics::run::{Frozen, Insert, insert_frozen, insert_sorted};
use crate::engines::metrics::tail::Tail;
use crate::engines::metrics::window::Window;
use crate::model::sample::Sample;

/// Points of the tail that become one chunk: a block of the codec.
const FREEZE: usize = 128;

/// Float points in time order, one a timestamp.
#[derive(Debug, Clone, Default)]
pub(super) struct FloatRun {
    frozen: Vec<Frozen>,
    tail: Tail,
}

impl FloatRun {
    /// Puts a point in its place.
    ///
    /// # Errors
    /// `Corrupt` when points in memory do not decode, which is a fault of the codec; likewise below.
    pub(super) fn insert(&mut self, sample: Sample) -> Result<Insert> {
        let Some(newest) = self.tail.newest() else {
            self.tail.push(sample);
            return Ok(Insert::New);
        };
        if newest.timestamp < sample.timestamp {
            // The newest point stays in the tail, where it is at hand.
            if self.tail.len() >= FREEZE {
                self.freeze()?;
            }
            self.tail.push(sample);
            return Ok(Insert::New);
        }
        if newest.timestamp == sample.timestamp {
            let same = newest.same_value(&sample);
            return Ok(if same { Insert::Known } else { Insert::Differs });
        }
        self.insert_late(sample)
    }

    fn insert_late(&mut self, sample: Sample) -> Result<Insert> {
        if self.frozen.last().is_some_and(|chunk| sample.at() <= chunk.last) {
            return insert_frozen(&mut self.frozen, sample, 2 * FREEZE);
        }
        let mut points = self.tail_points()?;
        let outcome = insert_sorted(&mut points, sample);
        if outcome == Insert::New {
            self.tail.clear();
            // The newest point stays in the tail; a tail that late points fill is frozen meanwhile.
            let kept = if points.len() < 2 * FREEZE { 0 } else { points.len() - 1 };
            if kept > 0 {
                self.frozen.push(Frozen::of(&points[..kept]));
            }
            points[kept..].iter().for_each(|point| self.tail.push(*point));
        }
        Ok(outcome)
    }

    fn freeze(&mut self) -> Result<()> {
        let points = self.tail_points()?;
        self.frozen.push(Frozen::of(&points));
        self.tail.clear();
        Ok(())
    }

    fn tail_points(&self) -> Result<Vec<Sample>> {
        let mut points = Vec::with_capacity(self.tail.len() + 1);
        self.tail.each(|sample| points.push(sample))?;
        Ok(points)
    }

    /// Returns whether there is a point at `at`.
    pub(super) fn holds(&self, at: i64) -> Result<bool> {
        match self.bounds() {
            Some((first, last)) if first <= at && at <= last => {
                Ok(!self.within(at, at)?.is_empty())
            }
            _ => Ok(false),
        }
    }

    /// Returns the times of the first and the last point.
    pub(super) fn bounds(&self) -> Option<(i64, i64)> {
        let (first, last) = self.tail.bounds()?;
        Some((self.frozen.first().map_or(first, |chunk| chunk.first), last))
    }

    /// Returns the points from `start` to `end`, both included.
    pub(super) fn within(&self, start: i64, end: i64) -> Result<Vec<Sample>> {
        let mut found = Vec::new();
        let from = self.frozen.partition_point(|chunk| chunk.last < start);
        let inside = |sample: &Sample| (start..=end).contains(&sample.at());
        for frozen in self.frozen[from..].iter().take_while(|chunk| chunk.first <= end) {
            let points: Vec<Sample> = decode(&frozen.chunk)?;
            match start <= frozen.first && frozen.last <= end {
                true => found.extend(points),
                false => found.extend(points.into_iter().filter(inside)),
            }
        }
        if self.tail.bounds().is_some_and(|(first, last)| first <= end && start <= last) {
            self.tail.each(|sample| {
                if inside(&sample) {
                    found.push(sample);
                }
            })?;
        }
        Ok(found)
    }

    /// Adds the windows in which there is a point.
    pub(super) fn windows(&self, found: &mut BTreeSet<Window>) -> Result<()> {
        for frozen in &self.frozen {
            frozen.windows::<Sample>(found)?;
        }
        let Some((first, last)) = self.tail.bounds() else { return Ok(()) };
        let (first, last) = (Window::of(first), Window::of(last));
        if first == last {
            found.insert(first);
            return Ok(());
        }
        self.tail.each(|sample| {
            found.insert(Window::of(sample.at()));
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn points_in_any_order_are_kept_once_and_sorted() {
        let mut run = FloatRun::default();
        let mut wanted = BTreeMap::new();
        for step in 0..2_000_i64 {
            let at = (step * 7_919) % 1_500;
            let outcome = run.insert(Sample::new(at, at as f64)).unwrap();
            let known = wanted.insert(at, at as f64).is_some();
            assert_eq!(outcome, if known { Insert::Known } else { Insert::New });
        }
        assert_eq!(run.insert(Sample::new(700, -1.0)).unwrap(), Insert::Differs);
        assert_eq!(run.insert(Sample::new(1_499, -1.0)).unwrap(), Insert::Differs);
        let found = run.within(i64::MIN, i64::MAX).unwrap();
        assert_eq!(found.len(), 1_500);
        assert!(found.iter().zip(&wanted).all(|(one, (at, _))| one.timestamp.0 == *at));
        assert_eq!(run.within(100, 109).unwrap().len(), 10);
        assert_eq!(run.bounds(), Some((0, 1_499)));
        assert!(run.holds(3).unwrap() && !run.holds(1_500).unwrap());
    }

    #[test]
    fn windows_are_found_in_chunks_and_in_the_tail() {
        let mut run = FloatRun::default();
        let mut wanted = BTreeSet::new();
        for step in 0..400_i64 {
            let at = step * 600_000;
            wanted.insert(Window::of(at));
            run.insert(Sample::new(at, 0.5)).unwrap();
        }
        let mut found = BTreeSet::new();
        run.windows(&mut found).unwrap();
        assert_eq!(found, wanted);
    }
}
