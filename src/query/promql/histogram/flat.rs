//! A histogram being added to: buckets by index, every count with its compensation.

use crate::model::histogram::{CounterResetHint, Histogram, Span};
use crate::query::promql::engine::Sum;
use crate::query::promql::histogram::buckets::{bound, indexes};
use crate::query::promql::histogram::{Incompatible, uses_custom_buckets};

/// What happened while a histogram was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::query::promql) struct Added {
    /// One said "reset", the other "no reset".
    pub resets_collide: bool,
    /// The custom bounds differed and were brought to those in common.
    pub bounds_reconciled: bool,
}

/// A running sum of histograms.
#[derive(Debug, Clone)]
pub(in crate::query::promql) struct HistogramSum {
    hint: CounterResetHint,
    schema: i32,
    custom_values: Vec<f64>,
    zero_threshold: f64,
    zero: Sum,
    count: Sum,
    sum: Sum,
    positive: Side,
    negative: Side,
    /// Whether small addends are kept by compensation.
    compensated: bool,
}

/// Buckets by index, ascending.
type Side = Vec<(i32, Sum)>;

impl HistogramSum {
    /// Starts with a histogram; what is added is summed as Prometheus does between two histograms.
    pub(in crate::query::promql) fn plain(histogram: &Histogram) -> Self {
        HistogramSum { compensated: false, ..HistogramSum::of(histogram) }
    }

    /// Starts with a histogram; what is added is summed with compensation, as in aggregations.
    pub(in crate::query::promql) fn of(histogram: &Histogram) -> Self {
        HistogramSum {
            compensated: true,
            hint: histogram.counter_reset_hint,
            schema: histogram.schema,
            custom_values: histogram.custom_values.clone(),
            zero_threshold: histogram.zero_threshold,
            zero: Sum::of(histogram.zero_count),
            count: Sum::of(histogram.count),
            sum: Sum::of(histogram.sum),
            positive: side(&histogram.positive_spans, &histogram.positive_buckets),
            negative: side(&histogram.negative_spans, &histogram.negative_buckets),
        }
    }

    /// Adds a histogram.
    pub(in crate::query::promql) fn add(
        &mut self,
        other: &Histogram,
    ) -> Result<Added, Incompatible> {
        self.combine(other, 1.0)
    }

    /// Subtracts a histogram.
    pub(in crate::query::promql) fn subtract(
        &mut self,
        other: &Histogram,
    ) -> Result<Added, Incompatible> {
        self.combine(other, -1.0)
    }

    fn combine(&mut self, other: &Histogram, sign: f64) -> Result<Added, Incompatible> {
        let custom = uses_custom_buckets(other);
        if custom != (self.schema == crate::model::histogram::CUSTOM_BUCKETS_SCHEMA) {
            return Err(Incompatible);
        }
        let mut added = Added { resets_collide: self.join_hint(other), ..Added::default() };
        let mut other = HistogramSum::of(other);
        if custom {
            if self.custom_values != other.custom_values {
                added.bounds_reconciled = true;
                let shared = shared_bounds(&self.custom_values, &other.custom_values);
                self.move_to_bounds(&shared);
                other.move_to_bounds(&shared);
            }
        } else {
            self.match_zero_buckets(&mut other);
            let schema = self.schema.min(other.schema);
            self.coarsen(schema);
            other.coarsen(schema);
        }
        let add: fn(&mut Sum, f64) = if self.compensated { Sum::add } else { Sum::add_plain };
        add(&mut self.zero, sign * other.zero.total());
        add(&mut self.count, sign * other.count.total());
        add(&mut self.sum, sign * other.sum.total());
        merge(&mut self.positive, &other.positive, sign, add);
        merge(&mut self.negative, &other.negative, sign, add);
        Ok(added)
    }

    /// Joins what both know of resets; `true` when they contradict each other.
    fn join_hint(&mut self, other: &Histogram) -> bool {
        use CounterResetHint::{Gauge, Unknown};
        match (self.hint, other.counter_reset_hint) {
            (own, other) if own == other => {}
            (Gauge, _) => {}
            (_, Gauge) => self.hint = Gauge,
            (Unknown, _) => {}
            (_, Unknown) => self.hint = Unknown,
            _ => {
                self.hint = Unknown;
                return true;
            }
        }
        false
    }

    /// Makes both zero buckets equally wide.
    fn match_zero_buckets(&mut self, other: &mut HistogramSum) {
        while self.zero_threshold != other.zero_threshold {
            if self.zero_threshold > other.zero_threshold {
                other.widen_zero(self.zero_threshold);
            } else if other.zero_threshold > self.zero_threshold {
                self.widen_zero(other.zero_threshold);
            } else {
                // NaN is no width: nothing can match it.
                return;
            }
        }
    }

    /// Widens the zero bucket to `threshold`, or further to the end of a filled bucket it cuts.
    pub(super) fn widen_zero(&mut self, threshold: f64) {
        let (schema, mut wide) = (self.schema, threshold);
        loop {
            let cut = self.positive.iter().chain(&self.negative).find(|(index, count)| {
                bound(index.saturating_sub(1), schema, &[]) < wide
                    && bound(*index, schema, &[]) > wide
                    && count.total() != 0.0
            });
            let Some((index, _)) = cut else { break };
            wide = bound(*index, schema, &[]);
        }
        for side in [&mut self.positive, &mut self.negative] {
            side.retain(|(index, count)| {
                let inside = bound(index.saturating_sub(1), schema, &[]) < wide;
                if inside {
                    self.zero.add(count.value);
                    self.zero.add(count.compensation);
                }
                !inside
            });
        }
        self.zero_threshold = wide;
    }

