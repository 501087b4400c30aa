//! The delimited protobuf format: `io.prometheus.client.MetricFamily` messages, each behind its length.
//!
//! A histogram has up to two forms in one message, classic buckets and native ones; [`Histograms`] says
//! which of them count.

use std::sync::Arc;

use prost::Message;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::batch::{MetricMetadata, MetricType};
use crate::model::histogram::{CounterResetHint, Histogram, Span};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::time::TimestampMs;
use crate::wire::exposition::messages as wire;
use crate::wire::exposition::number;
use crate::wire::exposition::scrape::{
    Histograms, Scrape, ScrapedExemplar, ScrapedHistogram, ScrapedSample,
};
use crate::wire::protobuf::{Broken, Fields, Read, delimited};

/// The most metrics of one scrape: two bytes can ask for one.
const MAX_METRICS: usize = 1_000_000;

/// Reads a whole body.
///
/// # Errors
/// `InvalidInput` that names the family at fault; `LimitExceeded` when there are too many metrics.
pub(crate) fn parse(body: &[u8], histograms: Histograms) -> Result<Scrape> {
    let mut reader = Reader { histograms, scrape: Scrape::default(), metrics: 0 };
    let mut rest = body;
    while !rest.is_empty() {
        let at = body.len() - rest.len();
        let broken = |why: Broken| Error::invalid(format!("byte {at}: {why}"));
        let message = delimited(&mut rest).map_err(broken)?;
        let family = Family::read(message).map_err(broken)?;
        reader.family(&family)?;
    }
    Ok(reader.scrape)
}

/// A family whose metrics are still to be read.
struct Family<'a> {
    name: String,
    help: String,
    unit: String,
    kind: MetricType,
    metrics: Vec<&'a [u8]>,
}

