//! What the shop counts and measures, as a metrics library within its services would keep it.

use std::collections::BTreeMap;

use crate::ingest::Door;
use crate::model::batch::{MetricBatch, MetricMetadata, MetricType, SeriesWrite};
use crate::model::exemplar::Exemplar;
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::sample::Sample;
use crate::model::time::TimestampMs;
use crate::model::trace::{SpanId, TraceId};

const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const EUROS: [f64; 7] = [10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0];

/// A histogram's name, meaning and buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// Requests that a service answered.
    HttpServer,
    /// Requests that a service made to others outside the shop.
    HttpClient,
    /// Calls of postgres and redis.
    Database,
    /// Values of ordered carts.
    CartValue,
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Family::HttpServer => "http_server_request_duration_seconds",
            Family::HttpClient => "http_client_request_duration_seconds",
            Family::Database => "db_client_operation_duration_seconds",
            Family::CartValue => "cart_value_euros",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Family::HttpServer => "Duration of HTTP server requests.",
            Family::HttpClient => "Duration of HTTP client requests.",
            Family::Database => "Duration of database client operations.",
            Family::CartValue => "Value of the carts that were ordered.",
        }
    }

    fn bounds(self) -> &'static [f64] {
        match self {
            Family::CartValue => &EUROS,
            _ => &SECONDS,
        }
    }
}

/// One thing to count or to measure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measure {
    /// Something happened so many times.
    Count {
        /// The series, metric name included.
        labels: Labels,
        /// How often.
        by: f64,
    },
    /// Something was measured.
    Observe {
        /// Of which family.
        family: Family,
        /// The series' labels without the metric name.
        labels: Labels,
        /// What was measured.
        value: f64,
        /// The span it was measured in.
        example: (TraceId, SpanId),
    },
}

/// Keeps counters, gauges and histograms, and tells them as series.
#[derive(Default)]
pub(crate) struct Meters {
    numbers: BTreeMap<Labels, f64>,
    histograms: BTreeMap<(Family, Labels), Histogram>,
    metadata: BTreeMap<&'static str, MetricMetadata>,
}

struct Histogram {
    buckets: Vec<Bucket>,
    sum: (Labels, f64),
    count: (Labels, f64),
}

struct Bucket {
    labels: Labels,
    bound: f64,
    count: f64,
    example: Option<Exemplar>,
}

impl Meters {
    /// Counts or measures; `weight` tells how many of its kind it stands for.
    pub(crate) fn take(&mut self, measure: Measure, weight: f64, at: TimestampMs) {
        match measure {
            Measure::Count { labels, by } => self.add(labels, by * weight),
            Measure::Observe { family, labels, value, example } => {
                let key = (family, labels);
                if !self.histograms.contains_key(&key) {
                    self.describe(family.name(), MetricType::Histogram, family.help());
                }
                let made = self.histograms.entry(key);
                let made =
                    made.or_insert_with_key(|(family, labels)| Histogram::new(*family, labels));
                made.observe(value, weight, example, at);
            }
        }
    }

    /// Raises a counter.
    pub(crate) fn add(&mut self, labels: Labels, by: f64) {
        *self.numbers.entry(labels).or_insert(0.0) += by;
    }

    /// Sets a gauge.
    pub(crate) fn set(&mut self, labels: Labels, value: f64) {
        self.numbers.insert(labels, value);
    }

    /// Forgets the series that `gone` names: their process has ended.
    pub(crate) fn forget(&mut self, gone: impl Fn(&Labels) -> bool) {
        self.numbers.retain(|labels, _| !gone(labels));
    }

    /// Says what a family is.
    pub(crate) fn describe(&mut self, name: &'static str, kind: MetricType, help: &str) {
        let about = || MetricMetadata {
            metric: name.to_owned(),
            kind,
            help: help.to_owned(),
            unit: String::new(),
        };
        self.metadata.entry(name).or_insert_with(about);
    }

