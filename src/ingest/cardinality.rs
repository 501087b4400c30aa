//! How many series there are of each metric, and how fast new ones come.
//!
//! A series counts from its first point until an hour or two have passed without any. New ones are
//! let in while their metric has room and while the bucket of new series is not empty; known ones
//! always are.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::hashed::HashedMap;
use crate::ingest::limits::SeriesLimits;
use crate::model::labels::Labels;
use crate::model::reject::RejectReason;

/// How long a generation of series lasts: a series that is in neither of the last two is forgotten.
const GENERATION: Duration = Duration::from_secs(3_600);
/// Metrics that are told as the largest.
const TOLD: usize = 20;

/// The series that were seen lately.
#[derive(Debug)]
pub(crate) struct Cardinality {
    limits: SeriesLimits,
    series: HashedMap<Seen>,
    metrics: Vec<Metric>,
    places: HashMap<Box<str>, u32>,
    /// Places of `metrics` that none of the series is of any more.
    free: Vec<u32>,
    generation: u8,
    turned_ns: i64,
    /// New series that may come at once.
    tokens: f64,
    filled_ns: i64,
}

#[derive(Debug)]
struct Seen {
    metric: u32,
    generation: u8,
}

#[derive(Debug, Default)]
struct Metric {
    name: Box<str>,
    series: u32,
}

impl Cardinality {
    /// Starts without series. `known` of them may come at once beside the usual burst, because the
    /// stores hold them already.
    pub(crate) fn new(limits: SeriesLimits, known: u64) -> Self {
        Cardinality {
            limits,
            series: HashMap::default(),
            metrics: Vec::new(),
            places: HashMap::new(),
            free: Vec::new(),
            generation: 0,
            turned_ns: i64::MIN,
            tokens: limits.burst as f64 + known as f64,
            filled_ns: i64::MAX,
        }
    }

    /// Notes the time of a batch, before its series are let in.
    pub(crate) fn advance(&mut self, now_ns: i64) {
        let passed = now_ns.saturating_sub(self.filled_ns).max(0) as f64 / 1e9;
        // What was granted at the start beyond the burst does not come back.
        let full = self.tokens.max(self.limits.burst as f64);
        self.tokens = (self.tokens + passed * self.limits.per_second as f64).min(full);
        self.filled_ns = now_ns;
        if self.turned_ns == i64::MIN {
            self.turned_ns = now_ns;
        }
        let generation = i64::try_from(GENERATION.as_nanos()).unwrap_or(i64::MAX);
        if now_ns.saturating_sub(self.turned_ns) >= generation {
            self.turned_ns = now_ns;
            self.turn();
        }
    }

    /// Lets a series in, or says why not.
    ///
    /// # Errors
    /// The refusal of all of its points.
    pub(crate) fn admit(&mut self, labels: &Labels) -> Result<(), (RejectReason, String)> {
        let hash = labels.hash64();
        if let Some(seen) = self.series.get_mut(&hash) {
            seen.generation = self.generation;
            return Ok(());
        }
        // Beyond this the store refuses by itself, and this memory stays bounded.
        if self.series.len() >= self.limits.tracked {
            return Ok(());
        }
        let metric = self.place_of(labels.metric_name());
        let own = &mut self.metrics[metric as usize];
        let limit = self.limits.per_metric;
        if limit > 0 && own.series as usize >= limit {
            let name = &own.name;
            let key = "ingest.limits.series_per_metric";
            let why = format!("metric {name:?} has {limit} series already ({key}); refused");
            return Err((RejectReason::TooManySeries, why));
        }
        if self.tokens < 1.0 {
            let rate = self.limits.per_second;
            let key = "ingest.limits.new_series_per_second";
            let why = format!("more than {rate} new series a second are too many ({key})");
            self.release(metric);
            return Err((RejectReason::NewSeriesRate, why));
        }
        self.tokens -= 1.0;
        self.metrics[metric as usize].series += 1;
        self.series.insert(hash, Seen { metric, generation: self.generation });
        Ok(())
    }

    /// Returns the metrics with the most series, largest first.
    pub(crate) fn largest(&self) -> Vec<(String, u64)> {
        let mut largest: Vec<&Metric> =
            self.metrics.iter().filter(|metric| metric.series > 0).collect();
        largest.sort_unstable_by(|one, other| {
            other.series.cmp(&one.series).then_with(|| one.name.cmp(&other.name))
        });
        let told = largest.into_iter().take(TOLD);
        told.map(|metric| (metric.name.to_string(), u64::from(metric.series))).collect()
    }

