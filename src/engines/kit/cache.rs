//! A bounded memory of what was read and decoded, shared by many readers.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// What one remembered thing costs besides its own bytes.
const SLOT_BYTES: usize = 160;

/// Things of any type by key, within one budget of bytes; what was not used for longest gives way.
///
/// Things must not change: there is no way to take one back, so a key names one version.
pub struct Cache<K> {
    budget: usize,
    kept: Mutex<Kept<K>>,
}

struct Kept<K> {
    slots: HashMap<K, Slot>,
    /// Keys by their last use.
    by_use: BTreeMap<u64, K>,
    uses: u64,
    bytes: usize,
}

struct Slot {
    thing: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    used: u64,
}

impl<K: Hash + Eq + Clone> Cache<K> {
    /// Starts empty; `budget` is in bytes.
    pub fn new(budget: usize) -> Self {
        let kept = Kept { slots: HashMap::new(), by_use: BTreeMap::new(), uses: 0, bytes: 0 };
        Cache { budget, kept: Mutex::new(kept) }
    }

    /// Returns a remembered thing, or reads and remembers it. `read` says how many bytes it takes;
    /// a thing that is larger than an eighth of the budget is not remembered.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn get_or_read<T: Send + Sync + 'static, E>(
        &self,
        key: K,
        read: impl FnOnce() -> Result<(T, usize), E>,
    ) -> Result<Arc<T>, E> {
        if let Some(known) = self.get(&key) {
            return Ok(known);
        }
        let (thing, bytes) = read()?;
        let thing = Arc::new(thing);
        self.put(key, Arc::clone(&thing), bytes);
        Ok(thing)
    }

    /// Returns a remembered thing of this type.
    pub fn get<T: Send + Sync + 'static>(&self, key: &K) -> Option<Arc<T>> {
        let mut kept = self.kept.lock();
        let kept = &mut *kept;
        let slot = kept.slots.get_mut(key)?;
        if let Some(key) = kept.by_use.remove(&slot.used) {
            kept.uses += 1;
            slot.used = kept.uses;
            kept.by_use.insert(kept.uses, key);
        }
        Arc::clone(&slot.thing).downcast().ok()
    }

    /// Remembers a thing of `bytes` bytes.
    pub fn put<T: Send + Sync + 'static>(&self, key: K, thing: Arc<T>, bytes: usize) {
        let bytes = bytes + SLOT_BYTES;
        if bytes > self.budget / 8 {
            return;
        }
        let mut kept = self.kept.lock();
        kept.uses += 1;
        let used = kept.uses;
        if let Some(old) = kept.slots.insert(key.clone(), Slot { thing, bytes, used }) {
            kept.bytes -= old.bytes;
            kept.by_use.remove(&old.used);
        }
        kept.by_use.insert(used, key);
        kept.bytes += bytes;
        while kept.bytes > self.budget {
            let Some((_, key)) = kept.by_use.pop_first() else { break };
            if let Some(gone) = kept.slots.remove(&key) {
                kept.bytes -= gone.bytes;
            }
        }
    }

    /// Returns the bytes that are remembered now.
    pub fn bytes(&self) -> usize {
        self.kept.lock().bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_budget_holds() {
        let cache: Cache<u32> = Cache::new(10 * (SLOT_BYTES + 100));
        for key in 0..10 {
            cache.put(key, Arc::new(key), 100);
        }
        assert_eq!(cache.get::<u32>(&0).as_deref(), Some(&0));
        cache.put(10, Arc::new("text"), 100);
        assert_eq!(cache.get::<u32>(&0).as_deref(), Some(&0));
        assert_eq!(cache.get::<u32>(&1), None);
        assert_eq!(cache.get::<u32>(&10), None, "another type is there");
        assert!(cache.bytes() <= 10 * (SLOT_BYTES + 100));
        cache.put(10, Arc::new(7_u32), 1 << 20);
        assert_eq!(cache.get::<&str>(&10).as_deref(), Some(&"text"), "too large to be kept");
    }

    #[test]
    fn a_thing_is_read_once_and_a_failure_is_not_remembered() {
        let cache: Cache<u32> = Cache::new(1 << 20);
        assert_eq!(cache.get_or_read(1, || Err::<(u8, usize), _>("no")), Err("no"));
        let read = |value: u8| move || Ok::<_, &str>((value, 1));
        assert_eq!(cache.get_or_read(1, read(5)).as_deref(), Ok(&5));
        assert_eq!(cache.get_or_read(1, read(6)).as_deref(), Ok(&5));
    }
}
