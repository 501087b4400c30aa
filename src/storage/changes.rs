//! How far back a store has changed since a moment.
//!
//! Whoever keeps something that was computed from points asks which of them are still what they were.
//! A store numbers its changes, and of every change only the earliest time that it touched counts.
//! Since any number, the earliest time of all later changes is wanted: so a change makes all earlier
//! ones superfluous that touched no earlier time, and what is left rises both in number and in time.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::model::time::TimestampMs;

/// How many changes a store had seen at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeMark(u64);

/// The most changes that are told apart.
const MOST: usize = 1_024;

/// Times are remembered in full seconds, rounded down, so that a stream of writes is one change a
/// second.
const GRAIN_MS: i64 = 1_000;

/// Where changes are joined for want of room, this part of their age is close together.
const FINENESS: i64 = 32;

/// The changes of one store.
///
/// A store notes a change while it holds the lock that hides it from readers. Then whoever sees the
/// change sees that it was noted, and a mark that counts the change is older than no reading of it.
/// What cannot be hidden by a lock is a [`Changing`] from before its first effect until after its
/// last one: meanwhile nobody gets a mark or an answer.
#[derive(Debug, Default)]
pub struct Changes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    count: u64,
    /// Rising both in number and in time: since any number, the first one that is larger has the
    /// earliest time of all later changes, or an earlier one.
    latest: VecDeque<Change>,
    /// Changes that go on.
    going_on: usize,
}

#[derive(Debug, Clone, Copy)]
struct Change {
    number: u64,
    earliest_ms: i64,
}

impl Changes {
    /// Notes a change of nothing before `earliest`.
    pub fn note(&self, earliest: TimestampMs) {
        self.0.lock().note(earliest);
    }

    /// Begins a change of nothing before `earliest` that lasts until the result is dropped.
    pub fn begin(&self, earliest: TimestampMs) -> Changing<'_> {
        self.0.lock().going_on += 1;
        Changing { changes: self, earliest }
    }

    /// Returns the mark of now; `None` while a change goes on.
    pub fn mark(&self) -> Option<ChangeMark> {
        let state = self.0.lock();
        (state.going_on == 0).then_some(ChangeMark(state.count))
    }

    /// Returns the time before which nothing changed since `mark`; `None` while a change goes on.
    pub fn unchanged_before(&self, mark: ChangeMark) -> Option<TimestampMs> {
        let state = self.0.lock();
        (state.going_on == 0).then(|| state.unchanged_before(mark))
    }
}

impl State {
    fn note(&mut self, earliest: TimestampMs) {
        self.count += 1;
        let earliest_ms = earliest.0.div_euclid(GRAIN_MS).saturating_mul(GRAIN_MS);
        while self.latest.back().is_some_and(|known| known.earliest_ms >= earliest_ms) {
            self.latest.pop_back();
        }
        if self.latest.len() >= MOST {
            self.thin();
        }
        self.latest.push_back(Change { number: self.count, earliest_ms });
    }

    /// Joins neighbours that lie close together for how long ago they are. What is joined counts as
    /// its latest change, with the time of its earliest one. Where that is not enough, every two
    /// neighbours are joined.
    fn thin(&mut self) {
        let newest = self.latest.back().map_or(0, |change| change.earliest_ms);
        let close = |first: &Change, next: &Change| {
            let age = newest.saturating_sub(first.earliest_ms);
            next.earliest_ms.saturating_sub(first.earliest_ms) <= age / FINENESS
        };
        let mut joined: VecDeque<Change> = VecDeque::with_capacity(MOST);
        for next in self.latest.drain(..) {
            match joined.back_mut() {
                Some(known) if close(known, &next) => known.number = next.number,
                _ => joined.push_back(next),
            }
        }
        if joined.len() > MOST / 2 {
            joined = joined
                .make_contiguous()
                .chunks(2)
                .filter_map(|pair| Some(Change { number: pair.last()?.number, ..*pair.first()? }))
                .collect();
        }
        self.latest = joined;
    }

    fn unchanged_before(&self, mark: ChangeMark) -> TimestampMs {
        let next = self.latest.partition_point(|change| change.number <= mark.0);
        TimestampMs(self.latest.get(next).map_or(i64::MAX, |change| change.earliest_ms))
    }
}

/// A change that goes on until this is dropped.
#[must_use = "the change ends when this is dropped"]
pub struct Changing<'a> {
    changes: &'a Changes,
    earliest: TimestampMs,
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let mut state = self.changes.0.lock();
        state.note(self.earliest);
        state.going_on -= 1;
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn at(seconds: i64) -> TimestampMs {
        TimestampMs(seconds * 1_000)
    }

    #[test]
    fn since_a_mark_the_earliest_later_change_counts() {
        let changes = Changes::default();
        let before = changes.mark().unwrap();
        assert_eq!(changes.unchanged_before(before), Some(TimestampMs(i64::MAX)));
        changes.note(at(50));
        let between = changes.mark().unwrap();
        changes.note(TimestampMs(20_999));
        let after = changes.mark().unwrap();
        changes.note(at(90));
        let told = [before, between, after].map(|mark| changes.unchanged_before(mark));
        assert_eq!(told, [Some(at(20)), Some(at(20)), Some(at(90))]);
    }

    #[test]
    fn nothing_is_told_while_a_change_goes_on() {
        let changes = Changes::default();
        let before = changes.mark().unwrap();
        let (one, other) = (changes.begin(at(7)), changes.begin(at(5)));
        drop(other);
        assert_eq!((changes.mark(), changes.unchanged_before(before)), (None, None));
        drop(one);
        assert_eq!(changes.unchanged_before(before), Some(at(5)));
    }

    #[test]
    fn the_beginning_and_the_end_of_time_are_times() {
        let changes = Changes::default();
        let before = changes.mark().unwrap();
        changes.note(TimestampMs(i64::MAX));
        assert!(changes.unchanged_before(before) > Some(TimestampMs(i64::MAX - 2_000)));
        changes.note(TimestampMs(i64::MIN));
        assert_eq!(changes.unchanged_before(before), Some(TimestampMs(i64::MIN)));
    }

    #[test]
    fn many_changes_take_bounded_room_and_are_never_told_too_late() {
        let mut random = StdRng::seed_from_u64(1);
        let changes = Changes::default();
        let mut noted: Vec<i64> = Vec::new();
        for now in 0..20_000 {
            let late = if random.random_range(0..500) == 0 { 1_000 } else { 0 };
            noted.push(now - late);
            changes.note(at(now - late));
            if now % 97 != 0 {
                continue;
            }
            assert!(changes.0.lock().latest.len() <= MOST);
            let mut earliest = i64::MAX / 1_000;
            for (before, time) in noted.iter().enumerate().rev() {
                earliest = earliest.min(*time);
                let told = changes.unchanged_before(ChangeMark(before as u64)).unwrap();
                let coarse = (now - earliest) / (FINENESS / 4);
                assert!(told <= at(earliest), "{told:?} since {before}");
                assert!(told >= at(earliest - coarse), "{told:?} since {before}, not {earliest}");
            }
        }
    }

    #[test]
    fn times_that_lie_far_apart_take_bounded_room_too() {
        let changes = Changes::default();
        for doubled in 0..5 {
            for power in 0..MOST as i64 {
                changes.note(TimestampMs((power * 5 + doubled) * 1_000_000_000_000));
            }
            assert!(changes.0.lock().latest.len() <= MOST);
        }
        assert_eq!(changes.unchanged_before(ChangeMark(0)), Some(TimestampMs(0)));
    }
}
