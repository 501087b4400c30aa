//! Turns grown buckets into ordered results.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::base::error::{Error, ErrorKind, Result};
use crate::model::aggregation::{
    Aggregation, AggregationResult, Bucket, BucketKey, MetricKind, NamedAggregation, Statistics,
    TermsKey, TermsOrder,
};
use crate::query::aggregate::MAX_BUCKETS;
use crate::query::aggregate::collector::{Grown, Key, State};

pub(crate) fn finish_all(
    asked: &[NamedAggregation],
    states: Vec<State>,
) -> Result<Vec<(String, AggregationResult)>> {
    asked
        .iter()
        .zip(states)
        .map(|(one, state)| Ok((one.name.clone(), finish_one(one, state)?)))
        .collect()
}

fn finish_one(one: &NamedAggregation, state: State) -> Result<AggregationResult> {
    match (&one.kind, state) {
        (
            Aggregation::Histogram { interval, offset, min_count, bounds, .. },
            State::Buckets(grown),
        ) => {
            let fill = if *min_count == 0 { *bounds } else { None };
            let mut buckets = all_buckets(one, grown)?;
            buckets.sort_by(|left, right| compare_keys(&left.key, &right.key));
            if *min_count == 0 {
                buckets = with_empty_buckets(one, buckets, *interval, *offset, fill)?;
            }
            buckets.retain(|bucket| bucket.count >= *min_count);
            Ok(AggregationResult::Buckets { buckets, other_count: 0 })
        }
        (Aggregation::Terms { size, order, min_count, .. }, State::Buckets(grown)) => {
            let mut buckets = all_buckets(one, grown)?;
            buckets.retain(|bucket| bucket.count >= *min_count);
            buckets.sort_by(|left, right| compare_terms(order, left, right));
            let cut = buckets.split_off((*size).min(buckets.len()));
            let other_count = cut.iter().map(|bucket| bucket.count).sum();
            Ok(AggregationResult::Buckets { buckets, other_count })
        }
        (Aggregation::Metric(kind, _), State::Numbers(numbers)) => Ok(number(kind, &numbers)),
        (_, State::Distinct(seen)) => Ok(AggregationResult::Number(Some(seen.len() as f64))),
        (Aggregation::Metric(MetricKind::Percentiles(percents), _), State::Values(mut values)) => {
            values.sort_by(f64::total_cmp);
            let at = |percent: &f64| (*percent, percentile(&values, *percent));
            Ok(AggregationResult::Percentiles(percents.iter().map(at).collect()))
        }
        _ => Err(Error::internal("an aggregation was collected as another kind")),
    }
}

fn all_buckets(one: &NamedAggregation, grown: HashMap<Key, Grown>) -> Result<Vec<Bucket>> {
    let bucket = |(key, grown): (Key, Grown)| {
        let within = finish_all(&one.within, grown.within)?;
        Ok(Bucket { key: key.into(), count: grown.count, within })
    };
    grown.into_iter().map(bucket).collect()
}

impl From<Key> for BucketKey {
    fn from(key: Key) -> Self {
        match key {
            Key::Text(text) => BucketKey::Str(text),
            Key::Number(bits) => BucketKey::Number(f64::from_bits(bits)),
            Key::Bool(flag) => BucketKey::Bool(flag),
        }
    }
}

