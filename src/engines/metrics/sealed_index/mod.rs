//! The series of a sealed day in its file, found without loading them.
//!
//! In: all labels of a day, sorted, once. Out: series by matchers, labels by number, names, values.
//! What was read is remembered in one [`IndexCache`] for all days, so that many days cost no memory
//! until they are asked, and never more than its budget.
//!
//! ```text
//! table         key               value
//! names         "all"             version u8 = 1, series count, name count, each name: text, value
//!                                 count, place of its postings, place and length of its dictionary
//! dictionaries  page u32          bytes of one stream: of each name an FST value → place of postings
//! postings      page u32          bytes of one stream: lists behind their length   (`postings`)
//! labels        first series u32  version u8 = 1, group count, each group: series count, length
//!                                 inflated and deflated; then the groups           (`groups`)
//! ```
//! Streams are cut in pages that just fit one of the container, so a place is a page and a place in
//! it. The number of a series is its place among the sorted labels. Labels are the truth: when a
//! page is damaged, matchers are compared with the labels themselves.

mod automaton;
mod groups;
mod pages;
pub(super) mod write;
mod read;
mod terms;
#[cfg(test)]
mod tests;

pub(super) use crate::engines::metrics::sealed_index::read::{SealedIndex, SealedView};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::error::Error;
use crate::engines::kit::cache::Cache;

/// What is known of label names.
pub(super) const NAMES: &str = "names";
/// Value dictionaries.
pub(super) const DICTIONARIES: &str = "dictionaries";
/// Lists of series.
pub(super) const POSTINGS: &str = "postings";
/// Labels of all series.
pub(super) const LABELS: &str = "labels";

const NAMES_KEY: &[u8] = b"all";

/// Bytes that all sealed days together may keep in memory.
const CACHE_BYTES: usize = 16 << 20;

/// What was read of sealed days, within one budget.
#[derive(Clone)]
pub(super) struct IndexCache {
    kept: Arc<Cache<Key>>,
    files: Arc<AtomicU64>,
}

impl IndexCache {
    /// Starts empty.
    pub(super) fn new() -> Self {
        IndexCache { kept: Arc::new(Cache::new(CACHE_BYTES)), files: Arc::default() }
    }

    /// Returns a number that no other file has had.
    fn next_file(&self) -> u64 {
        self.files.fetch_add(1, Ordering::Relaxed)
    }
}

/// What is remembered; `file` names one version of one day.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Names { file: u64 },
    Dictionary { file: u64, name: Box<str> },
    Page { file: u64, table: &'static str, page: u32 },
    Group { file: u64, first: u32 },
    Search { file: u64, name: Box<str>, pattern: Box<str> },
    Automaton { pattern: Box<str> },
}

/// A row that could not be read.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) table: &'static str,
    pub(super) key: Vec<u8>,
    pub(super) error: Error,
}

impl Fault {
    fn new(table: &'static str, key: &[u8], error: Error) -> Self {
        Fault { table, key: key.to_vec(), error }
    }
}
