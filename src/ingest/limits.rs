//! What the door lets in.

use std::time::Duration;

use crate::base::size::ByteSize;

/// Bounds on what one batch may hold. Everything beyond is refused item by item and counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestLimits {
    /// Labels of a series, the metric name included.
    pub labels: usize,
    /// Bytes of a label or attribute name.
    pub name_bytes: usize,
    /// Bytes of a label value.
    pub label_value_bytes: usize,
    /// How many series there may be, and how fast new ones may come.
    pub series: SeriesLimits,
    /// Buckets of one native histogram sample.
    pub histogram_buckets: usize,
    /// Characters of an exemplar's label names and values together; OpenMetrics says 128.
    pub exemplar_chars: usize,
    /// Bytes of a log record's body ("line").
    pub line_bytes: usize,
    /// Bytes of a whole log record or span, everything counted.
    pub item_bytes: usize,
    /// Attributes of one record, span, event, link, resource or scope; also events and links of a
    /// span.
    pub attributes: usize,
    /// How far a timestamp may lie in the future.
    pub future: Duration,
    /// How old a log record may be; `None` for any age. Wired to the retention of logs, because
    /// what is older would be dropped at once.
    pub log_age: Option<Duration>,
    /// How old a span may be; `None` for any age. Wired to the retention of traces.
    pub span_age: Option<Duration>,
    /// Bytes of batches being admitted and written at one time; beyond it batches are refused with
    /// a retry hint.
    pub in_flight: ByteSize,
}

/// Bounds on series. A series counts while points of it come, and for an hour or two after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Series of one metric name; 0 for no bound of its own.
    pub per_metric: usize,
    /// New series a second, in the long run.
    pub per_second: u64,
    /// New series at once.
    pub burst: u64,
    /// Series that are counted at all: the store refuses what is beyond.
    pub tracked: usize,
}

impl Default for SeriesLimits {
    fn default() -> Self {
        // A sender of 100,000 series may begin within seconds; what grows on and on is slowed down.
        SeriesLimits { per_metric: 20_000, per_second: 2_000, burst: 250_000, tracked: 1_000_000 }
    }
}

impl Default for IngestLimits {
    fn default() -> Self {
        IngestLimits {
            labels: 64,
            name_bytes: 256,
            label_value_bytes: 2_048,
            series: SeriesLimits::default(),
            histogram_buckets: 4_096,
            exemplar_chars: 128,
            line_bytes: 1 << 20,
            item_bytes: 4 << 20,
            attributes: 1_024,
            future: Duration::from_secs(600),
            log_age: None,
            span_age: None,
            in_flight: ByteSize::mib(256),
        }
    }
}
