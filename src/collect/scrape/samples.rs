//! From what a target says to what is stored.

use std::collections::{HashMap, HashSet};

use crate::base::error::{Error, ErrorKind, Result};
use crate::collect::scrape::job::{ScrapeJob, ScrapeLimits};
use crate::collect::scrape::relabel;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::stale::stale_nan;
use crate::model::time::TimestampMs;
use crate::wire::exposition::{Scrape, ScrapedExemplar};

/// A scrape that can be written, and what it tells about itself.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// The series, those of our own time first to last as the target wrote them.
    pub(crate) batch: MetricBatch,
    /// Series whose absence from the next scrape makes them stale.
    pub(crate) present: HashSet<Labels>,
    /// Samples that the target sent.
    pub(crate) scraped: usize,
    /// Samples after relabelling.
    pub(crate) kept: usize,
}

/// Gives every sample its labels and time.
///
/// # Errors
/// `LimitExceeded` when the scrape passes a limit of the job: then none of it counts.
pub(crate) fn prepare(
    job: &ScrapeJob,
    target: &Labels,
    scrape: Scrape,
    now: TimestampMs,
) -> Result<Prepared> {
    let scraped = scrape.samples.len() + scrape.histograms.len();
    let prepared = Prepared { scraped, ..Prepared::default() };
    let mut writer = Writer { job, target, now, prepared, places: HashMap::new() };
    for sample in scrape.samples {
        let Some((write, at)) = writer.series(&sample.labels, sample.timestamp)? else { continue };
        write.samples.push(Sample { timestamp: at, value: sample.value });
        add_start(write, at, sample.start);
        add_exemplars(write, at, sample.exemplar);
    }
    for sample in scrape.histograms {
        let Some((write, at)) = writer.series(&sample.labels, sample.timestamp)? else { continue };
        write.histograms.push(HistogramSample { timestamp: at, histogram: sample.histogram });
        add_start(write, at, sample.start);
        add_exemplars(write, at, sample.exemplars);
    }
    writer.prepared.batch.metadata = scrape.metadata;
    Ok(writer.prepared)
}

/// Finds the series of each sample.
struct Writer<'a> {
    job: &'a ScrapeJob,
    target: &'a Labels,
    now: TimestampMs,
    prepared: Prepared,
    places: HashMap<Labels, usize>,
}

impl Writer<'_> {
    /// Returns the series of a sample and its time; `None` when it is dropped.
    fn series(
        &mut self,
        named: &Labels,
        timestamp: Option<TimestampMs>,
    ) -> Result<Option<(&mut SeriesWrite, TimestampMs)>> {
        let (job, prepared) = (self.job, &mut self.prepared);
        let Some(labels) = labels(job, self.target, named) else { return Ok(None) };
        prepared.kept += 1;
        if job.limits.samples > 0 && prepared.kept > job.limits.samples {
            return Err(limit(format!("more samples than sample_limit, {}", job.limits.samples)));
        }
        check(&job.limits, &labels)?;
        let own_time = timestamp.filter(|_| job.honor_timestamps);
        if own_time.is_none() {
            prepared.present.insert(labels.clone());
        }
        let place = *self.places.entry(labels.clone()).or_insert_with(|| {
            let write = SeriesWrite { labels, ..SeriesWrite::default() };
            prepared.batch.series.push(write);
            prepared.batch.series.len() - 1
        });
        Ok(Some((&mut prepared.batch.series[place], own_time.unwrap_or(self.now))))
    }
}

fn add_start(write: &mut SeriesWrite, at: TimestampMs, start: Option<TimestampMs>) {
    let start = start.filter(|start| start.0 != 0 && *start < at);
    write.starts.extend(start.map(|start| StartTime { timestamp: at, start }));
}

fn add_exemplars(
    write: &mut SeriesWrite,
    at: TimestampMs,
    exemplars: impl IntoIterator<Item = ScrapedExemplar>,
) {
    write.exemplars.extend(exemplars.into_iter().map(|exemplar| Exemplar {
        labels: exemplar.labels,
        value: exemplar.value,
        timestamp: exemplar.timestamp.unwrap_or(at),
    }));
}

/// Joins the target's labels with the sample's and relabels; `None` when it is dropped.
fn labels(job: &ScrapeJob, target: &Labels, sample: &Labels) -> Option<Labels> {
    let mut builder = sample.to_builder();
    for (name, value) in target.iter() {
        let taken = sample.get(name).map(str::to_owned);
        match taken {
            Some(_) if job.honor_labels => continue,
            Some(taken) => {
                let mut moved = format!("exported_{name}");
                while builder.get(&moved).is_some() || target.get(&moved).is_some() {
                    moved.insert_str(0, "exported_");
                }
                builder.set(&moved, &taken);
            }
            None => {}
        }
        builder.set(name, value);
    }
    if !relabel::apply(&job.metric_relabel, &mut builder) {
        return None;
    }
    let labels = builder.build();
    (!labels.metric_name().is_empty()).then_some(labels)
}

