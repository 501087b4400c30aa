//! What travels from a door to a store in one piece.

use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::log::LogRecord;
use crate::model::sample::{HistogramSample, Sample, StartTime};
use crate::model::trace::Span;

/// The type of a metric family, in Prometheus' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MetricType {
    /// Not known.
    #[default]
    Unknown,
    /// Only rises, or resets.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, classic or native.
    Histogram,
    /// Buckets of a gauge.
    GaugeHistogram,
    /// Quantiles.
    Summary,
    /// Constant labels with value 1.
    Info,
    /// One of several states.
    StateSet,
}

impl MetricType {
    /// Returns the lower-case word.
    pub fn word(self) -> &'static str {
        match self {
            MetricType::Unknown => "unknown",
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            MetricType::GaugeHistogram => "gaugehistogram",
            MetricType::Summary => "summary",
            MetricType::Info => "info",
            MetricType::StateSet => "stateset",
        }
    }

    /// Reads the lower-case word; anything else (`untyped` too) is unknown.
    pub fn from_word(word: &str) -> Self {
        let types = [
            MetricType::Counter,
            MetricType::Gauge,
            MetricType::Histogram,
            MetricType::GaugeHistogram,
            MetricType::Summary,
            MetricType::Info,
            MetricType::StateSet,
        ];
        types.into_iter().find(|kind| kind.word() == word).unwrap_or_default()
    }
}

/// What is known of a metric family besides its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricMetadata {
    /// The family's name.
    pub metric: String,
    /// Its type.
    pub kind: MetricType,
    /// What it means; may be empty.
    pub help: String,
    /// Its unit; may be empty.
    pub unit: String,
}

/// New points of one series, in any order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeriesWrite {
    /// The series, metric name included.
    pub labels: Labels,
    /// Float samples.
    pub samples: Vec<Sample>,
    /// Native histogram samples.
    pub histograms: Vec<HistogramSample>,
    /// When counting began, of those points of which it is known.
    pub starts: Vec<StartTime>,
    /// Examples.
    pub exemplars: Vec<Exemplar>,
}

impl SeriesWrite {
    /// Builds a write of one float sample.
    pub fn sample(labels: Labels, sample: Sample) -> Self {
        SeriesWrite { labels, samples: vec![sample], ..SeriesWrite::default() }
    }
}

/// Metrics that arrive together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricBatch {
    /// The points, series by series.
    pub series: Vec<SeriesWrite>,
    /// What is said about families.
    pub metadata: Vec<MetricMetadata>,
}

impl MetricBatch {
    /// Returns the number of float and histogram samples.
    pub fn sample_count(&self) -> usize {
        self.series.iter().map(|write| write.samples.len() + write.histograms.len()).sum()
    }
}

/// One change of the log store.
#[derive(Debug, Clone, PartialEq)]
pub enum LogOp {
    /// Adds a record; a record of the same index and id is replaced when `replace`, else the
    /// operation is a conflict.
    Put {
        /// The record; its `index` and `id` are filled.
        record: Box<LogRecord>,
        /// Whether an older record of this index and id gives way.
        replace: bool,
    },
    /// Removes the record of this index and id.
    Delete {
        /// The index.
        index: String,
        /// The document id.
        id: String,
    },
}

/// Changes of the log store that arrive together, applied in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogBatch {
    /// The changes.
    pub ops: Vec<LogOp>,
}

/// Spans that arrive together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpanBatch {
    /// The spans, of any traces.
    pub spans: Vec<Span>,
}
