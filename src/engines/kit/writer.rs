//! The way of a batch into an engine: encode, append to the log, wait until it is durable, apply.
//!
//! One thread a signal applies, in the order of the log. So readers only ever see what is durable,
//! and replaying the log after a crash takes the same decisions as before it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::log::{Log, Lsn, Packed, Pending, Signal};

/// Batches that may be on their way at one time.
const MAX_WAITING: usize = 1_024;
/// How long a sender that met a full queue should wait.
const RETRY: Duration = Duration::from_secs(1);

/// What an engine does with its batches.
pub trait Apply: Send + Sync + 'static {
    /// What is written.
    type Batch: Send + 'static;
    /// What became of it.
    type Outcome: Send + 'static;

    /// Encodes a batch for the log; the first byte is the encoding's version. Batches are encoded
    /// side by side; what an encoding presumes of the engine may be noted in the batch.
    fn encode(&self, batch: &mut Self::Batch) -> Payload;

    /// Returns whether what the encoding presumed is still so. Asked right before the record gets
    /// its place in the log; when not, the batch is encoded again.
    fn holds(&self, _batch: &Self::Batch) -> bool {
        true
    }

    /// Applies what [`Apply::encode`] gave in an earlier life, with the outcome of that time.
    ///
    /// # Errors
    /// `Corrupt` for other bytes, `Unsupported` for a newer version.
    fn replay(&self, lsn: Lsn, payload: &[u8]) -> Result<()>;

    /// Applies a durable batch. Called in the order of the log, from one thread at a time.
    fn apply(&self, lsn: Lsn, batch: Self::Batch) -> Self::Outcome;
}

/// A batch in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// What the log keeps.
    pub bytes: Vec<u8>,
    /// Whether a general compressor makes it smaller.
    pub compressible: bool,
}

impl Payload {
    /// Builds a payload that the log may compress.
    pub fn compressible(bytes: Vec<u8>) -> Self {
        Payload { bytes, compressible: true }
    }

    fn pack(self, signal: Signal) -> Packed {
        match self.compressible {
            true => Packed::of(signal, &self.bytes),
            false => Packed::plain(signal, self.bytes),
        }
    }
}

/// Writes the batches of one engine.
pub struct Writer<A: Apply> {
    entrance: Arc<Entrance<A>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Entrance<A: Apply> {
    target: Arc<A>,
    log: Log,
    signal: Signal,
    /// Held while a record gets its number and its place in the queue, so that both orders agree.
    /// `None` once the writer was stopped.
    queue: Mutex<Option<Sender<Command<A>>>>,
    room: Arc<Semaphore>,
}

enum Command<A: Apply> {
    Apply {
        pending: Pending,
        batch: A::Batch,
        answer: oneshot::Sender<Result<A::Outcome>>,
        _room: OwnedSemaphorePermit,
    },
    Run {
        /// What was durable when the command came: every batch of this signal up to it is ahead.
        durable: Lsn,
        task: Box<dyn FnOnce(Lsn) + Send>,
    },
}

impl<A: Apply> Writer<A> {
    /// Starts the applying thread. `applied` is the last record that `target` holds already.
    ///
    /// # Errors
    /// `Internal` when no thread can be started.
    pub fn start(log: Log, signal: Signal, target: Arc<A>, applied: Lsn) -> Result<Self> {
        let (queue, commands) = channel();
        let applier = Arc::clone(&target);
        let thread = std::thread::Builder::new()
            .name(format!("apply-{}", signal.word()))
            .spawn(move || apply_all(applier.as_ref(), &commands, applied))?;
        let entrance = Arc::new(Entrance {
            target,
            log,
            signal,
            queue: Mutex::new(Some(queue)),
            room: Arc::new(Semaphore::new(MAX_WAITING)),
        });
        Ok(Writer { entrance, thread: Mutex::new(Some(thread)) })
    }

    /// Writes a batch and returns when it is durable and applied. Dropping the future does not take
    /// the batch back.
    ///
    /// # Errors
    /// `Unavailable` when too many batches wait, the log refuses, or the writer was stopped.
    pub async fn write(&self, mut batch: A::Batch) -> Result<A::Outcome> {
        let entrance = &self.entrance;
        let room = Arc::clone(&entrance.room).try_acquire_owned().map_err(|_| {
            Error::unavailable("too many batches wait to be written; send it again later", RETRY)
        })?;
        let mut packed = entrance.target.encode(&mut batch).pack(entrance.signal);
        let (answer, outcome) = oneshot::channel();
        {
            let queue = entrance.queue.lock();
            let queue = queue.as_ref().ok_or_else(stopped)?;
            if !entrance.target.holds(&batch) {
                packed = entrance.target.encode(&mut batch).pack(entrance.signal);
            }
            let pending = entrance.log.append_packed(packed)?;
            let command = Command::Apply { pending, batch, answer, _room: room };
            queue.send(command).map_err(|_| stopped())?;
        }
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Runs `task` on the applying thread between two batches. Its argument is the last record of
    /// the log up to which every batch of this signal was applied: a flush stores it.
    ///
    /// # Errors
    /// `Unavailable` when the writer was stopped.
    pub async fn exclusive<R: Send + 'static>(
        &self,
        task: impl FnOnce(Lsn) -> R + Send + 'static,
    ) -> Result<R> {
        self.divide(|| (), task).await
    }