    /// Joins buckets until the schema is `schema`.
    pub(super) fn coarsen(&mut self, schema: i32) {
        if schema >= self.schema {
            return;
        }
        let shift = (self.schema - schema).min(31);
        for side in [&mut self.positive, &mut self.negative] {
            let moved = side.drain(..).map(|(index, count)| (((index - 1) >> shift) + 1, count));
            *side = joined(moved.collect());
        }
        self.schema = schema;
    }

    /// Moves custom buckets to the first of `bounds` that is not below theirs.
    fn move_to_bounds(&mut self, bounds: &[f64]) {
        let own = std::mem::replace(&mut self.custom_values, bounds.to_vec());
        let moved = self.positive.drain(..).map(|(index, count)| {
            let upper = usize::try_from(index).ok().and_then(|index| own.get(index)).copied();
            let target =
                upper.map_or(bounds.len(), |upper| bounds.partition_point(|bound| *bound < upper));
            (i32::try_from(target).unwrap_or(i32::MAX), count)
        });
        self.positive = joined(moved.collect());
    }

    /// Multiplies every count.
    pub(in crate::query::promql) fn scale(&mut self, factor: f64) {
        let each = |sum: &mut Sum| {
            sum.value *= factor;
            sum.compensation *= factor;
        };
        each(&mut self.zero);
        each(&mut self.count);
        each(&mut self.sum);
        self.positive.iter_mut().for_each(|(_, count)| each(count));
        self.negative.iter_mut().for_each(|(_, count)| each(count));
    }

    /// Divides every count.
    pub(in crate::query::promql) fn divide(&mut self, divisor: f64) {
        let each = |sum: &mut Sum| {
            sum.value /= divisor;
            sum.compensation /= divisor;
        };
        each(&mut self.zero);
        each(&mut self.count);
        each(&mut self.sum);
        self.positive.iter_mut().for_each(|(_, count)| each(count));
        self.negative.iter_mut().for_each(|(_, count)| each(count));
    }

    /// Returns whether any count is infinite.
    pub(super) fn overflows(&self) -> bool {
        let buckets = self.positive.iter().chain(&self.negative).map(|(_, count)| count);
        [&self.zero, &self.count, &self.sum]
            .into_iter()
            .chain(buckets)
            .any(|sum| sum.value.is_infinite())
    }

    /// Returns the count of the zero bucket.
    pub(super) fn zero_count(&self) -> f64 {
        self.zero.total()
    }

    /// Returns the width of the zero bucket.
    pub(super) fn zero_threshold(&self) -> f64 {
        self.zero_threshold
    }

    /// Returns positive and negative buckets by index.
    pub(super) fn sides(&self) -> [&Side; 2] {
        [&self.positive, &self.negative]
    }

    /// Returns the sum as a compact histogram.
    pub(in crate::query::promql) fn finish(self) -> Histogram {
        let (positive_spans, positive_buckets) = spans(&self.positive);
        let (negative_spans, negative_buckets) = spans(&self.negative);
        Histogram {
            counter_reset_hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero.total(),
            count: self.count.total(),
            sum: self.sum.total(),
            positive_spans,
            positive_buckets,
            negative_spans,
            negative_buckets,
            custom_values: self.custom_values,
        }
    }
}

fn side(spans: &[Span], buckets: &[f64]) -> Side {
    indexes(spans).zip(buckets).map(|(index, count)| (index, Sum::of(*count))).collect()
}

/// Joins neighbours of equal index.
fn joined(buckets: Side) -> Side {
    let mut joined: Side = Vec::with_capacity(buckets.len());
    for (index, count) in buckets {
        match joined.last_mut() {
            Some((last, known)) if *last == index => {
                known.add(count.value);
                known.add(count.compensation);
            }
            _ => joined.push((index, count)),
        }
    }
    joined
}

/// Adds `sign` times the buckets of `other`.
fn merge(own: &mut Side, other: &Side, sign: f64, add: fn(&mut Sum, f64)) {
    let mut merged = Vec::with_capacity(own.len() + other.len());
    let mut rest = other.iter().peekable();
    for (index, mut count) in own.drain(..) {
        while let Some((before, addend)) = rest.next_if(|(next, _)| *next < index) {
            merged.push((*before, Sum::of(sign * addend.total())));
        }
        if let Some((_, addend)) = rest.next_if(|(next, _)| *next == index) {
            add(&mut count, sign * addend.total());
        }
        merged.push((index, count));
    }
    merged.extend(rest.map(|(index, addend)| (*index, Sum::of(sign * addend.total()))));
    *own = merged;
}

/// Returns the bounds that stand in both lists.
fn shared_bounds(left: &[f64], right: &[f64]) -> Vec<f64> {
    left.iter().copied().filter(|bound| right.contains(bound)).collect()
}

fn spans(side: &Side) -> (Vec<Span>, Vec<f64>) {
    let (mut spans, mut buckets): (Vec<Span>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut next = 0_i32;
    for (index, count) in side {
        let count = count.total();
        if count == 0.0 {
            continue;
        }
        match spans.last_mut() {
            Some(span) if next == *index => span.length += 1,
            _ => spans.push(Span { offset: index - next, length: 1 }),
        }
        buckets.push(count);
        next = index + 1;
    }
    (spans, buckets)
}