    /// Tells everything as of `at`, by the door each job uses. An example is told once.
    pub(crate) fn read(
        &mut self,
        at: TimestampMs,
        door: impl Fn(&str) -> Door,
    ) -> Vec<(Door, MetricBatch)> {
        let mut batches: Vec<(Door, MetricBatch)> = Vec::new();
        for write in self.series(at) {
            let door = door(write.labels.get("job").unwrap_or_default());
            match batches.iter_mut().find(|(own, _)| *own == door) {
                Some((_, batch)) => batch.series.push(write),
                None => {
                    let metadata = self.metadata.values().cloned().collect();
                    batches.push((door, MetricBatch { series: vec![write], metadata }));
                }
            }
        }
        batches
    }

    fn series(&mut self, at: TimestampMs) -> Vec<SeriesWrite> {
        let write = |labels: &Labels, value: f64| {
            SeriesWrite::sample(labels.clone(), Sample { timestamp: at, value })
        };
        let mut series: Vec<SeriesWrite> =
            self.numbers.iter().map(|(labels, value)| write(labels, *value)).collect();
        for histogram in self.histograms.values_mut() {
            for bucket in &mut histogram.buckets {
                let mut one = write(&bucket.labels, bucket.count);
                one.exemplars.extend(bucket.example.take());
                series.push(one);
            }
            series.push(write(&histogram.sum.0, histogram.sum.1));
            series.push(write(&histogram.count.0, histogram.count.1));
        }
        series
    }
}

impl Histogram {
    fn new(family: Family, labels: &Labels) -> Self {
        let named = |suffix: &str, le: &str| {
            let mut builder = labels.to_builder();
            builder.set(METRIC_NAME, &format!("{}_{suffix}", family.name())).set("le", le);
            builder.build()
        };
        let bounds = family.bounds().iter().copied().chain([f64::INFINITY]);
        let buckets = bounds.map(|bound| {
            let le = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            Bucket { labels: named("bucket", &le), bound, count: 0.0, example: None }
        });
        Histogram {
            buckets: buckets.collect(),
            sum: (named("sum", ""), 0.0),
            count: (named("count", ""), 0.0),
        }
    }

    fn observe(&mut self, value: f64, weight: f64, example: (TraceId, SpanId), at: TimestampMs) {
        self.sum.1 += value * weight;
        self.count.1 += weight;
        let mut is_smallest = true;
        for bucket in self.buckets.iter_mut().filter(|bucket| value <= bucket.bound) {
            bucket.count += weight;
            if std::mem::take(&mut is_smallest) {
                let (trace, span) = example;
                let ids = [("trace_id", trace.to_string()), ("span_id", span.to_string())];
                let labels = Labels::from_pairs(ids);
                bucket.example = Some(Exemplar { labels, value, timestamp: at });
            }
        }
    }
}

/// Returns the labels of a series.
pub(crate) fn series(name: &str, job: &str, instance: &str, rest: &[(&str, &str)]) -> Labels {
    let own = [(METRIC_NAME, name), ("job", job), ("instance", instance)];
    Labels::from_pairs(own.into_iter().chain(rest.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_counts_in_every_bucket_above_it_and_gives_its_example_once() {
        let mut meters = Meters::default();
        let labels = Labels::from_pairs([("job", "web")]);
        let example = (TraceId([1; 16]), SpanId([2; 8]));
        let measure = Measure::Observe { family: Family::HttpServer, labels, value: 0.3, example };
        meters.take(measure, 2.0, TimestampMs(5));
        let batches = meters.read(TimestampMs(10), |_| Door::OtlpHttp);
        let [(Door::OtlpHttp, batch)] = batches.as_slice() else { panic!("{batches:?}") };
        let of = |le: &str| {
            let found = batch.series.iter().find(|write| write.labels.get("le") == Some(le));
            found.map(|write| (write.samples[0].value, write.exemplars.len()))
        };
        assert_eq!(
            (of("0.25"), of("0.5"), of("1"), of("+Inf")),
            (Some((0.0, 0)), Some((2.0, 1)), Some((2.0, 0)), Some((2.0, 0)))
        );
        assert_eq!(batch.metadata[0].kind, MetricType::Histogram);
        let again = meters.read(TimestampMs(20), |_| Door::OtlpHttp);
        assert!(again[0].1.series.iter().all(|write| write.exemplars.is_empty()));
    }
}
