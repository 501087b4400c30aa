//! The engine: hot spans and day files behind the trace port.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;

use crate::base::clock::SharedClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::EngineContext;
use crate::engines::kit::container::Snapshot;
use crate::engines::kit::disk::Disk;
use crate::engines::kit::log::{Log, Lsn, Signal};
use crate::engines::kit::partitions::{self, Partition};
use crate::engines::kit::writer::{Apply, Payload, Writer, recover};
use crate::engines::traces::codec;
use crate::engines::traces::day::DayFile;
use crate::engines::traces::hot::Hot;
use crate::model::batch::SpanBatch;
use crate::model::cut::Cut;
use crate::model::receipt::Receipt;
use crate::model::store::StoreFacts;
use crate::model::time::{Day, TimeRange, TimestampMs, TimestampNs};
use crate::model::trace::{Span, Trace, TraceId};
use crate::model::trace_query::{Dependency, Operation, TraceSearch};
use crate::storage::lifecycle::{Dropped, Lifecycle, RetentionLimits};
use crate::storage::trace_store::TraceStore;

const SUFFIX: &str = ".redb";
/// redb's page cache while a file is copied.
const COPY_CACHE_BYTES: usize = 4 << 20;
/// Hot spans beyond this are refused until a flush made room.
const MAX_HOT_SPANS: usize = 500_000;

/// Keeps traces in day files, with the newest spans in memory.
pub struct TraceEngine {
    shared: Arc<Shared>,
    writer: Writer<Shared>,
    log: Log,
}

pub(super) struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    clock: SharedClock,
    /// One lock for both: a reader sees a span in memory or in its file, never in neither.
    pub(super) state: RwLock<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) hot: Hot,
    pub(super) days: BTreeMap<Day, Arc<DayFile>>,
    /// Files that could not be opened and were put aside.
    pub(super) damage: Vec<String>,
}

impl TraceEngine {
    /// Opens the day files and applies what the log holds beyond them. A file that is damaged as a
    /// whole is put aside, so that its day can go on in a new one, and named in every answer.
    ///
    /// # Errors
    /// `Unsupported` for files of a newer version, and those of log and file system.
    pub fn open(context: EngineContext) -> Result<Self> {
        let EngineContext { log, disk, dir, clock } = context;
        disk.create_dir(&dir)?;
        let mut state = State::default();
        for partition in partitions::files(disk.as_ref(), &dir, SUFFIX)? {
            match DayFile::open(&disk, &partition.path, partition.day) {
                Ok(file) => drop(state.days.insert(partition.day, Arc::new(file))),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    let aside = partition.path.with_extension("redb.damaged");
                    disk.rename(&partition.path, &aside)?;
                    disk.sync_dir(&dir)?;
                    tracing::error!(file = %aside.display(), %error, "a trace file was put aside");
                    state.damage.push(format!("traces of {}: {error}", partition.day));
                }
                Err(error) => return Err(error),
            }
        }
        // Days that a broken flush had written already skip what they have.
        let after = state.days.values().map(|day| day.complete()).max().unwrap_or_default();
        let shared = Arc::new(Shared { disk, dir, clock, state: RwLock::new(state) });
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

    fn encode(&self, batch: &mut Vec<Span>) -> Payload {
        Payload::compressible(codec::encode(batch))
    }

