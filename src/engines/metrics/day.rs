//! One UTC day in one file: what it holds and how it is read.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::base::error::{Error, Result};
use crate::engines::kit::container::{Change, Container, Snapshot};
use crate::engines::metrics::blob_cache::{BlobCache, Kept};
use crate::engines::metrics::codec::bytes::Reader;
use crate::engines::metrics::damage::{Damage, WHOLE_FILE};
use crate::engines::metrics::day_series::DaySeries;
use crate::engines::metrics::index::{Index, SeriesRef};
use crate::engines::metrics::mark::Mark;
use crate::engines::metrics::record::read_metadata;
use crate::engines::metrics::sealed_index::{
    DICTIONARIES, IndexCache, LABELS, NAMES, POSTINGS, SealedIndex,
};
use crate::engines::metrics::series_block;
use crate::engines::metrics::tombstones::Tombstones;
use crate::engines::metrics::view::DayView;
use crate::engines::metrics::window::Window;
use crate::model::batch::MetricMetadata;
use crate::model::labels::Labels;
use crate::model::time::Day;

/// One row, [`MARK_KEY`].
pub(super) const META: &str = "meta";
/// Blocks of series by the number of their first one.
pub(super) const SERIES: &str = "series";
/// Packed blobs of points by window and first series.
pub(super) const CHUNKS: &str = "chunks";
/// Packed blobs of whole days by first series; only in a sealed day.
pub(super) const SEALED: &str = "sealed";
/// Packed blobs of streams of times by first stream; only in a sealed day.
pub(super) const TIMES: &str = "times";
/// Packed blobs of aggregates of hours by first series; only in a sealed day.
pub(super) const AGGREGATES: &str = "hours";
/// One row, [`DELETED_KEY`].
pub(super) const DELETED: &str = "deleted";
/// Packed blobs of exemplars by window and first series.
pub(super) const EXEMPLARS: &str = "exemplars";
/// One row, [`FAMILIES_KEY`].
pub(super) const FAMILIES: &str = "families";
/// Damaged rows that a flush replaced, by table and key.
pub(super) const QUARANTINE: &str = "quarantine";

/// All of them, with those of the sealed index.
pub(super) const TABLES: [&str; 14] = [
    META,
    SERIES,
    CHUNKS,
    SEALED,
    TIMES,
    AGGREGATES,
    DELETED,
    EXEMPLARS,
    FAMILIES,
    QUARANTINE,
    NAMES,
    DICTIONARIES,
    POSTINGS,
    LABELS,
];

pub(super) const MARK_KEY: &[u8] = b"mark";
pub(super) const FAMILIES_KEY: &[u8] = b"all";
pub(super) const DELETED_KEY: &[u8] = b"all";

/// What queries keep in memory of the files of all days.
pub(super) struct DayCache {
    index: IndexCache,
    blobs: Arc<BlobCache>,
}

impl DayCache {
    /// Starts empty; `blob_bytes` bounds what is kept of points.
    pub(super) fn new(blob_bytes: usize) -> Self {
        DayCache { index: IndexCache::new(), blobs: Arc::new(BlobCache::new(blob_bytes)) }
    }
}

/// The file of one UTC day.
pub(super) struct DayFile {
    day: Day,
    container: Container,
    mark: Mutex<Mark>,
    tombstones: Mutex<Arc<Tombstones>>,
    /// Series that came after sealing, else all. Loaded when first needed, and given away again when
    /// many days are loaded.
    index: Mutex<Option<Arc<RwLock<Index>>>>,
    /// The sealed series of a sealed day, which are never loaded.
    sealed: Option<SealedIndex>,
    /// What queries read of all days, and this file's number there.
    blobs: (Arc<BlobCache>, u64),
}

/// Returns the key of the blob of a window that starts with a series.
pub(super) fn blob_key(window: Window, first: SeriesRef) -> [u8; 5] {
    let [a, b, c, d] = first.to_be_bytes();
    [window.number, a, b, c, d]
}

/// Returns the key of the sealed blob that starts with a series, or with a stream of times.
pub(super) fn sealed_key(first: u32) -> [u8; 4] {
    first.to_be_bytes()
}

