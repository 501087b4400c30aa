//! Blocks that are read on another thread while the ones before are evaluated, where a processor is
//! free for it.

use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::base::error::{Error, Result};
use crate::base::task::beside;
use crate::query::promql::engine::context::Told;
use crate::storage::metric_store::{SeriesBlock, SeriesCursor};

/// Blocks that are read by whoever wants them before the rest is read ahead: a small selection is
/// done sooner than a thread has begun.
const OWN_BLOCKS: usize = 4;
/// Blocks that wait for whoever wants them.
const WAITING: usize = 2;

/// Processors but for one: that many selections are read ahead at a time, in the whole process.
static READERS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(processors.saturating_sub(1)))
});

/// The blocks of a selection.
pub(super) enum Feed {
    /// Read when they are wanted; how many were.
    Own(Box<dyn SeriesCursor>, usize),
    /// Read ahead, with what the store said of those that were.
    Ahead(mpsc::Receiver<Result<Option<SeriesBlock>>>, Arc<Mutex<Told>>),
    /// Being changed.
    Nothing,
}

impl Feed {
    /// Begins with blocks that are read when they are wanted.
    pub(super) fn new(cursor: Box<dyn SeriesCursor>) -> Self {
        Feed::Own(cursor, 0)
    }

    /// Returns the next block; `None` at the end.
    ///
    /// # Errors
    /// Those of the cursor; `Internal` when its reader ended early.
    pub(super) async fn next(&mut self) -> Result<Option<SeriesBlock>> {
        if let Feed::Own(_, OWN_BLOCKS) = self
            && let Ok(permit) = Arc::clone(&READERS).try_acquire_owned()
            && let Feed::Own(cursor, _) = std::mem::replace(self, Feed::Nothing)
        {
            *self = read_ahead(cursor, permit);
        }
        match self {
            Feed::Own(cursor, read) => {
                *read = OWN_BLOCKS.min(*read + 1);
                cursor.next_block().await
            }
            Feed::Ahead(blocks, _) => {
                let ended = || Err(Error::internal("the reader of a selection ended early"));
                blocks.recv().await.unwrap_or_else(ended)
            }
            Feed::Nothing => Err(Error::internal("a selection has no reader")),
        }
    }

    /// Returns what the store said of what was read so far.
    pub(super) fn told(&self) -> Told {
        match self {
            Feed::Own(cursor, _) => Told::of(cursor.as_ref()),
            Feed::Ahead(_, told) => told.lock().clone(),
            Feed::Nothing => Told::default(),
        }
    }
}

fn read_ahead(mut cursor: Box<dyn SeriesCursor>, permit: OwnedSemaphorePermit) -> Feed {
    let (sender, receiver) = mpsc::channel(WAITING);
    let told = Arc::new(Mutex::new(Told::of(cursor.as_ref())));
    let shared = Arc::clone(&told);
    beside(async move {
        let _permit = permit;
        loop {
            let block = cursor.next_block().await;
            *shared.lock() = Told::of(cursor.as_ref());
            let goes_on = matches!(block, Ok(Some(_)));
            // Whoever wanted it may be gone.
            if sender.send(block).await.is_err() || !goes_on {
                return;
            }
        }
    });
    Feed::Ahead(receiver, told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::ErrorKind;
    use crate::model::series::{SelectStats, SeriesData};

    /// Gives blocks of one series; what it does at the last is up to the test.
    struct Blocks {
        given: u64,
        of: u64,
        end: fn() -> Result<Option<SeriesBlock>>,
    }

    #[async_trait::async_trait]
    impl SeriesCursor for Blocks {
        async fn next_block(&mut self) -> Result<Option<SeriesBlock>> {
            if self.given == self.of {
                return (self.end)();
            }
            self.given += 1;
            Ok(Some(vec![SeriesData::default()]))
        }

        fn stats(&self) -> SelectStats {
            SelectStats { series: self.given, ..SelectStats::default() }
        }
    }

    async fn read(mut feed: Feed) -> (u64, Result<()>, Told) {
        for given in 0.. {
            match feed.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return (given, Ok(()), feed.told()),
                Err(error) => return (given, Err(error), feed.told()),
            }
        }
        unreachable!("a count has no end")
    }

    fn blocks(end: fn() -> Result<Option<SeriesBlock>>) -> Box<Blocks> {
        Box::new(Blocks { given: 0, of: 50, end })
    }

    fn ahead(end: fn() -> Result<Option<SeriesBlock>>) -> Feed {
        let free = Arc::new(Semaphore::new(1));
        read_ahead(blocks(end), free.try_acquire_owned().unwrap())
    }

    #[tokio::test]
    async fn every_block_comes_once_whoever_reads_it() {
        for feed in [Feed::new(blocks(|| Ok(None))), ahead(|| Ok(None))] {
            let (given, end, told) = read(feed).await;
            assert_eq!((given, end, told.stats.series), (50, Ok(()), 50));
        }
    }

    #[tokio::test]
    async fn a_reader_that_fails_or_panics_is_no_end() {
        let (given, end, _) = read(ahead(|| Err(Error::corrupt("on purpose")))).await;
        assert_eq!((given, end.unwrap_err().kind()), (50, ErrorKind::Corrupt));
        let (given, end, _) = read(ahead(|| panic!("on purpose"))).await;
        assert_eq!((given, end.unwrap_err().kind()), (50, ErrorKind::Internal));
    }
}
