//! What a client knows of what it wrote, and the comparison with what a store shows.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::rngs::StdRng;

use crate::engines::metrics::tests::lives::everything;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::stale::stale_nan;
use crate::model::time::{TimeRange, TimestampMs};
use crate::storage::conformance::metric::NOON;
use crate::storage::metric_store::MetricStore;

/// How many series there are.
pub(super) const SERIES: u32 = 12;

const MINUTE: i64 = 60_000;

/// What the store owes of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    /// It was acknowledged.
    Must,
    /// Its batch was never answered: it is there with its whole batch or not.
    Whole(u32),
    /// Retention or a deletion that was never answered may have taken it.
    May,
    /// It was deleted.
    MustNot,
}

/// A point: series and time.
pub(super) type Place = (u32, i64);

/// Everything that was ever sent.
pub(super) struct Ledger {
    pub(super) random: StdRng,
    pub(super) now: i64,
    points: BTreeMap<Place, (u64, Duty)>,
    /// The batch of every point.
    sent: BTreeMap<Place, u32>,
    batches: u32,
}

/// A batch on its way.
pub(super) struct Sent {
    pub(super) batch: MetricBatch,
    pub(super) points: u64,
    number: u32,
}

impl Ledger {
    pub(super) fn new(random: StdRng) -> Self {
        Ledger { random, now: NOON, points: BTreeMap::new(), sent: BTreeMap::new(), batches: 0 }
    }

    /// Makes a batch of points that were never sent before, some of them up to 50 minutes late.
    pub(super) fn send(&mut self) -> Sent {
        self.now += self.random.random_range(0..60 * MINUTE);
        self.batches += 1;
        let number = self.batches;
        let mut series = BTreeMap::new();
        for _ in 0..self.random.random_range(1..12) {
            let late = self.random.random_range(0..50 * MINUTE);
            let place = (self.random.random_range(0..SERIES), self.now - late);
            if self.points.contains_key(&place) {
                continue;
            }
            let value = self.value(place.1);
            self.sent.insert(place, number);
            self.points.insert(place, (value.to_bits(), Duty::Whole(number)));
            let write = series.entry(place.0).or_insert_with(|| SeriesWrite {
                labels: labels(place.0),
                ..SeriesWrite::default()
            });
            write.samples.push(Sample::new(place.1, value));
        }
        let series: Vec<SeriesWrite> = series.into_values().collect();
        let points = series.iter().map(|write| write.samples.len() as u64).sum();
        Sent { batch: MetricBatch { series, metadata: Vec::new() }, points, number }
    }

    fn value(&mut self, at: i64) -> f64 {
        match self.random.random_range(0..12) {
            0 => stale_nan(),
            1 => f64::from_bits(self.random.random()),
            2 => -0.0,
            _ => (at / 1_000) as f64 / 100.0,
        }
    }

    /// Notes that a batch was acknowledged.
    pub(super) fn acknowledge(&mut self, number: &Sent) {
        for (_, duty) in self.points.values_mut() {
            if *duty == Duty::Whole(number.number) {
                *duty = Duty::Must;
            }
        }
    }

    /// Notes that retention may have taken what is older than `oldest`.
    pub(super) fn expire(&mut self, oldest: i64) {
        self.loosen(|place| place.1 < oldest, Duty::May);
    }

    /// Notes a deletion, whether it was answered or not.
    pub(super) fn delete(&mut self, series: u32, from: i64, to: i64, answered: bool) {
        let duty = if answered { Duty::MustNot } else { Duty::May };
        self.loosen(|place| place.0 == series && (from..=to).contains(&place.1), duty);
    }

    fn loosen(&mut self, affects: impl Fn(&Place) -> bool, new: Duty) {
        for (place, (_, duty)) in &mut self.points {
            if affects(place)
                && *duty != Duty::MustNot
                && !(new == Duty::MustNot && *duty == Duty::May)
            {
                *duty = new;
            }
        }
    }