fn check(limits: &ScrapeLimits, labels: &Labels) -> Result<()> {
    if limits.labels > 0 && labels.len() > limits.labels {
        return Err(limit(format!("{labels} has more labels than label_limit, {}", limits.labels)));
    }
    let too_long = |length: usize, bound: usize| bound > 0 && length > bound;
    for (name, value) in labels.iter() {
        if too_long(name.len(), limits.label_name_bytes) {
            return Err(limit(format!("the label name {name:?} passes label_name_length_limit")));
        }
        if too_long(value.len(), limits.label_value_bytes) {
            return Err(limit(format!("the value of {name:?} passes label_value_length_limit")));
        }
    }
    Ok(())
}

fn limit(text: String) -> Error {
    Error::new(ErrorKind::LimitExceeded, text)
}

/// Returns stale markers at `now` for series that were there and are gone, in a steady order.
pub(crate) fn stale(
    before: &HashSet<Labels>,
    after: &HashSet<Labels>,
    now: TimestampMs,
) -> Vec<SeriesWrite> {
    let mut gone: Vec<&Labels> = before.difference(after).collect();
    gone.sort();
    let mark = |labels: &Labels| {
        SeriesWrite::sample(labels.clone(), Sample { timestamp: now, value: stale_nan() })
    };
    gone.into_iter().map(mark).collect()
}

/// The series that every scrape adds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Report {
    /// Whether the scrape succeeded.
    pub(crate) up: bool,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Samples sent.
    pub(crate) scraped: usize,
    /// Samples after relabelling.
    pub(crate) kept: usize,
    /// Series that were not in the scrape before.
    pub(crate) added: usize,
}

const REPORT_NAMES: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

impl Report {
    /// Returns the samples of the report.
    pub(crate) fn series(self, target: &Labels, now: TimestampMs) -> Vec<SeriesWrite> {
        let values = [
            f64::from(u8::from(self.up)),
            self.seconds,
            self.scraped as f64,
            self.kept as f64,
            self.added as f64,
        ];
        report(target, now, values)
    }

    /// Returns the stale markers of the report, for a target that is gone.
    pub(crate) fn end(target: &Labels, now: TimestampMs) -> Vec<SeriesWrite> {
        report(target, now, [stale_nan(); 5])
    }
}

fn report(target: &Labels, now: TimestampMs, values: [f64; 5]) -> Vec<SeriesWrite> {
    let write = |(name, value): (&str, f64)| {
        let mut builder = target.to_builder();
        builder.set(METRIC_NAME, name);
        SeriesWrite::sample(builder.build(), Sample { timestamp: now, value })
    };
    REPORT_NAMES.into_iter().zip(values).map(write).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::collect::scrape::scraper::tests::job;
    use crate::model::histogram::Histogram;
    use crate::wire::exposition::ScrapedHistogram;

    #[test]
    fn native_histograms_get_the_targets_labels_their_start_and_their_exemplars() {
        let exemplar = ScrapedExemplar {
            labels: Labels::from_pairs([("trace_id", "abc")]),
            value: 0.5,
            timestamp: Some(TimestampMs(900)),
        };
        let scraped = ScrapedHistogram {
            labels: Labels::from_pairs([(METRIC_NAME, "took")]),
            histogram: Arc::new(Histogram::default()),
            timestamp: None,
            start: Some(TimestampMs(500)),
            exemplars: vec![exemplar],
        };
        let scrape = Scrape { histograms: vec![scraped], ..Scrape::default() };
        let target = Labels::from_pairs([("job", "app")]);
        let prepared = prepare(&job("h:1"), &target, scrape, TimestampMs(1_000)).unwrap();
        assert_eq!((prepared.scraped, prepared.kept, prepared.present.len()), (1, 1, 1));
        let write = &prepared.batch.series[0];
        assert_eq!(write.labels.to_string(), r#"{__name__="took", job="app"}"#);
        assert_eq!(write.histograms[0].timestamp, TimestampMs(1_000));
        let start = StartTime { timestamp: TimestampMs(1_000), start: TimestampMs(500) };
        assert_eq!((write.starts.as_slice(), write.exemplars.len()), (&[start][..], 1));
    }
}
