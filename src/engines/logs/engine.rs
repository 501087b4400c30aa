//! The engine: opening, writing, flushing, closing, and the port.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::EngineContext;
use crate::engines::kit::log::{Log, Signal};
use crate::engines::kit::partitions;
use crate::engines::kit::writer::{self, Writer};
use crate::engines::logs::apply::{MAX_OPS, Shared};
use crate::engines::logs::files::{self, Files};
use crate::engines::logs::questions::{Snapshot, range_of};
use crate::engines::logs::schema::key_term;
use crate::model::batch::LogBatch;
use crate::model::cut::Cut;
use crate::model::log_filter::LogField;
use crate::model::log_query::{
    FieldType, IndexSummary, LogHit, LogPage, LogReceipt, LogSearch, LogSelect,
};
use crate::model::store::StoreFacts;
use crate::model::time::{TimeRange, TimestampNs};
use crate::storage::lifecycle::{Dropped, Lifecycle, RetentionLimits};
use crate::storage::log_eval::CompiledFilter;
use crate::storage::log_store::{LogStore, LogVisitor};

/// Memory that records may take before a writer moves them into files.
const FLUSH_BYTES: usize = 64 << 20;

/// Memory that records may take before writers wait for a flush.
const MOST_BYTES: usize = 3 * FLUSH_BYTES;

/// The log store in files.
pub struct LogEngine {
    shared: Arc<Shared>,
    files: Arc<Mutex<Files>>,
    dir: PathBuf,
    log: Log,
    writer: Writer<Shared>,
    closed: AtomicBool,
}

impl LogEngine {
    /// Opens the files of the context's directory, replays what only the log holds, and serves.
    ///
    /// # Errors
    /// `Unavailable` and `Internal` from the disk; `Unsupported` when a newer version wrote a file.
    pub fn open(context: EngineContext) -> Result<Self> {
        let (files, state) = Files::open(&context.dir)?;
        let (complete, log) = (files.complete(), context.log);
        let shared = Arc::new(Shared::default());
        *shared.state.write() = state;
        let (records, last) = writer::recover(&log, Signal::Logs, complete, &*shared)?;
        log.checkpoint(Signal::Logs, complete);
        tracing::info!(records, after = complete.0, "logs recovered");
        let writer = Writer::start(log.clone(), Signal::Logs, Arc::clone(&shared), last)?;
        let files = Arc::new(Mutex::new(files));
        let closed = AtomicBool::new(false);
        Ok(LogEngine { shared, files, dir: context.dir, log, writer, closed })
    }

    /// Ends the applying thread as a crash would: what is in memory only is left to the log.
    #[cfg(test)]
    pub(super) async fn abandon(&self) {
        self.writer.stop().await;
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Unavailable, "the log store is closed"));
        }
        Ok(())
    }

    /// Moves memory into files. What an earlier flush could not write is written first.
    async fn flush_all(&self, files: OwnedMutexGuard<Files>) -> Result<OwnedMutexGuard<Files>> {
        let files = self.write_flushing(files).await?;
        let shared = Arc::clone(&self.shared);
        let start = move |lsn| (shared.state.write().start_flush(lsn), lsn);
        let (started, lsn) = self.writer.exclusive(start).await?;
        if started {
            return self.write_flushing(files).await;
        }
        // Nothing of what was applied needs the log any more.
        self.log.checkpoint(Signal::Logs, lsn);
        Ok(files)
    }

    /// Writes on a thread of its own, which goes on when nobody waits any more.
    async fn write_flushing(
        &self,
        mut files: OwnedMutexGuard<Files>,
    ) -> Result<OwnedMutexGuard<Files>> {
        let (shared, log) = (Arc::clone(&self.shared), self.log.clone());
        let written = tokio::task::spawn_blocking(move || {
            files.write(&shared)?;
            log.checkpoint(Signal::Logs, files.complete());
            Ok(files)
        });
        written.await.map_err(|error| Error::internal(format!("log flush: {error}")))?
    }

    /// Flushes when memory is full. The batch is safe whatever becomes of it.
    async fn make_room(&self) {
        let bytes = self.shared.state.read().active.bytes;
        if bytes < FLUSH_BYTES {
            return;
        }
        let files = match Arc::clone(&self.files).try_lock_owned() {
            Ok(files) => files,
            Err(_) if bytes < MOST_BYTES => return,
            Err(_) => Arc::clone(&self.files).lock_owned().await,
        };
        if self.shared.state.read().active.bytes < FLUSH_BYTES {
            return;
        }
        if let Err(error) = self.flush_all(files).await {
            tracing::warn!(%error, "logs could not be moved into files");
        }
    }

    /// Answers on a thread for blocking work, about what may lie in `range`.
    async fn ask<R: Send + 'static>(
        &self,
        range: TimeRange<TimestampNs>,
        answer: impl FnOnce(&Snapshot, &AtomicBool) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.check_open()?;
        let shared = Arc::clone(&self.shared);
        let guard = CancelOnDrop(Arc::default());
        let cancelled = Arc::clone(&guard.0);
        let task = tokio::task::spawn_blocking(move || {
            let snapshot = Snapshot::of(&shared.state.read(), range);
            answer(&snapshot, &cancelled)
        });
        let answer = task.await.map_err(|error| Error::internal(format!("log search: {error}")));
        drop(guard);
        answer?
    }
}

