//! Long queries take turns, so that short ones and rules find a processor.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// After this a query is long.
const SHORT: Duration = Duration::from_millis(20);

/// As many long queries as there are processors go on at one time, each for one block; who waited
/// longest is next.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(processors))
});

/// The turn of one query.
pub(super) struct Turn {
    begin: Instant,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Turn {
    /// Begins as a short query.
    pub(super) fn begin() -> Self {
        Turn { begin: Instant::now(), held: Mutex::default() }
    }

    /// Lets others have their turn, where the query is long.
    pub(super) async fn next(&self) {
        if self.begin.elapsed() < SHORT {
            return;
        }
        drop(self.held.lock().take());
        // The semaphore is never closed.
        *self.held.lock() = Arc::clone(&TURNS).acquire_owned().await.ok();
    }
}
