//! Which series and samples of a batch are let in.

use parking_lot::{Mutex, MutexGuard};

use crate::ingest::admission::{Admitted, Now};
use crate::ingest::attributes::clip;
use crate::ingest::cardinality::Cardinality;
use crate::ingest::limits::IngestLimits;
use crate::ingest::offenders::Refused;
use crate::model::batch::{MetricBatch, SeriesWrite};
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::time::TimestampMs;
use crate::storage::receipt::{RejectReason, Rejection};

/// How much of a series is shown in a message.
const SHOWN_BYTES: usize = 200;
/// Longest help text that is kept; the rest says nothing to a reader.
const HELP_BYTES: usize = 4_096;

/// What was let in, and how many exemplars were not.
pub(crate) struct AdmittedMetrics {
    pub(crate) admitted: Admitted<MetricBatch>,
    pub(crate) refused_exemplars: u64,
}

/// What is known of the series that came before.
pub(crate) struct KnownSeries {
    pub(crate) cardinality: Mutex<Cardinality>,
    pub(crate) refused: Mutex<Refused>,
}

/// Checks every series of `batch` against `limits`.
pub(crate) fn admit(
    mut batch: MetricBatch,
    limits: &IngestLimits,
    known: &KnownSeries,
    now: Now,
) -> AdmittedMetrics {
    let future = i64::try_from(limits.future.as_millis()).unwrap_or(i64::MAX);
    let newest = TimestampMs(now.ns.div_euclid(1_000_000).saturating_add(future));
    let mut cardinality = known.cardinality.lock();
    cardinality.advance(now.ns);
    let mut gate = SeriesGate {
        limits,
        newest,
        cardinality,
        refused: &known.refused,
        rejected: Vec::new(),
        refused_exemplars: 0,
    };
    let mut kept = Vec::with_capacity(batch.series.len());
    let mut index = 0;
    batch.series.retain_mut(|write| {
        let keep = gate.pass(index, write);
        if keep {
            kept.push(index);
        }
        index += 1;
        keep
    });
    batch.metadata.retain_mut(|about| {
        about.help.truncate(clip(&about.help, HELP_BYTES).len());
        let name = 1..=limits.label_value_bytes;
        name.contains(&about.metric.len()) && about.unit.len() <= limits.name_bytes
    });
    let SeriesGate { rejected, refused_exemplars, .. } = gate;
    AdmittedMetrics { admitted: Admitted { batch, kept, rejected }, refused_exemplars }
}

/// Returns about how many bytes `batch` occupies.
pub(crate) fn weight(batch: &MetricBatch) -> usize {
    let points = |write: &SeriesWrite| {
        let buckets = write.histograms.iter().map(|sample| {
            let histogram = &sample.histogram;
            160 + 8 * (histogram.positive_buckets.len() + histogram.negative_buckets.len())
        });
        16 * write.samples.len() + buckets.sum::<usize>() + 128 * write.exemplars.len()
    };
    batch.series.iter().map(|write| 96 + write.labels.as_bytes().len() + points(write)).sum()
}

/// What is wrong with labels, and with which of them.
struct LabelFault {
    reason: RejectReason,
    message: String,
    label: Option<String>,
}

impl LabelFault {
    /// Builds the fault of a label that is too long.
    fn of(name: &[u8], message: String) -> Self {
        let name = String::from_utf8_lossy(&name[..name.len().min(SHOWN_BYTES)]).into_owned();
        LabelFault { reason: RejectReason::TooLarge, message, label: Some(name) }
    }
}

struct SeriesGate<'a> {
    limits: &'a IngestLimits,
    newest: TimestampMs,
    cardinality: MutexGuard<'a, Cardinality>,
    refused: &'a Mutex<Refused>,
    rejected: Vec<Rejection>,
    refused_exemplars: u64,
}

