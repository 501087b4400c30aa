//! Readers that work side by side; what they read is handed out in the order of the series.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::base::error::{Error, Result};
use crate::base::task::beside;
use crate::engines::metrics::select::Unread;
use crate::engines::metrics::select::cursor::BLOCK_SERIES;
use crate::engines::metrics::select::reader::{Met, Reader};
use crate::storage::metric_store::SeriesBlock;

/// A share is about so many points …
const SHARE_POINTS: usize = 65_536;

/// … and when it has more, so many of its blocks wait for whoever wants them.
const BLOCKS_WAITING: usize = 2;

/// Readers at work.
pub(super) struct Crew {
    unread: Arc<Mutex<Unread>>,
    /// What each share holds, in order.
    shares: mpsc::Receiver<Share>,
    /// The share that is handed out.
    current: Option<Share>,
    /// What each reader met.
    met: Arc<Mutex<Vec<Met>>>,
}

/// The blocks of some series that one reader took.
type Share = mpsc::Receiver<Result<Part>>;

/// A block of a share, perhaps empty.
struct Part {
    block: SeriesBlock,
    ends_share: bool,
}

impl Crew {
    /// Sets one reader to work for each of `hands`, which are free again when there is nothing left
    /// to read, or nobody wants it.
    pub(super) fn start(reader: Reader, unread: Unread, hands: Vec<OwnedSemaphorePermit>) -> Self {
        let unread = Arc::new(Mutex::new(unread));
        // Each may be one share ahead.
        let (sender, shares) = mpsc::channel(hands.len().max(1));
        let mut readers: Vec<_> = hands.iter().skip(1).map(|_| reader.twin()).collect();
        readers.push(reader);
        let met = Arc::new(Mutex::new(readers.iter().map(Reader::met).collect::<Vec<_>>()));
        for (place, (reader, hand)) in readers.into_iter().zip(hands).enumerate() {
            let (unread, met) = (Arc::clone(&unread), Arc::clone(&met));
            let worker = Worker { reader, unread, shares: sender.clone(), place, met };
            beside(async move {
                worker.work().await;
                drop(hand);
            });
        }
        Crew { unread, shares, current: None, met }
    }

    /// Returns the next block; empty at the end.
    ///
    /// # Errors
    /// Those of the readers; `Internal` when one ended early.
    pub(super) async fn block(&mut self) -> Result<SeriesBlock> {
        let early = || Error::internal("a reader of a selection ended early");
        loop {
            let mut share = match self.current.take() {
                Some(share) => share,
                None => match self.shares.recv().await {
                    Some(share) => share,
                    None if self.unread.lock().len() == 0 => return Ok(SeriesBlock::new()),
                    None => return Err(early()),
                },
            };
            let part = share.recv().await.ok_or_else(early)??;
            if !part.ends_share {
                self.current = Some(share);
            }
            if !part.block.is_empty() {
                return Ok(part.block);
            }
        }
    }

    /// Returns what was met so far.
    pub(super) fn met(&self) -> Met {
        let mut all = Met::default();
        self.met.lock().iter().cloned().for_each(|met| all.add(met));
        all
    }
}

/// One of a crew.
struct Worker {
    reader: Reader,
    unread: Arc<Mutex<Unread>>,
    shares: mpsc::Sender<Share>,
    /// Its place in `met`.
    place: usize,
    met: Arc<Mutex<Vec<Met>>>,
}

impl Worker {
    /// Takes shares and reads them until none is left, or whoever wanted them is gone.
    async fn work(mut self) {
        while let Some((share, parts)) = self.next_share().await {
            if self.read(share, parts).await.is_none() {
                return;
            }
        }
    }

    /// Takes a share, once there is room for one; `None` when there is nothing to do.
    async fn next_share(&self) -> Option<(Unread, mpsc::Sender<Result<Part>>)> {
        let room = self.shares.reserve().await.ok()?;
        let most = (SHARE_POINTS / self.reader.likely_points()).clamp(1, BLOCK_SERIES);
        // What is taken first is handed out first.
        let mut unread = self.unread.lock();
        let share: Vec<_> = unread.by_ref().take(most).collect();
        if share.is_empty() {
            return None;
        }
        let (sender, parts) = mpsc::channel(BLOCKS_WAITING);
        room.send(parts);
        Some((share.into_iter(), sender))
    }

    /// Reads a share; `None` when it failed or is not wanted any more.
    async fn read(&mut self, mut share: Unread, parts: mpsc::Sender<Result<Part>>) -> Option<()> {
        loop {
            let block = self.reader.block(&mut share, BLOCK_SERIES).await;
            if let Some(met) = self.met.lock().get_mut(self.place) {
                *met = self.reader.met();
            }
            let ends_share = share.len() == 0;
            let failed = block.is_err();
            parts.send(block.map(|block| Part { block, ends_share })).await.ok()?;
            if failed {
                return None;
            }
            if ends_share {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
