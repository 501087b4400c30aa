//! The only way to spawn: a [`TaskGroup`] knows its tasks by name, stops them and says who is late.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::base::error::{Error, ErrorKind, Result};

/// The stack of the threads that run tasks: parsers recurse into nested queries, up to their caps.
pub const STACK_BYTES: usize = 8 << 20;

/// Owns named background tasks and stops them together.
#[derive(Clone, Default)]
pub struct TaskGroup {
    stop: CancellationToken,
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    next: u64,
    tasks: HashMap<u64, (&'static str, JoinHandle<()>)>,
}

impl TaskGroup {
    /// Creates an empty group.
    pub fn new() -> Self {
        TaskGroup::default()
    }

    /// Returns the token that is cancelled when the group stops; every loop selects on it.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs `task` under `name` until it ends by itself. The task watches the stop token.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock();
        let id = running.next;
        running.next += 1;
        let registry = Arc::clone(&self.running);
        let handle = tokio::spawn(async move {
            task.await;
            registry.lock().tasks.remove(&id);
        });
        running.tasks.insert(id, (name, handle));
        // A task that ended before the insert above could not remove itself.
        running.tasks.retain(|_, (_, handle)| !handle.is_finished());
    }

    /// Asks every task to stop and waits up to `deadline`.
    ///
    /// Returns the names of tasks that were still running; they are aborted.
    pub async fn stop(&self, deadline: Duration) -> Vec<&'static str> {
        self.stop.cancel();
        let tasks: Vec<_> = self.running.lock().tasks.drain().map(|(_, task)| task).collect();
        let end = tokio::time::Instant::now() + deadline;
        let mut late = Vec::new();
        for (name, mut handle) in tasks {
            if tokio::time::timeout_at(end, &mut handle).await.is_err() {
                handle.abort();
                late.push(name);
            }
        }
        late
    }
}

/// How long work may take where it was begun; what takes longer goes on aside. To wake another thread
/// costs up to 0.1 ms on a machine that rests, so it is not worth it for less than that many times as much.
const MOMENT: Duration = Duration::from_millis(2);
/// How often work is asked whether it is done before it goes aside, however little time that took.
const MOMENT_POLLS: usize = 32;

thread_local! {
    /// Whether this thread is needed for other tasks, and whether the work on it is known to be long.
    static HERE: Cell<Here> = const { Cell::new(Here::Aside) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    Aside,
    Needed,
    NeededSoon,
}

/// Does what takes but a moment at once, for changing threads costs more than a small query; what takes
/// longer, or says so by [`heavy`], is computed on a thread for long computations, so that it delays no
/// other request. Dropping the result ends the work where it next waits.
///
/// # Errors
/// Those of `work`; `Internal` when it panics.
pub async fn aside<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let mut work = Box::pin(work);
    let begin = Instant::now();
    for _ in 0..MOMENT_POLLS {
        let polled = std::future::poll_fn(|context| {
            let before = HERE.replace(Here::Needed);
            let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
            let long = HERE.replace(before) == Here::NeededSoon;
            Poll::Ready((polled, long))
        });
        match polled.await {
            (Ok(Poll::Ready(result)), _) => return result,
            (Err(_), _) => return Err(Error::internal("the query failed: it panicked")),
            (Ok(Poll::Pending), long) if long || begin.elapsed() > MOMENT => break,
            (Ok(Poll::Pending), _) => {}
        }
    }
    go_aside(work).await
}

/// Computes on a thread for long computations, beside whoever wants the outcome; the work ends by
/// itself when nobody does any more.
pub fn beside(work: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Handle::current();
    let span = tracing::Span::current();
    drop(tokio::task::spawn_blocking(move || runtime.block_on(work.instrument(span))));
}

/// Says that what follows may take long, and lets it go on aside if this thread is needed.
pub async fn heavy() {
    std::future::poll_fn(|context| {
        if HERE.get() == Here::Aside {
            return Poll::Ready(());
        }
        HERE.set(Here::NeededSoon);
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn go_aside<T: Send + 'static>(
    work: Pin<Box<impl Future<Output = Result<T>> + Send + 'static>>,
) -> Result<T> {
    let cancelled = CancellationToken::new();
    let _cancel_when_dropped = cancelled.clone().drop_guard();
    let runtime = tokio::runtime::Handle::current();
    let span = tracing::Span::current();
    let computation = tokio::task::spawn_blocking(move || {
        runtime.block_on(
            async {
                tokio::select! {
                    biased;
                    () = cancelled.cancelled() => {
                        Err(Error::new(ErrorKind::Timeout, "the query was cancelled"))
                    }
                    result = work => result,
                }
            }
            .instrument(span),
        )
    });
    computation.await.map_err(|error| Error::internal(format!("the query failed: {error}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stop_ends_willing_tasks_and_names_the_late_one() {
        let group = TaskGroup::new();
        let stop = group.stop_token();
        group.spawn("willing", async move { stop.cancelled().await });
        group.spawn("stubborn", std::future::pending());
        assert_eq!(group.stop(Duration::from_millis(20)).await, vec!["stubborn"]);
    }

    #[tokio::test]
    async fn small_work_stays_on_its_thread_and_long_work_leaves_it() {
        let here = || std::thread::current().id();
        let began_on = here();
        let small = async move {
            tokio::task::yield_now().await;
            Ok(here())
        };
        assert_eq!(aside(small).await, Ok(began_on));
        let long = async move {
            heavy().await;
            Ok(here())
        };
        assert_ne!(aside(long).await, Ok(began_on));
        let busy = async move {
            for _ in 0..2 * MOMENT_POLLS {
                tokio::task::yield_now().await;
            }
            Ok(here())
        };
        assert_ne!(aside(busy).await, Ok(began_on));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_wherever_it_runs() {
        for long in [false, true] {
            let work = async move {
                if long {
                    heavy().await;
                }
                assert!(Instant::now() < Instant::now() - Duration::from_secs(1), "on purpose");
                Ok(())
            };
            assert_eq!(aside(work).await.unwrap_err().kind(), ErrorKind::Internal);
        }
    }

    #[tokio::test]
    async fn work_set_aside_ends_when_nobody_waits_for_it() {
        struct Ended(Option<tokio::sync::oneshot::Sender<()>>);
        impl Drop for Ended {
            fn drop(&mut self) {
                self.0.take().map(|tell| tell.send(()));
            }
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        let ended = Ended(Some(tell));
        let mut work = Box::pin(aside::<()>(async move {
            let _ended = ended;
            std::future::pending().await
        }));
        assert!(futures_util::poll!(&mut work).is_pending());
        drop(work);
        assert_eq!(told.await, Ok(()));
    }
}