impl<'a> Family<'a> {
    fn read(message: &'a [u8]) -> Read<Self> {
        let mut family = Family {
            name: String::new(),
            help: String::new(),
            unit: String::new(),
            kind: MetricType::Counter,
            metrics: Vec::new(),
        };
        let mut fields = Fields::new(message);
        while let Some((tag, field)) = fields.next()? {
            match tag {
                1 => family.name = text(field.bytes()?)?,
                2 => family.help = text(field.bytes()?)?,
                3 => family.kind = kind_of(field.uint64()?)?,
                4 => family.metrics.push(field.bytes()?),
                5 => family.unit = text(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(family)
    }
}

fn text(bytes: &[u8]) -> Read<String> {
    let text = std::str::from_utf8(bytes).map_err(|_| Broken::new("a text is not UTF-8"))?;
    Ok(text.to_owned())
}

fn kind_of(number: u64) -> Read<MetricType> {
    Ok(match number {
        0 => MetricType::Counter,
        1 => MetricType::Gauge,
        2 => MetricType::Summary,
        3 => MetricType::Unknown,
        4 => MetricType::Histogram,
        5 => MetricType::GaugeHistogram,
        _ => return Err(Broken::new("a family has an unknown metric type")),
    })
}

struct Reader {
    histograms: Histograms,
    scrape: Scrape,
    metrics: usize,
}

/// What the samples of one metric share.
struct Shared<'a> {
    family: &'a str,
    labels: &'a [wire::LabelPair],
    timestamp: Option<TimestampMs>,
    start: Option<TimestampMs>,
}

impl Reader {
    fn family(&mut self, family: &Family<'_>) -> Result<()> {
        let name = &family.name;
        let wrong = |why: &str| Error::invalid(format!("family {name:.128}: {why}"));
        if name.is_empty() {
            return Err(wrong("invalid metric name"));
        }
        // A family without metrics says nothing.
        if family.metrics.is_empty() {
            return Ok(());
        }
        self.metrics += family.metrics.len();
        if self.metrics > MAX_METRICS {
            let text = format!("the scrape has more than {MAX_METRICS} metrics");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        self.scrape.metadata.push(MetricMetadata {
            metric: name.clone(),
            kind: family.kind,
            help: family.help.clone(),
            unit: family.unit.clone(),
        });
        for message in &family.metrics {
            let metric =
                wire::Metric::decode(*message).map_err(|error| wrong(&error.to_string()))?;
            self.metric(name, family.kind, &metric).map_err(|why| wrong(&why))?;
        }
        Ok(())
    }

    fn metric(
        &mut self,
        family: &str,
        kind: MetricType,
        metric: &wire::Metric,
    ) -> std::result::Result<(), String> {
        // Zero means no time, for the message cannot tell the two apart.
        let timestamp = Some(metric.timestamp_ms).filter(|ms| *ms != 0).map(TimestampMs);
        let mut shared = Shared { family, labels: &metric.label, timestamp, start: None };
        match kind {
            MetricType::Counter => {
                let counter = metric.counter.clone().unwrap_or_default();
                shared.start = time(counter.start_timestamp);
                let exemplar = counter.exemplar.as_ref().map(exemplar).transpose()?;
                self.sample(&shared, "", None, counter.value, exemplar)
            }
            MetricType::Gauge => {
                let value = metric.gauge.map_or(0.0, |gauge| gauge.value);
                self.sample(&shared, "", None, value, None)
            }
            MetricType::Unknown | MetricType::Info | MetricType::StateSet => {
                let value = metric.untyped.map_or(0.0, |untyped| untyped.value);
                self.sample(&shared, "", None, value, None)
            }
            MetricType::Summary => {
                let summary = metric.summary.clone().unwrap_or_default();
                shared.start = time(summary.start_timestamp);
                self.sample(&shared, "_count", None, summary.sample_count as f64, None)?;
                self.sample(&shared, "_sum", None, summary.sample_sum, None)?;
                summary.quantile.iter().try_for_each(|quantile| {
                    let label = ("quantile", number::label_value(quantile.quantile));
                    self.sample(&shared, "", Some(label), quantile.value, None)
                })
            }
            MetricType::Histogram | MetricType::GaugeHistogram => {
                let histogram = metric.histogram.clone().unwrap_or_default();
                shared.start = time(histogram.start_timestamp);
                self.histogram(&shared, kind, &histogram)
            }
        }
    }

    fn histogram(
        &mut self,
        shared: &Shared<'_>,
        kind: MetricType,
        wire: &wire::Histogram,
    ) -> std::result::Result<(), String> {
        let native = is_native(wire) && self.histograms != Histograms::Classic;
        if native {
            let histogram = native_of(wire, kind)?;
            let mut exemplars = Vec::new();
            let own = wire.exemplars.iter();
            let of_buckets = wire.bucket.iter().filter_map(|bucket| bucket.exemplar.as_ref());
            let all: Vec<_> =
                if wire.exemplars.is_empty() { of_buckets.collect() } else { own.collect() };
            // Without a time they cannot be told apart from scrape to scrape.
            for one in all.into_iter().filter(|one| one.timestamp.is_some()) {
                exemplars.push(exemplar(one)?);
            }
            self.scrape.histograms.push(ScrapedHistogram {
                labels: shared.labels("", None)?,
                histogram: Arc::new(histogram),
                timestamp: shared.timestamp,
                start: shared.start,
                exemplars,
            });
        }
        if native && (self.histograms == Histograms::Native || wire.bucket.is_empty()) {
            return Ok(());
        }
        let count = float_or(wire.sample_count_float, wire.sample_count);
        self.sample(shared, "_count", None, count, None)?;
        self.sample(shared, "_sum", None, wire.sample_sum, None)?;
        let mut is_open = true;
        for bucket in &wire.bucket {
            is_open &= bucket.upper_bound != f64::INFINITY;
            let label = ("le", number::label_value(bucket.upper_bound));
            let count = float_or(bucket.cumulative_count_float, bucket.cumulative_count);
            let exemplar = bucket.exemplar.as_ref().map(exemplar).transpose()?;
            self.sample(shared, "_bucket", Some(label), count, exemplar)?;
        }
        if is_open {
            self.sample(shared, "_bucket", Some(("le", "+Inf".to_owned())), count, None)?;
        }
        Ok(())
    }

    fn sample(
        &mut self,
        shared: &Shared<'_>,
        suffix: &str,
        extra: Option<(&str, String)>,
        value: f64,
        exemplar: Option<ScrapedExemplar>,
    ) -> std::result::Result<(), String> {
        self.scrape.samples.push(ScrapedSample {
            labels: shared.labels(suffix, extra)?,
            value: number::ordinary(value),
            timestamp: shared.timestamp,
            start: shared.start,
            exemplar,
        });
        Ok(())
    }
}

impl Shared<'_> {
    fn labels(
        &self,
        suffix: &str,
        extra: Option<(&str, String)>,
    ) -> std::result::Result<Labels, String> {
        let name = format!("{}{suffix}", self.family);
        let mut pairs = vec![(METRIC_NAME, name.as_str())];
        pairs.extend(self.labels.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())));
        pairs.extend(extra.iter().map(|(name, value)| (*name, value.as_str())));
        unique(&mut pairs)
    }
}