    fn replay(&self, lsn: Lsn, payload: &[u8]) -> Result<()> {
        self.apply(lsn, codec::decode(payload)?);
        Ok(())
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
            let written = file.write(&spans, lsn, Some(day) == last)?;
            // Readers wait while the file takes over: they must not see a span twice or never.
            let mut state = self.state.write();
            file.publish(written);
            state.hot.remove(day, lsn);
            state.days.insert(day, file);
        }
        Ok(())
    }

    /// Returns every day's file as it is now.
    fn views(&self) -> Result<Vec<(Day, Snapshot)>> {
        let days = self.state.read().days.clone();
        days.iter().map(|(day, file)| Ok((*day, file.container.snapshot()?))).collect()
    }

    fn day_file(&self, day: Day) -> Result<Arc<DayFile>> {
        if let Some(file) = self.state.read().days.get(&day) {
            return Ok(Arc::clone(file));
        }
        let path = self.dir.join(format!("{day}{SUFFIX}"));
        DayFile::open(&self.disk, &path, day).map(Arc::new)
    }

    /// Returns the files of days, oldest first; none when the directory cannot be read.
    fn files(&self) -> Vec<Partition> {
        partitions::files(self.disk.as_ref(), &self.dir, SUFFIX).unwrap_or_default()
    }

    fn enforce(&self, limits: RetentionLimits) -> Result<Dropped> {
        let live = Day::of_ms(TimestampMs(self.clock.now_ms()));
        let all = partitions::files(self.disk.as_ref(), &self.dir, SUFFIX)?;
        let gone = partitions::expired(&all, limits, live);
        let mut state = self.state.write();
        for partition in &gone {
            state.days.remove(&partition.day);
        }
        drop(state);
        partitions::unlink(self.disk.as_ref(), &gone)
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
        // Between two flushes: none may write into a file that is being unlinked.
        let shared = Arc::clone(&self.shared);
        self.writer.exclusive(move |_| shared.enforce(limits)).await?
    }

    fn facts(&self) -> StoreFacts {
        partitions::facts(&self.shared.files())
    }

    async fn snapshot(&self, to: &Path) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        // Between two batches all files stand still together; they are copied while others write.
        let days =
            self.writer.exclusive(move |lsn| shared.flush(lsn).and_then(|()| shared.views()));
        let days = days.await??;
        let to = to.to_owned();
        aside(move || {
            std::fs::create_dir_all(&to)?;
            for (day, view) in days {
                view.copy_to(&to.join(format!("{day}{SUFFIX}")), COPY_CACHE_BYTES)?;
            }
            Ok(std::fs::File::open(&to)?.sync_all()?)
        })
        .await?
    }

    fn disk_bytes(&self) -> u64 {
        self.shared.files().iter().map(|partition| partition.bytes).sum()
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
        aside(move || shared.trace(id)).await?
    }

    async fn search(&self, search: TraceSearch) -> Result<Cut<Trace>> {
        let shared = Arc::clone(&self.shared);
        aside(move || shared.search(&search)).await?
    }

    async fn services(&self, range: TimeRange<TimestampNs>) -> Result<Vec<String>> {
        let shared = Arc::clone(&self.shared);
        aside(move || {
            let mut services = BTreeSet::new();
            shared.each_operation(range, |service, _| {
                services.insert(service.to_owned());
            })?;
            services.remove("");
            Ok(services.into_iter().collect())
        })
        .await?
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
            })?;
            Ok(operations.into_iter().collect())
        })
        .await?
    }

    async fn dependencies(&self, range: TimeRange<TimestampNs>) -> Result<Vec<Dependency>> {
        let shared = Arc::clone(&self.shared);
        aside(move || shared.dependencies(range)).await?
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::base::clock::ManualClock;
    use crate::engines::kit::disk::RealDisk;
    use crate::engines::kit::log::LogOptions;
    use crate::model::trace_query::SpanCondition;
    use crate::storage::conformance::trace::{NOON, Subject, run, span};

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

    #[tokio::test]
    async fn a_file_that_is_damaged_as_a_whole_is_put_aside_and_its_day_goes_on() {
        let subject = OnDisk::default();
        let store = subject.empty().await;
        let spans = vec![span(1, 1, "a", "old", 0)];
        store.append(SpanBatch { spans }).await.unwrap();
        store.flush().await.unwrap();
        drop(store);
        let traces = subject.0.lock().last().unwrap().path().join("traces");
        std::fs::write(traces.join("2026-11-23.redb"), [7; 8_192]).unwrap();

        let store = subject.open();
        let spans = vec![span(2, 1, "a", "new", 0)];
        store.append(SpanBatch { spans }).await.unwrap();
        store.flush().await.unwrap();
        let range = TimeRange::<TimestampNs>::ALL;
        let condition = SpanCondition::Service("a".into());
        let found = store.search(TraceSearch { range, condition, limit: 9 }).await.unwrap();
        // What the log still holds came back into the new file.
        let names: Vec<_> = found.items.iter().map(|trace| trace.spans[0].name.as_str()).collect();
        assert_eq!(names, ["new", "old"]);
        assert!(found.warnings[0].contains("2026-11-23"), "{:?}", found.warnings);
        assert!(traces.join("2026-11-23.redb.damaged").exists());
    }
}