/// Stops the reading thread when the question is dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl LogStore for LogEngine {
    async fn append(&self, batch: LogBatch) -> Result<LogReceipt> {
        self.check_open()?;
        if batch.ops.is_empty() {
            return Ok(LogReceipt::default());
        }
        if batch.ops.len() > MAX_OPS {
            let text = format!("a batch holds at most {MAX_OPS} operations; send smaller ones");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        let answer = self.writer.write(batch).await??;
        self.make_room().await;
        Ok(answer)
    }

    async fn search(&self, search: LogSearch) -> Result<LogPage> {
        CompiledFilter::new(&search.select.filter)?;
        let range = range_of(&search.select);
        self.ask(range, move |snapshot, cancelled| snapshot.search(&search, cancelled)).await
    }

    async fn count(&self, select: LogSelect) -> Result<u64> {
        CompiledFilter::new(&select.filter)?;
        let range = range_of(&select);
        self.ask(range, move |snapshot, cancelled| snapshot.count(&select, cancelled)).await
    }

    async fn scan(
        &self,
        select: LogSelect,
        fields: Vec<LogField>,
        mut visitor: Box<dyn LogVisitor>,
    ) -> Result<Box<dyn LogVisitor>> {
        CompiledFilter::new(&select.filter)?;
        let range = range_of(&select);
        self.ask(range, move |snapshot, cancelled| {
            snapshot.scan(&select, &fields, visitor.as_mut(), cancelled)?;
            Ok(visitor)
        })
        .await
    }

    async fn get(&self, index: &str, id: &str) -> Result<Option<LogHit>> {
        self.check_open()?;
        let (shared, key) = (Arc::clone(&self.shared), key_term(index, id));
        let task = tokio::task::spawn_blocking(move || {
            let state = shared.state.read();
            if let Some(hit) = state.find_in_memory(&key) {
                return Ok(Some(hit.as_ref().clone()));
            }
            match state.find_in_files(&key)? {
                Some((view, _, found)) => view.read_found(found).map(Some),
                None => Ok(None),
            }
        });
        task.await.map_err(|error| Error::internal(format!("log lookup: {error}")))?
    }

    async fn fields(&self, indices: &[String]) -> Result<Cut<FieldType>> {
        let indices = indices.to_vec();
        let all = TimeRange::<TimestampNs>::ALL;
        self.ask(all, move |snapshot, _| snapshot.fields(&indices)).await
    }

    async fn indices(&self) -> Result<Vec<IndexSummary>> {
        self.ask(TimeRange::<TimestampNs>::ALL, |snapshot, _| snapshot.indices()).await
    }
}

#[async_trait]
impl Lifecycle for LogEngine {
    async fn flush(&self) -> Result<()> {
        self.check_open()?;
        let files = Arc::clone(&self.files).lock_owned().await;
        self.flush_all(files).await.map(drop)
    }

    async fn enforce_retention(&self, limits: RetentionLimits) -> Result<Dropped> {
        self.check_open()?;
        let files = Arc::clone(&self.files).lock_owned().await;
        // Old records in memory must not come back as a day of their own after it was dropped.
        let mut files = self.flush_all(files).await?;
        let shared = Arc::clone(&self.shared);
        let task = tokio::task::spawn_blocking(move || files.enforce_retention(&shared, limits));
        task.await.map_err(|error| Error::internal(format!("log retention: {error}")))?
    }

    fn facts(&self) -> StoreFacts {
        partitions::facts(&partitions::directories(&self.dir).unwrap_or_default())
    }

    async fn snapshot(&self, to: &Path) -> Result<()> {
        self.check_open()?;
        let files = Arc::clone(&self.files).lock_owned().await;
        let files = self.flush_all(files).await?;
        let to = to.to_owned();
        let task = tokio::task::spawn_blocking(move || files.link_to(&to));
        task.await.map_err(|error| Error::internal(format!("copying logs: {error}")))?
    }

    fn disk_bytes(&self) -> u64 {
        files::allocated(&self.dir)
    }

    async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let files = Arc::clone(&self.files).lock_owned().await;
        let flushed = self.flush_all(files).await.map(drop);
        self.writer.stop().await;
        flushed
    }
}