impl SeriesGate<'_> {
    /// Removes what is not let in from `write`; returns whether anything is left to write.
    fn pass(&mut self, index: usize, write: &mut SeriesWrite) -> bool {
        let points = (write.samples.len() + write.histograms.len()) as u64;
        if let Err(fault) = self.check_labels(&write.labels) {
            let LabelFault { reason, message, label } = fault;
            self.refused_exemplars += write.exemplars.len() as u64;
            let count = points.max(1);
            self.refused.lock().note(&write.labels, reason, count, label.as_deref());
            self.rejected.push(Rejection { index, count, reason, message });
            return false;
        }
        self.drop_future_points(index, write);
        self.drop_broken_histograms(index, write);
        let exemplars = write.exemplars.len();
        write.exemplars.retain(|exemplar| {
            let texts = exemplar.labels.iter();
            let chars: usize =
                texts.map(|(name, value)| name.chars().count() + value.chars().count()).sum();
            chars <= self.limits.exemplar_chars && exemplar.timestamp <= self.newest
        });
        self.refused_exemplars += (exemplars - write.exemplars.len()) as u64;
        let has_points = !write.samples.is_empty() || !write.histograms.is_empty();
        if !has_points && write.exemplars.is_empty() {
            return false;
        }
        // The last of all checks: what is refused before leaves no trace there.
        if let Err((reason, why)) = self.cardinality.admit(&write.labels) {
            let left = (write.samples.len() + write.histograms.len()) as u64;
            self.refused_exemplars += write.exemplars.len() as u64;
            self.reject(index, &write.labels, left.max(1), reason, &why);
            return false;
        }
        true
    }

    fn check_labels(&self, labels: &Labels) -> Result<(), LabelFault> {
        let mut count = 0;
        let mut is_named = false;
        let limits = self.limits;
        for (name, value) in labels.iter_bytes() {
            count += 1;
            is_named |= name == METRIC_NAME.as_bytes();
            if name.len() > limits.name_bytes {
                let (has, limit) = (name.len(), limits.name_bytes);
                let why = format!("a label name has {has} bytes, more than {limit},");
                return Err(LabelFault::of(name, of_series(&why, labels)));
            }
            if value.len() > limits.label_value_bytes {
                let (has, limit) = (value.len(), limits.label_value_bytes);
                let shown = String::from_utf8_lossy(name);
                let why =
                    format!("the value of label {shown:?} has {has} bytes, more than {limit},");
                return Err(LabelFault::of(name, of_series(&why, labels)));
            }
        }
        if !is_named {
            let message = format!("invalid metric name or labels, got {}", shown(labels));
            return Err(LabelFault { reason: RejectReason::InvalidLabels, message, label: None });
        }
        if count > limits.labels {
            let why = format!("there are {count} labels, more than {},", limits.labels);
            let message = of_series(&why, labels);
            return Err(LabelFault { reason: RejectReason::LimitExceeded, message, label: None });
        }
        Ok(())
    }

    fn drop_future_points(&mut self, index: usize, write: &mut SeriesWrite) {
        let newest = self.newest;
        let before = write.samples.len() + write.histograms.len();
        write.samples.retain(|sample| sample.timestamp <= newest);
        write.histograms.retain(|sample| sample.timestamp <= newest);
        let dropped = before - write.samples.len() - write.histograms.len();
        if dropped > 0 {
            let why = "out of bounds: timestamp is too far in the future";
            let reason = RejectReason::TooFarInFuture;
            self.reject(index, &write.labels, dropped as u64, reason, why);
        }
    }

    fn drop_broken_histograms(&mut self, index: usize, write: &mut SeriesWrite) {
        let mut broken = Vec::new();
        let limit = self.limits.histogram_buckets;
        write.histograms.retain(|sample| {
            let histogram = &sample.histogram;
            let buckets = histogram.positive_buckets.len() + histogram.negative_buckets.len();
            let fault = if buckets.max(histogram.custom_values.len()) > limit {
                let why = format!("the histogram has {buckets} buckets, more than {limit}");
                Some((RejectReason::LimitExceeded, why))
            } else {
                histogram.validate().err().map(|why| (RejectReason::Malformed, why))
            };
            let keep = fault.is_none();
            broken.extend(fault);
            keep
        });
        for (reason, why) in broken {
            self.reject(index, &write.labels, 1, reason, &why);
        }
    }

    fn reject(
        &mut self,
        index: usize,
        labels: &Labels,
        count: u64,
        reason: RejectReason,
        why: &str,
    ) {
        self.refused.lock().note(labels, reason, count, None);
        let message = of_series(why, labels);
        self.rejected.push(Rejection { index, count, reason, message });
    }
}

/// Says of which series something is true, as Prometheus says it.
fn of_series(why: &str, labels: &Labels) -> String {
    format!("{why} for series {}", shown(labels))
}

/// Writes labels, cut where they are long.
fn shown(labels: &Labels) -> String {
    let series = labels.to_string();
    let shown = clip(&series, SHOWN_BYTES);
    let ellipsis = if shown.len() < series.len() { "…" } else { "" };
    format!("{shown}{ellipsis}")
}
