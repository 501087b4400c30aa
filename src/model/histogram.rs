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

    /// Returns whether both count the same, whatever was known of resets; a gauge is no counter.
    pub fn same_counts(&self, other: &Self) -> bool {
        let gauge = |one: &Self| one.counter_reset_hint == CounterResetHint::Gauge;
        let hint = self.counter_reset_hint;
        gauge(self) == gauge(other)
            && self.same_bits(&Histogram { counter_reset_hint: hint, ..other.clone() })
    }

    /// Returns what a store may say of resets at this histogram, which comes right after `previous`
    /// in its series: [`CounterResetHint::NotReset`] only where every count is at least as high and
    /// the layout is comparable, otherwise that readers must compare. So does Prometheus' store,
    /// which does not keep a producer's claim of a reset either.
    pub fn settled_hint(&self, previous: Option<&Self>) -> CounterResetHint {
        use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
        if self.counter_reset_hint == Gauge {
            return Gauge;
        }
        let Some(previous) = previous else { return Unknown };
        if previous.counter_reset_hint == Gauge || self.counter_reset_hint == Reset {
            return Unknown;
        }
        if self.is_stale() {
            return NotReset;
        }
        let comparable = !previous.is_stale()
            && self.schema == previous.schema
            && self.zero_threshold == previous.zero_threshold
            && self.custom_values == previous.custom_values;
        let risen = self.count >= previous.count && self.zero_count >= previous.zero_count;
        let sides = || {
            no_bucket_fell(
                (&previous.positive_spans, &previous.positive_buckets),
                (&self.positive_spans, &self.positive_buckets),
            ) && no_bucket_fell(
                (&previous.negative_spans, &previous.negative_buckets),
                (&self.negative_spans, &self.negative_buckets),
            )
        };
        if comparable && risen && sides() { NotReset } else { Unknown }
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

/// Spans and the counts of the buckets they name.
type Side<'a> = (&'a [Span], &'a [f64]);

fn no_bucket_fell(before: Side<'_>, now: Side<'_>) -> bool {
    let mut now = indexed(now).peekable();
    indexed(before).all(|(index, count)| {
        while now.next_if(|(other, _)| *other < index).is_some() {}
        now.next_if(|(other, _)| *other == index).map_or(0.0, |(_, count)| count) >= count
    })
}

/// Returns the buckets with their indexes.
fn indexed((spans, buckets): Side<'_>) -> impl Iterator<Item = (i64, f64)> {
    let mut next = 0_i64;
    let indexes = spans.iter().flat_map(move |span| {
        let first = next + i64::from(span.offset);
        next = first + i64::from(span.length);
        first..next
    });
    indexes.zip(buckets.iter().copied())
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

    fn counting(buckets: &[f64]) -> Histogram {
        Histogram {
            count: buckets.iter().sum(),
            positive_spans: vec![Span { offset: 3, length: buckets.len() as u32 }],
            positive_buckets: buckets.to_vec(),
            ..Histogram::default()
        }
    }

    #[test]
    fn only_what_rises_in_every_bucket_is_said_not_to_be_reset() {
        let first = counting(&[1.0, 2.0]);
        assert_eq!(first.settled_hint(None), CounterResetHint::Unknown);
        let hint = |buckets: &[f64]| counting(buckets).settled_hint(Some(&first));
        assert_eq!(hint(&[1.0, 2.0, 5.0]), CounterResetHint::NotReset);
        assert_eq!(hint(&[0.0, 9.0]), CounterResetHint::Unknown);
        assert_eq!(hint(&[9.0]), CounterResetHint::Unknown);
        let finer = Histogram { schema: 1, ..counting(&[5.0, 5.0]) };
        assert_eq!(finer.settled_hint(Some(&first)), CounterResetHint::Unknown);
        let gauge = Histogram { counter_reset_hint: CounterResetHint::Gauge, ..first.clone() };
        assert_eq!(gauge.settled_hint(Some(&first)), CounterResetHint::Gauge);
        assert_eq!(first.settled_hint(Some(&gauge)), CounterResetHint::Unknown);
        assert!(first.same_counts(&Histogram {
            counter_reset_hint: CounterResetHint::Reset,
            ..first.clone()
        }));
        assert!(!first.same_counts(&gauge));
    }

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
