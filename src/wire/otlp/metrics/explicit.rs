//! Histograms with explicit bounds become classic histograms: `_sum`, `_count`, `_bucket{le}`.

use opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint;

use crate::model::batch::SeriesWrite;
use crate::model::exemplar::Exemplar;
use crate::model::reject::RejectReason;
use crate::wire::otlp::metrics::exemplars::exemplars;
use crate::wire::otlp::metrics::points::{Fault, PointWriter, Times, check_values};
use crate::wire::otlp::metrics::total::{Explicit, Total};

impl PointWriter<'_> {
    /// Writes a point of a histogram with explicit bounds.
    pub(crate) fn explicit(&mut self, mut wire: HistogramDataPoint) {
        let attributes = std::mem::take(&mut wire.attributes);
        let times = Times { start: wire.start_time_unix_nano, at: wire.time_unix_nano };
        let point = self.begin(attributes, times, wire.flags);
        let written = point.and_then(|mut point| {
            check_values("bounds", wire.explicit_bounds.len())?;
            check_bounds(&wire.explicit_bounds, &wire.bucket_counts)?;
            if self.is_delta()
                && let Total::Explicit(total) =
                    self.total(&mut point, Total::Explicit(Explicit::of(&wire)))?
            {
                total.write_to(&mut wire);
            }
            let mut writes = Vec::with_capacity(wire.explicit_bounds.len() + 3);
            if let Some(sum) = wire.sum {
                writes.push(self.sample(&point, "_sum", None, sum));
            }
            writes.push(self.sample(&point, "_count", None, wire.count as f64));
            let first_bucket = writes.len();
            let mut cumulative = 0_u64;
            // Prometheus' buckets hold all observations up to their bound, OTLP's those since the
            // bound before.
            for (bound, count) in wire.explicit_bounds.iter().zip(&wire.bucket_counts) {
                cumulative = cumulative.saturating_add(*count);
                let le = ("le", bound.to_string());
                writes.push(self.sample(&point, "_bucket", Some(le), cumulative as f64));
            }
            let infinite = ("le", "+Inf".to_owned());
            writes.push(self.sample(&point, "_bucket", Some(infinite), wire.count as f64));
            let found = exemplars(wire.exemplars, point.at);
            attach(found, &wire.explicit_bounds, &mut writes[first_bucket..]);
            Ok((point, writes))
        });
        self.end(written);
    }
}

fn check_bounds(bounds: &[f64], counts: &[u64]) -> Result<(), Fault> {
    let malformed = |why: String| Err((RejectReason::Malformed, why));
    let no_buckets = bounds.is_empty() && counts.is_empty();
    if !no_buckets && counts.len() != bounds.len() + 1 {
        return malformed(format!(
            "a histogram has {} bounds and {} buckets, which must be one more",
            bounds.len(),
            counts.len()
        ));
    }
    let ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || bounds.iter().any(|bound| !bound.is_finite()) {
        return malformed("the bounds of a histogram are not ascending numbers".to_owned());
    }
    Ok(())
}

/// Gives each exemplar to the first bucket whose bound is not below its value.
fn attach(exemplars: Vec<Exemplar>, bounds: &[f64], buckets: &mut [SeriesWrite]) {
    for exemplar in exemplars {
        let place = bounds.partition_point(|bound| *bound < exemplar.value);
        if let Some(bucket) = buckets.get_mut(place) {
            bucket.exemplars.push(exemplar);
        }
    }
}
