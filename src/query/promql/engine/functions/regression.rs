//! `deriv`, `predict_linear` and `double_exponential_smoothing`: lines through samples.

use crate::base::error::{Error, Result};
use crate::model::answer::SampleValue;
use crate::model::sample::Sample;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::engine::sums::Sum;
use crate::query::promql::engine::windows::{RangeFunction, Window};
use crate::query::promql::printer::six_decimals;

/// Returns the function of this name.
pub(super) fn function(name: &str) -> Option<RangeFunction> {
    Some(match name {
        "deriv" => |window| {
            let samples = floats(window)?;
            let (slope, _) = regression(samples, samples.first()?.timestamp.0);
            Some(SampleValue::Float(slope))
        },
        "predict_linear" => |window| {
            let ahead = *window.scalars.first()?;
            let (slope, intercept) = regression(floats(window)?, window.at);
            Some(SampleValue::Float(slope * ahead + intercept))
        },
        "double_exponential_smoothing" => smoothing,
        _ => return None,
    })
}

/// Checks scalar arguments that have a range.
pub(super) fn check(name: &str, scalars: &[Vec<f64>]) -> Result<()> {
    if name != "double_exponential_smoothing" {
        return Ok(());
    }
    for (values, word, short) in
        [(scalars.first(), "smoothing", "sf"), (scalars.get(1), "trend", "tf")]
    {
        let outside = |value: &&f64| **value <= 0.0 || **value >= 1.0;
        if let Some(value) = values.and_then(|values| values.iter().find(outside)) {
            let got = six_decimals(*value);
            let message = format!("invalid {word} factor. Expected: 0 < {short} < 1, got: {got}");
            return Err(Error::invalid(message));
        }
    }
    Ok(())
}

/// Returns at least two floats; notes histograms beside floats, which are ignored.
fn floats<'a>(window: &Window<'a>) -> Option<&'a [Sample]> {
    if !window.floats.is_empty() && !window.histograms.is_empty() {
        window.note(Note::IgnoredInMixedRange(window.name()));
    }
    (window.floats.len() >= 2).then_some(window.floats)
}

/// Returns slope and value at `at` of the line of least squares.
fn regression(samples: &[Sample], at: i64) -> (f64, f64) {
    let count = samples.len() as f64;
    let (mut x, mut y, mut xy, mut xx) =
        (Sum::default(), Sum::default(), Sum::default(), Sum::default());
    let initial = samples.first().map_or(0.0, |sample| sample.value);
    let mut constant = true;
    for sample in samples {
        constant &= sample.value == initial;
        let seconds = (sample.timestamp.0 - at) as f64 / 1000.0;
        x.add(seconds);
        y.add(sample.value);
        xy.add(seconds * sample.value);
        xx.add(seconds * seconds);
    }
    if constant {
        if initial.is_infinite() {
            return (f64::NAN, f64::NAN);
        }
        return (0.0, initial);
    }
    let total = |sum: Sum| sum.value + sum.compensation;
    let (x, y, xy, xx) = (total(x), total(y), total(xy), total(xx));
    let slope = (xy - x * y / count) / (xx - x * x / count);
    (slope, y / count - slope * x / count)
}

fn smoothing(window: &Window<'_>) -> Option<SampleValue> {
    let &[level_factor, trend_factor] = window.scalars else { return None };
    let samples = floats(window)?;
    let mut before = 0.0;
    let mut level = samples[0].value;
    let mut trend = samples[1].value - samples[0].value;
    for (index, sample) in samples.iter().enumerate().skip(1) {
        if index > 1 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        let next = level_factor * sample.value + (1.0 - level_factor) * (level + trend);
        (before, level) = (level, next);
    }
    Some(SampleValue::Float(level))
}
