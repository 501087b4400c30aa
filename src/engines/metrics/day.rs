//! One UTC day in one file: what it holds and how it is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::base::error::{Error, ErrorKind, Result};
use crate::engines::kit::container::{Container, Snapshot};
use crate::engines::metrics::blob::Blob;
use crate::engines::metrics::codec::bytes::Reader;
use crate::engines::metrics::damage::Damage;
use crate::engines::metrics::entry::read_points;
use crate::engines::metrics::index::{Index, SeriesRef};
use crate::engines::metrics::mark::Mark;
use crate::engines::metrics::merge::Points;
use crate::engines::metrics::record::{read_exemplars, read_metadata};
use crate::engines::metrics::series_block;
use crate::engines::metrics::window::Window;
use crate::model::batch::MetricMetadata;
use crate::model::exemplar::Exemplar;
use crate::model::time::{Day, TimeRange, TimestampMs};

/// One row, [`MARK_KEY`].
pub(super) const META: &str = "meta";
/// Blocks of series by the number of their first one.
pub(super) const SERIES: &str = "series";
/// Packed blobs of points by window and first series.
pub(super) const CHUNKS: &str = "chunks";
/// Packed blobs of exemplars by window and first series.
pub(super) const EXEMPLARS: &str = "exemplars";
/// One row, [`FAMILIES_KEY`].
pub(super) const FAMILIES: &str = "families";
/// Damaged rows that a flush replaced, by table and key.
pub(super) const QUARANTINE: &str = "quarantine";

pub(super) const MARK_KEY: &[u8] = b"mark";
pub(super) const FAMILIES_KEY: &[u8] = b"all";

/// The file of one UTC day.
pub(super) struct DayFile {
    day: Day,
    container: Container,
    mark: Mutex<Mark>,
    /// Loaded when first needed, and given away again when many days are loaded.
    index: Mutex<Option<Arc<RwLock<Index>>>>,
}

/// Returns the key of the blob of a window that starts with a series.
pub(super) fn blob_key(window: Window, first: SeriesRef) -> [u8; 5] {
    let [a, b, c, d] = first.to_be_bytes();
    [window.number, a, b, c, d]
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
    /// `Corrupt` when the mark is damaged, `Unsupported` when a newer version wrote it.
    pub(super) fn open(container: Container, day: Day) -> Result<Self> {
        let mark = match container.snapshot()?.get(META, MARK_KEY)? {
            Some(row) => Mark::decode(&row)?,
            None => Mark::default(),
        };
        Ok(DayFile { day, container, mark: Mutex::new(mark), index: Mutex::new(None) })
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

    /// Returns the container.
    pub(super) fn container(&self) -> &Container {
        &self.container
    }

    /// Returns the series of the day, from memory or from the file.
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

    /// Opens the day as it is now.
    ///
    /// # Errors
    /// `Internal` from the container; damaged blocks of series are only noted.
    pub(super) fn view(self: &Arc<Self>, damage: &mut Damage) -> Result<DayView> {
        Ok(DayView {
            day: self.day,
            snapshot: self.container.snapshot()?,
            index: self.index(damage)?,
            near: BTreeMap::new(),
        })
    }
}

/// One day as it was when the view was opened.
pub(super) struct DayView {
    day: Day,
    snapshot: Snapshot,
    index: Arc<RwLock<Index>>,
    /// The blob of each window that was read last, because the next series is mostly in it too.
    near: BTreeMap<u8, Near>,
}

struct Near {
    first: SeriesRef,
    /// `None` when the blob is damaged.
    blob: Option<Blob>,
}

impl DayView {
    /// Returns the series of the day.
    pub(super) fn index(&self) -> &RwLock<Index> {
        &self.index
    }

    /// Returns the points of a series inside `range`. What is damaged is noted and left out.
    ///
    /// # Errors
    /// `Internal` from the container.
    pub(super) fn points(
        &mut self,
        series: SeriesRef,
        range: TimeRange<TimestampMs>,
        damage: &mut Damage,
    ) -> Result<Points> {
        let mut points = Points::default();
        for window in Window::within(self.day, range) {
            let Some(entry) = self.entry(window, series, damage)? else { continue };
            match read_points(entry, range) {
                Ok(found) => points.add(found),
                Err(error) => damage.note(self.day, CHUNKS, &blob_key(window, series), &error)?,
            }
        }
        Ok(points)
    }

    /// Returns the exemplars of a series inside `range`. What is damaged is noted and left out.
    ///
    /// # Errors
    /// `Internal` from the container.
    pub(super) fn exemplars(
        &self,
        series: SeriesRef,
        range: TimeRange<TimestampMs>,
        damage: &mut Damage,
    ) -> Result<Vec<Exemplar>> {
        let mut found = Vec::new();
        for window in Window::within(self.day, range) {
            let near = read_blob(&self.snapshot, self.day, EXEMPLARS, window, series, damage)?;
            let Some(Near { first, blob: Some(blob) }) = near else { continue };
            let Some(entry) = blob.entry(series) else { continue };
            match read_exemplars(&mut Reader::new(entry)) {
                Ok(own) => {
                    found.extend(own.into_iter().filter(|one| range.contains(one.timestamp)))
                }
                Err(error) => damage.note(self.day, EXEMPLARS, &blob_key(window, first), &error)?,
            }
        }
        Ok(found)
    }

    fn entry(
        &mut self,
        window: Window,
        series: SeriesRef,
        damage: &mut Damage,
    ) -> Result<Option<&[u8]>> {
        let is_near = self.near.get(&window.number).is_some_and(|near| {
            let last = near.blob.as_ref().and_then(Blob::last);
            near.first <= series && last.is_some_and(|last| series <= last)
        });
        if !is_near {
            let read = read_blob(&self.snapshot, self.day, CHUNKS, window, series, damage)?;
            let Some(near) = read else { return Ok(None) };
            self.near.insert(window.number, near);
        }
        let blob = self.near.get(&window.number).and_then(|near| near.blob.as_ref());
        Ok(blob.and_then(|blob| blob.entry(series)))
    }
}

/// Reads the blob in which a series would be; `None` when no blob starts early enough.
fn read_blob(
    snapshot: &Snapshot,
    day: Day,
    table: &'static str,
    window: Window,
    series: SeriesRef,
    damage: &mut Damage,
) -> Result<Option<Near>> {
    let Some((key, bytes)) =
        snapshot.last_in(table, &blob_key(window, 0), &blob_key(window, series))?
    else {
        return Ok(None);
    };
    let first = first_series(&key)?;
    match bytes.and_then(Blob::open) {
        Ok(blob) => Ok(Some(Near { first, blob: Some(blob) })),
        Err(error) if error.kind() == ErrorKind::Internal => Err(error),
        Err(error) => {
            damage.note(day, table, &key, &error)?;
            Ok(Some(Near { first, blob: None }))
        }
    }
}
