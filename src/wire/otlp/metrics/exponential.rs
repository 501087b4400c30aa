//! Exponential histograms become native histograms.

use std::sync::Arc;

use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

use crate::model::batch::SeriesWrite;
use crate::model::histogram::{Histogram, Span};
use crate::model::reject::RejectReason;
use crate::model::sample::HistogramSample;
use crate::model::stale::stale_nan;
use crate::wire::otlp::metrics::exemplars::exemplars;
use crate::wire::otlp::metrics::points::{Fault, Point, PointWriter, Times};
use crate::wire::otlp::metrics::total::{Exponential, Total};

/// The finest resolution of native histograms; finer ones are merged down to it.
const FINEST_SCHEMA: i32 = 8;
/// The coarsest one; coarser histograms have no native form.
const COARSEST_SCHEMA: i32 = -4;
/// The width of the zero bucket when the sender does not say it, as Prometheus assumes.
const ZERO_THRESHOLD: f64 = 1e-128;
/// Up to this many empty buckets are written out rather than ending a span.
const SMALL_GAP: i64 = 2;

impl PointWriter<'_> {
    /// Writes a point of an exponential histogram.
    pub(crate) fn exponential(&mut self, mut wire: ExponentialHistogramDataPoint) {
        let attributes = std::mem::take(&mut wire.attributes);
        let times = Times { start: wire.start_time_unix_nano, at: wire.time_unix_nano };
        let point = self.begin(attributes, times, wire.flags);
        let written = point.and_then(|mut point| {
            check_scale(wire.scale)?;
            if self.is_delta()
                && let Total::Exponential(total) =
                    self.total(&mut point, Total::Exponential(Exponential::of(&wire)))?
            {
                total.write_to(&mut wire);
            }
            let histogram = Arc::new(native(&wire, &point)?);
            let write = SeriesWrite {
                labels: self.labels(&point, "", None),
                histograms: vec![HistogramSample { timestamp: point.at, histogram }],
                starts: point.starts(),
                exemplars: exemplars(wire.exemplars, point.at),
                ..SeriesWrite::default()
            };
            Ok((point, vec![write]))
        });
        self.end(written);
    }
}

fn check_scale(scale: i32) -> Result<(), Fault> {
    if scale >= COARSEST_SCHEMA {
        return Ok(());
    }
    let why = format!(
        "cannot convert exponential to native histogram. Scale must be >= {COARSEST_SCHEMA}, was \
         {scale}"
    );
    Err((RejectReason::Unsupported, why))
}

fn native(wire: &ExponentialHistogramDataPoint, point: &Point) -> Result<Histogram, Fault> {
    // A total may be coarser than its last point.
    check_scale(wire.scale)?;
    if point.is_stale {
        return Ok(Histogram { sum: stale_nan(), ..Histogram::default() });
    }
    let merge = wire.scale.saturating_sub(FINEST_SCHEMA).max(0);
    let (positive_spans, positive_buckets) = sparse(wire.positive.as_ref(), merge)?;
    let (negative_spans, negative_buckets) = sparse(wire.negative.as_ref(), merge)?;
    let given = wire.zero_threshold > 0.0;
    Ok(Histogram {
        schema: wire.scale.min(FINEST_SCHEMA),
        zero_threshold: if given { wire.zero_threshold } else { ZERO_THRESHOLD },
        zero_count: wire.zero_count as f64,
        count: wire.count as f64,
        sum: wire.sum.unwrap_or(0.0),
        positive_spans,
        positive_buckets,
        negative_spans,
        negative_buckets,
        ..Histogram::default()
    })
}

/// Merges 2^`merge` neighbours into one and leaves out long runs of empty buckets. OTLP's bucket 0
/// begins at 1, Prometheus' ends there, so indices move by one.
fn sparse(wire: Option<&Buckets>, merge: i32) -> Result<(Vec<Span>, Vec<f64>), Fault> {
    let Some(wire) = wire else { return Ok((Vec::new(), Vec::new())) };
    let mut merged: Vec<(i64, u64)> = Vec::new();
    for (place, count) in wire.bucket_counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let index = ((i64::from(wire.offset) + place as i64) >> merge.min(63)) + 1;
        match merged.last_mut() {
            Some((last, sum)) if *last == index => *sum = sum.saturating_add(*count),
            _ => merged.push((index, *count)),
        }
    }
    let mut spans: Vec<Span> = Vec::new();
    let mut buckets = Vec::with_capacity(merged.len());
    let mut next = 0_i64;
    for (index, count) in merged {
        let gap = index - next;
        match spans.last_mut() {
            Some(span) if gap <= SMALL_GAP => {
                buckets.extend((0..gap).map(|_| 0.0));
                span.length += gap as u32 + 1;
            }
            _ => {
                let offset = i32::try_from(gap).map_err(|_| {
                    let why = "a bucket of an exponential histogram lies too far out".to_owned();
                    (RejectReason::Malformed, why)
                })?;
                spans.push(Span { offset, length: 1 });
            }
        }
        buckets.push(count as f64);
        next = index + 1;
    }
    Ok((spans, buckets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(offset: i32, counts: &[u64]) -> Buckets {
        Buckets { offset, bucket_counts: counts.to_vec() }
    }

    #[test]
    fn indices_move_by_one_and_long_gaps_end_a_span() {
        let wire = buckets(-3, &[1, 0, 0, 2, 0, 0, 0, 4]);
        let (spans, counts) = sparse(Some(&wire), 0).unwrap();
        assert_eq!(spans, vec![Span { offset: -2, length: 4 }, Span { offset: 3, length: 1 }]);
        assert_eq!(counts, vec![1.0, 0.0, 0.0, 2.0, 4.0]);
    }

    #[test]
    fn finer_buckets_are_merged_without_losing_a_count() {
        // Buckets -1, 0, 1, 2, 3 in pairs: (-1), (0, 1), (2, 3).
        let wire = buckets(-1, &[1, 2, 3, 4, 5]);
        let (spans, counts) = sparse(Some(&wire), 1).unwrap();
        assert_eq!(spans, vec![Span { offset: 0, length: 3 }]);
        assert_eq!(counts, vec![1.0, 5.0, 9.0]);
    }

    #[test]
    fn offsets_at_the_ends_of_their_range_do_not_overflow() {
        for offset in [i32::MIN, i32::MAX] {
            for merge in [0, 63, i32::MAX] {
                let _ = sparse(Some(&buckets(offset, &[1, 1])), merge);
            }
        }
        assert!(sparse(Some(&buckets(i32::MAX, &[1])), 0).is_err());
    }
}
