//! All kept answers; those that nobody asked for longest give way.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::query::promql::results::stored::Stored;

/// What makes two questions the same, but for their range. The text stands for the expression: equal
/// texts mean the same, and whoever asks again writes the same text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub text: Arc<str>,
    pub step: i64,
    /// The remainder of every instant by the step.
    pub phase: i64,
}

/// What a key takes besides its text, and its places in the maps, about.
const KEY_BYTES: u64 = 256;

/// Kept answers by question.
#[derive(Default)]
pub(super) struct Kept {
    answers: HashMap<Key, Entry>,
    /// Questions by when they were asked last.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    bytes: u64,
}

struct Entry {
    stored: Arc<Stored>,
    used: u64,
    bytes: u64,
}

impl Kept {
    /// Returns the answer to a question.
    pub(super) fn get(&mut self, key: &Key) -> Option<Arc<Stored>> {
        let entry = self.answers.get_mut(key)?;
        let key = self.by_use.remove(&entry.used)?;
        self.uses += 1;
        entry.used = self.uses;
        self.by_use.insert(self.uses, key);
        Some(Arc::clone(&entry.stored))
    }

    /// Keeps an answer in place of the one before. Returns how many others gave way, so that all take
    /// at most `most` bytes.
    pub(super) fn put(&mut self, key: Key, stored: Arc<Stored>, most: u64) -> u64 {
        if let Some(old) = self.answers.remove(&key) {
            self.by_use.remove(&old.used);
            self.bytes -= old.bytes;
        }
        let bytes = stored.bytes() + KEY_BYTES + 2 * key.text.len() as u64;
        if bytes > most {
            return 0;
        }
        let mut evicted = 0;
        while self.bytes + bytes > most {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            let gone = self.answers.remove(&oldest).map_or(0, |entry| entry.bytes);
            self.bytes -= gone;
            evicted += 1;
        }
        self.uses += 1;
        self.by_use.insert(self.uses, key.clone());
        self.answers.insert(key, Entry { stored, used: self.uses, bytes });
        self.bytes += bytes;
        evicted
    }

    /// Returns what all answers take of memory.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::promql::results::stored::Span;
    use crate::storage::changes::Changes;

    fn key(text: &str) -> Key {
        Key { text: text.into(), step: 10, phase: 0 }
    }

    fn stored() -> Arc<Stored> {
        let mark = Changes::default().mark().unwrap();
        Arc::new(Stored::of(&[], Span { first: 0, last: 90 }, 10, mark, 1_000).unwrap())
    }

    #[test]
    fn what_was_asked_longest_ago_gives_way() {
        let mut kept = Kept::default();
        let one = stored().bytes() + KEY_BYTES + 2;
        assert_eq!(kept.put(key("a"), stored(), 2 * one), 0);
        assert_eq!(kept.put(key("b"), stored(), 2 * one), 0);
        assert_eq!(kept.put(key("b"), stored(), 2 * one), 0);
        assert_eq!(kept.bytes(), 2 * one);
        assert!(kept.get(&key("a")).is_some());
        assert_eq!(kept.put(key("c"), stored(), 2 * one), 1);
        assert!(kept.get(&key("b")).is_none() && kept.get(&key("a")).is_some());
        assert_eq!(kept.put(key("d"), stored(), one - 1), 0);
        assert!(kept.get(&key("d")).is_none());
        assert_eq!(kept.bytes(), 2 * one);
    }
}