/// Returns the key of the blob that begins with a part of the entry of which `key` is the own key. It
/// stands between that and the key of the next series.
pub(super) fn with_part(key: &[u8], part: u16) -> Vec<u8> {
    match part {
        0 => key.to_vec(),
        part => [key, &part.to_be_bytes()].concat(),
    }
}

/// Returns the first series whose entry begins in the blob with this key, when keys without a part
/// have `plain` bytes.
pub(super) fn first_whole(key: &[u8], plain: usize) -> Result<SeriesRef> {
    let series = first_series(key.get(..plain).unwrap_or(key))?;
    // The entry in front began before.
    Ok(if key.len() > plain { series.saturating_add(1) } else { series })
}

/// Returns the series of a key that [`blob_key`] made.
pub(super) fn first_series(key: &[u8]) -> Result<SeriesRef> {
    let series = key.last_chunk::<4>().ok_or_else(|| Error::corrupt("a blob has a short key"))?;
    Ok(SeriesRef::from_be_bytes(*series))
}

impl DayFile {
    /// Reads what a container says of itself; one without a mark is new.
    ///
    /// # Errors
    /// `Corrupt` when the mark or the deletions are damaged, `Unsupported` when a newer version wrote it.
    pub(super) fn open(container: Container, day: Day, cache: &DayCache) -> Result<Self> {
        let snapshot = container.snapshot()?;
        let mark = match snapshot.get(META, MARK_KEY)? {
            Some(row) => Mark::decode(&row)?,
            None => Mark::default(),
        };
        let tombstones = match snapshot.get(DELETED, DELETED_KEY)? {
            Some(row) => Tombstones::decode(&row)?,
            None => Tombstones::default(),
        };
        let sealed = SealedIndex::find(&snapshot, &cache.index)?;
        Ok(DayFile {
            day,
            container,
            mark: Mutex::new(mark),
            tombstones: Mutex::new(Arc::new(tombstones)),
            index: Mutex::new(None),
            sealed,
            blobs: (Arc::clone(&cache.blobs), cache.blobs.next_file()),
        })
    }

    /// Returns the day.
    pub(super) fn day(&self) -> Day {
        self.day
    }

    /// Returns how far the log is in this file.
    pub(super) fn mark(&self) -> Mark {
        *self.mark.lock()
    }

    /// Sets the mark that was just committed.
    pub(super) fn set_mark(&self, mark: Mark) {
        *self.mark.lock() = mark;
    }

    /// Returns what was deleted.
    pub(super) fn tombstones(&self) -> Arc<Tombstones> {
        Arc::clone(&self.tombstones.lock())
    }

    /// Sets the deletions that were just committed.
    pub(super) fn set_tombstones(&self, tombstones: Tombstones) {
        *self.tombstones.lock() = Arc::new(tombstones);
    }

    /// Returns the container.
    pub(super) fn container(&self) -> &Container {
        &self.container
    }

