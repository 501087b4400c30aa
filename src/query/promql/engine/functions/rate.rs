//! `rate`, `increase` and `delta`: change over a range, extrapolated to its edges.

use crate::model::answer::SampleValue;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::HistogramSample;
use crate::query::promql::ast::Edges;
use crate::query::promql::engine::functions::extended;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::engine::windows::{RangeFunction, Window};
use crate::query::promql::histogram::{self, HistogramSum};

/// What kind of change is wanted.
#[derive(Clone, Copy)]
pub(super) struct Change {
    /// The value only rises, or starts again at zero.
    pub counter: bool,
    /// By second instead of over the whole range.
    pub by_second: bool,
}

/// Returns the function of this name.
pub(super) fn function(name: &str) -> Option<RangeFunction> {
    Some(match name {
        "rate" => |window| change(window, Change { counter: true, by_second: true }),
        "increase" => |window| change(window, Change { counter: true, by_second: false }),
        "delta" => |window| change(window, Change { counter: false, by_second: false }),
        _ => return None,
    })
}

fn change(window: &Window<'_>, change: Change) -> Option<SampleValue> {
    if !window.floats.is_empty() && !window.histograms.is_empty() {
        window.note(Note::MixedFloatsHistograms(window.name()));
        return None;
    }
    if window.edges != Edges::Plain {
        return extended::change(window, change);
    }
    if let [first, .., last] = window.floats {
        let mut risen = last.value - first.value;
        let falls = window.falls.last()? - window.falls.first()?;
        if change.counter && falls > 0 {
            for pair in window.floats.windows(2) {
                if pair[1].value < pair[0].value {
                    risen += pair[0].value;
                }
            }
        }
        let starts_at =
            (change.counter && risen > 0.0 && first.value >= 0.0).then_some(first.value / risen);
        let span = Span::new(first.timestamp.0, last.timestamp.0, window.floats.len());
        return Some(SampleValue::Float(risen * span.factor(window, change, starts_at)));
    }
    if let [first, .., last] = window.histograms {
        let risen = histogram_change(window, change)?;
        let before = first.histogram.count;
        let starts_at =
            (change.counter && risen.count > 0.0 && before >= 0.0).then_some(before / risen.count);
        let span = Span::new(first.timestamp.0, last.timestamp.0, window.histograms.len());
        let factor = span.factor(window, change, starts_at);
        return Some(SampleValue::Histogram(histogram::scaled(&risen, factor).into()));
    }
    None
}

/// Where the samples of a window lie.
struct Span {
    first: i64,
    last: i64,
    samples: usize,
}

impl Span {
    fn new(first: i64, last: i64, samples: usize) -> Self {
        Span { first, last, samples }
    }

    /// Returns what the change between the samples must be multiplied with. `before_first` tells
    /// how much of the change between the samples a counter needed to get from zero to the first.
    fn factor(&self, window: &Window<'_>, change: Change, before_first: Option<f64>) -> f64 {
        let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
        let mut to_start = seconds(self.first - window.start);
        let mut to_end = seconds(window.end - self.last);
        let sampled = seconds(self.last - self.first);
        let average = sampled / (self.samples - 1) as f64;
        // A gap as wide as that between samples means that the series goes on; a wider one that it
        // began or ended about half an interval away.
        let threshold = average * 1.1;
        if to_start >= threshold {
            to_start = average / 2.0;
        }
        if let Some(part) = before_first {
            to_start = to_start.min(sampled * part);
        }
        if to_end >= threshold {
            to_end = average / 2.0;
        }
        let mut factor = 1.0;
        if sampled != 0.0 {
            factor = (sampled + to_start + to_end) / sampled;
        }
        if change.by_second { factor / window.seconds() } else { factor }
    }
}

fn is_gauge(sample: &HistogramSample) -> bool {
    sample.histogram.counter_reset_hint == CounterResetHint::Gauge
}

/// Returns the last histogram minus the first, resets made up for.
fn histogram_change(window: &Window<'_>, change: Change) -> Option<Histogram> {
    let samples = window.histograms;
    let [first, rest @ ..] = samples else { return None };
    let [second, ..] = rest else { return None };
    let last = rest.last()?;
    let mixed = || window.note(Note::MixedExponentialCustom(window.name()));
    if change.counter && (is_gauge(first) || is_gauge(last)) {
        window.note(Note::NotCounter(window.name()));
    }
    // Right after the first sample nothing of it counts: the second started from zero.
    let mut start = Histogram::clone(&first.histogram);
    if change.counter && histogram::detect_reset(&second.histogram, &start) {
        start = Histogram {
            schema: second.histogram.schema,
            custom_values: second.histogram.custom_values.clone(),
            ..Histogram::default()
        };
    }
    let custom = histogram::uses_custom_buckets(&start);
    if histogram::uses_custom_buckets(&last.histogram) != custom {
        mixed();
        return None;
    }
    if change.counter {
        for sample in &rest[..rest.len() - 1] {
            if is_gauge(sample) {
                window.note(Note::NotCounter(window.name()));
            }
            if histogram::uses_custom_buckets(&sample.histogram) != custom {
                mixed();
                return None;
            }
        }
    }
    let mut sum = HistogramSum::of(&last.histogram);
    let Ok(added) = sum.subtract(&start) else {
        mixed();
        return None;
    };
    if added.bounds_reconciled {
        window.note(Note::MismatchedBounds("subtraction"));
    }
    if change.counter {
        let mut previous = &start;
        for sample in rest {
            if histogram::detect_reset(&sample.histogram, previous) {
                let Ok(added) = sum.add(previous) else {
                    mixed();
                    return None;
                };
                if added.bounds_reconciled {
                    window.note(Note::MismatchedBounds("addition"));
                }
            }
            previous = &sample.histogram;
        }
    } else if !is_gauge(first) || !is_gauge(last) {
        window.note(Note::NotGauge(window.name()));
    }
    let mut result = sum.finish();
    result.counter_reset_hint = CounterResetHint::Gauge;
    Some(result)
}
