//! `*_over_time`: one value from all samples of a range.

use std::sync::Arc;

use crate::model::answer::SampleValue;
use crate::model::histogram::{CounterResetHint, Histogram};
use crate::model::sample::{HistogramSample, Sample};
use crate::query::promql::engine::notes::Note;
use crate::query::promql::engine::sums::{Mean, Sum, quantile};
use crate::query::promql::engine::windows::{RangeFunction, Window};
use crate::query::promql::histogram::{Added, HistogramMean, HistogramSum, Incompatible};

/// Returns the function of this name.
pub(super) fn function(name: &str) -> Option<RangeFunction> {
    Some(match name {
        "avg_over_time" => average,
        "sum_over_time" => sum,
        "count_over_time" => |window| {
            let count = window.floats.len() + window.histograms.len();
            Some(SampleValue::Float(count as f64))
        },
        "present_over_time" => |_| Some(SampleValue::Float(1.0)),
        "first_over_time" => first,
        "last_over_time" => last,
        "min_over_time" => |window| extreme(window, |new, known| new < known).map(|one| one.value),
        "max_over_time" => |window| extreme(window, |new, known| new > known).map(|one| one.value),
        "ts_of_min_over_time" => {
            |window| extreme(window, |new, known| new <= known).map(|one| one.at)
        }
        "ts_of_max_over_time" => {
            |window| extreme(window, |new, known| new >= known).map(|one| one.at)
        }
        "ts_of_first_over_time" => |window| time_of(window, true),
        "ts_of_last_over_time" => |window| time_of(window, false),
        "stdvar_over_time" => |window| variance(window).map(SampleValue::Float),
        "stddev_over_time" => {
            |window| variance(window).map(|known| SampleValue::Float(known.sqrt()))
        }
        "quantile_over_time" => quantile_over_time,
        "mad_over_time" => mad,
        _ => return None,
    })
}

/// Returns the floats; notes histograms beside them, which are ignored.
fn floats<'a>(window: &Window<'a>) -> Option<&'a [Sample]> {
    if window.floats.is_empty() {
        return None;
    }
    if !window.histograms.is_empty() {
        window.note(Note::IgnoredInMixedRange(window.name()));
    }
    Some(window.floats)
}

fn is_mixed(window: &Window<'_>) -> bool {
    let mixed = !window.floats.is_empty() && !window.histograms.is_empty();
    if mixed {
        window.note(Note::MixedFloatsHistograms(window.name()));
    }
    mixed
}

/// Returns the mean; only where the sum leaves the finite numbers is it summed the careful way.
fn mean_of(samples: &[Sample]) -> f64 {
    let [first, rest @ ..] = samples else { return f64::NAN };
    let mut sum = Sum::of(first.value);
    rest.iter().for_each(|sample| sum.add_finite(sample.value));
    if sum.value.is_finite() {
        let count = samples.len() as f64;
        return sum.value / count + sum.compensation / count;
    }
    let mut mean = Mean::default();
    samples.iter().for_each(|sample| mean.add(sample.value));
    mean.result()
}

fn average(window: &Window<'_>) -> Option<SampleValue> {
    if is_mixed(window) {
        return None;
    }
    if window.floats.is_empty() {
        let [first, rest @ ..] = window.histograms else { return None };
        let mut mean = HistogramMean::of(&first.histogram);
        combine(window, rest, |known| mean.add(known))?;
        return Some(SampleValue::Histogram(mean.finish().into()));
    }
    Some(SampleValue::Float(mean_of(window.floats)))
}

fn sum(window: &Window<'_>) -> Option<SampleValue> {
    if is_mixed(window) {
        return None;
    }
    if window.floats.is_empty() {
        let [first, rest @ ..] = window.histograms else { return None };
        let mut sum = HistogramSum::of(&first.histogram);
        combine(window, rest, |known| sum.add(known))?;
        return Some(SampleValue::Histogram(sum.finish().into()));
    }
    let mut sum = Sum::default();
    for sample in window.floats {
        sum.add(sample.value);
    }
    Some(SampleValue::Float(sum.total()))
}