fn unique<'a>(pairs: &mut [(&'a str, &'a str)]) -> std::result::Result<Labels, String> {
    if pairs.iter().any(|(name, _)| name.is_empty()) {
        return Err("a label has no name".to_owned());
    }
    let twice = |twice: &str| {
        let shown: String = twice.chars().take(64).collect();
        format!("label {shown:?} stands there twice")
    };
    Labels::from_unique(pairs).map_err(twice)
}

/// Returns whether a histogram has native buckets. One without observations says so by an empty span.
fn is_native(wire: &wire::Histogram) -> bool {
    !wire.positive_span.is_empty()
        || !wire.negative_span.is_empty()
        || wire.zero_threshold > 0.0
        || wire.zero_count > 0
}

fn native_of(wire: &wire::Histogram, kind: MetricType) -> std::result::Result<Histogram, String> {
    let is_float = wire.sample_count_float > 0.0 || wire.zero_count_float > 0.0;
    let side = |deltas: &[i64], counts: &[f64]| match is_float {
        true => counts.to_vec(),
        false => absolute(deltas),
    };
    let spans = |spans: &[wire::BucketSpan]| -> Vec<Span> {
        spans.iter().map(|span| Span { offset: span.offset, length: span.length }).collect()
    };
    let is_gauge = kind == MetricType::GaugeHistogram;
    let mut histogram = Histogram {
        counter_reset_hint: match is_gauge {
            true => CounterResetHint::Gauge,
            false => CounterResetHint::Unknown,
        },
        schema: wire.schema,
        zero_threshold: wire.zero_threshold,
        zero_count: if is_float { wire.zero_count_float } else { wire.zero_count as f64 },
        count: if is_float { wire.sample_count_float } else { wire.sample_count as f64 },
        sum: number::ordinary(wire.sample_sum),
        positive_spans: spans(&wire.positive_span),
        positive_buckets: side(&wire.positive_delta, &wire.positive_count),
        negative_spans: spans(&wire.negative_span),
        negative_buckets: side(&wire.negative_delta, &wire.negative_count),
        custom_values: Vec::new(),
    };
    histogram.validate()?;
    histogram.compact();
    Ok(histogram)
}

/// Adds up deltas: the first is the first bucket's count, each other the step from its neighbour.
fn absolute(deltas: &[i64]) -> Vec<f64> {
    let mut count = 0_i64;
    let step = |delta: &i64| {
        count = count.saturating_add(*delta);
        count as f64
    };
    deltas.iter().map(step).collect()
}

/// Returns the float count where there is one.
fn float_or(float: f64, whole: u64) -> f64 {
    if float == 0.0 { whole as f64 } else { float }
}

fn exemplar(wire: &wire::Exemplar) -> std::result::Result<ScrapedExemplar, String> {
    let mut pairs: Vec<_> =
        wire.label.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())).collect();
    let labels = unique(&mut pairs)?;
    Ok(ScrapedExemplar { labels, value: wire.value, timestamp: time(wire.timestamp) })
}

fn time(wire: Option<wire::Timestamp>) -> Option<TimestampMs> {
    let wire = wire?;
    let millis = wire.seconds.saturating_mul(1_000);
    Some(TimestampMs(millis.saturating_add(i64::from(wire.nanos / 1_000_000))))
}

#[cfg(test)]
mod tests;
