//! Numbers and summaries, and what all data points have in common.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{DataPointFlags, NumberDataPoint, SummaryDataPoint};

use crate::model::batch::SeriesWrite;
use crate::model::labels::{Labels, METRIC_NAME};
use crate::model::reject::{Reject, RejectReason};
use crate::model::sample::{Sample, StartTime};
use crate::model::stale::stale_nan;
use crate::model::time::{TimeRange, TimestampMs, TimestampNs};
use crate::wire::otlp::attributes::attributes;
use crate::wire::otlp::metrics::deltas::{DeltaStreams, When};
use crate::wire::otlp::metrics::exemplars::exemplars;
use crate::wire::otlp::metrics::target::{Target, merge_labels};
use crate::wire::otlp::metrics::total::Total;
use crate::wire::otlp::metrics::{DecodedMetrics, MAX_LABEL_BYTES};
use crate::wire::otlp::traces::time;

/// What the points of one metric share.
#[derive(Clone, Copy)]
pub(crate) struct Family<'a> {
    /// The Prometheus name.
    pub(crate) name: &'a str,
    /// The resource.
    pub(crate) target: &'a Target,
    /// When the request arrived: the time of points that have none.
    pub(crate) arrival: TimestampNs,
}

/// Writes the points of one metric as series.
pub(crate) struct PointWriter<'a> {
    decoded: &'a mut DecodedMetrics,
    family: Family<'a>,
    /// The totals to which points are added that only tell what is new.
    deltas: Option<&'a mut DeltaStreams>,
    span: Option<TimeRange<TimestampMs>>,
}

/// One point, before its values.
pub(crate) struct Point {
    /// When.
    pub(crate) at: TimestampMs,
    /// When its counting began; 0 when the sender does not say.
    start: TimestampMs,
    /// Whether it says that there is no value any more.
    pub(crate) is_stale: bool,
    labels: Vec<(String, String)>,
}

/// The times of a point as it travels, in nanoseconds; 0 where the sender does not say.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// When its counting began.
    pub(crate) start: u64,
    /// When.
    pub(crate) at: u64,
}

impl Point {
    /// Returns when the counting of its samples began, where that is known and makes sense.
    pub(crate) fn starts(&self) -> Vec<StartTime> {
        let known = self.start.0 != 0 && self.start < self.at && !self.is_stale;
        let start = StartTime { timestamp: self.at, start: self.start };
        known.then_some(start).into_iter().collect()
    }
}

/// What is said of points beyond what one request may become.
pub(crate) const TOO_MUCH: &str = "the request becomes too many series; send smaller batches";
/// The most values of one point: bounds of a histogram, quantiles of a summary.
pub(crate) const MAX_VALUES: usize = 1_024;

/// Why a point is refused.
pub(crate) type Fault = (RejectReason, String);

impl<'a> PointWriter<'a> {
    pub(crate) fn new(
        decoded: &'a mut DecodedMetrics,
        family: Family<'a>,
        deltas: Option<&'a mut DeltaStreams>,
    ) -> Self {
        PointWriter { decoded, family, deltas, span: None }
    }

    /// Returns the times of the oldest and the newest written point.
    pub(crate) fn span(&self) -> Option<TimeRange<TimestampMs>> {
        self.span
    }

    /// Returns whether points tell only what is new.
    pub(crate) fn is_delta(&self) -> bool {
        self.deltas.is_some()
    }

    /// Adds what is new of a point to its total and returns that; the point begins when the total
    /// does.
    ///
    /// # Errors
    /// The refusal of a point that comes too late or for which there is no room.
    pub(crate) fn total(&mut self, point: &mut Point, delta: Total) -> Result<Total, Fault> {
        let series = self.labels(point, "", None);
        let arrival = self.family.arrival;
        let Some(deltas) = &mut self.deltas else { return Ok(delta) };
        if point.is_stale {
            deltas.end(&series);
            return Ok(delta);
        }
        let when = When { start: point.start, at: point.at, arrival };
        let (total, start) = deltas.advance(series, when, delta)?;
        point.start = start;
        Ok(total)
    }

    /// Writes a point of a gauge or a sum.
    pub(crate) fn number(&mut self, wire: NumberDataPoint) {
        let times = Times { start: wire.start_time_unix_nano, at: wire.time_unix_nano };
        let point = self.begin(wire.attributes, times, wire.flags);
        let written = point.and_then(|mut point| {
            let mut value = match wire.value {
                Some(Value::AsDouble(value)) => value,
                Some(Value::AsInt(value)) => value as f64,
                None if point.is_stale => stale_nan(),
                None => return Err((RejectReason::Malformed, "a point has no value".to_owned())),
            };
            if self.is_delta()
                && let Total::Number(total) = self.total(&mut point, Total::Number(value))?
            {
                value = total;
            }
            let mut write = self.sample(&point, "", None, value);
            write.exemplars = exemplars(wire.exemplars, point.at);
            Ok((point, vec![write]))
        });
        self.end(written);
    }

