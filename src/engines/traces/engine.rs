//! The engine: hot spans and day files behind the trace port.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;

use crate::base::clock::SharedClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::EngineContext;
use crate::engines::kit::log::{Log, Lsn, Signal};
use crate::engines::kit::partitions;
use crate::engines::kit::writer::{Apply, Writer, recover};
use crate::engines::traces::block;
use crate::engines::traces::codec;
use crate::engines::traces::day::DayFile;
use crate::engines::traces::hot::Hot;
use crate::model::batch::SpanBatch;
use crate::model::cut::Cut;
use crate::model::receipt::Receipt;
use crate::model::time::{Day, TimeRange, TimestampMs, TimestampNs};
use crate::model::trace::{Span, Trace, TraceId};
use crate::model::trace_query::{Dependency, Operation, TraceSearch};
use crate::storage::lifecycle::{Dropped, Lifecycle, RetentionLimits};
use crate::storage::trace_rows::{assemble, count_calls, dependencies, newest_match};
use crate::storage::trace_store::TraceStore;

const SUFFIX: &str = ".redb";
/// Hot spans beyond this are refused until a flush made room.
const MAX_HOT_SPANS: usize = 500_000;

/// Keeps traces in day files, with the newest spans in memory.
pub struct TraceEngine {
    shared: Arc<Shared>,
    writer: Writer<Shared>,
    log: Log,
}

struct Shared {
    dir: PathBuf,
    clock: SharedClock,
    /// One lock for both: a reader sees a span in memory or in its file, never in neither.
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    hot: Hot,
    days: BTreeMap<Day, Arc<DayFile>>,
    /// Files that could not be opened.
    damage: Vec<String>,
}

impl TraceEngine {
    /// Opens the day files and applies what the log holds beyond them. A file that cannot be opened
    /// is left alone and named in every answer.
    ///
    /// # Errors
    /// `Unsupported` for files of a newer version, and those of log and file system.
    pub fn open(context: EngineContext) -> Result<Self> {
        let EngineContext { log, disk, dir, clock } = context;
        disk.create_dir(&dir)?;
        let mut state = State::default();
        for partition in partitions::list(&dir, SUFFIX)? {
            match DayFile::open(&partition.path, partition.day) {
                Ok(file) => drop(state.days.insert(partition.day, Arc::new(file))),
                Err(error) if error.kind() == ErrorKind::Unsupported => return Err(error),
                Err(error) => state.damage.push(format!("traces of {}: {error}", partition.day)),
            }
        }
        // Days that a broken flush had written already skip what they have.
        let after = state.days.values().map(|day| day.complete()).max().unwrap_or_default();
        let shared = Arc::new(Shared { dir, clock, state: RwLock::new(state) });
        let (records, last) = recover(&log, Signal::Traces, after, shared.as_ref())?;
        if records > 0 {
            tracing::info!(records, "spans recovered from the log");
        }
        let writer = Writer::start(log.clone(), Signal::Traces, Arc::clone(&shared), last)?;
        log.checkpoint(Signal::Traces, after);
        Ok(TraceEngine { shared, writer, log })
    }
}

impl Apply for Shared {
    type Batch = Vec<Span>;
    type Outcome = u64;

    fn encode(batch: &Vec<Span>) -> Vec<u8> {
        codec::encode(batch)
    }

    fn decode(payload: &[u8]) -> Result<Vec<Span>> {
        codec::decode(payload)
    }

    fn apply(&self, lsn: Lsn, batch: Vec<Span>) -> u64 {
        let mut state = self.state.write();
        let count = batch.len() as u64;
        for span in batch {
            let day = state.days.get(&Day::of_ns(span.start));
            let in_file = day.is_some_and(|day| lsn <= day.flushed());
            if !in_file {
                state.hot.add(lsn, span);
            }
        }
        count
    }
}

impl Shared {
    /// Writes every hot span up to `lsn` into its day's file. The last of
    /// them gets the mark that all are complete.
    fn flush(&self, lsn: Lsn) -> Result<()> {
        let days = self.state.read().hot.up_to(lsn);
        let last = days.keys().next_back().copied();
        for (day, spans) in days {
            let file = self.day_file(day)?;
            // Readers wait while the file takes over: they must not see a span twice or never.
            let mut state = self.state.write();
            file.write(&spans, lsn, Some(day) == last)?;
            state.hot.remove(day, lsn);
            state.days.insert(day, file);
        }
        Ok(())
    }

    fn day_file(&self, day: Day) -> Result<Arc<DayFile>> {
        if let Some(file) = self.state.read().days.get(&day) {
            return Ok(Arc::clone(file));
        }
        let path = self.dir.join(format!("{day}{SUFFIX}"));
        DayFile::open(&path, day).map(Arc::new)
    }

