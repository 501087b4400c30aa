//! A sorted, duplicate-free set of name-value pairs in one shared allocation.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// A set of labels: sorted by name, names unique, no empty value. Cloning shares the bytes.
///
/// Layout: the hash of what follows; for each label the name and the value, each preceded by its
/// LEB128 length.
#[derive(Clone, PartialEq, Eq)]
pub struct Labels {
    hashed: Arc<[u8]>,
}

/// The hash in front of the canonical bytes, little-endian.
const HASH_BYTES: usize = 8;

impl Labels {
    /// Returns the set without labels.
    pub fn empty() -> Self {
        Labels::packed(room_for(0))
    }

    /// Builds a set from pairs in any order; a label with an empty value is the same as none.
    /// Of two pairs with one name the last wins.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.build()
    }

    /// Builds a set without copying texts first, for codecs; sorts `pairs` meanwhile. A label with
    /// an empty value is the same as none, yet its name counts as used.
    ///
    /// # Errors
    /// The name that stands there twice.
    pub fn from_unique<'a>(pairs: &mut [(&'a str, &'a str)]) -> Result<Self, &'a str> {
        pairs.sort_unstable();
        if let Some(twice) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(twice[0].0);
        }
        let mut bytes =
            room_for(pairs.iter().map(|(name, value)| name.len() + value.len() + 4).sum());
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            push_text(&mut bytes, name);
            push_text(&mut bytes, value);
        }
        Ok(Labels::packed(bytes))
    }

    /// Returns the value of `name`, or `None` when it is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Returns the metric name, or the empty text.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or("")
    }

    /// Iterates over name and value, sorted by name.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: self.as_bytes() }
    }

    /// Iterates over the bytes of name and value, sorted by name: for those who only measure them.
    pub fn iter_bytes(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.as_bytes();
        std::iter::from_fn(move || Some((text_bytes(&mut rest)?, text_bytes(&mut rest)?)))
    }

    /// Returns the number of labels.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Returns whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// Returns the canonical bytes: equal sets have equal bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.hashed.get(HASH_BYTES..).unwrap_or_default()
    }

    /// Puts the hash in front of canonical bytes, for which `bytes` has the room.
    fn packed(mut bytes: Vec<u8>) -> Self {
        let hash = xxhash_rust::xxh3::xxh3_64(&bytes[HASH_BYTES..]);
        bytes[..HASH_BYTES].copy_from_slice(&hash.to_le_bytes());
        Labels { hashed: Arc::from(bytes) }
    }

    /// Reads canonical bytes back; `None` when they are not what [`Labels::as_bytes`] gives.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut last: Option<&str> = None;
        while !rest.is_empty() {
            let name = checked_text(&mut rest)?;
            let value = checked_text(&mut rest)?;
            if value.is_empty() || last.is_some_and(|last| last >= name) {
                return None;
            }
            last = Some(name);
        }
        let mut own = room_for(bytes.len());
        own.extend_from_slice(bytes);
        Some(Labels::packed(own))
    }

    /// Returns a stable 64-bit hash of the set.
    pub fn hash64(&self) -> u64 {
        self.hashed.first_chunk().map_or(0, |hash| u64::from_le_bytes(*hash))
    }

    /// Returns a builder that starts with these labels.
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder {
            labels: self.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// Returns the set without the labels that `drop` names.
    pub fn without(&self, drop: impl Fn(&str) -> bool) -> Labels {
        let mut kept = room_for(self.as_bytes().len());
        for (name, value) in self.iter().filter(|(name, _)| !drop(name)) {
            push_text(&mut kept, name);
            push_text(&mut kept, value);
        }
        Labels::packed(kept)
    }
}

impl std::hash::Hash for Labels {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash64());
    }
}

impl Default for Labels {
    fn default() -> Self {
        Labels::empty()
    }
}

impl Ord for Labels {
    /// Orders as Prometheus does: label by label, name before value, a prefix before its extension.
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Labels {
    /// Writes `{a="b", c="d"}` as Prometheus does, the metric name among the labels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Walks the labels of a set.
#[derive(Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        // Labels are only built from texts, so both halves are there and are UTF-8.
        let name = checked_text(&mut self.rest)?;
        let value = checked_text(&mut self.rest)?;
        Some((name, value))
    }
}

/// Collects labels before they are sorted into a [`Labels`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelsBuilder {
    labels: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// Sets `name` to `value`; an empty value removes it.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        let place = self.labels.iter().position(|(own, _)| own == name);
        match (place, value.is_empty()) {
            (Some(index), true) => drop(self.labels.swap_remove(index)),
            (Some(index), false) => value.clone_into(&mut self.labels[index].1),
            (None, true) => {}
            (None, false) => self.labels.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Removes `name`.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.set(name, "")
    }

    /// Returns the value of `name`, or `None`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Iterates in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sorts and packs the labels.
    pub fn build(mut self) -> Labels {
        self.labels.sort_unstable();
        let mut bytes =
            room_for(self.labels.iter().map(|(name, value)| name.len() + value.len() + 4).sum());
        for (name, value) in &self.labels {
            push_text(&mut bytes, name);
            push_text(&mut bytes, value);
        }
        Labels::packed(bytes)
    }
}

/// Returns a buffer that starts with the hash and takes `size` bytes more without moving.
fn room_for(size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HASH_BYTES + size);
    bytes.resize(HASH_BYTES, 0);
    bytes
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push((length as u8 & 0x7f) | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(text.as_bytes());
}

fn checked_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(text_bytes(rest)?).ok()
}

fn text_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0_usize;
    let mut shift = 0;
    loop {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
        if shift > 56 {
            return None;
        }
    }
    if length > rest.len() {
        return None;
    }
    let (text, tail) = rest.split_at(length);
    *rest = tail;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_and_empty_values_vanish() {
        let labels = Labels::from_pairs([("b", "2"), ("a", "1"), ("c", "")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="2"}"#);
        assert_eq!(labels.get("b"), Some("2"));
        assert_eq!(labels.get("c"), None);
    }

    #[test]
    fn order_is_by_name_then_value() {
        let mut sets = [
            Labels::from_pairs([("a", "2")]),
            Labels::from_pairs([("a", "1"), ("b", "1")]),
            Labels::from_pairs([("a", "1")]),
        ];
        sets.sort();
        let texts: Vec<_> = sets.iter().map(Labels::to_string).collect();
        assert_eq!(texts, vec![r#"{a="1"}"#, r#"{a="1", b="1"}"#, r#"{a="2"}"#]);
    }

    #[test]
    fn bytes_read_back_and_hostile_bytes_do_not() {
        let long = "x".repeat(300);
        let labels = Labels::from_pairs([("a", long.as_str()), ("b", "ü")]);
        assert_eq!(Labels::from_bytes(labels.as_bytes()), Some(labels));
        for hostile in [&[1][..], &[0xff; 12], &[1, b'a', 200, 1, b'x'], &[1, b'a', 1, 0xff]] {
            assert_eq!(Labels::from_bytes(hostile), None);
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_told() {
        let unique = Labels::from_unique(&mut [("b", "2"), ("a", "1"), ("c", "")]);
        assert_eq!(unique, Ok(Labels::from_pairs([("a", "1"), ("b", "2")])));
        assert_eq!(Labels::from_unique(&mut [("a", ""), ("b", "2"), ("a", "1")]), Err("a"));
    }

    #[test]
    fn without_drops_only_what_is_named() {
        let labels = Labels::from_pairs([(METRIC_NAME, "up"), ("job", "a")]);
        assert_eq!(labels.without(|name| name == METRIC_NAME).to_string(), r#"{job="a"}"#);
    }
}