    /// Writes a point of a summary: sum, count and quantiles.
    pub(crate) fn summary(&mut self, wire: SummaryDataPoint) {
        let times = Times { start: wire.start_time_unix_nano, at: wire.time_unix_nano };
        let point = self.begin(wire.attributes, times, wire.flags);
        let written = point.and_then(|point| {
            check_values("quantiles", wire.quantile_values.len())?;
            let mut writes = vec![
                self.sample(&point, "_sum", None, wire.sum),
                self.sample(&point, "_count", None, wire.count as f64),
            ];
            for quantile in &wire.quantile_values {
                let label = ("quantile", quantile.quantile.to_string());
                writes.push(self.sample(&point, "", Some(label), quantile.value));
            }
            Ok((point, writes))
        });
        self.end(written);
    }

    /// Reads what all kinds of points have.
    ///
    /// # Errors
    /// The refusal of a time past 2262 or an attribute whose key leaves no name.
    pub(crate) fn begin(
        &self,
        wire: Vec<KeyValue>,
        times: Times,
        flags: u32,
    ) -> Result<Point, Fault> {
        if self.decoded.label_bytes > MAX_LABEL_BYTES {
            return Err((RejectReason::LimitExceeded, TOO_MUCH.to_owned()));
        }
        let at = match times.at {
            0 => self.family.arrival,
            nanos => time(nanos)?,
        };
        // A start that makes no sense costs nothing but itself.
        let start = TimestampNs::from_unix_nanos(times.start).unwrap_or(TimestampNs(0));
        let mut labels = merge_labels(attributes(wire).0).map_err(|key| {
            let why = format!("attribute {key:?} leaves no label name");
            (RejectReason::InvalidLabels, why)
        })?;
        self.family.target.add_to(&mut labels);
        let is_stale = flags & DataPointFlags::NoRecordedValueMask as u32 != 0;
        Ok(Point { at: at.to_ms(), start: start.to_ms(), is_stale, labels })
    }

    /// Builds one sample of a point; a stale point has stale samples only.
    pub(crate) fn sample(
        &self,
        point: &Point,
        suffix: &str,
        extra: Option<(&str, String)>,
        value: f64,
    ) -> SeriesWrite {
        let value = if point.is_stale { stale_nan() } else { value };
        let sample = Sample { timestamp: point.at, value };
        let labels = self.labels(point, suffix, extra);
        SeriesWrite { starts: point.starts(), ..SeriesWrite::sample(labels, sample) }
    }

    /// Builds the labels of one series of a point; name and `extra` win over attributes.
    pub(crate) fn labels(
        &self,
        point: &Point,
        suffix: &str,
        extra: Option<(&str, String)>,
    ) -> Labels {
        let name = format!("{}{suffix}", self.family.name);
        let mut pairs: Vec<(&str, &str)> = vec![(METRIC_NAME, &name)];
        if let Some((extra_name, value)) = &extra {
            pairs.push((extra_name, value));
        }
        for (own, value) in &point.labels {
            let is_taken = pairs.iter().take(2).any(|(taken, _)| taken == own);
            if !is_taken {
                pairs.push((own, value));
            }
        }
        // Names are unique here; were they not, the last would win.
        let unique = Labels::from_unique(&mut pairs).ok();
        unique.unwrap_or_else(|| Labels::from_pairs(pairs))
    }

    /// Adds the series of a point, or its refusal.
    pub(crate) fn end(&mut self, written: Result<(Point, Vec<SeriesWrite>), Fault>) {
        let number = self.decoded.points;
        self.decoded.points = number.saturating_add(1);
        match written {
            Ok((point, writes)) => {
                let bytes = writes.iter().map(|write| write.labels.as_bytes().len());
                self.decoded.label_bytes += bytes.sum::<usize>();
                self.decoded.origins.extend(writes.iter().map(|_| Some(number)));
                self.decoded.batch.series.extend(writes);
                let (at, known) = (point.at, self.span);
                let (start, end) = known.map_or((at, at), |span| (span.start, span.end));
                self.span = Some(TimeRange::new(start.min(at), end.max(at)));
            }
            Err((reason, why)) => {
                let message = format!("metric {}: {why}", self.family.name);
                self.decoded.rejects.push(Reject::one(reason, message));
            }
        }
    }
}

/// Checks the number of values of a point.
///
/// # Errors
/// The refusal of the point.
pub(crate) fn check_values(what: &str, count: usize) -> Result<(), Fault> {
    if count <= MAX_VALUES {
        return Ok(());
    }
    let why = format!("a point has {count} {what}, more than {MAX_VALUES}");
    Err((RejectReason::LimitExceeded, why))
}