    /// Collects every span of a trace, oldest write first.
    fn spans_of(&self, id: TraceId) -> Vec<Span> {
        let state = self.state.read();
        let mut spans = Vec::new();
        for file in state.days.values() {
            let Ok(snapshot) = file.container.snapshot() else { continue };
            for stats in file.blocks().iter().filter(|stats| stats.may_hold(id)) {
                match block::read(&snapshot, stats) {
                    Ok(found) => {
                        spans.extend(found.into_iter().filter(|span| span.trace_id == id));
                    }
                    Err(error) => file.quarantine(stats.number, &error),
                }
            }
        }
        spans.extend(state.hot.of(id).cloned());
        spans
    }

    /// Finds the newest matching span of each trace that has one.
    fn matches(&self, search: &TraceSearch) -> BTreeMap<TraceId, TimestampNs> {
        let mut newest: BTreeMap<TraceId, TimestampNs> = BTreeMap::new();
        let mut note = |id: TraceId, at: TimestampNs| {
            let best = newest.entry(id).or_insert(at);
            *best = at.max(*best);
        };
        let state = self.state.read();
        for (id, spans) in state.hot.traces() {
            let spans: Vec<Span> = spans.cloned().collect();
            if let Some(at) = newest_match(&spans, search) {
                note(id, at);
            }
        }
        for file in state.days.values() {
            let Ok(snapshot) = file.container.snapshot() else { continue };
            for stats in file.blocks().iter().filter(|stats| {
                stats.starts.overlaps(&search.range) && stats.may_match(&search.condition)
            }) {
                match block::read(&snapshot, stats) {
                    Ok(spans) => spans
                        .iter()
                        .filter(|span| search.range.contains(span.start))
                        .filter(|span| search.condition.matches(span))
                        .for_each(|span| note(span.trace_id, span.start)),
                    Err(error) => file.quarantine(stats.number, &error),
                }
            }
        }
        newest
    }

    fn search(&self, search: &TraceSearch) -> Cut<Trace> {
        let newest = self.matches(search);
        let mut found: Vec<(TimestampNs, TraceId)> =
            newest.into_iter().map(|(id, at)| (at, id)).collect();
        found.sort_by(|left, right| right.cmp(left));
        let whole = found
            .into_iter()
            .take(search.limit.saturating_add(1))
            .filter_map(|(_, id)| assemble(id, self.spans_of(id)));
        let mut cut = Cut::limited(whole.collect(), Some(search.limit));
        cut.warnings = self.warnings();
        cut
    }

    fn warnings(&self) -> Vec<String> {
        let state = self.state.read();
        let days = state.days.values().flat_map(|day| day.damage());
        state.damage.iter().cloned().chain(days).collect()
    }

    /// Calls `visit` with service and operation of everything in blocks that overlap `range`,
    /// opening those that reach over its ends, and of hot spans.
    fn each_operation(
        &self,
        range: TimeRange<TimestampNs>,
        mut visit: impl FnMut(&str, &Operation),
    ) {
        let of = |span: &Span| Operation { name: span.name.clone(), kind: span.kind.word() };
        let state = self.state.read();
        for file in state.days.values() {
            let Ok(snapshot) = file.container.snapshot() else { continue };
            for stats in file.blocks().iter().filter(|stats| stats.starts.overlaps(&range)) {
                if range.contains(stats.starts.start) && range.contains(stats.starts.end) {
                    for (service, operations) in &stats.services {
                        operations.iter().for_each(|operation| visit(service, operation));
                    }
                    continue;
                }
                match block::read(&snapshot, stats) {
                    Ok(spans) => spans
                        .iter()
                        .filter(|span| range.contains(span.start))
                        .for_each(|span| visit(span.service_name(), &of(span))),
                    Err(error) => file.quarantine(stats.number, &error),
                }
            }
        }
        let hot = state.hot.traces().flat_map(|(_, spans)| spans);
        hot.filter(|span| range.contains(span.start))
            .for_each(|span| visit(span.service_name(), &of(span)));
    }

    fn dependencies(&self, range: TimeRange<TimestampNs>) -> Vec<Dependency> {
        let everything = crate::model::trace_query::SpanCondition::All;
        let search = TraceSearch { range, condition: everything, limit: usize::MAX };
        let mut calls = BTreeMap::new();
        for id in self.matches(&search).into_keys() {
            if let Some(trace) = assemble(id, self.spans_of(id)) {
                count_calls(&trace, range, &mut calls);
            }
        }
        dependencies(calls)
    }

