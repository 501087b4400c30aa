//! The thread that writes the log, and the queue before it.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::base::error::{Error, Result};
use crate::engines::kit::disk::Disk;
use crate::engines::kit::log::format::{Header, Packed};
use crate::engines::kit::log::segment::{Open, Sealed, create};
use crate::engines::kit::log::{LogOptions, Lsn, closed};

/// Segments kept for use again, so that a busy log makes no new files.
const SPARE_SEGMENTS: usize = 2;
/// The free space of the disk is asked again after this many bytes.
const SPACE_CHECK_BYTES: u64 = 1 << 20;

pub(crate) struct Committer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    files: Mutex<Files>,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: LogOptions,
}

struct Queue {
    waiting: Vec<Entry>,
    pending_bytes: u64,
    next: Lsn,
    durable: Lsn,
    /// Bytes taken since the free space was asked.
    unchecked_bytes: u64,
    closing: bool,
    /// Why nothing can be written any more.
    failed: Option<Error>,
}

struct Entry {
    lsn: Lsn,
    packed: Packed,
    done: oneshot::Sender<Result<()>>,
}

/// The segments behind the open one, oldest first, and files to use again.
struct Files {
    sealed: Vec<Sealed>,
    spares: Vec<PathBuf>,
    /// Everything up to here may go.
    released: Lsn,
    open: PathBuf,
}

/// A record on its way to the disk. Resolves when it is durable, or is known not to be.
#[derive(Debug)]
pub struct Pending {
    /// The record's number.
    pub lsn: Lsn,
    done: oneshot::Receiver<Result<()>>,
}

impl Pending {
    /// Waits on a thread that may block.
    ///
    /// # Errors
    /// `Unavailable` when the log was closed by an error.
    pub fn wait(self) -> Result<()> {
        self.done.blocking_recv().unwrap_or_else(|_| Err(closed("the log was closed")))
    }
}

impl Future for Pending {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.done).poll(context);
        answer.map(|answer| answer.unwrap_or_else(|_| Err(closed("the log was closed"))))
    }
}

impl Committer {
    pub(crate) fn start(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: LogOptions,
        header: Header,
        sealed: Vec<Sealed>,
        mut spares: Vec<PathBuf>,
    ) -> Result<Self> {
        let spare = spares.pop();
        let open = create(disk.as_ref(), dir, spare.as_deref(), header, options.segment_bytes)?;
        let files = Files { sealed, spares, released: Lsn(0), open: open.sealed.path.clone() };
        let queue = Queue {
            waiting: Vec::new(),
            pending_bytes: 0,
            next: header.first,
            durable: Lsn(header.first.0 - 1),
            unchecked_bytes: SPACE_CHECK_BYTES,
            closing: false,
            failed: None,
        };
        let shared = Arc::new(Shared {
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            files: Mutex::new(files),
            disk,
            dir: dir.to_owned(),
            options,
        });
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("log-commit".to_owned())
            .spawn(move || worker.run(open))?;
        Ok(Committer { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn append(&self, packed: Packed) -> Result<Pending> {
        let bytes = packed.record_len() as u64;
        let mut queue = self.shared.queue.lock();
        if let Some(error) = &queue.failed {
            return Err(error.clone());
        }
        if queue.closing {
            return Err(closed("the log is closed"));
        }
        if queue.pending_bytes > 0
            && queue.pending_bytes + bytes > self.shared.options.max_pending_bytes
        {
            return Err(closed("too much waits for the disk; send it again later"));
        }
        self.shared.check_space(&mut queue, bytes)?;
        let (done, receiver) = oneshot::channel();
        let lsn = queue.next;
        queue.next = Lsn(lsn.0 + 1);
        queue.pending_bytes += bytes;
        queue.waiting.push(Entry { lsn, packed, done });
        drop(queue);
        self.shared.wake.notify_one();
        Ok(Pending { lsn, done: receiver })
    }

    pub(crate) fn durable(&self) -> Lsn {
        self.shared.queue.lock().durable
    }

    /// Returns the number that the next record gets.
    pub(crate) fn next(&self) -> Lsn {
        self.shared.queue.lock().next
    }

    /// Makes sure that new records come behind `lsn`, which some file claims to hold.
    pub(crate) fn ensure_after(&self, lsn: Lsn) {
        let mut queue = self.shared.queue.lock();
        if queue.next <= lsn {
            queue.next = Lsn(lsn.0 + 1);
            queue.durable = lsn;
        }
    }

    pub(crate) fn release(&self, lsn: Lsn) {
        let mut files = self.shared.files.lock();
        files.released = files.released.max(lsn);
        self.shared.recycle(&mut files);
    }

    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let files = self.shared.files.lock();
        let sealed = files.sealed.iter().map(|sealed| sealed.path.clone());
        sealed.chain(files.spares.iter().cloned()).chain([files.open.clone()]).collect()
    }

    pub(crate) fn close(&self) -> Result<()> {
        self.shared.queue.lock().closing = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            return Err(Error::internal("the log's thread ended by a panic"));
        }
        self.shared.queue.lock().failed.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        // Whoever did not close the log has no use for the outcome.
        let _ = self.close();
    }
}

impl Shared {
    /// Refuses before the disk is full: other files need room to take over what the log holds.
    fn check_space(&self, queue: &mut Queue, bytes: u64) -> Result<()> {
        queue.unchecked_bytes += bytes;
        if queue.unchecked_bytes < SPACE_CHECK_BYTES {
            return Ok(());
        }
        let free = self.disk.free_share(&self.dir)?;
        if free < self.options.min_free {
            return Err(closed("the disk is nearly full; free space or lower the retention"));
        }
        queue.unchecked_bytes = 0;
        Ok(())
    }

