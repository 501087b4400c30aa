//! What a query may hold, by itself and together with the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::error::{Error, ErrorKind, Result};

/// What a sample takes of memory, in bytes.
const SAMPLE_BYTES: u64 = 16;

/// When a query that found no room may be asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What a column takes besides its samples, its labels included, about, in bytes.
const COLUMN_BYTES: u64 = 320;

/// Memory that queries share, in samples. Cheap to clone.
#[derive(Debug, Clone)]
pub struct QueryRoom {
    whole: u64,
    left: Arc<AtomicU64>,
}

impl QueryRoom {
    /// Makes room for as many samples as take this many bytes.
    pub fn of_bytes(bytes: u64) -> Self {
        let whole = bytes / SAMPLE_BYTES;
        QueryRoom { whole, left: Arc::new(AtomicU64::new(whole)) }
    }

    /// Makes room without bounds.
    pub fn unbounded() -> Self {
        QueryRoom::of_bytes(u64::MAX)
    }
}

/// How many samples the query may still hold. What it holds is given back to the others when it is
/// dropped.
#[derive(Debug)]
pub(super) struct Budget {
    whole: u64,
    left: AtomicU64,
    /// The least that was ever left.
    least: AtomicU64,
    room: QueryRoom,
    /// Of the room, which counts what is no sample, too.
    taken: AtomicU64,
}

impl Budget {
    /// Starts with `samples`, to be found in `room`.
    pub(super) fn new(samples: u64, room: QueryRoom) -> Self {
        let (left, least) = (AtomicU64::new(samples), AtomicU64::new(samples));
        Budget { whole: samples, left, least, room, taken: AtomicU64::new(0) }
    }

    /// Takes samples into account.
    ///
    /// # Errors
    /// `LimitExceeded` when they are more than one query may hold, `Unavailable` when there is no room
    /// for them because of other queries.
    pub(super) fn take(&self, samples: u64) -> Result<()> {
        let before = less(&self.left, samples).ok_or_else(too_many_samples)?;
        if let Err(error) = self.take_room(samples) {
            self.left.fetch_add(samples, Ordering::Relaxed);
            return Err(error);
        }
        let left = before - samples;
        if left < self.least.load(Ordering::Relaxed) {
            self.least.fetch_min(left, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Takes a column that costs this many samples into account, with its labels.
    ///
    /// # Errors
    /// As [`Budget::take`].
    pub(super) fn take_column(&self, samples: u64) -> Result<()> {
        self.take(samples)?;
        self.take_bytes(COLUMN_BYTES)
    }

    /// Gives back a column that is no longer held.
    pub(super) fn give_column(&self, samples: u64) {
        self.give(samples);
        self.give_bytes(COLUMN_BYTES);
    }

    /// Takes into account what is held besides samples, in bytes.
    ///
    /// # Errors
    /// As [`Budget::take`].
    pub(super) fn take_bytes(&self, bytes: u64) -> Result<()> {
        self.take_room(bytes / SAMPLE_BYTES)
    }

    fn take_room(&self, samples: u64) -> Result<()> {
        if less(&self.room.left, samples).is_some() {
            self.taken.fetch_add(samples, Ordering::Relaxed);
            return Ok(());
        }
        match self.taken.load(Ordering::Relaxed).saturating_add(samples) > self.room.whole {
            true => Err(too_many_samples()),
            false => Err(no_room()),
        }
    }

    /// Gives back samples that are no longer held.
    pub(super) fn give(&self, samples: u64) {
        self.left.fetch_add(samples, Ordering::Relaxed);
        self.give_room(samples);
    }

    /// Gives back bytes that are no longer held.
    pub(super) fn give_bytes(&self, bytes: u64) {
        self.give_room(bytes / SAMPLE_BYTES);
    }

    fn give_room(&self, samples: u64) {
        self.taken.fetch_sub(samples, Ordering::Relaxed);
        self.room.left.fetch_add(samples, Ordering::Relaxed);
    }

    /// Returns the most samples that were held at one time.
    pub(super) fn peak(&self) -> u64 {
        self.whole - self.least.load(Ordering::Relaxed)
    }

    /// Returns how many samples there is room for.
    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.room.left.fetch_add(*self.taken.get_mut(), Ordering::Relaxed);
    }
}

/// Subtracts where there is enough; returns what there was.
fn less(from: &AtomicU64, samples: u64) -> Option<u64> {
    from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(samples)).ok()
}

/// Builds Prometheus' error of a query that is too large.
pub(super) fn too_many_samples() -> Error {
    let message = "query processing would load too many samples into memory in query execution";
    Error::new(ErrorKind::LimitExceeded, message)
}

fn no_room() -> Error {
    let message = "the queries that run now hold all the memory that queries may take together; \
                   ask again later, or for fewer series or steps";
    Error::unavailable(message, ASK_AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_holds_is_room_for_the_others_when_it_is_gone() {
        let room = QueryRoom::of_bytes(100 * SAMPLE_BYTES);
        let (one, other) = (Budget::new(90, room.clone()), Budget::new(90, room.clone()));
        assert_eq!(one.take(60), Ok(()));
        assert_eq!(one.take_bytes(10 * SAMPLE_BYTES), Ok(()));
        assert_eq!(other.take(31).unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(other.take(30), Ok(()));
        one.give(60);
        assert_eq!(other.take(60), Ok(()));
        assert_eq!(other.take(1).unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert_eq!((other.peak(), other.left()), (90, 0));
        drop((one, other));
        assert_eq!(room.left.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn what_no_room_could_hold_is_too_large_and_not_too_early() {
        let budget = Budget::new(1_000, QueryRoom::of_bytes(100 * SAMPLE_BYTES));
        assert_eq!(budget.take(101).unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert_eq!(budget.left(), 1_000);
    }
}
