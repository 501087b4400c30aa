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

    /// Merges buckets until the resolution is `schema`, which is coarser than the own one; custom
    /// buckets have none.
    ///
    /// # Errors
    /// A text that names the first inconsistency of spans and buckets.
    pub fn reduce_resolution(&mut self, schema: i32) -> Result<(), String> {
        debug_assert!(schema < self.schema && self.schema != CUSTOM_BUCKETS_SCHEMA);
        let shift = self.schema.saturating_sub(schema).clamp(0, 63);
        check_spans(&self.positive_spans, &self.positive_buckets).map_err(on("positive"))?;
        check_spans(&self.negative_spans, &self.negative_buckets).map_err(on("negative"))?;
        let merge = |spans: &mut Vec<Span>, buckets: &mut Vec<f64>| {
            (*spans, *buckets) = merged((spans, buckets), shift);
        };
        merge(&mut self.positive_spans, &mut self.positive_buckets);
        merge(&mut self.negative_spans, &mut self.negative_buckets);
        self.schema = schema;
        Ok(())
    }

    /// Leaves out empty buckets, wherever they are; the spans must name every bucket.
    pub fn compact(&mut self) {
        let full = |spans: &mut Vec<Span>, buckets: &mut Vec<f64>| {
            let full = indexed((spans, buckets)).filter(|(_, count)| *count != 0.0);
            (*spans, *buckets) = packed(full);
        };
        full(&mut self.positive_spans, &mut self.positive_buckets);
        full(&mut self.negative_spans, &mut self.negative_buckets);
    }

    /// Checks lengths, schema and signs of what came from outside, as Prometheus checks histograms
    /// of floats.
    ///
    /// # Errors
    /// A text that names the first inconsistency, in Prometheus' words.
    pub fn validate(&self) -> Result<(), String> {
        match self.schema {
            CUSTOM_BUCKETS_SCHEMA => self.check_custom()?,
            -4..=8 => self.check_exponential()?,
            other => {
                return Err(format!(
                    "histogram has an invalid schema, which must be between -4 and 8 for \
                     exponential buckets, or -53 for custom buckets, got schema {other}"
                ));
            }
        }
        if self.count < 0.0 {
            let count = self.count;
            // The two blanks are Prometheus' own.
            return Err(format!(
                "observation count is  {count}: histogram's observation count is negative"
            ));
        }
        check_buckets(&self.positive_buckets).map_err(on("positive"))
    }

    fn check_custom(&self) -> Result<(), String> {
        check_bounds(&self.custom_values, &self.positive_spans, &self.positive_buckets)
            .map_err(|why| format!("custom buckets: {why}"))?;
        let fault = if self.zero_count != 0.0 {
            "must have zero count of 0"
        } else if self.zero_threshold != 0.0 {
            "must have zero threshold of 0"
        } else if !self.negative_spans.is_empty() {
            "must not have negative spans"
        } else if !self.negative_buckets.is_empty() {
            "must not have negative buckets"
        } else {
            return Ok(());
        };
        Err(format!("custom buckets: {fault}"))
    }

    fn check_exponential(&self) -> Result<(), String> {
        check_spans(&self.positive_spans, &self.positive_buckets).map_err(on("positive"))?;
        check_spans(&self.negative_spans, &self.negative_buckets).map_err(on("negative"))?;
        check_buckets(&self.negative_buckets).map_err(on("negative"))?;
        if self.zero_count < 0.0 {
            let count = self.zero_count;
            return Err(format!("zero bucket has observation count of {count}: {NEGATIVE_BUCKET}"));
        }
        if !self.custom_values.is_empty() {
            return Err("histogram with exponential schema must not have custom bounds".to_owned());
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

/// Merges 2^`shift` neighbours into one.
fn merged(side: Side<'_>, shift: i32) -> (Vec<Span>, Vec<f64>) {
    // The bucket of index 0 ends at 1, and with it the bucket into which it is merged.
    packed(indexed(side).map(|(index, count)| (((index - 1) >> shift) + 1, count)))
}

/// Puts buckets in the order of their indexes behind each other; those of one index are added.
fn packed(indexed: impl Iterator<Item = (i64, f64)>) -> (Vec<Span>, Vec<f64>) {
    let (mut spans, mut buckets): (Vec<Span>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut last = 0_i64;
    for (index, count) in indexed {
        match (spans.last_mut(), buckets.last_mut()) {
            (Some(_), Some(sum)) if index == last => *sum += count,
            (Some(span), Some(_)) if index == last + 1 => {
                span.length += 1;
                buckets.push(count);
            }
            (before, _) => {
                let gap = if before.is_some() { index - last - 1 } else { index };
                let offset = i32::try_from(gap).unwrap_or(i32::MAX);
                spans.push(Span { offset, length: 1 });
                buckets.push(count);
            }
        }
        last = index;
    }
    (spans, buckets)
}

const NEGATIVE_BUCKET: &str = "histogram has a bucket whose observation count is negative";

/// Puts the side before what is wrong with it.
fn on(side: &str) -> impl Fn(String) -> String {
    move |why| format!("{side} side: {why}")
}

fn check_spans(spans: &[Span], buckets: &[f64]) -> Result<(), String> {
    let negative = spans.iter().enumerate().skip(1).find(|(_, span)| span.offset < 0);
    if let Some((index, span)) = negative {
        return Err(negative_offset(index, *span));
    }
    check_lengths(spans, buckets)
}

fn negative_offset(index: usize, span: Span) -> String {
    let (number, offset) = (index + 1, span.offset);
    format!(
        "span number {number} with offset {offset}: histogram has a span whose offset is negative"
    )
}

fn check_lengths(spans: &[Span], buckets: &[f64]) -> Result<(), String> {
    let named: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    if named == buckets.len() as u64 {
        return Ok(());
    }
    Err(format!(
        "spans need {named} buckets, have {} buckets: histogram spans specify different number of \
         buckets than provided",
        buckets.len()
    ))
}

fn check_buckets(buckets: &[f64]) -> Result<(), String> {
    match buckets.iter().enumerate().find(|(_, count)| **count < 0.0) {
        Some((index, count)) => {
            let number = index + 1;
            Err(format!(
                "bucket number {number} has observation count of {count}: {NEGATIVE_BUCKET}"
            ))
        }
        None => Ok(()),
    }
}

fn check_bounds(bounds: &[f64], spans: &[Span], buckets: &[f64]) -> Result<(), String> {
    if bounds.iter().any(|bound| bound.is_nan()) {
        return Err("histogram custom bounds must not be NaN".to_owned());
    }
    if let Some([before, now]) = bounds.array_windows().find(|[before, now]| now <= before) {
        return Err(format!(
            "previous bound is {before:.6} and current is {now:.6}: histogram custom bounds must be \
             in strictly increasing order"
        ));
    }
    if bounds.last() == Some(&f64::INFINITY) {
        return Err(
            "last +Inf bound must not be explicitly defined: histogram custom bounds must \
                    be finite"
                .to_owned(),
        );
    }
    if let Some((index, span)) = spans.iter().enumerate().find(|(_, span)| span.offset < 0) {
        return Err(negative_offset(index, *span));
    }
    check_lengths(spans, buckets)?;
    let covered = |span: &Span| u64::from(span.length) + u64::from(span.offset.unsigned_abs());
    let length: u64 = spans.iter().map(covered).sum();
    if (bounds.len() as u64 + 1) < length {
        return Err(format!(
            "only {} custom bounds defined which is insufficient to cover total span length of \
             {length}: histogram custom bounds are too few",
            bounds.len()
        ));
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
    fn inconsistent_histograms_are_refused_in_prometheus_words() {
        let good = counting(&[1.0, 2.0]);
        assert_eq!(good.validate(), Ok(()));
        let custom = Histogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            positive_spans: vec![Span { offset: 0, length: 2 }],
            custom_values: vec![0.5],
            ..good.clone()
        };
        assert_eq!(custom.validate(), Ok(()));
        let mut short = good.clone();
        short.positive_buckets.pop();
        let faults = [
            (short, "positive side: spans need 2 buckets, have 1 buckets: histogram spans specify"),
            (Histogram { schema: 9, ..good.clone() }, "or -53 for custom buckets, got schema 9"),
            (
                Histogram { count: -1.0, ..good.clone() },
                "histogram's observation count is negative",
            ),
            (
                Histogram { zero_count: -2.0, ..good.clone() },
                "zero bucket has observation count of -2",
            ),
            (Histogram { custom_values: vec![1.0], ..good.clone() }, "must not have custom bounds"),
            (
                Histogram { count: 1.0, ..counting(&[1.0, -3.0]) },
                "bucket number 2 has observation count of -3: histogram has a",
            ),
            (
                Histogram { zero_count: 1.0, ..custom.clone() },
                "custom buckets: must have zero count",
            ),
            (Histogram { zero_threshold: 1.0, ..custom.clone() }, "must have zero threshold of 0"),
            (Histogram { custom_values: vec![], ..custom.clone() }, "only 0 custom bounds defined"),
            (
                Histogram { custom_values: vec![2.0, 1.0], ..custom.clone() },
                "previous bound is 2.000000 and current is 1.000000: histogram custom bounds must",
            ),
            (Histogram { custom_values: vec![f64::NAN], ..custom.clone() }, "must not be NaN"),
            (
                Histogram { custom_values: vec![f64::INFINITY], ..custom },
                "last +Inf bound must not",
            ),
        ];
        for (histogram, text) in faults {
            let why = histogram.validate().unwrap_err();
            assert!(why.contains(text), "{text:?} is not in {why:?}");
        }
    }

    #[test]
    fn a_lower_resolution_keeps_every_count() {
        let mut histogram = Histogram {
            schema: 10,
            positive_spans: vec![Span { offset: -3, length: 4 }, Span { offset: 6, length: 2 }],
            positive_buckets: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            ..Histogram::default()
        };
        histogram.reduce_resolution(8).unwrap();
        // Buckets -3 to 0 end at the bound of bucket 0, 7 and 8 at that of bucket 2.
        assert_eq!(
            histogram.positive_spans,
            [Span { offset: 0, length: 1 }, Span { offset: 1, length: 1 }]
        );
        assert_eq!(histogram.positive_buckets, [10.0, 11.0]);
        assert_eq!(histogram.schema, 8);
        histogram.positive_buckets.pop();
        assert!(histogram.reduce_resolution(0).is_err());
    }
}