    /// Compares with what the store shows, and takes note of what became of batches that were never
    /// answered: from now on they are there for good, or never were.
    ///
    /// # Panics
    /// When something acknowledged is missing, doubled or another value, something deleted is back,
    /// something was never sent, or a batch is there by half.
    pub(super) async fn check(&mut self, store: &dyn MetricStore, story: &str) {
        let found = self.check_acknowledged(store, story).await;
        let (mut there, mut missing) = (BTreeSet::new(), BTreeSet::new());
        for (place, (_, duty)) in &self.points {
            match duty {
                Duty::Whole(batch) if found.contains(place) => drop(there.insert(*batch)),
                Duty::Whole(batch) => drop(missing.insert(*batch)),
                Duty::Must | Duty::May | Duty::MustNot => {}
            }
        }
        let torn: Vec<_> = there.intersection(&missing).collect();
        assert!(torn.is_empty(), "{story}: batches {torn:?} are there by half");
        self.points
            .retain(|place, (_, duty)| !matches!(duty, Duty::Whole(_)) || found.contains(place));
        for (_, duty) in self.points.values_mut() {
            if matches!(duty, Duty::Whole(_)) {
                *duty = Duty::Must;
            }
        }
    }

    /// Returns the acknowledged points that a damaged store does not show.
    ///
    /// # Panics
    /// When it shows anything else than what was sent.
    pub(super) async fn missing(&self, store: &dyn MetricStore, story: &str) -> Vec<Place> {
        let found = self.shown(store, story).await;
        let owed = self.points.iter().filter(|(_, (_, duty))| *duty == Duty::Must);
        owed.map(|(place, _)| *place).filter(|place| !found.contains(place)).collect()
    }

    /// Whether these points are all that was sent from one of their batches on.
    pub(super) fn are_last(&self, points: &[Place]) -> bool {
        let first = points.iter().filter_map(|place| self.sent.get(place)).min();
        let later = self.sent.values().filter(|batch| Some(*batch) >= first).count();
        later == points.len()
    }

    /// Compares with what the store shows, and returns which points those are.
    pub(super) async fn check_acknowledged(
        &self,
        store: &dyn MetricStore,
        story: &str,
    ) -> BTreeSet<Place> {
        let found = self.shown(store, story).await;
        for (place, (_, duty)) in &self.points {
            assert!(*duty != Duty::Must || found.contains(place), "{story}: {place:?} is lost");
        }
        found
    }

    /// Returns the points that the store shows, all of which were sent and none deleted.
    async fn shown(&self, store: &dyn MetricStore, story: &str) -> BTreeSet<Place> {
        let mut found = BTreeMap::new();
        for data in everything(store, TimeRange::<TimestampMs>::ALL).await {
            let series = number_of(&data.labels);
            for sample in data.samples {
                let twice = found.insert((series, sample.timestamp.0), sample.value.to_bits());
                assert_eq!(twice, None, "{story}: series {series} has {sample:?} twice");
            }
        }
        for (place, bits) in &found {
            let (sent, duty) =
                self.points.get(place).unwrap_or_else(|| panic!("{story}: {place:?} is a ghost"));
            assert_eq!(sent, bits, "{story}: {place:?} has another value");
            assert_ne!(*duty, Duty::MustNot, "{story}: {place:?} was deleted");
        }
        found.into_keys().collect()
    }

    /// Returns how many points must be there.
    pub(super) fn owed(&self) -> usize {
        self.points.values().filter(|(_, duty)| *duty == Duty::Must).count()
    }
}

/// Returns the labels of a series.
pub(super) fn labels(series: u32) -> Labels {
    let series = series.to_string();
    Labels::from_pairs([("__name__", "cut"), ("all", "yes"), ("series", series.as_str())])
}

fn number_of(labels: &Labels) -> u32 {
    labels.get("series").and_then(|text| text.parse().ok()).unwrap_or(u32::MAX)
}
