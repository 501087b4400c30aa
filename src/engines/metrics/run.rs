//! The histograms (or starts) of one series in memory: frozen chunks, then the newest as they came.

use std::collections::BTreeSet;

use crate::base::error::Result;
use crate::engines::metrics::codec::point::{Point, decode, encode};
use crate::engines::metrics::window::Window;

/// Points of one frozen chunk; a chunk that late points grow is split at twice this.
const FREEZE: usize = 64;

/// Newest points that stay as they are, so that a slightly late one thaws nothing.
const SLACK: usize = 16;

/// Points of one type of one series in time order, one a timestamp.
#[derive(Debug, Clone)]
pub(super) struct Run<P> {
    /// The time of the newest point, here because looking into the tail costs a cache miss, which
    /// is most of the price of a point.
    newest: Option<i64>,
    frozen: Vec<Frozen>,
    tail: Vec<P>,
}

/// Points of one series as one chunk.
#[derive(Debug, Clone)]
pub(super) struct Frozen {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) chunk: Box<[u8]>,
}

/// What became of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Insert {
    /// It is new.
    New,
    /// It was known, bit by bit.
    Known,
    /// Its timestamp holds another value.
    Differs,
}

impl<P> Default for Run<P> {
    fn default() -> Self {
        Run { newest: None, frozen: Vec::new(), tail: Vec::new() }
    }
}

impl<P: Point> Run<P> {
    /// Puts a point in its place.
    ///
    /// # Errors
    /// `Corrupt` when a chunk in memory does not decode, which is a fault of the codec.
    pub(super) fn insert(&mut self, mut point: P) -> Result<Insert> {
        let at = point.at();
        if self.newest.is_none_or(|newest| newest < at) {
            point.settle(self.tail.last());
            self.push(point);
            return Ok(Insert::New);
        }
        if self.last_frozen().is_some_and(|last| at <= last) {
            return self.insert_frozen(point);
        }
        Ok(insert_sorted(&mut self.tail, point))
    }

    /// Returns whether there is a point at `at`.
    pub(super) fn holds(&self, at: i64) -> Result<bool> {
        if self.is_empty() {
            return Ok(false);
        }
        Ok(!self.within(at, at)?.is_empty())
    }

    /// Returns whether there is no point.
    pub(super) fn is_empty(&self) -> bool {
        self.frozen.is_empty() && self.tail.is_empty()
    }

    /// Returns the times of the first and the last point.
    pub(super) fn bounds(&self) -> Option<(i64, i64)> {
        let first = self.frozen.first().map(|chunk| chunk.first);
        Some((first.or_else(|| self.tail.first().map(Point::at))?, self.newest?))
    }

    /// Returns the points from `start` to `end`, both included.
    pub(super) fn within(&self, start: i64, end: i64) -> Result<Vec<P>> {
        let mut found = Vec::new();
        let from = self.frozen.partition_point(|chunk| chunk.last < start);
        for frozen in self.frozen[from..].iter().take_while(|chunk| chunk.first <= end) {
            let points: Vec<P> = decode(&frozen.chunk)?;
            found.extend(points.into_iter().filter(|point| (start..=end).contains(&point.at())));
        }
        let from = self.tail.partition_point(|point| point.at() < start);
        let to = self.tail.partition_point(|point| point.at() <= end);
        found.extend_from_slice(self.tail.get(from..to).unwrap_or_default());
        Ok(found)
    }

    /// Adds the windows in which there is a point.
    ///
    /// # Errors
    /// `Corrupt` when a chunk in memory does not decode.
    pub(super) fn windows(&self, found: &mut BTreeSet<Window>) -> Result<()> {
        for frozen in &self.frozen {
            frozen.windows::<P>(found)?;
        }
        found.extend(self.tail.iter().map(|point| Window::of(point.at())));
        Ok(())
    }

    fn last_frozen(&self) -> Option<i64> {
        self.frozen.last().map(|chunk| chunk.last)
    }

