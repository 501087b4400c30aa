//! Spans that are in no file yet.

use std::collections::{BTreeMap, HashMap};

use crate::engines::kit::log::Lsn;
use crate::model::time::Day;
use crate::model::trace::{Span, TraceId};

/// Hot spans by trace, in the order of their writes.
#[derive(Default)]
pub(super) struct Hot {
    traces: HashMap<TraceId, Vec<(Lsn, Span)>>,
    spans: usize,
}

impl Hot {
    /// Adds a span unless one of its trace, id and kind is there.
    pub(super) fn add(&mut self, lsn: Lsn, span: Span) {
        let spans = self.traces.entry(span.trace_id).or_default();
        let same = |own: &Span| own.span_id == span.span_id && own.kind == span.kind;
        // Batches mostly repeat the newest spans; a whole long trace is not searched for each.
        let near = spans.len().saturating_sub(64);
        if spans[near..].iter().any(|(_, own)| same(own)) {
            return;
        }
        spans.push((lsn, span));
        self.spans += 1;
    }

    /// Returns how many spans are hot.
    pub(super) fn len(&self) -> usize {
        self.spans
    }

    /// Returns the hot spans of a trace.
    pub(super) fn of(&self, id: TraceId) -> impl Iterator<Item = &Span> {
        self.traces.get(&id).into_iter().flatten().map(|(_, span)| span)
    }

    /// Returns every trace with its hot spans.
    pub(super) fn traces(&self) -> impl Iterator<Item = (TraceId, impl Iterator<Item = &Span>)> {
        self.traces.iter().map(|(id, spans)| (*id, spans.iter().map(|(_, span)| span)))
    }

    /// Returns the spans up to `lsn` by day, traces together and ordered by id within a day.
    pub(super) fn up_to(&self, lsn: Lsn) -> BTreeMap<Day, Vec<Span>> {
        let mut days: BTreeMap<Day, Vec<Span>> = BTreeMap::new();
        let mut ids: Vec<&TraceId> = self.traces.keys().collect();
        ids.sort();
        for spans in ids.into_iter().filter_map(|id| self.traces.get(id)) {
            for (_, span) in spans.iter().filter(|(written, _)| *written <= lsn) {
                days.entry(Day::of_ns(span.start)).or_default().push(span.clone());
            }
        }
        days
    }

    /// Removes the spans of `day` up to `lsn`: they are in its file now.
    pub(super) fn remove(&mut self, day: Day, lsn: Lsn) {
        for spans in self.traces.values_mut() {
            spans.retain(|(written, span)| *written > lsn || Day::of_ns(span.start) != day);
        }
        self.traces.retain(|_, spans| !spans.is_empty());
        self.spans = self.traces.values().map(Vec::len).sum();
    }
}
