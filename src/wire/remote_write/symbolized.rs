//! `io.prometheus.write.v2.Request`: texts in one table, and with each series its metadata.

use std::collections::HashSet;

use crate::base::error::Result;
use crate::model::batch::{MetricMetadata, MetricType, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::reject::{Reject, RejectReason};
use crate::model::sample::StartTime;
use crate::model::time::TimestampMs;
use crate::wire::protobuf::{Broken, Fields, Read};
use crate::wire::remote_write::cache::LabelCache;
use crate::wire::remote_write::message::WireHistogram;
use crate::wire::remote_write::request::{Decoded, check_count, each_message, metric_type};
use crate::wire::remote_write::series::decode_histogram;
use crate::wire::remote_write::symbols::{Symbols, read_references, shown};
use crate::wire::remote_write::{histogram, points};

/// `io.prometheus.write.v2.Request.symbols` and `.timeseries`
const SYMBOLS: u32 = 4;
const TIMESERIES: u32 = 5;

/// The most bytes of a help text or unit that are kept: thousands of families may refer to one.
const MAX_ABOUT_BYTES: usize = 4_096;

/// Decodes a request.
///
/// # Errors
/// `InvalidInput` when the framing or the table of symbols is broken; `LimitExceeded` when there is
/// too much of anything.
pub(crate) fn decode(body: &[u8], cache: &LabelCache) -> Result<Decoded> {
    let mut symbols = Symbols::default();
    let mut count = 0_u32;
    each_message(body, |tag, message| {
        match tag {
            SYMBOLS => symbols.add(message)?,
            TIMESERIES => count += 1,
            _ => {}
        }
        check_count(count)
    })?;
    let mut request = Request {
        decoded: Decoded::default(),
        symbols,
        described: HashSet::new(),
        series: Series::default(),
    };
    if count > 0 {
        request.symbols.check_first()?;
    }
    request.decoded.batch.series.reserve(count as usize);
    each_message(body, |tag, message| match tag {
        TIMESERIES if request.decoded.fits(message) => request.add(message, cache),
        _ => Ok(()),
    })?;
    Ok(request.decoded)
}

struct Request<'a> {
    decoded: Decoded,
    symbols: Symbols<'a>,
    /// Families whose metadata was seen.
    described: HashSet<String>,
    /// The series being read; its lists are used again for the next.
    series: Series<'a>,
}

/// The parts of one series before its labels are known.
#[derive(Default)]
struct Series<'a> {
    references: Vec<u32>,
    write: SeriesWrite,
    histograms: Vec<WireHistogram>,
    exemplars: Vec<&'a [u8]>,
    metadata: Metadata,
    /// When counting began, of older senders: one time for all samples.
    created: i64,
}

/// What is said of a series' family; absent fields refer to the empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Metadata {
    kind: i32,
    help: u32,
    unit: u32,
}

impl<'a> Request<'a> {
    /// Adds a series, or what is wrong with it.
    fn add(&mut self, message: &'a [u8], cache: &LabelCache) -> Result<()> {
        let mut series = std::mem::take(&mut self.series);
        series.clear();
        let read = series.read(message).map_err(|why: Broken| {
            let text = format!("a time series is not readable: {why}");
            Reject::one(RejectReason::Malformed, text)
        });
        let added = match read {
            Ok(()) => self.add_read(&mut series, cache)?,
            Err(reject) => Err(reject),
        };
        self.decoded.add(added);
        self.series = series;
        Ok(())
    }

    fn add_read(
        &mut self,
        series: &mut Series<'a>,
        cache: &LabelCache,
    ) -> Result<std::result::Result<SeriesWrite, Reject>> {
        let points = series.write.samples.len() + series.histograms.len();
        let refuse = |reason, message| Reject { count: points.max(1) as u64, reason, message };
        let labels = match self.symbols.labels(&series.references, cache)? {
            Ok(labels) => labels,
            Err((reason @ RejectReason::Malformed, why)) => {
                let references = shown(&series.references);
                let text = format!("parsing labels for series {references}: {why}");
                return Ok(Err(refuse(reason, text)));
            }
            Err((reason, why)) => return Ok(Err(refuse(reason, why))),
        };
        if let Err(why) = self.describe(&labels, series.metadata) {
            let references = shown(&series.references);
            let text = format!("parsing metadata for series {references}: {why}");
            return Ok(Err(refuse(RejectReason::Malformed, text)));
        }
        // Prometheus 3.14 itself sends exemplars in series of their own.
        if points == 0 && series.exemplars.is_empty() {
            let text = format!(
                "TimeSeries must contain at least one sample or histogram for series {labels}"
            );
            return Ok(Err(refuse(RejectReason::Malformed, text)));
        }
        let mut write = std::mem::take(&mut series.write);
        write.labels = labels;
        if series.created != 0 {
            fill_starts(series.created, &mut write);
        }
        let broken = histogram::add_all(&series.histograms, series.created, &mut write);
        broken.into_iter().for_each(|reject| self.decoded.refuse(reject));
        for message in &series.exemplars {
            match self.exemplar(message) {
                Ok(exemplar) => write.exemplars.push(exemplar),
                Err(why) => {
                    let text = format!("parsing exemplar for series {}: {why}", write.labels);
                    self.decoded.refuse(Reject::one(RejectReason::Malformed, text));
                }
            }
        }
        Ok(Ok(write))
    }

