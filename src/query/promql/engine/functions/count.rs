//! `changes` and `resets`: how often something happened between samples.

use std::sync::Arc;

use crate::model::answer::SampleValue;
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

fn count(
    window: &Window<'_>,
    happened: fn(&SampleValue, &SampleValue) -> bool,
) -> Option<SampleValue> {
    let floats = window.floats.iter().map(|one| (one.timestamp.0, SampleValue::Float(one.value)));
    let histograms = window
        .histograms
        .iter()
        .map(|one| (one.timestamp.0, SampleValue::Histogram(Arc::clone(&one.histogram))));
    let mut samples: Vec<_> = floats.chain(histograms).collect();
    samples.sort_by_key(|(at, _)| *at);
    if window.edges == Edges::Anchored {
        let before = samples.partition_point(|(at, _)| *at <= window.start);
        if before == samples.len() {
            return None;
        }
        samples.drain(..before.saturating_sub(1));
    }
    let pairs = samples.windows(2).filter(|pair| happened(&pair[0].1, &pair[1].1));
    Some(SampleValue::Float(pairs.count() as f64))
}

fn changed(before: &SampleValue, after: &SampleValue) -> bool {
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

fn reset(before: &SampleValue, after: &SampleValue) -> bool {
    match (before, after) {
        (SampleValue::Float(before), SampleValue::Float(after)) => after < before,
        (SampleValue::Histogram(before), SampleValue::Histogram(after)) => {
            histogram::detect_reset(after, before)
        }
        _ => true,
    }
}
