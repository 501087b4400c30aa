//! Prometheus' native histogram, with absolute bucket counts as floats.

use crate::model::stale::is_stale;

/// The schema of histograms whose bucket bounds are given one by one.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// A run of consecutive buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Gap to the previous span in buckets; the first counts from index 0 and may be negative.
    pub offset: i32,
    /// Number of buckets in the run.
    pub length: u32,
}

/// What the producer knew about a counter reset before this sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CounterResetHint {
    /// Nothing is known: the reader must compare.
    #[default]
    Unknown,
    /// A reset happened.
    Reset,
    /// No reset happened.
    NotReset,
    /// A gauge: resets have no meaning.
    Gauge,
}

/// A sparse histogram. Bucket vectors are parallel to the buckets their spans name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Reset knowledge.
    pub counter_reset_hint: CounterResetHint,
    /// -4 to 8 (base 2^(2^-schema)), or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Width of the zero bucket, at least 0.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Sum of all observed values; the stale marker here makes the sample stale.
    pub sum: f64,
    /// Where the positive buckets lie.
    pub positive_spans: Vec<Span>,
    /// Absolute counts of the positive buckets.
    pub positive_buckets: Vec<f64>,
    /// Where the negative buckets lie.
    pub negative_spans: Vec<Span>,
    /// Absolute counts of the negative buckets.
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of custom buckets, ascending, without `+Inf`.
    pub custom_values: Vec<f64>,
}

impl Histogram {
    /// Returns whether this is a stale marker.
    pub fn is_stale(&self) -> bool {
        is_stale(self.sum)
    }

    /// Returns whether both hold the same, floats compared by bits so that a stale marker equals
    /// itself and -0.0 differs from 0.0.
    pub fn same_bits(&self, other: &Self) -> bool {
        let same = |own: &[f64], other: &[f64]| {
            own.len() == other.len()
                && own.iter().zip(other).all(|(own, other)| own.to_bits() == other.to_bits())
        };
        self.counter_reset_hint == other.counter_reset_hint
            && self.schema == other.schema
            && self.positive_spans == other.positive_spans
            && self.negative_spans == other.negative_spans
            && same(
                &[self.zero_threshold, self.zero_count, self.count, self.sum],
                &[other.zero_threshold, other.zero_count, other.count, other.sum],
            )
            && same(&self.positive_buckets, &other.positive_buckets)
            && same(&self.negative_buckets, &other.negative_buckets)
            && same(&self.custom_values, &other.custom_values)
    }

    /// Checks lengths, schema and signs of what came from outside.
    ///
    /// # Errors
    /// A text that names the first inconsistency.
    pub fn validate(&self) -> Result<(), String> {
        if self.schema != CUSTOM_BUCKETS_SCHEMA && !(-4..=8).contains(&self.schema) {
            return Err(format!(
                "histogram schema {} is not supported (-4 to 8, or -53)",
                self.schema
            ));
        }
        check_side("positive", &self.positive_spans, &self.positive_buckets)?;
        check_side("negative", &self.negative_spans, &self.negative_buckets)?;
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            let ascending = self.custom_values.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending {
                return Err("histogram custom bounds are not ascending".to_owned());
            }
            if !self.negative_buckets.is_empty() {
                return Err("histogram with custom buckets has negative buckets".to_owned());
            }
        }
        Ok(())
    }
}

fn check_side(side: &str, spans: &[Span], buckets: &[f64]) -> Result<(), String> {
    let named: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    if named != buckets.len() as u64 {
        return Err(format!(
            "histogram has {} {side} buckets, its spans name {named}",
            buckets.len()
        ));
    }
    if spans.iter().skip(1).any(|span| span.offset < 0) {
        return Err(format!("histogram {side} span after the first has a negative offset"));
    }
    if buckets.iter().any(|count| *count < 0.0) {
        return Err(format!("histogram {side} bucket has a negative count"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_must_name_every_bucket() {
        let mut histogram = Histogram {
            positive_spans: vec![Span { offset: 0, length: 2 }],
            positive_buckets: vec![1.0, 2.0],
            ..Histogram::default()
        };
        assert_eq!(histogram.validate(), Ok(()));
        histogram.positive_buckets.pop();
        assert!(histogram.validate().is_err());
    }
}
