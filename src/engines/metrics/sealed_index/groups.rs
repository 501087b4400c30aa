//! Labels of many series in one row, in groups that are inflated one at a time.

use crate::base::error::{Error, Result};
use crate::engines::kit::container::{Change, PAGE_SLACK};
use crate::engines::metrics::codec::bytes::{Reader, put_bytes, put_varint};
use crate::engines::metrics::index::SeriesRef;
use crate::engines::metrics::sealed_index::LABELS;
use crate::model::labels::Labels;

const VERSION: u8 = 1;

/// Bytes of a full row.
const ROW_BYTES: usize = (32 << 10) - PAGE_SLACK - 4;

/// Series of one group: enough that what they share costs little, few enough to inflate for one.
const GROUP_SERIES: usize = 128;

/// The longest group that is inflated.
const MAX_GROUP: usize = 256 << 20;

const ZSTD_LEVEL: i32 = 9;

/// The most that a group takes in the head of a row.
const GROUP_HEAD: usize = 16;

/// Writes the labels of all series.
///
/// # Errors
/// `Internal` from the compressor and the container.
pub(super) fn write(change: &mut Change<'_>, series: &[Labels]) -> Result<()> {
    let mut row = Row::default();
    for (place, group) in series.chunks(GROUP_SERIES).enumerate() {
        let mut list = Vec::new();
        group.iter().for_each(|labels| put_bytes(&mut list, labels.as_bytes()));
        let packed = zstd::bulk::compress(&list, ZSTD_LEVEL)?;
        if row.bytes() + packed.len() + GROUP_HEAD > ROW_BYTES {
            row.close(change)?;
        }
        if row.count == 0 {
            row.first = (place * GROUP_SERIES) as SeriesRef;
        }
        row.count += 1;
        put_varint(&mut row.head, group.len() as u64);
        put_varint(&mut row.head, list.len() as u64);
        put_varint(&mut row.head, packed.len() as u64);
        row.groups.extend_from_slice(&packed);
    }
    row.close(change)
}

/// A row that is being filled.
#[derive(Default)]
struct Row {
    first: SeriesRef,
    count: u64,
    head: Vec<u8>,
    groups: Vec<u8>,
}

impl Row {
    fn bytes(&self) -> usize {
        self.head.len() + self.groups.len() + GROUP_HEAD
    }

    /// Writes the row, if there is anything in it, and starts the next one.
    fn close(&mut self, change: &mut Change<'_>) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let mut bytes = vec![VERSION];
        put_varint(&mut bytes, self.count);
        bytes.append(&mut self.head);
        bytes.append(&mut self.groups);
        self.count = 0;
        change.put(LABELS, &self.first.to_be_bytes(), &bytes)
    }
}

/// Labels of some series in a row, canonical bytes behind their length.
pub(super) struct Group {
    first: SeriesRef,
    list: Vec<u8>,
    /// Where the bytes of each series start and end.
    ends: Vec<(u32, u32)>,
}

impl Group {
    /// Returns the number of the first series.
    pub(super) fn first(&self) -> SeriesRef {
        self.first
    }

    /// Returns the number behind the last series.
    pub(super) fn end(&self) -> SeriesRef {
        self.first + self.ends.len() as SeriesRef
    }

    /// Returns the labels of a series.
    ///
    /// # Errors
    /// `Corrupt` when it is not here or its bytes are no labels.
    pub(super) fn labels(&self, series: SeriesRef) -> Result<Labels> {
        let place = series.checked_sub(self.first).and_then(|own| self.ends.get(own as usize));
        let bytes = place.and_then(|(start, end)| self.list.get(*start as usize..*end as usize));
        let damaged = || Error::corrupt("a series of a sealed day has no labels");
        bytes.and_then(Labels::from_bytes).ok_or_else(damaged)
    }

    /// Returns the bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.list.len() + self.ends.len() * size_of::<(u32, u32)>()
    }
}

/// Returns the number of the first series of the group of a series.
pub(super) fn first_of(series: SeriesRef) -> SeriesRef {
    series - series % GROUP_SERIES as SeriesRef
}

/// Reads the groups of a row that `wanted` names by their first series; `first` is the row's own.
///
/// # Errors
/// `Corrupt` when the row is damaged, `Unsupported` when a newer version wrote it.
pub(super) fn read(
    row: &[u8],
    first: SeriesRef,
    wanted: impl Fn(SeriesRef) -> bool,
) -> Result<Vec<Group>> {
    let mut bytes = Reader::new(row);
    let version = bytes.byte()?;
    if version != VERSION {
        return Err(Error::unsupported(format!("labels of version {version}")));
    }
    let mut heads = Vec::new();
    let mut next = first;
    for _ in 0..bytes.count(row.len())? {
        let series = bytes.count(GROUP_SERIES)?;
        heads.push((next, series, bytes.count(MAX_GROUP)?, bytes.count(row.len())?));
        next = next.saturating_add(series as SeriesRef);
    }
    let mut groups = Vec::new();
    for (first, series, length, packed) in heads {
        let packed = bytes.take(packed)?;
        if wanted(first) {
            groups.push(inflate(packed, first, series, length)?);
        }
    }
    Ok(groups)
}

fn inflate(packed: &[u8], first: SeriesRef, series: usize, length: usize) -> Result<Group> {
    let damaged = |error| Error::corrupt(format!("a group of labels does not inflate: {error}"));
    let list = zstd::bulk::decompress(packed, length).map_err(damaged)?;
    let mut bytes = Reader::new(&list);
    let mut ends = Vec::with_capacity(series);
    for _ in 0..series {
        let own = bytes.bytes()?.len();
        let end = list.len() - bytes.rest().len();
        ends.push(((end - own) as u32, end as u32));
    }
    Ok(Group { first, list, ends })
}