    fn run(&self, mut open: Open) {
        loop {
            let mut queue = self.queue.lock();
            while queue.waiting.is_empty() && !queue.closing {
                self.wake.wait(&mut queue);
            }
            let batch = std::mem::take(&mut queue.waiting);
            queue.pending_bytes = 0;
            drop(queue);
            if batch.is_empty() {
                return;
            }
            if let Err(error) = self.commit(&mut open, batch) {
                let error = error.context("the log was closed by an error of the disk");
                let mut queue = self.queue.lock();
                let refused = std::mem::take(&mut queue.waiting);
                queue.failed = Some(closed(error.message()));
                drop(queue);
                for entry in refused {
                    let _ = entry.done.send(Err(closed(error.message())));
                }
                return;
            }
        }
    }

    /// Writes a batch, segment by segment, and wakes those whose records are durable.
    fn commit(&self, open: &mut Open, batch: Vec<Entry>) -> Result<()> {
        let mut batch = batch.into_iter().peekable();
        while batch.peek().is_some() {
            let mut bytes = Vec::new();
            let mut written = Vec::new();
            while let Some(entry) = batch.peek() {
                let end = open.end + bytes.len() as u64 + entry.packed.record_len() as u64;
                let is_first = open.end as usize == crate::engines::kit::log::format::HEADER_BYTES
                    && bytes.is_empty();
                // A record larger than a segment gets one of its own.
                if end > self.options.segment_bytes && !is_first {
                    break;
                }
                entry.packed.write(entry.lsn, open.sealed.header.epoch, &mut bytes);
                written.extend(batch.next());
            }
            if let Err(error) = self.write(open, &bytes, &written) {
                for entry in written.into_iter().chain(batch) {
                    let _ = entry.done.send(Err(closed(error.message())));
                }
                return Err(error);
            }
            for entry in written {
                let _ = entry.done.send(Ok(()));
            }
            let Some(next) = batch.peek() else { break };
            if let Err(error) = self.rotate(open, next.lsn) {
                for entry in batch {
                    let _ = entry.done.send(Err(closed(error.message())));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn write(&self, open: &mut Open, bytes: &[u8], written: &[Entry]) -> Result<()> {
        let Some(last) = written.last() else { return Ok(()) };
        open.file.write_at(bytes, open.end)?;
        open.file.sync_data()?;
        open.end += bytes.len() as u64;
        open.sealed.last = last.lsn;
        let mut queue = self.queue.lock();
        queue.durable = queue.durable.max(last.lsn);
        Ok(())
    }

    fn rotate(&self, open: &mut Open, first: Lsn) -> Result<()> {
        let mut files = self.files.lock();
        self.recycle(&mut files);
        let spare = files.spares.pop();
        let number = open.sealed.header.number + 1;
        let header = Header { number, first, epoch: rand::random() };
        let bytes = self.options.segment_bytes;
        let next = create(self.disk.as_ref(), &self.dir, spare.as_deref(), header, bytes)?;
        files.sealed.push(open.sealed.clone());
        files.open.clone_from(&next.sealed.path);
        *open = next;
        Ok(())
    }

    /// Takes segments that nobody needs out of the log.
    fn recycle(&self, files: &mut Files) {
        let released = files.released;
        let (free, kept): (Vec<_>, Vec<_>) =
            files.sealed.drain(..).partition(|sealed| sealed.last <= released);
        files.sealed = kept;
        for sealed in free {
            if files.spares.len() < SPARE_SEGMENTS {
                files.spares.push(sealed.path);
            } else if let Err(error) = self.disk.remove(&sealed.path) {
                tracing::warn!(path = %sealed.path.display(), %error, "a log segment could not be removed");
            }
        }
    }
}
