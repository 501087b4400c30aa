//! `rate`, `increase` and `delta`: change over a range, extrapolated to its edges.

use crate::model::answer::SampleValue;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::HistogramSample;
use crate::model::series::SeriesHour;
use crate::model::time::TimestampMs;
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
    match (window.floats, window.histograms) {
        ([], []) => None,
        (floats @ [first, ..], []) => {
            let span = Span::of(window, change, floats, |sample| sample.timestamp)?;
            let edges = (window.start, window.end);
            let mut risen = risen(window, change);
            let mut before_first = None;
            if span.began.is_some() {
                risen += first.value;
            } else if change.counter && risen > 0.0 && first.value >= 0.0 {
                before_first = Some(first.value / risen);
            }
            Some(SampleValue::Float(risen * span.factor(edges, change, before_first)))
        }
        (_, histograms @ [first, ..]) => {
            let span = Span::of(window, change, histograms, |sample| sample.timestamp)?;
            let mut risen = match histograms {
                [_] => None,
                _ => Some(histogram_change(window, change)?),
            };
            let mut before_first = None;
            if span.began.is_some() {
                risen = Some(with_first(window, risen, first)?);
            } else if let Some(risen) = &risen
                && change.counter
                && risen.count > 0.0
                && first.histogram.count >= 0.0
            {
                before_first = Some(first.histogram.count / risen.count);
            }
            let factor = span.factor((window.start, window.end), change, before_first);
            Some(SampleValue::Histogram(histogram::scaled(&risen?, factor).into()))
        }
    }
}

/// Returns the change of a counter over a range that holds these hours, in which it never fell.
pub(in crate::query::promql::engine) fn of_hours(
    hours: &[SeriesHour],
    edges: (i64, i64),
    by_second: bool,
) -> Option<f64> {
    let (first, last) = (hours.first()?.first, hours.last()?.last);
    let samples = hours.iter().map(|hour| hour.count as usize).sum();
    if samples < 2 {
        return None;
    }
    let mut risen = last.value - first.value;
    for pair in hours.windows(2) {
        if pair[1].first.value < pair[0].last.value {
            risen += pair[0].last.value;
        }
    }
    let span = Span { first: first.timestamp.0, last: last.timestamp.0, samples, began: None };
    let before_first = (risen > 0.0 && first.value >= 0.0).then(|| first.value / risen);
    Some(risen * span.factor(edges, Change { counter: true, by_second }, before_first))
}

/// Returns the last float minus the first, resets made up for.
fn risen(window: &Window<'_>, change: Change) -> f64 {
    let [first, .., last] = window.floats else { return 0.0 };
    let mut risen = last.value - first.value;
    if !change.counter {
        return risen;
    }
    note_overlap(window, window.floats, |sample| sample.timestamp);
    let [first_fall, .., last_fall] = window.falls else { return risen };
    if last_fall > first_fall {
        for (pair, falls) in window.floats.windows(2).zip(window.falls.windows(2)) {
            if falls[1] > falls[0] {
                risen += pair[0].value;
            }
        }
    }
    risen
}

/// Returns the change with the first histogram, which counting began with inside the range.
fn with_first(
    window: &Window<'_>,
    risen: Option<Histogram>,
    first: &HistogramSample,
) -> Option<Histogram> {
    let Some(risen) = risen else { return Some(Histogram::clone(&first.histogram)) };
    let Ok((sum, how)) = histogram::added(&risen, &first.histogram) else {
        window.note(Note::MixedExponentialCustom(window.name()));
        return None;
    };
    if how.bounds_reconciled {
        window.note(Note::MismatchedBounds("addition"));
    }
    if how.resets_collide {
        window.note(Note::ResetCollision("addition"));
    }
    Some(sum)
}

/// Warns of a sample whose counting began before the sample before it, and not with it.
fn note_overlap<S>(window: &Window<'_>, samples: &[S], time: fn(&S) -> TimestampMs) {
    if window.starts.is_empty() {
        return;
    }
    let overlaps = samples.windows(2).any(|pair| {
        let (before, at) = (time(&pair[0]), time(&pair[1]));
        let start = window.start_of(at);
        start != 0 && start < before.0 && start != window.start_of(before)
    });
    if overlaps {
        window.note(Note::StartOverlap(window.name()));
    }
}

/// Where the samples of a window lie.
struct Span {
    first: i64,
    last: i64,
    samples: usize,
    /// When counting began, if that is inside the range.
    began: Option<i64>,
}

impl Span {
    /// Returns where samples lie; `None` when they are too few to tell of a change.
    fn of<S>(
        window: &Window<'_>,
        change: Change,
        samples: &[S],
        time: fn(&S) -> TimestampMs,
    ) -> Option<Self> {
        let (first, last) = (time(samples.first()?), time(samples.last()?));
        let start = if change.counter { window.start_of(first) } else { 0 };
        let began = (start != 0 && window.start < start && start < first.0).then_some(start);
        let enough = samples.len() > 1 || began.is_some();
        enough.then_some(Span { first: first.0, last: last.0, samples: samples.len(), began })
    }

    /// Returns what the change between the samples must be multiplied with. `before_first` tells
    /// how much of the change between the samples a counter needed to get from zero to the first.
    fn factor(&self, edges: (i64, i64), change: Change, before_first: Option<f64>) -> f64 {
        let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
        let mut to_start = seconds(self.first - edges.0);
        let mut to_end = seconds(edges.1 - self.last);
        let mut sampled = seconds(self.last - self.first);
        let gaps = self.samples - 1;
        let average = if gaps > 0 { sampled / gaps as f64 } else { 0.0 };
        // A gap as wide as that between samples means that the series goes on; a wider one that it
        // began or ended about half an interval away.
        let threshold = average * 1.1;
        if let Some(began) = self.began {
            // It began at zero then, so nothing need be guessed.
            to_start = 0.0;
            sampled = seconds(self.last - began);
        } else if to_start >= threshold {
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
        if change.by_second { factor / seconds(edges.1 - edges.0) } else { factor }
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
    let again = |before: &HistogramSample, sample: &HistogramSample| {
        window.began_again(before.timestamp, sample.timestamp)
    };
    if change.counter
        && (again(first, second) || histogram::detect_reset(&second.histogram, &start))
    {
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
    let mut sum = HistogramSum::plain(&last.histogram);
    let Ok(added) = sum.subtract(&start) else {
        mixed();
        return None;
    };
    if added.bounds_reconciled {
        window.note(Note::MismatchedBounds("subtraction"));
    }
    if change.counter {
        note_overlap(window, samples, |sample| sample.timestamp);
        let mut previous = &start;
        for (before, sample) in samples.iter().zip(rest) {
            if again(before, sample) || histogram::detect_reset(&sample.histogram, previous) {
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