    fn place_of(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let metric = Metric { name: Box::from(name), series: 0 };
        let place = match self.free.pop() {
            Some(place) => {
                self.metrics[place as usize] = metric;
                place
            }
            None => {
                self.metrics.push(metric);
                u32::try_from(self.metrics.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.places.insert(Box::from(name), place);
        place
    }

    /// Gives the place of a metric back when none of the series is of it.
    fn release(&mut self, place: u32) {
        let metric = &mut self.metrics[place as usize];
        if metric.series == 0 {
            self.places.remove(&metric.name);
            metric.name = Box::default();
            self.free.push(place);
        }
    }

    /// Forgets the series that were not seen since the last turn and begins the next generation.
    fn turn(&mut self) {
        let (generation, metrics) = (self.generation, &mut self.metrics);
        let mut touched = Vec::new();
        self.series.retain(|_, seen| {
            let stays = seen.generation == generation;
            if !stays {
                let metric = &mut metrics[seen.metric as usize];
                metric.series -= 1;
                if metric.series == 0 {
                    touched.push(seen.metric);
                }
            }
            stays
        });
        touched.into_iter().for_each(|place| self.release(place));
        self.generation = generation.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn limits() -> SeriesLimits {
        SeriesLimits { per_metric: 3, per_second: 2, burst: 100, tracked: 1_000 }
    }

    fn series(metric: &str, number: usize) -> Labels {
        Labels::from_pairs([("__name__", metric), ("n", number.to_string().as_str())])
    }

    fn reason(outcome: Result<(), (RejectReason, String)>) -> Option<RejectReason> {
        outcome.err().map(|(reason, _)| reason)
    }

    #[test]
    fn a_metric_has_room_for_its_limit_and_known_series_always_pass() {
        let mut cardinality = Cardinality::new(limits(), 0);
        cardinality.advance(0);
        for number in 0..5 {
            let refused = reason(cardinality.admit(&series("a", number)));
            let wanted = (number >= 3).then_some(RejectReason::TooManySeries);
            assert_eq!(refused, wanted, "series {number}");
        }
        assert_eq!(cardinality.admit(&series("a", 0)), Ok(()));
        assert_eq!(cardinality.admit(&series("b", 0)), Ok(()));
        assert_eq!(cardinality.largest(), [("a".to_owned(), 3), ("b".to_owned(), 1)]);
    }

    #[test]
    fn new_series_come_no_faster_than_the_bucket_fills() {
        let narrow = SeriesLimits { per_metric: 0, burst: 2, ..limits() };
        let mut cardinality = Cardinality::new(narrow, 1);
        cardinality.advance(0);
        let mut next = 0..;
        let mut taken = |cardinality: &mut Cardinality| {
            let tries = next.by_ref().take(10);
            tries.filter(|number| cardinality.admit(&series("a", *number)).is_ok()).count()
        };
        assert_eq!(taken(&mut cardinality), 3, "the burst and what was known");
        cardinality.advance(SECOND);
        assert_eq!(taken(&mut cardinality), 2);
        cardinality.advance(100 * SECOND);
        assert_eq!(taken(&mut cardinality), 2, "no more than the burst is saved up");
        let refused = reason(cardinality.admit(&series("fresh", 0)));
        assert_eq!(refused, Some(RejectReason::NewSeriesRate));
        assert_eq!(cardinality.largest().len(), 1);
    }

    #[test]
    fn series_that_are_gone_make_room() {
        let mut cardinality = Cardinality::new(limits(), 0);
        let hour = 3_600 * SECOND;
        cardinality.advance(0);
        (0..3).for_each(|number| cardinality.admit(&series("a", number)).unwrap());
        cardinality.advance(hour);
        cardinality.admit(&series("a", 0)).unwrap();
        assert!(cardinality.admit(&series("a", 9)).is_err());
        cardinality.advance(2 * hour);
        assert_eq!(cardinality.largest(), [("a".to_owned(), 1)]);
        cardinality.admit(&series("a", 9)).unwrap();
        cardinality.advance(3 * hour);
        cardinality.advance(4 * hour);
        assert!(cardinality.largest().is_empty() && cardinality.places.is_empty());
        cardinality.admit(&series("b", 0)).unwrap();
        assert_eq!(cardinality.metrics.len(), 1, "places are used again");
    }
}
