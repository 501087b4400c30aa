//! One `TimeSeries` message to one series write.

use crate::model::batch::SeriesWrite;
use crate::model::exemplar::Exemplar;
use crate::model::labels::Labels;
use crate::model::reject::{Reject, RejectReason};
use crate::model::sample::Sample;
use crate::model::time::TimestampMs;
use crate::wire::remote_write::histogram;
use crate::wire::remote_write::message::{Label, TimeSeries};

/// Converts one series. A broken histogram costs only itself; those of a series are one entry of
/// `rejects`. Broken labels cost the series.
///
/// # Errors
/// The refusal of all points of the series.
pub(crate) fn write(wire: &TimeSeries, rejects: &mut Vec<Reject>) -> Result<SeriesWrite, Reject> {
    let points = (wire.samples.len() + wire.histograms.len()).max(1) as u64;
    let labels = labels(&wire.labels).map_err(|(reason, message)| Reject {
        count: points,
        reason,
        message,
    })?;
    let samples =
        wire.samples.iter().map(|sample| Sample::new(sample.timestamp, sample.value)).collect();
    let mut histograms = Vec::with_capacity(wire.histograms.len());
    let mut broken: Option<Reject> = None;
    for wire_histogram in &wire.histograms {
        match (histogram::sample(wire_histogram), &mut broken) {
            (Ok(sample), _) => histograms.push(sample),
            (Err(_), Some(first)) => first.count += 1,
            (Err(why), None) => {
                let message = format!("{}: {why}", labels.metric_name());
                broken = Some(Reject::one(RejectReason::Malformed, message));
            }
        }
    }
    rejects.extend(broken);
    let mut exemplars = Vec::with_capacity(wire.exemplars.len());
    for exemplar in &wire.exemplars {
        // An exemplar points at a trace; one that points nowhere readable is worth nothing.
        if let Ok(labels) = self::labels(&exemplar.labels) {
            let timestamp = TimestampMs(exemplar.timestamp);
            exemplars.push(Exemplar { labels, value: exemplar.value, timestamp });
        }
    }
    Ok(SeriesWrite { labels, samples, histograms, exemplars, ..SeriesWrite::default() })
}

/// Reads labels in any order.
fn labels(wire: &[Label]) -> Result<Labels, (RejectReason, String)> {
    let mut pairs = Vec::with_capacity(wire.len());
    for label in wire {
        let (Ok(name), Ok(value)) =
            (std::str::from_utf8(&label.name), std::str::from_utf8(&label.value))
        else {
            let shown = String::from_utf8_lossy(&label.name);
            let why = format!("label {shown:?} or its value is not UTF-8");
            return Err((RejectReason::Malformed, why));
        };
        if name.is_empty() {
            return Err((RejectReason::InvalidLabels, "a label has no name".to_owned()));
        }
        pairs.push((name, value));
    }
    Labels::from_unique(&mut pairs).map_err(|twice| {
        (RejectReason::DuplicateLabel, format!("label {twice:?} stands there twice"))
    })
}
