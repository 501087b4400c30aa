//! What every trace store does with the spans of a trace once it has them together.

use std::collections::{BTreeMap, HashSet};

use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{Span, SpanId, SpanKind, Trace, TraceId};
use crate::model::trace_query::{Dependency, TraceSearch};

/// What makes a span the same as another one of its trace.
pub type SpanKey = (SpanId, SpanKind);

/// Orders the spans of one trace by start and keeps the first of each key. `spans` come in the
/// order of their writes.
pub fn assemble(trace_id: TraceId, spans: Vec<Span>) -> Option<Trace> {
    let mut seen = HashSet::new();
    let mut kept: Vec<Span> =
        spans.into_iter().filter(|span| seen.insert((span.span_id, span.kind))).collect();
    kept.sort_by_key(|span| (span.start, span.end));
    (!kept.is_empty()).then_some(Trace { trace_id, spans: kept })
}

/// Returns the start of the newest span of a trace that a search asks for.
pub fn newest_match(spans: &[Span], search: &TraceSearch) -> Option<TimestampNs> {
    let matching = spans
        .iter()
        .filter(|span| search.range.contains(span.start) && search.condition.matches(span));
    matching.map(|span| span.start).max()
}

/// Counts calls between services in one trace: a span and its parent of different services.
pub fn count_calls(
    trace: &Trace,
    range: TimeRange<TimestampNs>,
    calls: &mut BTreeMap<(String, String), u64>,
) {
    let mut by_id: BTreeMap<SpanId, &Span> = BTreeMap::new();
    for span in &trace.spans {
        by_id.entry(span.span_id).or_insert(span);
    }
    for span in trace.spans.iter().filter(|span| range.contains(span.start)) {
        let parent = span.parent_span_id.and_then(|id| by_id.get(&id));
        if let Some(parent) = parent.filter(|parent| parent.service_name() != span.service_name()) {
            let pair = (parent.service_name().to_owned(), span.service_name().to_owned());
            *calls.entry(pair).or_default() += 1;
        }
    }
}

/// Turns counted calls into the port's answer, sorted.
pub fn dependencies(calls: BTreeMap<(String, String), u64>) -> Vec<Dependency> {
    calls.into_iter().map(|((parent, child), calls)| Dependency { parent, child, calls }).collect()
}