/// Puts an empty bucket into each gap, and up to the bounds.
fn with_empty_buckets(
    one: &NamedAggregation,
    buckets: Vec<Bucket>,
    interval: f64,
    offset: f64,
    bounds: Option<(f64, f64)>,
) -> Result<Vec<Bucket>> {
    let number = |bucket: &Bucket| match bucket.key {
        BucketKey::Number(start) => start,
        _ => f64::NAN,
    };
    let index_of = |value: f64| ((value - offset) / interval).floor() as i64;
    let ends =
        buckets.first().zip(buckets.last()).map(|(first, last)| (number(first), number(last)));
    let (first, last) = match (ends, bounds) {
        (None, None) => return Ok(buckets),
        (Some(ends), None) => ends,
        (None, Some(bounds)) => bounds,
        (Some(ends), Some(bounds)) => (ends.0.min(bounds.0), ends.1.max(bounds.1)),
    };
    let (first, last) = (index_of(first), index_of(last));
    if last.saturating_sub(first) >= MAX_BUCKETS as i64 {
        let message = format!(
            "Trying to create too many buckets. Must be less than or equal to: [{MAX_BUCKETS}]; narrow the time range or widen the interval"
        );
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    let mut known: HashMap<i64, Bucket> = buckets
        .into_iter()
        .map(|bucket| (index_of(number(&bucket) + interval / 2.0), bucket))
        .collect();
    let empty = |index: i64| -> Result<Bucket> {
        let within =
            Vec::from_iter(one.within.iter().map(|inner| (inner, State::empty(&inner.kind))));
        let within = within
            .into_iter()
            .map(|(inner, state)| Ok((inner.name.clone(), finish_one(inner, state)?)))
            .collect::<Result<_>>()?;
        let key = BucketKey::Number(index as f64 * interval + offset);
        Ok(Bucket { key, count: 0, within })
    };
    (first..=last).map(|index| known.remove(&index).map_or_else(|| empty(index), Ok)).collect()
}

fn compare_keys(left: &BucketKey, right: &BucketKey) -> Ordering {
    match (left, right) {
        (BucketKey::Number(left), BucketKey::Number(right)) => left.total_cmp(right),
        (BucketKey::Str(left), BucketKey::Str(right)) => left.cmp(right),
        (BucketKey::Bool(left), BucketKey::Bool(right)) => left.cmp(right),
        // Mixed keys: truth values, then numbers, then texts.
        _ => rank(left).cmp(&rank(right)),
    }
}

fn rank(key: &BucketKey) -> u8 {
    match key {
        BucketKey::Bool(_) => 0,
        BucketKey::Number(_) => 1,
        BucketKey::Str(_) => 2,
    }
}

fn compare_terms(order: &TermsOrder, left: &Bucket, right: &Bucket) -> Ordering {
    let by = match &order.by {
        TermsKey::Count => left.count.cmp(&right.count),
        TermsKey::Key => compare_keys(&left.key, &right.key),
        TermsKey::Metric(name) => {
            let missing = if order.ascending { f64::INFINITY } else { f64::NEG_INFINITY };
            let value = |bucket: &Bucket| metric_value(bucket, name).unwrap_or(missing);
            value(left).total_cmp(&value(right))
        }
    };
    let by = if order.ascending { by } else { by.reverse() };
    by.then_with(|| compare_keys(&left.key, &right.key))
}

/// Finds the number that `name`, `name.part` or `name[percent]` means.
fn metric_value(bucket: &Bucket, name: &str) -> Option<f64> {
    let split = name.find(['.', '[']).unwrap_or(name.len());
    let (name, part) = name.split_at(split);
    let part = part.trim_matches(|character| matches!(character, '.' | '[' | ']'));
    let (_, result) = bucket.within.iter().find(|(own, _)| own == name)?;
    match result {
        AggregationResult::Number(number) => *number,
        AggregationResult::Stats(stats) => match part {
            "count" => Some(stats.count as f64),
            "min" => Some(stats.min),
            "max" => Some(stats.max),
            "sum" => Some(stats.sum),
            _ => Some(stats.mean),
        },
        AggregationResult::Percentiles(values) => {
            let percent: f64 = part.parse().ok()?;
            values.iter().find(|(own, _)| *own == percent).and_then(|(_, value)| *value)
        }
        AggregationResult::Buckets { .. } => None,
    }
}

fn number(kind: &MetricKind, numbers: &Statistics) -> AggregationResult {
    let some = |value: f64| (numbers.count > 0).then_some(value);
    AggregationResult::Number(match kind {
        MetricKind::Avg => some(numbers.sum / numbers.count as f64),
        MetricKind::Sum => Some(numbers.sum),
        MetricKind::Min => some(numbers.min),
        MetricKind::Max => some(numbers.max),
        MetricKind::ValueCount => Some(numbers.count as f64),
        MetricKind::Stats | MetricKind::ExtendedStats => return AggregationResult::Stats(*numbers),
        MetricKind::Cardinality | MetricKind::Percentiles(_) => None,
    })
}

/// Interpolates between the two nearest of the sorted values.
fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = percent / 100.0 * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let share = place - below as f64;
    Some(sorted[below] + (sorted[above] - sorted[below]) * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log_filter::LogField;
    use crate::model::resource::AttrValue;
    use crate::query::aggregate::Collector;

    fn named(name: &str, kind: Aggregation, within: Vec<NamedAggregation>) -> NamedAggregation {
        NamedAggregation { name: name.into(), kind, within }
    }

    fn field(name: &str) -> LogField {
        LogField::Attribute(name.into())
    }

    fn terms(name: &str, order: TermsOrder, within: Vec<NamedAggregation>) -> NamedAggregation {
        let kind =
            Aggregation::Terms { field: field("t"), size: 2, order, min_count: 1, missing: None };
        named(name, kind, within)
    }

    fn run(asked: Vec<NamedAggregation>, rows: &[(&str, i64)]) -> Vec<(String, AggregationResult)> {
        let mut collector = Collector::new(asked);
        let fields = collector.fields().to_vec();
        for (text, number) in rows {
            let values: Vec<_> = fields
                .iter()
                .map(|own| match own {
                    LogField::Attribute(name) if name == "t" => Some(AttrValue::from(*text)),
                    _ => Some(AttrValue::Int(*number)),
                })
                .collect();
            assert!(collector.add(&values));
        }
        collector.finish().unwrap()
    }

    fn shape(result: &AggregationResult) -> Vec<(BucketKey, u64)> {
        match result {
            AggregationResult::Buckets { buckets, .. } => {
                buckets.iter().map(|bucket| (bucket.key.clone(), bucket.count)).collect()
            }
            other => panic!("no buckets: {other:?}"),
        }
    }

    #[test]
    fn terms_are_ordered_cut_and_say_what_was_cut() {
        let order = TermsOrder { by: TermsKey::Count, ascending: false };
        let results =
            run(vec![terms("a", order, vec![])], &[("x", 1), ("y", 1), ("y", 1), ("z", 1)]);
        let keys = [(BucketKey::Str("y".into()), 2), (BucketKey::Str("x".into()), 1)];
        assert_eq!(shape(&results[0].1), keys);
        assert!(matches!(results[0].1, AggregationResult::Buckets { other_count: 1, .. }));
    }

    #[test]
    fn terms_can_be_ordered_by_a_metric_within() {
        let max = named("m", Aggregation::Metric(MetricKind::Max, field("n")), vec![]);
        let order = TermsOrder { by: TermsKey::Metric("m".into()), ascending: false };
        let results = run(vec![terms("a", order, vec![max])], &[("x", 9), ("y", 1), ("y", 2)]);
        assert_eq!(shape(&results[0].1)[0].0, BucketKey::Str("x".into()));
    }

    #[test]
    fn a_histogram_fills_its_gaps_up_to_the_bounds() {
        let kind = Aggregation::Histogram {
            field: field("n"),
            interval: 10.0,
            offset: 0.0,
            min_count: 0,
            bounds: Some((-5.0, 31.0)),
        };
        let results = run(vec![named("h", kind, vec![])], &[("", 5), ("", 25), ("", 29)]);
        let counts: Vec<_> = shape(&results[0].1).into_iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [0, 1, 0, 2, 0]);
    }

    #[test]
    fn too_many_buckets_are_an_error_and_not_a_part_of_the_truth() {
        let kind = Aggregation::Histogram {
            field: field("n"),
            interval: 1.0,
            offset: 0.0,
            min_count: 0,
            bounds: Some((0.0, 1e7)),
        };
        let collector = Collector::new(vec![named("h", kind, vec![])]);
        assert_eq!(collector.finish().unwrap_err().kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn percentiles_interpolate() {
        let kind = Aggregation::Metric(MetricKind::Percentiles(vec![50.0]), field("n"));
        let results = run(vec![named("p", kind, vec![])], &[("", 1), ("", 2), ("", 4), ("", 9)]);
        assert_eq!(results[0].1, AggregationResult::Percentiles(vec![(50.0, Some(3.0))]));
    }
}
