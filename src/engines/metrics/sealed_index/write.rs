//! Writes the index of a day, once.

use std::collections::BTreeMap;

use crate::base::error::{Error, Result};
use crate::engines::kit::container::Change;
use crate::engines::metrics::codec::bytes::{put_bytes, put_varint};
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::postings;
use crate::engines::metrics::sealed_index::pages::PageWriter;
use crate::engines::metrics::sealed_index::{DICTIONARIES, NAMES, NAMES_KEY, POSTINGS, groups};
use crate::model::labels::Labels;

/// The version of the row of names, and so of both streams.
pub(super) const VERSION: u8 = 1;

/// Writes the index of all series of a day, which are sorted and different. The number of each is
/// its place in `series`. The file must not hold an index yet.
///
/// # Errors
/// `Internal` from the container and the compressor, or when `series` are not sorted.
pub(in crate::engines::metrics) fn write(change: &mut Change<'_>, series: &[Labels]) -> Result<()> {
    if !series.is_sorted_by(|one, other| one < other) {
        return Err(Error::internal("series are sealed in the order of their labels"));
    }
    groups::write(change, series)?;
    let mut names: BTreeMap<&str, BTreeMap<&str, Vec<SeriesRef>>> = BTreeMap::new();
    for (number, labels) in series.iter().enumerate() {
        for (name, value) in labels.iter() {
            names.entry(name).or_default().entry(value).or_default().push(number as SeriesRef);
        }
    }
    let mut row = vec![VERSION];
    put_varint(&mut row, series.len() as u64);
    put_varint(&mut row, names.len() as u64);
    let mut lists = PageWriter::new(POSTINGS);
    let mut dictionaries = PageWriter::new(DICTIONARIES);
    for (name, values) in names {
        put_bytes(&mut row, name.as_bytes());
        put_varint(&mut row, values.len() as u64);
        let (dictionary, all) = write_values(change, values, &mut lists)?;
        put_varint(&mut row, put_postings(change, &all, &mut lists)?);
        put_varint(&mut row, dictionaries.place());
        put_varint(&mut row, dictionary.len() as u64);
        dictionaries.put(change, &dictionary)?;
    }
    lists.finish(change)?;
    dictionaries.finish(change)?;
    change.put(NAMES, NAMES_KEY, &row)
}

/// Writes the postings of the values of one name. Returns their dictionary, and all series that
/// have the name.
fn write_values(
    change: &mut Change<'_>,
    values: BTreeMap<&str, Vec<SeriesRef>>,
    lists: &mut PageWriter,
) -> Result<(Vec<u8>, Vec<SeriesRef>)> {
    let internal = |error| Error::internal(format!("dictionary of values: {error}"));
    let mut dictionary = fst::MapBuilder::memory();
    let mut all = Vec::new();
    for (value, series) in values {
        let place = put_postings(change, &series, lists)?;
        dictionary.insert(value, place).map_err(internal)?;
        all.extend(series);
    }
    all.sort_unstable();
    Ok((dictionary.into_inner().map_err(internal)?, all))
}

fn put_postings(
    change: &mut Change<'_>,
    series: &[SeriesRef],
    lists: &mut PageWriter,
) -> Result<u64> {
    let mut bytes = Vec::new();
    postings::put(series, &mut bytes)?;
    lists.put_list(change, &bytes)
}
