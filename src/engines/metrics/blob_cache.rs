//! What queries read last of the files of days: blobs, and decoded streams of times.
//!
//! The queries of a dashboard want other series of the same blobs, and all of them again a few seconds
//! later. What stays here was checked and is not copied again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::engines::kit::cache::Cache;
use crate::engines::kit::container::Snapshot;
use crate::engines::metrics::blob::Blob;
use crate::engines::metrics::day::first_whole;
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::times::StreamRef;

/// What one blob costs besides its own bytes.
const SLOT_BYTES: usize = 192;

/// The part of the budget that streams of times have.
const STREAMS_PART: usize = 8;

/// One state of one file: snapshots that share it show the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileState {
    file: u64,
    version: u64,
}

/// The state, the table and the key of a blob. Keys of one table are in the order of the file.
type Place = (FileState, &'static str, Box<[u8]>);

/// Blobs and streams within one budget; what was not used for longest gives way.
pub(super) struct BlobCache {
    budget: usize,
    blobs: Mutex<Blobs>,
    streams: Cache<(FileState, StreamRef)>,
    files: AtomicU64,
}

#[derive(Default)]
struct Blobs {
    by_place: BTreeMap<Place, Slot>,
    /// Places by their last use.
    by_use: BTreeMap<u64, Place>,
    uses: u64,
    bytes: usize,
}

struct Slot {
    blob: Arc<Blob>,
    used: u64,
}

impl BlobCache {
    /// Starts empty; `budget` is in bytes.
    pub(super) fn new(budget: usize) -> Self {
        let streams = budget / STREAMS_PART;
        BlobCache {
            budget: budget - streams,
            blobs: Mutex::default(),
            streams: Cache::new(streams),
            files: AtomicU64::default(),
        }
    }

    /// Returns a number that no other file has had.
    pub(super) fn next_file(&self) -> u64 {
        self.files.fetch_add(1, Ordering::Relaxed)
    }
}

/// The cache as a reader of one snapshot sees it.
#[derive(Clone)]
pub(super) struct Kept {
    cache: Arc<BlobCache>,
    /// `None` when the file was written while the snapshot was taken, so that it has no name.
    state: Option<FileState>,
    /// Whether what is read is remembered.
    remembers: bool,
}

impl Kept {
    /// Opens the cache for the snapshot of a file.
    pub(super) fn new(cache: &Arc<BlobCache>, file: u64, snapshot: &Snapshot) -> Self {
        let state = snapshot.version().map(|version| FileState { file, version });
        Kept { cache: Arc::clone(cache), state, remembers: true }
    }

    /// Leaves alone what is remembered, because much will be read that is not wanted soon again.
    pub(super) fn forget(&mut self) {
        self.remembers = false;
    }

    /// Returns the remembered blob in which the entry of a series is, with the first series whose entry
    /// begins in it; `key` is that of a blob which began with the series.
    pub(super) fn holding(
        &self,
        table: &'static str,
        key: &[u8],
        series: SeriesRef,
    ) -> Option<(SeriesRef, Arc<Blob>)> {
        let wanted: Place = (self.state?, table, key.into());
        let mut blobs = self.cache.blobs.lock();
        let (place, slot) = blobs.by_place.range(..=&wanted).next_back()?;
        let window = key.len().checked_sub(size_of::<SeriesRef>())?;
        let same = (place.0, place.1) == (wanted.0, table);
        if !same || place.2.get(..window) != key.get(..window) {
            return None;
        }
        let first = first_whole(&place.2, key.len()).ok()?;
        if first > series || slot.blob.last().is_none_or(|last| last < series) {
            return None;
        }
        let place = place.clone();
        blobs.use_of(&place).map(|blob| (first, blob))
    }

    /// Returns the remembered blob with exactly this key.
    pub(super) fn at(&self, table: &'static str, key: &[u8]) -> Option<Arc<Blob>> {
        let place = (self.state?, table, key.into());
        self.cache.blobs.lock().use_of(&place)
    }

    /// Remembers a blob.
    pub(super) fn keep(&self, table: &'static str, key: &[u8], blob: &Arc<Blob>) {
        let Some(state) = self.state.filter(|_| self.remembers) else { return };
        let place = (state, table, key.into());
        self.cache.blobs.lock().put(place, Arc::clone(blob), self.cache.budget);
    }

    /// Returns a remembered stream of times.
    pub(super) fn stream(&self, stream: StreamRef) -> Option<Arc<Vec<i64>>> {
        self.cache.streams.get(&(self.state?, stream))
    }

    /// Remembers a stream of times.
    pub(super) fn keep_stream(&self, stream: StreamRef, times: &Arc<Vec<i64>>) {
        if let Some(state) = self.state.filter(|_| self.remembers) {
            let bytes = size_of_val(times.as_slice());
            self.cache.streams.put((state, stream), Arc::clone(times), bytes);
        }
    }
}

impl Blobs {
    /// Returns a blob and makes it the one that was used last.
    fn use_of(&mut self, place: &Place) -> Option<Arc<Blob>> {
        let slot = self.by_place.get_mut(place)?;
        if let Some(place) = self.by_use.remove(&slot.used) {
            self.uses += 1;
            slot.used = self.uses;
            self.by_use.insert(self.uses, place);
        }
        Some(Arc::clone(&slot.blob))
    }

    fn put(&mut self, place: Place, blob: Arc<Blob>, budget: usize) {
        self.uses += 1;
        let used = self.uses;
        self.bytes += bytes_of(&blob);
        if let Some(old) = self.by_place.insert(place.clone(), Slot { blob, used }) {
            self.bytes -= bytes_of(&old.blob);
            self.by_use.remove(&old.used);
        }
        self.by_use.insert(used, place);
        while self.bytes > budget {
            let Some((_, place)) = self.by_use.pop_first() else { break };
            if let Some(gone) = self.by_place.remove(&place) {
                self.bytes -= bytes_of(&gone.blob);
            }
        }
    }
}

fn bytes_of(blob: &Blob) -> usize {
    blob.memory() + SLOT_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::metrics::blob::{Limit, Packer};
    use crate::engines::metrics::day::{CHUNKS, SEALED, blob_key, with_part};
    use crate::engines::metrics::window::Window;
    use crate::model::time::TimestampMs;

    fn kept(cache: &Arc<BlobCache>, version: u64) -> Kept {
        let state = Some(FileState { file: 1, version });
        Kept { cache: Arc::clone(cache), state, remembers: true }
    }

    fn key(hour: i64, series: SeriesRef) -> Vec<u8> {
        blob_key(Window::of(TimestampMs(hour * 3_600_000).0), series).to_vec()
    }

    /// Packs series 10, 12 … into blobs of about 1,000 bytes.
    fn packed() -> Vec<(SeriesRef, u16, Arc<Blob>)> {
        let mut packer = Packer::cutting(Limit(1_000));
        (5..60).for_each(|series| packer.push(series * 2, vec![series as u8; 40]));
        let blobs = packer.finish().into_iter();
        blobs.map(|one| (one.first, one.part, Arc::new(Blob::open(one.bytes).unwrap()))).collect()
    }

    #[test]
    fn an_entry_is_found_in_the_blob_before_it_and_nowhere_else() {
        let cache = Arc::new(BlobCache::new(1 << 20));
        let kept = kept(&cache, 1);
        let blobs = packed();
        assert!(blobs.len() > 2);
        for (first, part, blob) in &blobs {
            kept.keep(CHUNKS, &with_part(&key(2, *first), *part), blob);
        }
        for series in 0..130 {
            let found = kept.holding(CHUNKS, &key(2, series), series);
            let wanted = (10..=118).contains(&series) && series % 2 == 0;
            let entry = found.as_ref().and_then(|(_, blob)| blob.entry(series));
            assert_eq!(entry.is_some(), wanted, "{series}");
            assert!(
                found.is_none_or(|(first, blob)| first <= series && Some(series) <= blob.last())
            );
            assert!(kept.holding(CHUNKS, &key(4, series), series).is_none(), "another window");
            assert!(kept.holding(SEALED, &key(2, series), series).is_none(), "another table");
            let later = self::kept(&cache, 2);
            assert!(later.holding(CHUNKS, &key(2, series), series).is_none(), "another state");
        }
        assert!(kept.at(CHUNKS, &key(2, blobs[0].0)).is_some());
        assert!(kept.at(CHUNKS, &key(2, 11)).is_none());
    }

    #[test]
    fn what_was_not_used_for_longest_gives_way_to_what_is_read() {
        let blobs = packed();
        let cache = Arc::new(BlobCache::new(4 * (2_000 + SLOT_BYTES)));
        let mut kept = kept(&cache, 1);
        for hour in (0..24).step_by(2) {
            kept.keep(CHUNKS, &key(hour, 10), &blobs[0].2);
            kept.holding(CHUNKS, &key(0, 10), 10).unwrap();
            assert!(cache.blobs.lock().bytes <= cache.budget);
        }
        assert!(kept.at(CHUNKS, &key(22, 10)).is_some());
        assert!(kept.at(CHUNKS, &key(2, 10)).is_none());
        kept.forget();
        kept.keep(CHUNKS, &key(2, 10), &blobs[0].2);
        assert!(kept.at(CHUNKS, &key(2, 10)).is_none());
    }

    #[test]
    fn a_snapshot_without_a_name_remembers_nothing() {
        let cache = Arc::new(BlobCache::new(1 << 20));
        let nameless = Kept { cache, state: None, remembers: true };
        let (first, _, blob) = &packed()[0];
        nameless.keep(CHUNKS, &key(0, *first), blob);
        assert!(nameless.at(CHUNKS, &key(0, *first)).is_none());
        nameless.keep_stream(3, &Arc::new(vec![1]));
        assert!(nameless.stream(3).is_none());
    }
}
