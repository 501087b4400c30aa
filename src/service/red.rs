//! Rate, errors and duration of services and operations, computed from the newest spans.

use std::collections::HashMap;

use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{Span, SpanId, SpanKind, StatusCode, Trace};

/// What is known of the requests that a service, or one of its operations, answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Red {
    /// The service's or the operation's name.
    pub name: String,
    /// Requests answered.
    pub calls: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Requests a second.
    pub rate: f64,
    /// Median duration in nanoseconds.
    pub p50_ns: i64,
    /// 95th percentile of durations in nanoseconds.
    pub p95_ns: i64,
    /// 99th percentile of durations in nanoseconds.
    pub p99_ns: i64,
    /// The same over time, in even steps from the start of the range on.
    pub steps: Vec<RedStep>,
}

/// One step of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RedStep {
    /// Requests answered.
    pub calls: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// 95th percentile of durations in nanoseconds; `None` without requests.
    pub p95_ns: Option<i64>,
}

/// [`Red`] of everything asked, and how much was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct RedAnswer {
    /// The time that the numbers cover: later than what was asked when there was too much.
    pub covered: TimeRange<TimestampNs>,
    /// Traces that were looked at.
    pub traces: usize,
    /// Whether older traces of the range were left out.
    pub cut: bool,
    /// One a name, the busiest first.
    pub items: Vec<Red>,
}

/// Durations while they are gathered.
#[derive(Default)]
struct Gathered {
    lengths: Vec<i64>,
    errors: u64,
    steps: Vec<(Vec<i64>, u64)>,
}

/// The spans of a trace that are requests which their service answered: by their kind, as the
/// first of the trace, or because another service's span is the parent.
fn answered(trace: &Trace) -> impl Iterator<Item = &Span> {
    let services: HashMap<SpanId, &str> =
        trace.spans.iter().map(|span| (span.span_id, span.service_name())).collect();
    trace.spans.iter().filter(move |span| {
        let by_kind = matches!(span.kind, SpanKind::Server | SpanKind::Consumer);
        by_kind
            || span.parent_span_id.is_none_or(|parent| {
                services.get(&parent).is_some_and(|service| *service != span.service_name())
            })
    })
}

/// Computes [`Red`] by `name_of`, which may leave a span out, in `steps` steps. `cut` tells that
/// `traces` are only the newest of the range.
pub(crate) fn compute(
    traces: &[Trace],
    range: TimeRange<TimestampNs>,
    cut: bool,
    steps: usize,
    name_of: impl Fn(&Span) -> Option<&str>,
) -> RedAnswer {
    let steps = steps.max(1);
    let oldest = traces.iter().map(|trace| trace.bounds().0).min();
    let start =
        if cut { oldest.map_or(range.start, |at| at.max(range.start)) } else { range.start };
    let covered = TimeRange::new(start, range.end);
    let length = (covered.end.0.saturating_sub(covered.start.0)).max(1);
    let mut gathered: HashMap<&str, Gathered> = HashMap::new();
    for span in traces.iter().flat_map(answered) {
        let Some(name) = name_of(span) else { continue };
        let since = span.start.0.saturating_sub(covered.start.0);
        if since < 0 || since > length {
            continue;
        }
        let one = gathered.entry(name).or_default();
        one.steps.resize_with(steps, Default::default);
        let step = (i128::from(since) * steps as i128 / i128::from(length)) as usize;
        let (lengths, errors) = &mut one.steps[step.min(steps - 1)];
        lengths.push(span.duration_ns());
        one.lengths.push(span.duration_ns());
        if span.status.code == StatusCode::Error {
            *errors += 1;
            one.errors += 1;
        }
    }
    let seconds = length as f64 / 1e9;
    let mut items: Vec<Red> =
        gathered.into_iter().map(|(name, one)| finished(name, one, seconds)).collect();
    items.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.name.cmp(&b.name)));
    RedAnswer { covered, traces: traces.len(), cut, items }
}

fn finished(name: &str, mut one: Gathered, seconds: f64) -> Red {
    one.lengths.sort_unstable();
    let step = |(mut lengths, errors): (Vec<i64>, u64)| {
        lengths.sort_unstable();
        let p95_ns = (!lengths.is_empty()).then(|| quantile(&lengths, 0.95));
        RedStep { calls: lengths.len() as u64, errors, p95_ns }
    };
    Red {
        name: name.to_owned(),
        calls: one.lengths.len() as u64,
        errors: one.errors,
        rate: one.lengths.len() as f64 / seconds,
        p50_ns: quantile(&one.lengths, 0.5),
        p95_ns: quantile(&one.lengths, 0.95),
        p99_ns: quantile(&one.lengths, 0.99),
        steps: one.steps.into_iter().map(step).collect(),
    }
}

/// The value that a share of the sorted values does not exceed; 0 of none.
fn quantile(sorted: &[i64], share: f64) -> i64 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::resource::{Attributes, Resource};
    use crate::model::trace::{Status, TraceId};

    fn trace(id: u8, start: i64, length: i64, failed: bool) -> Trace {
        let span = |span: u8, kind, name: &str| Span {
            trace_id: TraceId([id; 16]),
            span_id: SpanId([span; 8]),
            parent_span_id: (span > 1).then_some(SpanId([1; 8])),
            trace_state: String::new(),
            flags: 0,
            name: name.to_owned(),
            kind,
            start: TimestampNs(start),
            end: TimestampNs(start + length),
            attributes: Attributes::default(),
            events: Vec::new(),
            links: Vec::new(),
            status: Status {
                code: if failed { StatusCode::Error } else { StatusCode::Unset },
                message: String::new(),
            },
            resource: Arc::new(Resource::of_service("shop")),
            scope: Arc::default(),
        };
        let spans = vec![span(1, SpanKind::Server, "pay"), span(2, SpanKind::Client, "sql")];
        Trace { trace_id: TraceId([id; 16]), spans }
    }

    #[test]
    fn only_answered_requests_count_and_percentiles_are_of_their_durations() {
        let traces: Vec<Trace> = (1..=100)
            .map(|n| trace(n, i64::from(n) * 100_000_000, i64::from(n) * 1_000, n > 95))
            .collect();
        let range = TimeRange::new(TimestampNs(0), TimestampNs(20_000_000_000));
        let answer = compute(&traces, range, false, 4, |span| Some(span.service_name()));
        assert_eq!((answer.items.len(), answer.traces, answer.cut), (1, 100, false));
        let shop = &answer.items[0];
        assert_eq!((shop.calls, shop.errors, shop.rate), (100, 5, 5.0));
        assert_eq!((shop.p50_ns, shop.p95_ns, shop.p99_ns), (50_000, 95_000, 99_000));
        let calls: Vec<u64> = shop.steps.iter().map(|step| step.calls).collect();
        assert_eq!(calls, [49, 50, 1, 0]);
        assert_eq!(shop.steps[3], RedStep::default());
    }

    #[test]
    fn what_a_limit_left_out_shortens_the_time_that_the_rate_is_of() {
        let traces = [trace(1, 15_000_000_000, 1, false), trace(2, 19_000_000_000, 1, false)];
        let range = TimeRange::new(TimestampNs(0), TimestampNs(20_000_000_000));
        let answer = compute(&traces, range, true, 1, |span| Some(span.name.as_str()));
        assert_eq!(answer.covered.start, TimestampNs(15_000_000_000));
        assert_eq!((answer.items[0].name.as_str(), answer.items[0].rate), ("pay", 0.4));
        let none = compute(&[], range, false, 3, |_| None);
        assert!(none.items.is_empty());
    }
}