    /// Adds the newest point, and freezes the oldest ones of a full tail.
    fn push(&mut self, point: P) {
        if self.tail.len() == self.tail.capacity() {
            let room = self.tail.len().clamp(4, FREEZE + SLACK);
            self.tail.reserve_exact(room.min((FREEZE + SLACK).saturating_sub(room).max(4)));
        }
        self.newest = Some(point.at());
        self.tail.push(point);
        if self.tail.len() >= FREEZE + SLACK {
            self.frozen.push(Frozen::of(&self.tail[..FREEZE]));
            self.tail.drain(..FREEZE);
        }
    }

    fn insert_frozen(&mut self, point: P) -> Result<Insert> {
        insert_frozen(&mut self.frozen, point, 2 * FREEZE)
    }
}

/// Puts a point into the chunk that reaches its time, which is split once it holds `most` points.
///
/// # Errors
/// `Corrupt` when the chunk does not decode.
pub(super) fn insert_frozen<P: Point>(
    frozen: &mut Vec<Frozen>,
    point: P,
    most: usize,
) -> Result<Insert> {
    let place = frozen.partition_point(|chunk| chunk.last < point.at());
    let mut points: Vec<P> = decode(&frozen[place].chunk)?;
    let outcome = insert_sorted(&mut points, point);
    if outcome == Insert::New {
        let pieces = if points.len() >= most { 2 } else { 1 };
        let chunks = points.chunks(points.len().div_ceil(pieces)).map(Frozen::of);
        frozen.splice(place..=place, chunks.collect::<Vec<_>>());
    }
    Ok(outcome)
}

impl Frozen {
    /// Adds the windows in which there is a point.
    ///
    /// # Errors
    /// `Corrupt` when the chunk does not decode.
    pub(super) fn windows<P: Point>(&self, found: &mut BTreeSet<Window>) -> Result<()> {
        let (first, last) = (Window::of(self.first), Window::of(self.last));
        if first == last {
            found.insert(first);
        } else {
            let points: Vec<P> = decode(&self.chunk)?;
            found.extend(points.iter().map(|point| Window::of(point.at())));
        }
        Ok(())
    }

    /// Freezes points, of which there is at least one.
    pub(super) fn of<P: Point>(points: &[P]) -> Self {
        let mut chunk = Vec::new();
        encode(points, &mut chunk);
        Frozen {
            first: points.first().map_or(i64::MIN, Point::at),
            last: points.last().map_or(i64::MIN, Point::at),
            chunk: chunk.into_boxed_slice(),
        }
    }
}

/// Puts a late point in its place: nothing is said of its neighbours any more.
pub(super) fn insert_sorted<P: Point>(points: &mut Vec<P>, mut point: P) -> Insert {
    match points.binary_search_by_key(&point.at(), Point::at) {
        Ok(place) if points[place].same_value(&point) => Insert::Known,
        Ok(_) => Insert::Differs,
        Err(place) => {
            point.settle(None);
            if let Some(next) = points.get_mut(place) {
                next.doubt();
            }
            points.insert(place, point);
            Insert::New
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::Sample;
    use std::collections::BTreeMap;

    #[test]
    fn points_in_any_order_are_kept_once_and_sorted() {
        let mut run = Run::default();
        let mut wanted = BTreeMap::new();
        for step in 0..2_000_i64 {
            let at = (step * 7_919) % 1_500;
            let outcome = run.insert(Sample::new(at, at as f64)).unwrap();
            let known = wanted.insert(at, at as f64).is_some();
            assert_eq!(outcome, if known { Insert::Known } else { Insert::New });
        }
        assert_eq!(run.insert(Sample::new(700, -1.0)).unwrap(), Insert::Differs);
        let found: Vec<_> = run.within(i64::MIN, i64::MAX).unwrap();
        assert_eq!(found.len(), 1_500);
        assert!(found.iter().zip(&wanted).all(|(one, (at, _))| one.timestamp.0 == *at));
        assert_eq!(run.within(100, 109).unwrap().len(), 10);
        assert_eq!(run.bounds(), Some((0, 1_499)));
        assert!(run.holds(3).unwrap() && !run.holds(1_500).unwrap());
    }
}
