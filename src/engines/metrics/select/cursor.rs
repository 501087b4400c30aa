//! The cursor of a selection: blocks come from one reader, and from a crew when there is much to read.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::metrics::select::Unread;
use crate::engines::metrics::select::crew::Crew;
use crate::engines::metrics::select::reader::{Met, Reader};
use crate::model::series::SelectStats;
use crate::storage::metric_store::{SeriesBlock, SeriesCursor};

/// A block holds at most this many series, the first ones fewer, so that they come soon.
pub(super) const BLOCK_SERIES: usize = 64;
const FIRST_BLOCK_SERIES: usize = 8;

/// What a selected series takes of memory, its labels included, about.
const SELECTED_BYTES: u64 = 512;

/// Fewer points are read by one reader sooner than others have begun.
const MANY_POINTS: usize = 262_144;

/// Longer series are read by one reader: no query accounts for what a crew holds ready.
const LONG_SERIES: usize = 131_072;

/// For the same reason no more readers than this work in crews.
const MOST_HANDS: usize = 4;

/// How many readers can work in crews, in the whole process: none where there is but one processor.
static HANDS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(if processors > 1 { processors.min(MOST_HANDS) } else { 0 }))
});

/// Selected series of the store.
pub(super) struct Selection {
    readers: Readers,
    selected: u64,
    block_series: usize,
    max_samples: u64,
    /// What was handed out.
    stats: SelectStats,
}

enum Readers {
    One(Box<Reader>, Unread),
    Many(Crew),
    /// Being changed.
    None,
}

impl Selection {
    /// Begins before the first of `unread`.
    pub(super) fn new(reader: Reader, unread: Unread, max_samples: Option<u64>) -> Self {
        Selection {
            selected: unread.len() as u64,
            readers: Readers::One(Box::new(reader), unread),
            block_series: FIRST_BLOCK_SERIES,
            max_samples: max_samples.unwrap_or(u64::MAX),
            stats: SelectStats::default(),
        }
    }

    /// Gets the help of those who are free where it is worth it.
    fn gather(&mut self) {
        let worth_it = match &self.readers {
            Readers::One(reader, unread) => {
                let points = reader.likely_points();
                points <= LONG_SERIES && unread.len().saturating_mul(points) > MANY_POINTS
            }
            _ => false,
        };
        if !worth_it || self.block_series < BLOCK_SERIES {
            return;
        }
        let hands: Vec<_> =
            std::iter::from_fn(|| Arc::clone(&HANDS).try_acquire_owned().ok()).collect();
        if hands.is_empty() {
            return;
        }
        if let Readers::One(reader, unread) = std::mem::replace(&mut self.readers, Readers::None) {
            self.readers = Readers::Many(Crew::start(*reader, unread, hands));
        }
    }

    /// Counts what is handed out.
    fn count(&mut self, block: &SeriesBlock) -> Result<()> {
        self.stats.series += block.len() as u64;
        for data in block {
            self.stats.samples += (data.samples.len() + data.histograms.len()) as u64;
            self.stats.hours += data.hours.len() as u64;
        }
        if self.stats.samples + self.stats.hours > self.max_samples {
            let message = "the selection holds more samples than one query may read";
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        Ok(())
    }

    fn met(&self) -> Met {
        match &self.readers {
            Readers::One(reader, _) => reader.met(),
            Readers::Many(crew) => crew.met(),
            Readers::None => Met::default(),
        }
    }
}

#[async_trait]
impl SeriesCursor for Selection {
    async fn next_block(&mut self) -> Result<Option<SeriesBlock>> {
        // Reading is quick but not free: others get their turn between blocks.
        tokio::task::yield_now().await;
        self.gather();
        let most = self.block_series;
        self.block_series = (most * 2).min(BLOCK_SERIES);
        let block = match &mut self.readers {
            Readers::One(reader, unread) => reader.block(unread, most).await?,
            Readers::Many(crew) => crew.block().await?,
            Readers::None => return Err(Error::internal("a selection has no reader")),
        };
        self.count(&block)?;
        Ok(Some(block).filter(|block| !block.is_empty()))
    }

    fn held_bytes(&self) -> u64 {
        self.selected * SELECTED_BYTES
    }

    fn stats(&self) -> SelectStats {
        let met = self.met();
        SelectStats { blobs: met.blobs, bytes: met.bytes, ..self.stats }
    }

    fn warnings(&self) -> Vec<String> {
        self.met().warnings.into_iter().collect()
    }
}
