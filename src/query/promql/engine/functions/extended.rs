//! `anchored` and `smoothed` ranges: values stand exactly at the edges, nothing is extrapolated.

use std::sync::Arc;

use crate::model::answer::SampleValue;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::{HistogramSample, Sample};
use crate::model::time::TimestampMs;
use crate::query::promql::ast::Edges;
use crate::query::promql::engine::functions::rate::Change;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::engine::select::interpolated;
use crate::query::promql::engine::windows::Window;
use crate::query::promql::histogram;

/// Returns the samples inside the range with one at each edge; none when all are before it.
pub(in crate::query::promql::engine) fn at_edges(
    samples: &[Sample],
    start: i64,
    end: i64,
    smoothed: bool,
) -> Vec<Sample> {
    let times: Vec<i64> = samples.iter().map(|sample| sample.timestamp.0).collect();
    let Some((first, last)) = bounds(&times, start, end, smoothed) else { return Vec::new() };
    let left = left_value(samples, first, start, smoothed, false);
    let right = right_value(samples, last, end, smoothed, false);
    let inside = samples.iter().filter(|one| start < one.timestamp.0 && one.timestamp.0 < end);
    let mut edged = vec![Sample { timestamp: TimestampMs(start), value: left }];
    edged.extend(inside.copied());
    edged.push(Sample { timestamp: TimestampMs(end), value: right });
    edged
}

/// Returns the indexes of the samples that decide the values at the edges.
fn bounds(times: &[i64], start: i64, end: i64, smoothed: bool) -> Option<(usize, usize)> {
    let mut last = times.len().checked_sub(1)?;
    let before_last = &times[..last];
    let first = before_last.partition_point(|time| *time <= start).saturating_sub(1);
    if smoothed {
        last = before_last.partition_point(|time| *time < end);
    }
    (times[last] > start).then_some((first, last))
}

fn left_value(samples: &[Sample], first: usize, start: i64, smoothed: bool, counter: bool) -> f64 {
    match samples.get(first + 1) {
        Some(next) if smoothed && samples[first].timestamp.0 < start => {
            interpolated(&samples[first], next, start, counter)
        }
        _ => samples[first].value,
    }
}

fn right_value(samples: &[Sample], last: usize, end: i64, smoothed: bool, counter: bool) -> f64 {
    if smoothed && last > 0 && samples[last].timestamp.0 > end {
        return interpolated(&samples[last - 1], &samples[last], end, counter);
    }
    samples[last].value
}

/// Returns the change between the edges.
pub(super) fn change(window: &Window<'_>, change: Change) -> Option<SampleValue> {
    if !window.histograms.is_empty() {
        return histogram_change(window, change);
    }
    let smoothed = window.edges == Edges::Smoothed;
    let samples = window.floats;
    let times: Vec<i64> = samples.iter().map(|sample| sample.timestamp.0).collect();
    let (first, last) = bounds(&times, window.start, window.end, smoothed)?;
    if smoothed && times[first] > window.end {
        return None;
    }
    let left = left_value(samples, first, window.start, smoothed, change.counter);
    let right = right_value(samples, last, window.end, smoothed, change.counter);
    let mut risen = right - left;
    if change.counter {
        let from = first + usize::from(times[first] <= window.start);
        let to = if times[last] >= window.end { last } else { last + 1 };
        let mut previous = left;
        for sample in samples.get(from..to).unwrap_or(&[]) {
            if sample.value < previous {
                risen += previous;
            }
            previous = sample.value;
        }
        if right < previous {
            risen += previous;
        }
    }
    if change.by_second {
        risen /= window.seconds();
    }
    Some(SampleValue::Float(risen))
}

fn histogram_change(window: &Window<'_>, change: Change) -> Option<SampleValue> {
    let smoothed = window.edges == Edges::Smoothed;
    let samples = window.histograms;
    let times: Vec<i64> = samples.iter().map(|sample| sample.timestamp.0).collect();
    let (first, last) = bounds(&times, window.start, window.end, smoothed)?;
    if smoothed && times[first] > window.end {
        return None;
    }
    let used = &samples[first..=last.max(first)];
    let custom = histogram::uses_custom_buckets(&used[0].histogram);
    for sample in used {
        if histogram::uses_custom_buckets(&sample.histogram) != custom {
            window.note(Note::MixedExponentialCustom(window.name()));
            return None;
        }
        if change.counter && sample.histogram.counter_reset_hint == CounterResetHint::Gauge {
            window.note(Note::NotCounter(window.name()));
        }
    }
    let noted = |operation| window.note(Note::MismatchedBounds(operation));
    let between = |left: &HistogramSample, right: &HistogramSample, at| {
        histogram::interpolated(left, right, at, change.counter, noted).ok()
    };
    let left = match samples.get(first + 1) {
        Some(next) if smoothed && times[first] < window.start => {
            between(&samples[first], next, window.start)?
        }
        _ => Histogram::clone(&samples[first].histogram),
    };
    let right = if smoothed && last > 0 && times[last] > window.end {
        between(&samples[last - 1], &samples[last], window.end)?
    } else {
        Histogram::clone(&samples[last].histogram)
    };
    let gauge = |one: &Histogram| one.counter_reset_hint == CounterResetHint::Gauge;
    if !change.counter && (!gauge(&left) || !gauge(&right)) {
        window.note(Note::NotGauge(window.name()));
    }
    let (mut risen, how) = histogram::subtracted(&right, &left).ok()?;
    if how.bounds_reconciled {
        noted("subtraction");
    }
    if change.counter
        && let Some(correction) = correction(window, first, last, &left, &right)?
    {
        let (corrected, how) = histogram::added(&risen, &correction).ok()?;
        if how.bounds_reconciled {
            noted("addition");
        }
        risen = corrected;
    }
    if change.by_second {
        risen = histogram::divided(&risen, window.seconds());
    }
    risen.counter_reset_hint = CounterResetHint::Gauge;
    Some(SampleValue::Histogram(Arc::new(risen)))
}

/// Returns what was lost in resets between the edges; the outer `None` means no result at all.
fn correction(
    window: &Window<'_>,
    first: usize,
    last: usize,
    left: &Histogram,
    right: &Histogram,
) -> Option<Option<Histogram>> {
    let samples = window.histograms;
    let mut from = first + 1;
    let mut previous = left;
    let before_start = samples[first].timestamp.0 < window.start;
    if window.edges == Edges::Smoothed
        && before_start
        && let Some(next) = samples.get(first + 1)
        && histogram::detect_reset(&next.histogram, &samples[first].histogram)
    {
        previous = &next.histogram;
        from += 1;
    }
    // The sample at the right edge is `right` itself.
    if from > last {
        return Some(None);
    }
    let mut lost: Option<Histogram> = None;
    let inside = samples[from..last].iter().map(|sample| &*sample.histogram);
    for current in inside.chain([right]) {
        if histogram::detect_reset(current, previous) {
            lost = Some(match lost {
                None => previous.clone(),
                Some(known) => {
                    let (sum, how) = histogram::added(&known, previous).ok()?;
                    if how.bounds_reconciled {
                        window.note(Note::MismatchedBounds("addition"));
                    }
                    sum
                }
            });
        }
        previous = current;
    }
    Some(lost)
}
