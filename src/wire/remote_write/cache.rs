//! Labels that came before: a sender repeats the same few thousand label sets for hours, and each
//! needs its allocation, its check and its sorting only once.

use parking_lot::Mutex;

use crate::base::hashed::HashedMap;
use crate::model::labels::Labels;

/// Shards, so that requests that are decoded at the same time rarely wait for each other.
const SHARDS: usize = 16;
/// What an entry costs beside its labels, which the store's index shares while the series lives.
const ENTRY_BYTES: usize = 48;

/// Remembers label sets by the hash of their bytes on the wire, in two generations: what was not
/// asked for while one generation filled up is forgotten with the next. Every look-up is confirmed
/// by a comparison of the bytes.
#[derive(Debug)]
pub struct LabelCache {
    shards: [Mutex<Shard>; SHARDS],
    /// Bytes of one generation of one shard.
    generation_bytes: usize,
}

#[derive(Debug, Default)]
struct Shard {
    young: Known,
    old: Known,
    young_bytes: usize,
    counts: Lookups,
}

/// How often the cache was asked since somebody last wanted to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lookups {
    /// Label sets that were known.
    pub hits: u64,
    /// Label sets that were not.
    pub misses: u64,
}

type Known = HashedMap<Labels>;

impl LabelCache {
    /// Creates an empty cache that holds at most about `bytes` of labels.
    pub fn new(bytes: usize) -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        LabelCache { shards, generation_bytes: bytes / (2 * SHARDS) }
    }

    /// Returns the labels with this hash of which `same` is true.
    pub(crate) fn get(&self, hash: u64, same: impl Fn(&Labels) -> bool) -> Option<Labels> {
        let mut shard = self.shard(hash).lock();
        if let Some(known) = shard.young.get(&hash).filter(|known| same(known)) {
            let known = known.clone();
            shard.counts.hits += 1;
            return Some(known);
        }
        let Some(known) = shard.old.get(&hash).filter(|known| same(known)).cloned() else {
            shard.counts.misses += 1;
            return None;
        };
        shard.counts.hits += 1;
        shard.add(hash, known.clone(), self.generation_bytes);
        Some(known)
    }

    /// Returns how often the cache was asked since the last call.
    pub fn take_lookups(&self) -> Lookups {
        let mut sum = Lookups::default();
        for shard in &self.shards {
            let counts = std::mem::take(&mut shard.lock().counts);
            sum.hits += counts.hits;
            sum.misses += counts.misses;
        }
        sum
    }

    /// Remembers labels; of two with one hash the later.
    pub(crate) fn add(&self, hash: u64, labels: Labels) {
        self.shard(hash).lock().add(hash, labels, self.generation_bytes);
    }

    /// Returns how many label sets are remembered.
    pub fn len(&self) -> usize {
        let of_shard = |shard: &Mutex<Shard>| {
            let shard = shard.lock();
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(of_shard).sum()
    }

    /// Returns whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // The low bits choose the place in the shard's map.
        &self.shards[(hash >> 60) as usize % SHARDS]
    }
}

impl Shard {
    fn add(&mut self, hash: u64, labels: Labels, generation_bytes: usize) {
        let bytes = ENTRY_BYTES + labels.as_bytes().len();
        if self.young_bytes + bytes > generation_bytes {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(hash, labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(number: usize) -> Labels {
        Labels::from_pairs([("__name__", "m"), ("n", number.to_string().as_str())])
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten_within_the_bound() {
        let one = ENTRY_BYTES + labels(10_000).as_bytes().len();
        // All hashes fall into one shard: room for ten in each of its generations.
        let cache = LabelCache::new(10 * one * 2 * SHARDS);
        for number in 0..1_000 {
            cache.add(number as u64, labels(number));
            assert_eq!(cache.get(0, |_| true), Some(labels(0)), "after {number}");
            assert!(cache.len() <= 20, "{} are kept", cache.len());
        }
        assert_eq!(cache.get(1, |_| true), None);
        assert_eq!(cache.get(999, |_| true), Some(labels(999)));
    }

    #[test]
    fn a_hash_alone_says_nothing() {
        let cache = LabelCache::new(1 << 20);
        cache.add(7, labels(1));
        assert_eq!(cache.get(7, |known| *known == labels(2)), None);
        assert_eq!(cache.get(7, |known| *known == labels(1)), Some(labels(1)));
        assert_eq!(cache.take_lookups(), Lookups { hits: 1, misses: 1 });
        assert_eq!(cache.take_lookups(), Lookups::default());
    }
}