    fn enforce(&self, limits: RetentionLimits) -> Result<Dropped> {
        let live = Day::of_ms(TimestampMs(self.clock.now_ms()));
        let gone = partitions::expired(&partitions::list(&self.dir, SUFFIX)?, limits, live);
        let mut state = self.state.write();
        for partition in &gone {
            state.days.remove(&partition.day);
        }
        drop(state);
        partitions::unlink(&gone)
    }
}

/// Runs blocking reads off the request threads.
async fn aside<R: Send + 'static>(read: impl FnOnce() -> R + Send + 'static) -> Result<R> {
    let joined = tokio::task::spawn_blocking(read).await;
    joined.map_err(|_| Error::internal("reading traces panicked"))
}

#[async_trait]
impl Lifecycle for TraceEngine {
    async fn flush(&self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let flushed = self.writer.exclusive(move |lsn| shared.flush(lsn).map(|()| lsn)).await??;
        self.log.checkpoint(Signal::Traces, flushed);
        Ok(())
    }

    async fn enforce_retention(&self, limits: RetentionLimits) -> Result<Dropped> {
        let shared = Arc::clone(&self.shared);
        aside(move || shared.enforce(limits)).await?
    }

    fn disk_bytes(&self) -> u64 {
        partitions::allocated(&self.shared.dir).unwrap_or(0)
    }

    async fn close(&self) -> Result<()> {
        let flushed = self.flush().await;
        self.writer.stop().await;
        flushed
    }
}

#[async_trait]
impl TraceStore for TraceEngine {
    async fn append(&self, batch: SpanBatch) -> Result<Receipt> {
        if self.shared.state.read().hot.len() > MAX_HOT_SPANS {
            let wait = std::time::Duration::from_secs(5);
            return Err(Error::unavailable("too many spans wait for their file", wait));
        }
        self.writer.write(batch.spans).await.map(Receipt::accepted)
    }

    async fn trace(&self, id: TraceId) -> Result<Option<Trace>> {
        let shared = Arc::clone(&self.shared);
        aside(move || assemble(id, shared.spans_of(id))).await
    }

    async fn search(&self, search: TraceSearch) -> Result<Cut<Trace>> {
        let shared = Arc::clone(&self.shared);
        aside(move || shared.search(&search)).await
    }

    async fn services(&self, range: TimeRange<TimestampNs>) -> Result<Vec<String>> {
        let shared = Arc::clone(&self.shared);
        aside(move || {
            let mut services = BTreeSet::new();
            shared.each_operation(range, |service, _| {
                services.insert(service.to_owned());
            });
            services.remove("");
            services.into_iter().collect()
        })
        .await
    }

    async fn operations(
        &self,
        service: &str,
        range: TimeRange<TimestampNs>,
    ) -> Result<Vec<Operation>> {
        let (shared, wanted) = (Arc::clone(&self.shared), service.to_owned());
        aside(move || {
            let mut operations = BTreeSet::new();
            shared.each_operation(range, |service, operation| {
                if service == wanted {
                    operations.insert(operation.clone());
                }
            });
            operations.into_iter().collect()
        })
        .await
    }

    async fn dependencies(&self, range: TimeRange<TimestampNs>) -> Result<Vec<Dependency>> {
        let shared = Arc::clone(&self.shared);
        aside(move || shared.dependencies(range)).await
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::base::clock::ManualClock;
    use crate::engines::kit::disk::RealDisk;
    use crate::engines::kit::log::LogOptions;
    use crate::storage::conformance::trace::{NOON, Subject, run};

    /// Engines in directories of their own; a reopened one gets the directory of the last.
    #[derive(Default)]
    struct OnDisk(Mutex<Vec<tempfile::TempDir>>);

    impl OnDisk {
        fn open(&self) -> Arc<dyn TraceStore> {
            let dirs = self.0.lock();
            let root = dirs.last().unwrap().path();
            let options = LogOptions { segment_bytes: 1 << 20, ..LogOptions::default() };
            let log = Log::open(Arc::new(RealDisk), &root.join("wal"), options).unwrap();
            let clock = ManualClock::at_ms(NOON / 1_000_000);
            let dir = root.join("traces");
            let context = EngineContext { log, disk: Arc::new(RealDisk), dir, clock };
            Arc::new(TraceEngine::open(context).unwrap())
        }
    }

    #[async_trait]
    impl Subject for OnDisk {
        async fn empty(&self) -> Arc<dyn TraceStore> {
            self.0.lock().push(tempfile::tempdir().unwrap());
            self.open()
        }

        async fn reopened(&self, store: Arc<dyn TraceStore>) -> Option<Arc<dyn TraceStore>> {
            // Dropping neither flushes nor checkpoints: only log and files remain.
            drop(store);
            Some(self.open())
        }
    }

    #[tokio::test]
    async fn the_engine_keeps_every_promise_of_the_trace_port_also_over_crashes() {
        run(&OnDisk::default()).await;
    }
}
