//! Reading traces: what is asked is listed under the lock, and read without it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::error::{ErrorKind, Result};
use crate::engines::traces::block::{self, BlockStats};
use crate::engines::traces::day::DayFile;
use crate::engines::traces::engine::{Shared, State};
use crate::model::cut::Cut;
use crate::model::time::{TimeRange, TimestampNs};
use crate::model::trace::{Span, Trace, TraceId};
use crate::model::trace_query::{Dependency, Operation, SpanCondition, TraceSearch};
use crate::storage::trace_rows::{assemble, count_calls, dependencies, newest_match};

/// Traces that are put together at once when all of a range are asked for.
const TRACES_AT_ONCE: usize = 10_000;

/// Blocks to read. They stay readable when a flush adds others or retention unlinks their file.
type Blocks = Vec<(Arc<DayFile>, Vec<Arc<BlockStats>>)>;

fn choose(state: &State, wanted: impl Fn(&BlockStats) -> bool) -> Blocks {
    let blocks_of = |file: &Arc<DayFile>| {
        let chosen: Vec<_> = file.blocks().into_iter().filter(|stats| wanted(stats)).collect();
        (!chosen.is_empty()).then(|| (Arc::clone(file), chosen))
    };
    state.days.values().filter_map(blocks_of).collect()
}

/// Calls `visit` with the spans of each block. A damaged one is left out and noted.
fn each_block(blocks: Blocks, mut visit: impl FnMut(Vec<Span>)) -> Result<()> {
    for (file, chosen) in blocks {
        let snapshot = file.container.snapshot()?;
        for stats in chosen {
            match block::read(&snapshot, &stats) {
                Ok(spans) => visit(spans),
                Err(error) => match error.kind() {
                    ErrorKind::Corrupt | ErrorKind::Unsupported => {
                        file.quarantine(stats.number, &error);
                    }
                    _ => return Err(error),
                },
            }
        }
    }
    Ok(())
}

fn operation_of(span: &Span) -> Operation {
    Operation { name: span.name.clone(), kind: span.kind.word() }
}

impl Shared {
    /// Returns the known spans of a trace.
    pub(super) fn trace(&self, id: TraceId) -> Result<Option<Trace>> {
        Ok(self.whole(&BTreeSet::from([id]))?.remove(&id))
    }

    /// Puts traces together; each block is opened once, however many of them it holds.
    fn whole(&self, ids: &BTreeSet<TraceId>) -> Result<BTreeMap<TraceId, Trace>> {
        let mut spans: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
        let (blocks, hot) = {
            let state = self.state.read();
            let blocks = choose(&state, |stats| ids.iter().any(|id| stats.may_hold(*id)));
            let hot: Vec<Span> = ids.iter().flat_map(|id| state.hot.of(*id)).cloned().collect();
            (blocks, hot)
        };
        each_block(blocks, |found| {
            for span in found.into_iter().filter(|span| ids.contains(&span.trace_id)) {
                spans.entry(span.trace_id).or_default().push(span);
            }
        })?;
        // What is hot was written after what is in files: the first write of a span wins.
        for span in hot {
            spans.entry(span.trace_id).or_default().push(span);
        }
        Ok(spans.into_iter().filter_map(|(id, spans)| Some((id, assemble(id, spans)?))).collect())
    }

    /// Finds the newest matching span of each trace that has one. Repeated spans count here as if
    /// they were kept, so what is found may be more and newer, never less, than what is true.
    fn candidates(&self, search: &TraceSearch) -> Result<BTreeMap<TraceId, TimestampNs>> {
        let mut newest: BTreeMap<TraceId, TimestampNs> = BTreeMap::new();
        let mut note = |span: &Span| {
            if search.range.contains(span.start) && search.condition.matches(span) {
                let best = newest.entry(span.trace_id).or_insert(span.start);
                *best = span.start.max(*best);
            }
        };
        let blocks = {
            let state = self.state.read();
            state.hot.traces().flat_map(|(_, spans)| spans).for_each(&mut note);
            choose(&state, |stats| {
                stats.starts.overlaps(&search.range) && stats.may_match(&search.condition)
            })
        };
        each_block(blocks, |spans| spans.iter().for_each(&mut note))?;
        Ok(newest)
    }

    /// Returns whole traces, those with the newest match first.
    pub(super) fn search(&self, search: &TraceSearch) -> Result<Cut<Trace>> {
        let wanted = search.limit.saturating_add(1);
        let mut left: Vec<(TimestampNs, TraceId)> =
            self.candidates(search)?.into_iter().map(|(id, at)| (at, id)).collect();
        left.sort();
        let mut found: Vec<(TimestampNs, TraceId, Trace)> = Vec::new();
        while let Some((next, _)) = left.last() {
            // No later candidate can be newer than the last that is wanted.
            if found.get(wanted - 1).is_some_and(|(at, _, _)| at > next) {
                break;
            }
            let some = left.split_off(left.len().saturating_sub(wanted));
            for (id, trace) in self.whole(&some.into_iter().map(|(_, id)| id).collect())? {
                if let Some(at) = newest_match(&trace.spans, search) {
                    found.push((at, id, trace));
                }
            }
            found.sort_by_key(|(at, id, _)| std::cmp::Reverse((*at, *id)));
            found.truncate(wanted);
        }
        let traces = found.into_iter().map(|(_, _, trace)| trace).collect();
        let mut cut = Cut::limited(traces, Some(search.limit));
        cut.warnings = self.warnings();
        Ok(cut)
    }

    fn warnings(&self) -> Vec<String> {
        let state = self.state.read();
        let days = state.days.values().flat_map(|day| day.damage());
        state.damage.iter().cloned().chain(days).collect()
    }

    /// Calls `visit` with service and operation of everything in blocks that lie in `range`, opening
    /// those that reach over its ends, and of hot spans.
    ///
    /// # Errors
    /// `Internal` from the files.
    pub(super) fn each_operation(
        &self,
        range: TimeRange<TimestampNs>,
        mut visit: impl FnMut(&str, &Operation),
    ) -> Result<()> {
        let inside = |stats: &BlockStats| {
            range.contains(stats.starts.start) && range.contains(stats.starts.end)
        };
        let opened = {
            let state = self.state.read();
            let hot = state.hot.traces().flat_map(|(_, spans)| spans);
            hot.filter(|span| range.contains(span.start))
                .for_each(|span| visit(span.service_name(), &operation_of(span)));
            for (_, known) in choose(&state, inside) {
                for (service, operations) in known.iter().flat_map(|stats| &stats.services) {
                    operations.iter().for_each(|operation| visit(service, operation));
                }
            }
            choose(&state, |stats| stats.starts.overlaps(&range) && !inside(stats))
        };
        each_block(opened, |spans| {
            let in_range = spans.iter().filter(|span| range.contains(span.start));
            in_range.for_each(|span| visit(span.service_name(), &operation_of(span)));
        })
    }

    /// Counts who called whom. Blocks are ordered by trace, so that some traces at a time open each
    /// block about once.
    ///
    /// # Errors
    /// `Internal` from the files.
    pub(super) fn dependencies(&self, range: TimeRange<TimestampNs>) -> Result<Vec<Dependency>> {
        let search = TraceSearch { range, condition: SpanCondition::All, limit: usize::MAX };
        let ids: Vec<TraceId> = self.candidates(&search)?.into_keys().collect();
        let mut calls = BTreeMap::new();
        for some in ids.chunks(TRACES_AT_ONCE) {
            for trace in self.whole(&some.iter().copied().collect())?.values() {
                count_calls(trace, range, &mut calls);
            }
        }
        Ok(dependencies(calls))
    }
}