/// Takes all but the first histogram in and notes what happened; `None` when they do not fit.
fn combine(
    window: &Window<'_>,
    rest: &[HistogramSample],
    mut add: impl FnMut(&Histogram) -> Result<Added, Incompatible>,
) -> Option<()> {
    let mut reconciled = false;
    for sample in rest {
        let Ok(added) = add(&sample.histogram) else {
            window.note(Note::MixedExponentialCustom(window.name()));
            return None;
        };
        reconciled |= added.bounds_reconciled;
    }
    let any = |hint| window.histograms.iter().any(|one| one.histogram.counter_reset_hint == hint);
    if any(CounterResetHint::Reset) && any(CounterResetHint::NotReset) {
        window.note(Note::ResetCollision("aggregation"));
    }
    if reconciled {
        window.note(Note::MismatchedBounds("aggregation"));
    }
    Some(())
}

fn first(window: &Window<'_>) -> Option<SampleValue> {
    match (window.floats.first(), window.histograms.first()) {
        (Some(float), Some(known)) if float.timestamp >= known.timestamp => {
            Some(SampleValue::Histogram(Arc::clone(&known.histogram)))
        }
        (Some(float), _) => Some(SampleValue::Float(float.value)),
        (None, known) => known.map(|one| SampleValue::Histogram(Arc::clone(&one.histogram))),
    }
}

fn last(window: &Window<'_>) -> Option<SampleValue> {
    match (window.floats.last(), window.histograms.last()) {
        (Some(float), Some(known)) if float.timestamp <= known.timestamp => {
            Some(SampleValue::Histogram(Arc::clone(&known.histogram)))
        }
        (Some(float), _) => Some(SampleValue::Float(float.value)),
        (None, known) => known.map(|one| SampleValue::Histogram(Arc::clone(&one.histogram))),
    }
}

/// The sample that is most extreme, and when it was.
struct Extreme {
    value: SampleValue,
    at: SampleValue,
}

fn extreme(window: &Window<'_>, better: fn(f64, f64) -> bool) -> Option<Extreme> {
    let samples = floats(window)?;
    let mut known = *samples.first()?;
    for sample in samples {
        if better(sample.value, known.value) || known.value.is_nan() {
            known = *sample;
        }
    }
    let at = known.timestamp.0 as f64 / 1000.0;
    Some(Extreme { value: SampleValue::Float(known.value), at: SampleValue::Float(at) })
}

fn time_of(window: &Window<'_>, first: bool) -> Option<SampleValue> {
    let floats = window.floats.iter().map(|sample| sample.timestamp);
    let times = floats.chain(window.histograms.iter().map(|sample| sample.timestamp));
    let at = if first { times.min() } else { times.max() }?;
    Some(SampleValue::Float(at.0 as f64 / 1000.0))
}

fn variance(window: &Window<'_>) -> Option<f64> {
    let (mut count, mut mean, mut squares) = (0.0, Sum::default(), Sum::default());
    for sample in floats(window)? {
        count += 1.0;
        let delta = sample.value - (mean.value + mean.compensation);
        mean.add(delta / count);
        squares.add(delta * (sample.value - (mean.value + mean.compensation)));
    }
    Some((squares.value + squares.compensation) / count)
}

fn quantile_over_time(window: &Window<'_>) -> Option<SampleValue> {
    let q = *window.scalars.first()?;
    if window.floats.is_empty() {
        return None;
    }
    if !(0.0..=1.0).contains(&q) {
        window.notes.note(window.scalar_span, Note::InvalidQuantile(q));
    }
    if !window.histograms.is_empty() {
        let note = Note::IgnoredInMixedRange(window.name());
        window.notes.note(window.scalar_span, note);
    }
    let mut values: Vec<f64> = window.floats.iter().map(|sample| sample.value).collect();
    Some(SampleValue::Float(quantile(q, &mut values)))
}

fn mad(window: &Window<'_>) -> Option<SampleValue> {
    let mut values: Vec<f64> = floats(window)?.iter().map(|sample| sample.value).collect();
    if values.iter().any(|value| value.is_nan()) {
        return Some(SampleValue::Float(f64::NAN));
    }
    let median = quantile(0.5, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    Some(SampleValue::Float(quantile(0.5, &mut values)))
}