    /// Divides the batches: runs `enter` at once, when every batch before it has its record in the
    /// log and none after it has, and `task` as [`Writer::exclusive`] does, when those before it
    /// are applied and none after it is. Dropping the future does not stop `task`.
    ///
    /// # Errors
    /// `Unavailable` when the writer was stopped.
    pub async fn divide<R: Send + 'static>(
        &self,
        enter: impl FnOnce(),
        task: impl FnOnce(Lsn) -> R + Send + 'static,
    ) -> Result<R> {
        let (answer, result) = oneshot::channel();
        let task = Box::new(move |lsn| {
            // Nobody waits any more when this fails, and the task was still done.
            let _ = answer.send(task(lsn));
        });
        {
            let queue = self.entrance.queue.lock();
            let queue = queue.as_ref().ok_or_else(stopped)?;
            enter();
            let durable = self.entrance.log.durable();
            queue.send(Command::Run { durable, task }).map_err(|_| stopped())?;
        }
        result.await.map_err(|_| stopped())
    }

    /// Finishes what waits and ends the thread; later writes are refused.
    pub async fn stop(&self) {
        self.entrance.queue.lock().take();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // Joining blocks; a panic of the thread was logged where it happened.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl<A: Apply> Drop for Writer<A> {
    /// Waits for the thread, so that nobody finds the engine's files still open.
    fn drop(&mut self) {
        self.entrance.queue.lock().take();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread was logged where it happened.
            let _ = thread.join();
        }
    }
}

/// Applies the records of a signal behind `after`, and returns how many and the last one.
///
/// # Errors
/// Those of [`Log::replay`]; `Unsupported` when a newer program encoded a batch. A batch that does
/// not decode is passed over and noted in [`Log::repairs`].
pub fn recover<A: Apply>(log: &Log, signal: Signal, after: Lsn, target: &A) -> Result<(u64, Lsn)> {
    let (mut records, mut last) = (0, after);
    log.replay(signal, after, &mut |lsn, payload| {
        target.replay(lsn, payload)?;
        (records, last) = (records + 1, lsn);
        Ok(())
    })?;
    Ok((records, last))
}

fn apply_all<A: Apply>(target: &A, commands: &Receiver<Command<A>>, mut applied: Lsn) {
    for command in commands {
        match command {
            Command::Apply { pending, batch, answer, _room } => {
                let lsn = pending.lsn;
                let outcome = pending.wait().and_then(|()| {
                    // A panic in one batch must not end every later write of the signal.
                    catch_unwind(AssertUnwindSafe(|| target.apply(lsn, batch))).map_err(|_| {
                        tracing::error!(lsn = lsn.0, "applying a batch panicked");
                        Error::new(ErrorKind::Internal, "the batch could not be applied")
                    })
                });
                if outcome.is_ok() {
                    applied = lsn;
                }
                let _ = answer.send(outcome);
            }
            Command::Run { durable, task } => {
                applied = applied.max(durable);
                if catch_unwind(AssertUnwindSafe(|| task(applied))).is_err() {
                    tracing::error!("a task between two batches panicked");
                }
            }
        }
    }
}

fn stopped() -> Error {
    Error::unavailable("the store is closed", RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::kit::disk::RealDisk;
    use crate::engines::kit::log::LogOptions;

    #[derive(Default)]
    struct Texts(Mutex<Vec<(Lsn, String)>>);

    impl Apply for Texts {
        type Batch = String;
        type Outcome = usize;

        fn encode(&self, batch: &mut String) -> Payload {
            Payload { bytes: batch.as_bytes().to_vec(), compressible: false }
        }

        fn replay(&self, lsn: Lsn, payload: &[u8]) -> Result<()> {
            let text = String::from_utf8(payload.to_vec());
            self.apply(lsn, text.map_err(|_| Error::corrupt("no text"))?);
            Ok(())
        }

        fn apply(&self, lsn: Lsn, batch: String) -> usize {
            assert_ne!(batch, "panic");
            let mut texts = self.0.lock();
            texts.push((lsn, batch));
            texts.len()
        }
    }

    fn open(dir: &std::path::Path) -> Log {
        let options = LogOptions { segment_bytes: 4096, ..LogOptions::default() };
        Log::open(Arc::new(RealDisk), dir, options).unwrap()
    }

    #[tokio::test]
    async fn what_was_written_is_applied_in_order_and_recovered_behind_the_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let texts = Arc::new(Texts::default());
        let log = open(dir.path());
        let writer = Writer::start(log.clone(), Signal::Logs, Arc::clone(&texts), Lsn(0)).unwrap();
        assert_eq!(writer.write("a".into()).await, Ok(1));
        let flushed = writer.exclusive(|lsn| lsn).await.unwrap();
        assert_eq!(writer.write("b".into()).await, Ok(2));
        writer.stop().await;
        assert_eq!(writer.write("c".into()).await.unwrap_err().kind(), ErrorKind::Unavailable);
        log.close().unwrap();

        let recovered = Texts::default();
        let log = open(dir.path());
        recover(&log, Signal::Logs, flushed, &recovered).unwrap();
        assert_eq!(*recovered.0.lock(), vec![(Lsn(2), "b".to_owned())]);
    }

    #[tokio::test]
    async fn a_panic_while_applying_costs_only_its_batch() {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path());
        let texts = Arc::new(Texts::default());
        let writer = Writer::start(log, Signal::Logs, texts, Lsn(0)).unwrap();
        assert_eq!(writer.write("panic".into()).await.unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(writer.write("fine".into()).await, Ok(1));
    }
}
