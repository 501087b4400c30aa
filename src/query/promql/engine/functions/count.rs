//! `changes` and `resets`: how often something happened between samples.

use std::sync::Arc;

use crate::model::answer::SampleValue;
use crate::model::time::TimestampMs;
use crate::query::promql::ast::Edges;
use crate::query::promql::engine::windows::{RangeFunction, Window};
use crate::query::promql::histogram;

/// Returns the function of this name.
pub(super) fn function(name: &str) -> Option<RangeFunction> {
    Some(match name {
        "changes" => |window| count(window, changed),
        "resets" => |window| count(window, reset),
        _ => return None,
    })
}

/// A value and its time.
type Timed = (TimestampMs, SampleValue);

fn count(
    window: &Window<'_>,
    happened: fn(&Window<'_>, [&Timed; 2]) -> bool,
) -> Option<SampleValue> {
    let floats = window.floats.iter().map(|one| (one.timestamp, SampleValue::Float(one.value)));
    let histograms = window
        .histograms
        .iter()
        .map(|one| (one.timestamp, SampleValue::Histogram(Arc::clone(&one.histogram))));
    let mut samples: Vec<_> = floats.chain(histograms).collect();
    samples.sort_by_key(|(at, _)| *at);
    if window.edges == Edges::Anchored {
        let before = samples.partition_point(|(at, _)| at.0 <= window.start);
        if before == samples.len() {
            return None;
        }
        samples.drain(..before.saturating_sub(1));
    }
    let pairs = samples.windows(2).filter(|pair| happened(window, [&pair[0], &pair[1]]));
    Some(SampleValue::Float(pairs.count() as f64))
}

fn changed(_: &Window<'_>, [(_, before), (_, after)]: [&Timed; 2]) -> bool {
    match (before, after) {
        (SampleValue::Float(before), SampleValue::Float(after)) => {
            before != after && !(before.is_nan() && after.is_nan())
        }
        (SampleValue::Histogram(before), SampleValue::Histogram(after)) => {
            !histogram::equal(before, after)
        }
        _ => true,
    }
}

fn reset(window: &Window<'_>, [(start, before), (at, after)]: [&Timed; 2]) -> bool {
    match (before, after) {
        (SampleValue::Float(before), SampleValue::Float(after)) => {
            after < before || window.began_again(*start, *at)
        }
        (SampleValue::Histogram(before), SampleValue::Histogram(after)) => {
            window.began_again(*start, *at) || histogram::detect_reset(after, before)
        }
        _ => true,
    }
}
