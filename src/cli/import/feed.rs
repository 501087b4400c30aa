//! From the readers to the sender: points are collected into requests of a bounded size, and each
//! request says up to which place of its part everything has been handed over.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use crate::base::error::Error;
use crate::cli::outcome::Failure;
use crate::model::batch::{MetricBatch, MetricMetadata, SeriesWrite};
use crate::wire::remote_write;

/// Points of one request.
const POINTS: usize = 40_000;
/// Points of one series in a request: one message of remote write stays far below 1 MiB.
const POINTS_OF_SERIES: usize = 10_000;

/// One request.
pub(crate) struct Parcel {
    /// A `prometheus.WriteRequest` in snappy's block format.
    pub(crate) body: Vec<u8>,
    /// The part it comes from.
    pub(crate) part: usize,
    /// What of the part is done when it was taken; 0 when nothing can be said.
    pub(crate) place: u64,
    /// How far the work has come by then, in bytes of the part.
    pub(crate) bytes: u64,
    /// Whether the part ends with it.
    pub(crate) is_last: bool,
}

/// What was left out, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    by_reason: BTreeMap<String, (u64, String)>,
}

impl Skipped {
    /// Counts `count` things that were left out; the first one is the example.
    pub(crate) fn add(&mut self, reason: &str, count: u64, example: impl FnOnce() -> String) {
        let known = self.by_reason.entry(reason.to_owned()).or_insert_with(|| (0, example()));
        known.0 += count;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_reason.is_empty()
    }

    /// Adds what another run or side left out.
    pub(crate) fn join(&mut self, other: Skipped) {
        for (reason, (count, example)) in other.by_reason {
            self.add(&reason, count, || example);
        }
    }

    /// Returns reason, count and example.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        self.by_reason
            .iter()
            .map(|(reason, (count, example))| (reason.as_str(), *count, example.as_str()))
    }
}

/// Collects what one part yields.
pub(crate) struct Feed {
    sender: mpsc::Sender<Parcel>,
    part: usize,
    batch: MetricBatch,
    points: usize,
    /// What was left out.
    pub(crate) skipped: Skipped,
}

impl Feed {
    pub(crate) fn new(sender: mpsc::Sender<Parcel>, part: usize) -> Self {
        Feed { sender, part, batch: MetricBatch::default(), points: 0, skipped: Skipped::default() }
    }

    /// Adds points of a series.
    pub(crate) fn add(&mut self, mut write: SeriesWrite) {
        while write.samples.len() + write.histograms.len() > POINTS_OF_SERIES {
            let rest = split(&mut write);
            self.push(std::mem::replace(&mut write, rest));
        }
        self.push(write);
    }

    fn push(&mut self, write: SeriesWrite) {
        let buckets: usize = write
            .histograms
            .iter()
            .map(|one| one.histogram.positive_buckets.len() + one.histogram.negative_buckets.len())
            .sum();
        self.points += 1
            + write.samples.len()
            + 4 * write.histograms.len()
            + buckets / 2
            + write.exemplars.len();
        self.batch.series.push(write);
    }

    /// Adds what is known of a family.
    pub(crate) fn about(&mut self, about: MetricMetadata) {
        self.points += 1;
        self.batch.metadata.push(about);
    }

    /// Says that everything up to `place` was added, `bytes` of the part; a full batch is sent.
    ///
    /// # Errors
    /// When the sender has ended; it tells why.
    pub(crate) fn reached(&mut self, place: u64, bytes: u64) -> Result<(), Failure> {
        if self.points < POINTS {
            return Ok(());
        }
        self.send(place, bytes, false)
    }

    /// Sends what is left and says that the part is read.
    ///
    /// # Errors
    /// Those of [`Feed::reached`].
    pub(crate) fn finish(&mut self, place: u64, bytes: u64) -> Result<(), Failure> {
        self.send(place, bytes, true)
    }

    fn send(&mut self, place: u64, bytes: u64, is_last: bool) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        self.points = 0;
        let message = remote_write::encode(&batch);
        let body = snap::raw::Encoder::new()
            .compress_vec(&message)
            .map_err(|error| Failure::failed(format!("snappy: {error}")))?;
        self.parcel(Parcel { body, part: self.part, place, bytes, is_last })
    }

    /// Sends a request as it is.
    ///
    /// # Errors
    /// Those of [`Feed::reached`].
    pub(crate) fn body(&mut self, body: Vec<u8>, place: u64, bytes: u64) -> Result<(), Failure> {
        self.parcel(Parcel { body, part: self.part, place, bytes, is_last: false })
    }

    fn parcel(&mut self, parcel: Parcel) -> Result<(), Failure> {
        self.sender.blocking_send(parcel).map_err(|_| Failure::failed("the import was broken off"))
    }

    /// Counts what could not be read.
    pub(crate) fn unreadable(&mut self, what: &str, error: &Error, place: &str) {
        let reason = format!("{what}: {}", error.message());
        self.skipped.add(&reason, 1, || place.to_owned());
    }
}

/// Cuts a series behind its first points and returns the rest.
fn split(write: &mut SeriesWrite) -> SeriesWrite {
    let samples = write.samples.split_off(write.samples.len().min(POINTS_OF_SERIES));
    let kept = POINTS_OF_SERIES - write.samples.len();
    let histograms = write.histograms.split_off(write.histograms.len().min(kept));
    SeriesWrite {
        labels: write.labels.clone(),
        samples,
        histograms,
        starts: write.starts.clone(),
        exemplars: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::labels::Labels;
    use crate::model::sample::Sample;

    #[test]
    fn long_series_are_cut_and_nothing_is_lost() {
        let (sender, mut parcels) = mpsc::channel(100);
        let mut feed = Feed::new(sender, 3);
        let samples = (0..25_000).map(|at| Sample::new(at, 1.0)).collect();
        let labels = Labels::from_pairs([("__name__", "a")]);
        feed.add(SeriesWrite { labels, samples, ..SeriesWrite::default() });
        let lengths: Vec<_> = feed.batch.series.iter().map(|one| one.samples.len()).collect();
        assert_eq!(lengths, [10_000, 10_000, 5_000]);
        assert_eq!(feed.batch.series[2].samples[0].timestamp.0, 20_000);
        feed.reached(1, 1).unwrap();
        assert!(parcels.try_recv().is_err(), "not full yet");
        feed.finish(9, 8).unwrap();
        let parcel = parcels.try_recv().unwrap();
        assert_eq!((parcel.part, parcel.place, parcel.bytes), (3, 9, 8));
        assert!(parcel.is_last);
    }
}