    fn exemplar(&self, message: &[u8]) -> std::result::Result<Exemplar, String> {
        let mut references = Vec::new();
        let mut read = || {
            let mut fields = Fields::new(message);
            while let Some((tag, field)) = fields.next()? {
                if tag == 1 {
                    read_references(field, &mut references)?;
                }
            }
            points::exemplar(message)
        };
        let exemplar = read().map_err(|why: Broken| why.to_string())?;
        let labels = self.symbols.exemplar_labels(&references).map_err(|(_, why)| why)?;
        let timestamp = TimestampMs(exemplar.timestamp);
        Ok(Exemplar { labels, value: exemplar.value, timestamp })
    }

    /// Tells a family once a request, though each of its series does.
    fn describe(&mut self, labels: &Labels, about: Metadata) -> std::result::Result<(), String> {
        let size = self.symbols.len();
        let resolve = |field: &str, reference: u32| {
            let outside =
                || format!("metadata {field} {reference} outside of symbols table (size {size})");
            self.symbols.text(reference).ok_or_else(outside)
        };
        let unit = resolve("unit_ref", about.unit)?;
        let help = resolve("help_ref", about.help)?;
        let kind = metric_type(about.kind);
        let says_nothing = kind == MetricType::Unknown && unit.is_empty() && help.is_empty();
        let name = family_name(labels.metric_name(), kind);
        if says_nothing || name.is_empty() || self.described.contains(name) {
            return Ok(());
        }
        self.described.insert(name.to_owned());
        self.decoded.batch.metadata.push(MetricMetadata {
            metric: name.to_owned(),
            kind,
            help: String::from_utf8_lossy(&help[..help.len().min(MAX_ABOUT_BYTES)]).into_owned(),
            unit: String::from_utf8_lossy(&unit[..unit.len().min(MAX_ABOUT_BYTES)]).into_owned(),
        });
        Ok(())
    }
}

impl<'a> Series<'a> {
    /// Empties the lists and keeps their room.
    fn clear(&mut self) {
        self.references.clear();
        self.histograms.clear();
        self.exemplars.clear();
        (self.write, self.metadata, self.created) =
            (SeriesWrite::default(), Metadata::default(), 0);
    }

    fn read(&mut self, message: &'a [u8]) -> Read<()> {
        let mut fields = Fields::new(message);
        let mut before = message.len();
        while let Some((tag, field)) = fields.next()? {
            let left = fields.rest().len();
            match tag {
                1 => read_references(field, &mut self.references)?,
                2 => {
                    let (sample, start) = points::sample(field.bytes()?)?;
                    points::reserve(&mut self.write.samples, before - left, before);
                    self.write.samples.push(sample);
                    if start != 0 {
                        let start = TimestampMs(start);
                        self.write.starts.push(StartTime { timestamp: sample.timestamp, start });
                    }
                }
                3 => self.histograms.push(decode_histogram(field.bytes()?)?),
                4 => self.exemplars.push(field.bytes()?),
                5 => self.metadata = read_metadata(field.bytes()?)?,
                6 => self.created = field.int64().unwrap_or(0),
                _ => {}
            }
            before = left;
        }
        Ok(())
    }
}

fn read_metadata(message: &[u8]) -> Read<Metadata> {
    let mut about = Metadata::default();
    let mut fields = Fields::new(message);
    let reference = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    while let Some((tag, field)) = fields.next()? {
        match tag {
            1 => about.kind = field.int64()? as i32,
            3 => about.help = reference(field.uint64()?),
            4 => about.unit = reference(field.uint64()?),
            _ => {}
        }
    }
    Ok(about)
}

/// Gives the samples that do not know when their counting began the time of their series.
fn fill_starts(created: i64, write: &mut SeriesWrite) {
    let known: HashSet<TimestampMs> = write.starts.iter().map(|one| one.timestamp).collect();
    let start = TimestampMs(created);
    let missing = write.samples.iter().map(|sample| sample.timestamp);
    let missing = missing.filter(|at| !known.contains(at));
    let filled: Vec<_> = missing.map(|timestamp| StartTime { timestamp, start }).collect();
    write.starts.extend(filled);
}

/// Returns the name of the family of a series, which of histograms and summaries is a part of the
/// series' own.
fn family_name(series: &str, kind: MetricType) -> &str {
    let suffixes: &[&str] = match kind {
        MetricType::Histogram => &["_bucket", "_count", "_sum"],
        MetricType::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
        MetricType::Summary => &["_count", "_sum"],
        MetricType::Unknown
        | MetricType::Counter
        | MetricType::Gauge
        | MetricType::Info
        | MetricType::StateSet => &[],
    };
    let shorter = suffixes.iter().find_map(|suffix| series.strip_suffix(suffix));
    shorter.filter(|name| !name.is_empty()).unwrap_or(series)
}

#[cfg(test)]
mod tests;
