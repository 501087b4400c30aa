//! The file of one UTC day.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::base::error::{Error, Result};
use crate::engines::kit::bytes::{Reader, put_varint};
use crate::engines::kit::container::Container;
use crate::engines::kit::disk::Disk;
use crate::engines::kit::log::Lsn;
use crate::engines::traces::block::{self, BLOCK_SPANS, BlockStats, STATS};
use crate::model::time::Day;
use crate::model::trace::Span;

const META: &str = "meta";
const MARK: &[u8] = b"mark";
const VERSION: u8 = 1;
const CACHE_BYTES: usize = 2 << 20;

/// One day's blocks.
pub(super) struct DayFile {
    pub(super) day: Day,
    pub(super) container: Container,
    state: RwLock<State>,
}

#[derive(Clone, Default)]
struct State {
    /// Every span of this day up to here is in this file.
    flushed: Lsn,
    /// Every span of any day up to here is in some file, as the last flush of this day knew.
    complete: Lsn,
    next_block: u32,
    blocks: Vec<Arc<BlockStats>>,
    /// What could not be read, for the warnings of every answer.
    damage: Vec<String>,
}

impl DayFile {
    /// Opens the day's file, making it when it is missing. A damaged block is noted, the rest
    /// serves.
    ///
    /// # Errors
    /// `Corrupt` when the file or its mark is damaged, `Unsupported` for a newer version.
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path, day: Day) -> Result<Self> {
        let container = Container::open(disk, path, CACHE_BYTES)?;
        let snapshot = container.snapshot()?;
        let mut state = State::default();
        if let Some(mark) = snapshot.get(META, MARK)? {
            let mut reader = Reader::new(&mark);
            let version = reader.byte()?;
            if version != VERSION {
                let text = format!("{} has format version {version}", path.display());
                return Err(Error::unsupported(text));
            }
            state.flushed = Lsn(reader.varint()?);
            state.complete = Lsn(reader.varint()?);
            state.next_block = u32::try_from(reader.varint()?)
                .map_err(|_| Error::corrupt("the block number is too large"))?;
        }
        for (key, row) in snapshot.scan(STATS, &[], None)? {
            let number = || key.first_chunk::<4>().map(|key| u32::from_be_bytes(*key));
            let number = || number().ok_or_else(|| Error::corrupt("a block has a short key"));
            match row.and_then(|row| BlockStats::decode(number()?, &row)) {
                Ok(stats) => state.blocks.push(Arc::new(stats)),
                Err(error) => state.damage.push(format!("traces of {day}: {error}")),
            }
        }
        Ok(DayFile { day, container, state: RwLock::new(state) })
    }

    /// Returns up to which record every span of this day is in the file.
    pub(super) fn flushed(&self) -> Lsn {
        self.state.read().flushed
    }

    /// Returns up to which record every span of any day is in some file.
    pub(super) fn complete(&self) -> Lsn {
        self.state.read().complete
    }

    /// Returns what is known of the blocks.
    pub(super) fn blocks(&self) -> Vec<Arc<BlockStats>> {
        self.state.read().blocks.clone()
    }

    /// Returns what could not be read so far.
    pub(super) fn damage(&self) -> Vec<String> {
        self.state.read().damage.clone()
    }

    /// Takes note of a block that cannot be read, and leaves it out from now on.
    pub(super) fn quarantine(&self, number: u32, error: &Error) {
        let mut state = self.state.write();
        let known = state.blocks.len();
        state.blocks.retain(|block| block.number != number);
        if state.blocks.len() == known {
            return;
        }
        state.damage.push(format!("traces of {}, block {number}: {error}", self.day));
        tracing::error!(day = %self.day, block = number, %error, "a trace block is damaged");
    }

    /// Writes spans, sorted so that traces lie together, and the mark, in one transaction. `is_last`
    /// tells that every other day of the same flush was written before. Readers see the spans from
    /// [`DayFile::publish`] on.
    ///
    /// # Errors
    /// `Internal` from the container; nothing changed then.
    pub(super) fn write(&self, spans: &[Span], flushed: Lsn, is_last: bool) -> Result<Written> {
        let mut next_block = self.state.read().next_block;
        let complete = if is_last { flushed } else { self.complete() };
        let mut blocks = Vec::new();
        self.container.write(|change| {
            for part in spans.chunks(BLOCK_SPANS) {
                blocks.push(Arc::new(block::write(change, next_block, part)?));
                next_block += 1;
            }
            let mut mark = vec![VERSION];
            put_varint(&mut mark, flushed.0);
            put_varint(&mut mark, complete.0);
            put_varint(&mut mark, u64::from(next_block));
            change.put(META, MARK, &mark)
        })?;
        Ok(Written { blocks, next_block, flushed, complete })
    }

    /// Shows what was written to readers.
    pub(super) fn publish(&self, written: Written) {
        let mut state = self.state.write();
        state.blocks.extend(written.blocks);
        state.next_block = written.next_block;
        state.flushed = written.flushed;
        state.complete = written.complete;
    }
}

/// Blocks that are durable and that no reader sees yet.
pub(super) struct Written {
    blocks: Vec<Arc<BlockStats>>,
    next_block: u32,
    flushed: Lsn,
    complete: Lsn,
}
