//! `irate` and `idelta`: change between the last two samples.

use crate::model::answer::SampleValue;
use crate::model::histogram::CounterResetHint;
use crate::model::time::TimestampMs;
use crate::query::promql::engine::notes::Note;
use crate::query::promql::engine::windows::{RangeFunction, Window};
use crate::query::promql::histogram;

/// Returns the function of this name.
pub(super) fn function(name: &str) -> Option<RangeFunction> {
    Some(match name {
        "irate" => |window| change(window, true),
        "idelta" => |window| change(window, false),
        _ => return None,
    })
}

fn change(window: &Window<'_>, rate: bool) -> Option<SampleValue> {
    let mut last: Vec<(TimestampMs, SampleValue)> = Vec::with_capacity(4);
    for sample in window.floats.iter().rev().take(2) {
        last.push((sample.timestamp, SampleValue::Float(sample.value)));
    }
    for sample in window.histograms.iter().rev().take(2) {
        let histogram = SampleValue::Histogram(sample.histogram.clone());
        last.push((sample.timestamp, histogram));
    }
    last.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let [(end, right), (start, left), ..] = &last[..] else { return None };
    let seconds = (end.0 - start.0) as f64 / 1000.0;
    if seconds == 0.0 {
        return None;
    }
    let again = rate && window.began_again(*start, *end);
    match (left, right) {
        (SampleValue::Float(left), SampleValue::Float(right)) => {
            let reset = again || (rate && right < left);
            let change = if reset { *right } else { right - left };
            Some(SampleValue::Float(if rate { change / seconds } else { change }))
        }
        (SampleValue::Histogram(left), SampleValue::Histogram(right)) => {
            let is_gauge = |one: CounterResetHint| one == CounterResetHint::Gauge;
            let (first, second) = (left.counter_reset_hint, right.counter_reset_hint);
            if rate && (is_gauge(first) || is_gauge(second)) {
                window.note(Note::NotCounter(window.name()));
            }
            if !rate && (!is_gauge(first) || !is_gauge(second)) {
                window.note(Note::NotGauge(window.name()));
            }
            let mut change = if again || (rate && histogram::detect_reset(right, left)) {
                histogram::compacted(right)
            } else {
                let Ok((change, how)) = histogram::subtracted(right, left) else {
                    window.note(Note::MixedExponentialCustom(window.name()));
                    return None;
                };
                if how.bounds_reconciled {
                    window.note(Note::MismatchedBounds("subtraction"));
                }
                change
            };
            if rate {
                change = histogram::divided(&change, seconds);
            }
            change.counter_reset_hint = CounterResetHint::Gauge;
            Some(SampleValue::Histogram(change.into()))
        }
        (SampleValue::Float(_), SampleValue::Histogram(_))
        | (SampleValue::Histogram(_), SampleValue::Float(_)) => {
            window.note(Note::MixedFloatsHistograms(window.name()));
            None
        }
    }
}
