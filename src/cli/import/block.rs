//! Reads one block series by series.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::cli::import::feed::Feed;
use crate::cli::import::window::{Window, unreadable};
use crate::cli::outcome::Failure;
use crate::model::batch::SeriesWrite;
use crate::model::time::{TimeRange, TimestampMs};
use crate::wire::prometheus_tsdb::{
    BlockMeta, ChunkPlace, FileKind, Index, MAX_FRAME_BYTES, SeriesEntry, SeriesStep, TOC_BYTES,
    Toc, check_header, decode_chunk, decode_tombstones, frame,
};

/// Bytes in which most chunks lie whole.
const USUAL_FRAME: usize = 4 << 10;
/// Bytes in which most series' entries lie whole.
const USUAL_ENTRY: usize = 4 << 10;

/// Reads `meta.json` of a block's directory; `None` when there is none.
///
/// # Errors
/// When it cannot be read or is not one.
pub(crate) fn meta(dir: &Path) -> Result<Option<BlockMeta>, Failure> {
    let path = dir.join("meta.json");
    match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&path, &error)),
        Ok(bytes) => {
            let meta = BlockMeta::decode(&bytes);
            Ok(Some(meta.map_err(|error| error.context(dir.display()))?))
        }
    }
}

/// A block that is being read.
struct Block {
    chunks: PathBuf,
    segments: HashMap<u32, Window>,
    deleted: HashMap<u64, Vec<TimeRange<TimestampMs>>>,
}

/// Hands over the series of a block from `from` on, a place that an earlier run reached (0: all).
/// `total` is how many bytes the block counts for in the progress.
///
/// # Errors
/// When a file cannot be read or the index is damaged; what is damaged inside is counted.
pub(crate) fn read(dir: &Path, from: u64, total: u64, feed: &mut Feed) -> Result<(), Failure> {
    let damaged = |error: Error| Failure::from(error.context(dir.join("index").display()));
    let mut file = Window::open(&dir.join("index"))?;
    let version = Index::version(file.at(0, 5)?).map_err(damaged)?;
    let end = file.len();
    let toc = file.at(end.saturating_sub(TOC_BYTES as u64), TOC_BYTES)?;
    let toc = toc.first_chunk().ok_or_else(|| damaged(Error::corrupt("it is too short")))?;
    let toc = Toc::decode(toc, end).map_err(damaged)?;
    let length = file.at(toc.symbols, 4)?.first_chunk().copied().unwrap_or_default();
    let section = usize::try_from(Index::section_bytes(length)).unwrap_or(usize::MAX);
    let section = file.at(toc.symbols, section)?;
    let index = Index::decode(version, section, toc.symbols).map_err(damaged)?;
    let mut block =
        Block { chunks: dir.join("chunks"), segments: HashMap::new(), deleted: tombstones(dir)? };
    let span = (toc.series_end - toc.series).max(1);
    let share = |place: u64| {
        let done = place.clamp(toc.series, toc.series_end) - toc.series;
        (u128::from(done) * u128::from(total) / u128::from(span)) as u64
    };
    let (mut place, mut wanted) = (from.max(toc.series), USUAL_ENTRY);
    while place < toc.series_end {
        let bytes = file.at(place, wanted)?;
        match index.series(bytes, place) {
            Ok(SeriesStep::Padding(next)) => place = next,
            Ok(SeriesStep::Needs(more)) if more > bytes.len() && place + more as u64 <= end => {
                wanted = more;
                continue;
            }
            Ok(SeriesStep::Series(entry, next)) => {
                block.series(entry, feed, dir)?;
                place = next;
                feed.reached(place, share(place))?;
            }
            Ok(SeriesStep::Needs(_)) => {
                let error = Error::corrupt("the last series is cut");
                feed.unreadable("index", &error, &dir.display().to_string());
                break;
            }
            Err(error) => {
                feed.unreadable(
                    "rest of an index",
                    &error,
                    &format!("{} at {place}", dir.display()),
                );
                break;
            }
        }
        wanted = USUAL_ENTRY;
    }
    feed.finish(toc.series_end, total)
}

impl Block {
    fn series(
        &mut self,
        entry: Result<SeriesEntry, Error>,
        feed: &mut Feed,
        dir: &Path,
    ) -> Result<(), Failure> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                feed.unreadable("series", &error, &dir.display().to_string());
                return Ok(());
            }
        };
        let mut write = SeriesWrite { labels: entry.labels, ..SeriesWrite::default() };
        for chunk in &entry.chunks {
            self.chunk(*chunk, &mut write, feed)?;
        }
        if let Some(deleted) = self.deleted.get(&entry.id) {
            remove(deleted, &mut write);
        }
        if !write.samples.is_empty() || !write.histograms.is_empty() {
            feed.add(write);
        }
        Ok(())
    }

    fn chunk(
        &mut self,
        place: ChunkPlace,
        write: &mut SeriesWrite,
        feed: &mut Feed,
    ) -> Result<(), Failure> {
        let segment = match self.segments.entry(place.segment) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                let path = self.chunks.join(format!("{:06}", u64::from(place.segment) + 1));
                let mut window = Window::open(&path)?;
                check_header(FileKind::Block, window.at(0, 8)?)
                    .map_err(|error| error.context(path.display()))?;
                free.insert(window)
            }
        };
        let offset = u64::from(place.offset);
        let usual = frame(segment.at(offset, USUAL_FRAME)?);
        let found = match usual {
            Ok(found) => Ok(found),
            Err(_) => frame(segment.at(offset, MAX_FRAME_BYTES)?),
        };
        let decoded = found.and_then(|found| decode_chunk(found.encoding, found.data, write));
        if let Err(error) = decoded {
            feed.unreadable("chunk", &error, &write.labels.to_string());
        }
        Ok(())
    }
}

fn tombstones(dir: &Path) -> Result<HashMap<u64, Vec<TimeRange<TimestampMs>>>, Failure> {
    let path = dir.join("tombstones");
    let file = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(unreadable(&path, &error)),
        Ok(file) => file,
    };
    let stones = decode_tombstones(&file).map_err(|error| error.context(path.display()))?;
    let mut deleted: HashMap<u64, Vec<_>> = HashMap::new();
    for stone in stones {
        deleted.entry(stone.series).or_default().push(stone.range);
    }
    Ok(deleted)
}

/// Removes what was deleted.
pub(crate) fn remove(deleted: &[TimeRange<TimestampMs>], write: &mut SeriesWrite) {
    let stays = |at: TimestampMs| !deleted.iter().any(|range| range.contains(at));
    write.samples.retain(|sample| stays(sample.timestamp));
    write.histograms.retain(|sample| stays(sample.timestamp));
    write.starts.retain(|start| stays(start.timestamp));
}