    /// Returns the series of the day that are not sealed, from memory or from the file.
    ///
    /// # Errors
    /// `Internal` from the container; damaged blocks are only noted.
    pub(super) fn index(&self, damage: &mut Damage) -> Result<Arc<RwLock<Index>>> {
        let mut loaded = self.index.lock();
        if let Some(index) = &*loaded {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(RwLock::new(self.load_index(damage)?));
        *loaded = Some(Arc::clone(&index));
        Ok(index)
    }

    /// Returns how many series are in memory for this day.
    pub(super) fn loaded_series(&self) -> usize {
        self.index.lock().as_ref().map_or(0, |index| index.read().len())
    }

    /// Gives the series in memory away; readers that have them keep them.
    pub(super) fn unload_index(&self) {
        *self.index.lock() = None;
    }

    fn load_index(&self, damage: &mut Damage) -> Result<Index> {
        let mut index = Index::default();
        index.lose(self.sealed_series());
        let snapshot = self.container.snapshot()?;
        for (key, block) in snapshot.scan(SERIES, &[], None)? {
            let block =
                block.and_then(|block| Ok((first_series(&key)?, series_block::decode(&block)?)));
            match block {
                Ok((first, series)) => {
                    index.lose(first);
                    for labels in &series {
                        index.add(labels);
                    }
                }
                Err(error) => damage.note(self.day, SERIES, &key, &error)?,
            }
        }
        index.lose(self.mark().series);
        Ok(index)
    }

    /// Returns what the file says of metric families.
    ///
    /// # Errors
    /// `Internal` from the container; damaged bytes are only noted.
    pub(super) fn families(&self, damage: &mut Damage) -> Result<Option<Vec<MetricMetadata>>> {
        let row = self.container.snapshot()?.get(FAMILIES, FAMILIES_KEY);
        let read =
            row.and_then(|row| row.map(|row| read_metadata(&mut Reader::new(&row))).transpose());
        match read {
            Ok(families) => Ok(families),
            Err(error) => {
                damage.note(self.day, FAMILIES, FAMILIES_KEY, &error)?;
                Ok(None)
            }
        }
    }

    /// Writes every row into an empty file. Damaged ones are noted and left out.
    ///
    /// # Errors
    /// Those of the containers.
    pub(super) fn copy_rows(&self, change: &mut Change<'_>, damage: &mut Damage) -> Result<()> {
        let snapshot = match self.container.snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => return damage.note(self.day, WHOLE_FILE, &[], &error),
        };
        for table in TABLES {
            snapshot.visit(table, |key, value| match value {
                Ok(value) => change.put(table, key, &value),
                Err(error) => damage.note(self.day, table, key, &error),
            })?;
        }
        Ok(())
    }

    /// Writes the rows that are in memory too, which may be unreadable in the file.
    ///
    /// # Errors
    /// Those of the new container.
    pub(super) fn copy_memory(&self, change: &mut Change<'_>) -> Result<()> {
        put_tombstones(change, &self.tombstones())?;
        change.put(META, MARK_KEY, &self.mark().encode())
    }

    /// Opens the day as it is now; `None` when its file cannot be read at all, which is noted.
    ///
    /// # Errors
    /// `Internal` from the container; damaged blocks of series are only noted.
    pub(super) fn view(self: &Arc<Self>, damage: &mut Damage) -> Result<Option<DayView>> {
        let mark = self.mark();
        let snapshot = match self.container.snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => {
                damage.note(self.day, WHOLE_FILE, &[], &error)?;
                return Ok(None);
            }
        };
        let series = Arc::new(self.series(&snapshot, mark, damage)?);
        let kept = Kept::new(&self.blobs.0, self.blobs.1, &snapshot);
        Ok(Some(DayView::new(self.day, snapshot, series, self.tombstones(), mark, kept)))
    }

    fn series(&self, snapshot: &Snapshot, mark: Mark, damage: &mut Damage) -> Result<DaySeries> {
        let sealed = self.sealed.as_ref().map(|sealed| sealed.view(self.day, snapshot));
        let index = match self.sealed_series() < mark.series || sealed.is_none() {
            true => Some(self.index(damage)?),
            false => None,
        };
        Ok(DaySeries::new(sealed, self.sealed_series(), index, self.tombstones()))
    }

    /// Returns the numbers of series, sorted by labels, among those that are sealed.
    ///
    /// # Errors
    /// `Internal` from the container; damaged rows are only noted.
    pub(super) fn sealed_numbers(
        &self,
        sorted: &[&Labels],
        damage: &mut Damage,
    ) -> Result<Vec<Option<SeriesRef>>> {
        match &self.sealed {
            Some(sealed) if !sorted.is_empty() => {
                sealed.view(self.day, &self.container.snapshot()?).numbers(sorted, damage)
            }
            _ => Ok(vec![None; sorted.len()]),
        }
    }

    /// Returns how many series are found by the sealed index.
    fn sealed_series(&self) -> SeriesRef {
        self.sealed.as_ref().and(self.mark().sealed).unwrap_or(0)
    }
}

/// Writes the row of deletions.
///
/// # Errors
/// Those of the container.
pub(super) fn put_tombstones(change: &mut Change<'_>, tombstones: &Tombstones) -> Result<()> {
    match tombstones.is_empty() {
        true => change.delete(DELETED, DELETED_KEY),
        false => change.put(DELETED, DELETED_KEY, &tombstones.encode()),
    }
}
