//! The series that have one value of one label: a list that grows, and the same in bytes.
//!
//! ```text
//! count, then below 4,096 the distance of each series to the one before, else a roaring bitmap
//! ```
//! Numbers are LEB128; the bitmap is in roaring's portable format.

use roaring::RoaringBitmap;

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_varint};
use crate::engines::metrics::index::SeriesRef;

/// Lists of at least this many series are bitmaps.
const BITMAP_FROM: u32 = 4_096;

/// Series that stand in the list itself.
const INLINE: usize = 3;

/// Series in rising order, added at the end only: 16 bytes, and nothing else for a few.
pub(super) enum Postings {
    /// The first ones of these.
    Few(u8, [SeriesRef; INLINE]),
    /// As distances.
    Packed(Box<Packed>),
    /// As a bitmap.
    Many(Box<RoaringBitmap>),
}

/// Distances of each series to the one before, LEB128.
pub(super) struct Packed {
    count: u32,
    last: SeriesRef,
    bytes: Vec<u8>,
}

impl Default for Postings {
    fn default() -> Self {
        Postings::Few(0, [0; INLINE])
    }
}

impl Postings {
    /// Adds a series that is greater than all before.
    pub(super) fn push(&mut self, series: SeriesRef) {
        match self {
            Postings::Few(count, few) => {
                if let Some(place) = few.get_mut(usize::from(*count)) {
                    *place = series;
                    *count += 1;
                    return;
                }
                let mut packed = Packed { count: 0, last: 0, bytes: Vec::new() };
                few.iter().chain([&series]).for_each(|series| packed.push(*series));
                *self = Postings::Packed(Box::new(packed));
            }
            Postings::Packed(packed) if packed.count + 1 < BITMAP_FROM => packed.push(series),
            Postings::Packed(packed) => {
                let mut many: RoaringBitmap = packed.iter().collect();
                many.insert(series);
                *self = Postings::Many(Box::new(many));
            }
            Postings::Many(many) => drop(many.insert(series)),
        }
    }

    /// Returns the number of series.
    pub(super) fn len(&self) -> u64 {
        match self {
            Postings::Few(count, _) => u64::from(*count),
            Postings::Packed(packed) => u64::from(packed.count),
            Postings::Many(many) => many.len(),
        }
    }

    /// Returns the bytes beyond its own 16.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Postings::Few(..) => 0,
            Postings::Packed(packed) => size_of::<Packed>() + packed.bytes.capacity(),
            Postings::Many(many) => size_of::<RoaringBitmap>() + many.serialized_size(),
        }
    }
}

impl Packed {
    fn push(&mut self, series: SeriesRef) {
        put_varint(&mut self.bytes, u64::from(series - self.last));
        self.last = series;
        self.count += 1;
    }

    /// Iterates in rising order.
    pub(super) fn iter(&self) -> impl Iterator<Item = SeriesRef> {
        let mut bytes = Reader::new(&self.bytes);
        let mut series = 0;
        (0..self.count).map_while(move |_| {
            series += bytes.varint().ok()? as SeriesRef;
            Some(series)
        })
    }
}

/// Appends series, which rise.
///
/// # Errors
/// None in memory; those of the bitmap's writer.
pub(super) fn put(series: &[SeriesRef], out: &mut Vec<u8>) -> Result<()> {
    put_varint(out, series.len() as u64);
    if series.len() < BITMAP_FROM as usize {
        let mut last = 0;
        for series in series {
            put_varint(out, u64::from(series - last));
            last = *series;
        }
        return Ok(());
    }
    let mut many = RoaringBitmap::from_sorted_iter(series.iter().copied())
        .map_err(|_| Error::internal("postings do not rise"))?;
    many.optimize();
    many.serialize_into(out)?;
    Ok(())
}

/// Reads the number of series that [`put`] wrote first.
///
/// # Errors
/// `Corrupt` when it is none; likewise below.
pub(super) fn read_count(bytes: &[u8]) -> Result<u64> {
    Reader::new(bytes).varint()
}

/// Reads what [`put`] wrote: appends a short list to `few`, returns a long one.
pub(super) fn read(bytes: &[u8], few: &mut Vec<SeriesRef>) -> Result<Option<RoaringBitmap>> {
    let mut bytes = Reader::new(bytes);
    let count = bytes.varint()?;
    if count >= u64::from(BITMAP_FROM) {
        let many = RoaringBitmap::deserialize_from(bytes.rest());
        let damaged = |error| Error::corrupt(format!("a bitmap of series: {error}"));
        return many.map(Some).map_err(damaged);
    }
    let mut series = 0_u32;
    for place in 0..count {
        let distance = SeriesRef::try_from(bytes.varint()?).ok();
        let rises = distance.filter(|distance| place == 0 || *distance > 0);
        series = rises.and_then(|distance| series.checked_add(distance)).ok_or_else(falls)?;
        few.push(series);
    }
    Ok(None)
}

fn falls() -> Error {
    Error::corrupt("postings do not rise")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(postings: &Postings) -> Vec<SeriesRef> {
        match postings {
            Postings::Few(count, few) => few[..usize::from(*count)].to_vec(),
            Postings::Packed(packed) => packed.iter().collect(),
            Postings::Many(many) => many.iter().collect(),
        }
    }

    fn all(bytes: &[u8]) -> Result<Vec<SeriesRef>> {
        let mut few = Vec::new();
        let many = read(bytes, &mut few)?;
        Ok(many.map_or(few, |many| many.iter().collect()))
    }

    #[test]
    fn a_list_grows_through_all_its_forms_and_comes_back_from_bytes() {
        let mut postings = Postings::default();
        let mut wanted = Vec::new();
        for step in 0..5_000_u32 {
            wanted.push(step * 3 + step % 2);
            postings.push(step * 3 + step % 2);
            if [1, 3, 4, 100, 4_095, 4_096, 5_000].contains(&wanted.len()) {
                assert_eq!(content(&postings), wanted);
                assert_eq!(postings.len(), wanted.len() as u64);
                let mut bytes = Vec::new();
                put(&wanted, &mut bytes).unwrap();
                assert_eq!(read_count(&bytes).unwrap(), wanted.len() as u64);
                assert_eq!(all(&bytes).unwrap(), wanted);
                assert!(all(&bytes[..bytes.len() - 1]).is_err());
            }
        }
        assert_eq!(size_of::<Postings>(), 16);
    }

    #[test]
    fn hostile_postings_are_corrupt() {
        for bytes in
            [&[2, 5, 0][..], &[1], &[3, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 1], &[0xff, 0xff, 3, 9]]
        {
            assert!(all(bytes).is_err(), "{bytes:?}");
        }
    }
}
