//! How many records there were when, by severity.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::access::Caller;
use crate::api::ApiState;
use crate::api::answer::ApiResult;
use crate::api::filters;
use crate::api::params::Params;
use crate::base::error::Error;
use crate::model::aggregation::{
    Aggregation, AggregationResult, Bucket, BucketKey, NamedAggregation, TermsKey, TermsOrder,
};
use crate::model::log_filter::LogField;
use crate::model::log_query::LogSelect;

/// Widths of buckets in milliseconds that people can read on an axis.
const WIDTHS_MS: [i64; 22] = [
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    604_800_000,
];
/// Severities, most severe first; the empty word is "not given".
pub(crate) const SEVERITIES: [&str; 7] = ["fatal", "error", "warn", "info", "debug", "trace", ""];

/// Counts over time.
#[derive(Debug, Serialize)]
pub(crate) struct Histogram {
    /// The start of the first bucket, epoch milliseconds.
    pub(crate) start: i64,
    /// The width of each, milliseconds.
    pub(crate) width: i64,
    /// What the numbers of a bucket stand for.
    pub(crate) severities: [&'static str; 7],
    /// One list of counts a bucket.
    pub(crate) counts: Vec<[u64; 7]>,
}

/// Answers `from to q f scope buckets`.
pub(crate) async fn histogram(
    State(state): State<ApiState>,
    caller: Caller,
    params: Params,
) -> ApiResult<Histogram> {
    let range = params.range()?;
    let wanted = params.count("buckets", 100, 500)?;
    let (from, to) = (range.start.to_ms().0, range.end.to_ms().0);
    let width = width(to - from, wanted);
    let start = from.div_euclid(width) * width;
    let asked = NamedAggregation {
        name: "time".to_owned(),
        kind: Aggregation::Histogram {
            field: LogField::Timestamp,
            interval: width as f64 * 1e6,
            offset: 0.0,
            min_count: 1,
            bounds: None,
        },
        within: vec![NamedAggregation {
            name: "severity".to_owned(),
            kind: Aggregation::Terms {
                field: LogField::Severity,
                size: 64,
                order: TermsOrder { by: TermsKey::Count, ascending: false },
                min_count: 1,
                missing: None,
            },
            within: Vec::new(),
        }],
    };
    let select = LogSelect { indices: Vec::new(), range, filter: filters::logs(&params)? };
    let results = state.services.logs.aggregate(&caller, select, vec![asked]).await?;
    let count = ((to - start).div_euclid(width) + 1).clamp(1, 2_000) as usize;
    let mut counts = vec![[0_u64; 7]; count];
    for bucket in buckets(results)? {
        let BucketKey::Number(ns) = bucket.key else { continue };
        let at = ((ns / 1e6) as i64 - start).div_euclid(width);
        if let Some(slot) = usize::try_from(at).ok().and_then(|at| counts.get_mut(at)) {
            add(slot, bucket);
        }
    }
    Ok(Json(Histogram { start, width, severities: SEVERITIES, counts }))
}

/// Adds what a bucket's severities say; records without one count as "not given".
fn add(slot: &mut [u64; 7], bucket: Bucket) {
    let mut rest = bucket.count;
    for (_, result) in bucket.within {
        let AggregationResult::Buckets { buckets, .. } = result else { continue };
        for one in buckets {
            let BucketKey::Str(word) = &one.key else { continue };
            let known = SEVERITIES.iter().position(|severity| severity == word);
            if let Some(known) = known.filter(|known| *known < 6) {
                slot[known] += one.count;
                rest = rest.saturating_sub(one.count);
            }
        }
    }
    slot[6] += rest;
}

/// Returns the buckets of the only aggregation that was asked.
pub(crate) fn buckets(results: Vec<(String, AggregationResult)>) -> Result<Vec<Bucket>, Error> {
    match results.into_iter().next() {
        Some((_, AggregationResult::Buckets { buckets, .. })) => Ok(buckets),
        _ => Err(Error::internal("an aggregation answered something else than buckets")),
    }
}

/// The least readable width that makes at most about `wanted` buckets.
fn width(window_ms: i64, wanted: usize) -> i64 {
    let least = window_ms / (wanted.max(1) as i64);
    let last = WIDTHS_MS[WIDTHS_MS.len() - 1];
    let fits = WIDTHS_MS.iter().copied().find(|width| *width >= least);
    fits.unwrap_or_else(|| (least / last + 1) * last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_have_readable_widths_and_are_never_too_many() {
        assert_eq!(width(3_600_000, 100), 60_000);
        assert_eq!(width(0, 100), 100);
        for window in [1_i64, 59_999, 86_400_000, 31_536_000_000, 3_153_600_000_000] {
            assert!(window / width(window, 100) <= 101, "{window}");
        }
    }
}
