//! Traces in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use parking_lot::RwLock;

use crate::base::clock::SharedClock;
use crate::base::error::Result;
use crate::model::batch::SpanBatch;
use crate::model::cut::Cut;
use crate::model::receipt::Receipt;
use crate::model::time::{Day, TimeRange, TimestampMs, TimestampNs};
use crate::model::trace::{Span, Trace, TraceId};
use crate::model::trace_query::{Dependency, Operation, TraceSearch};
use crate::storage::lifecycle::{Dropped, Lifecycle, RetentionLimits};
use crate::storage::trace_rows::{assemble, count_calls, dependencies, newest_match};
use crate::storage::trace_store::TraceStore;

/// Keeps spans by trace until retention drops their day.
pub struct MemoryTraceStore {
    clock: SharedClock,
    traces: RwLock<BTreeMap<TraceId, Vec<Span>>>,
}

impl MemoryTraceStore {
    /// Creates an empty store; `clock` tells which day is live.
    pub fn new(clock: SharedClock) -> Self {
        MemoryTraceStore { clock, traces: RwLock::default() }
    }

    /// Calls `visit` with every span that began in `range`.
    fn each(&self, range: TimeRange<TimestampNs>, mut visit: impl FnMut(&Span)) {
        let traces = self.traces.read();
        traces.values().flatten().filter(|span| range.contains(span.start)).for_each(&mut visit);
    }
}

#[async_trait]
impl Lifecycle for MemoryTraceStore {
    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn enforce_retention(&self, limits: RetentionLimits) -> Result<Dropped> {
        let live = Day::of_ms(TimestampMs(self.clock.now_ms()));
        let ended = |span: &Span| {
            let day = Day::of_ns(span.start);
            day < live && day.range_ms().end.to_ns().0 < limits.oldest_ns
        };
        let mut days = BTreeSet::new();
        self.traces.write().retain(|_, spans| {
            days.extend(spans.iter().filter(|span| ended(span)).map(|span| Day::of_ns(span.start)));
            spans.retain(|span| !ended(span));
            !spans.is_empty()
        });
        let partitions = days.iter().map(Day::to_string).collect();
        Ok(Dropped { partitions, bytes: 0 })
    }

    fn disk_bytes(&self) -> u64 {
        0
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl TraceStore for MemoryTraceStore {
    async fn append(&self, batch: SpanBatch) -> Result<Receipt> {
        let count = batch.spans.len() as u64;
        let mut traces = self.traces.write();
        for span in batch.spans {
            let spans = traces.entry(span.trace_id).or_default();
            let known =
                spans.iter().any(|own| own.span_id == span.span_id && own.kind == span.kind);
            if !known {
                spans.push(span);
            }
        }
        Ok(Receipt::accepted(count))
    }

    async fn trace(&self, id: TraceId) -> Result<Option<Trace>> {
        let spans = self.traces.read().get(&id).cloned();
        Ok(spans.and_then(|spans| assemble(id, spans)))
    }

    async fn search(&self, search: TraceSearch) -> Result<Cut<Trace>> {
        let traces = self.traces.read();
        let mut found: Vec<(TimestampNs, TraceId)> = traces
            .iter()
            .filter_map(|(id, spans)| Some((newest_match(spans, &search)?, *id)))
            .collect();
        found.sort_by(|left, right| right.cmp(left));
        let whole = found.into_iter().take(search.limit.saturating_add(1)).filter_map(|(_, id)| {
            let spans = traces.get(&id)?.clone();
            assemble(id, spans)
        });
        Ok(Cut::limited(whole.collect(), Some(search.limit)))
    }

    async fn services(&self, range: TimeRange<TimestampNs>) -> Result<Vec<String>> {
        let mut services = BTreeSet::new();
        self.each(range, |span| {
            services.insert(span.service_name().to_owned());
        });
        services.remove("");
        Ok(services.into_iter().collect())
    }

    async fn operations(
        &self,
        service: &str,
        range: TimeRange<TimestampNs>,
    ) -> Result<Vec<Operation>> {
        let mut operations = BTreeSet::new();
        self.each(range, |span| {
            if span.service_name() == service {
                operations.insert(Operation { name: span.name.clone(), kind: span.kind.word() });
            }
        });
        Ok(operations.into_iter().collect())
    }

    async fn dependencies(&self, range: TimeRange<TimestampNs>) -> Result<Vec<Dependency>> {
        let traces = self.traces.read();
        let mut calls = BTreeMap::new();
        for (id, spans) in traces.iter() {
            if let Some(trace) = assemble(*id, spans.clone()) {
                count_calls(&trace, range, &mut calls);
            }
        }
        Ok(dependencies(calls))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::clock::ManualClock;
    use crate::storage::conformance::trace::{NOON, Subject, run};

    struct Memory;

    #[async_trait]
    impl Subject for Memory {
        async fn empty(&self) -> Arc<dyn TraceStore> {
            Arc::new(MemoryTraceStore::new(ManualClock::at_ms(NOON / 1_000_000)))
        }
    }

    #[tokio::test]
    async fn the_memory_store_keeps_every_promise_of_the_trace_port() {
        run(&Memory).await;
    }
}
