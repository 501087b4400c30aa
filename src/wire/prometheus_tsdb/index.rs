//! `index` of a block, versions 1 and 2: symbols and series; the rest only helps to search.

use crate::base::error::{Error, Result};
use crate::model::labels::Labels;
use crate::wire::prometheus_tsdb::bytes::{Bytes, check_sum};

const MAGIC: u32 = 0xBAAA_D700;
/// The length of the header: magic number and version.
const HEADER_BYTES: usize = 5;
/// Length of the table of contents at the end of the file.
pub const TOC_BYTES: usize = 52;
/// Series of version 2 begin at multiples of this.
const ALIGNMENT: u64 = 16;
/// The most bytes of one series' entry: a million chunks.
const MAX_ENTRY_BYTES: u64 = 32 << 20;
/// Bytes of a length before a section, and of the checksum behind it.
const LENGTH_BYTES: u64 = 4;
const SUM_BYTES: usize = 4;

/// Where the sections lie that are read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toc {
    /// Where the symbols begin.
    pub symbols: u64,
    /// Where the series begin.
    pub series: u64,
    /// Where they end, perhaps with padding.
    pub series_end: u64,
}

impl Toc {
    /// Reads the last [`TOC_BYTES`] of an index of `file_bytes`.
    ///
    /// # Errors
    /// `Corrupt` when they are damaged or point out of the file.
    pub fn decode(bytes: &[u8; TOC_BYTES], file_bytes: u64) -> Result<Self> {
        let (places, sum) = bytes.split_at(TOC_BYTES - SUM_BYTES);
        check_sum("the index' table of contents", places, Bytes::new(sum).be32()?)?;
        let mut places = Bytes::new(places);
        let (symbols, series) = (places.be64()?, places.be64()?);
        let mut series_end = file_bytes.saturating_sub(TOC_BYTES as u64);
        while !places.is_empty() {
            let section = places.be64()?;
            if section > series {
                series_end = series_end.min(section);
            }
        }
        if symbols < HEADER_BYTES as u64 || symbols >= file_bytes || series > series_end {
            return Err(Error::corrupt("the index' table of contents points out of the file"));
        }
        Ok(Toc { symbols, series, series_end })
    }
}

/// Symbols of an index: the texts that its series name by number.
#[derive(Debug, Clone)]
pub struct Index {
    version: u8,
    /// All texts, one behind the other.
    texts: String,
    /// Where each begins in `texts`, and at last where all end.
    begins: Vec<u32>,
    /// Version 1 names a symbol by its place in the file.
    places: Vec<u32>,
}

/// Where a chunk lies, and which times it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlace {
    /// The number of the segment file, from 0.
    pub segment: u32,
    /// The offset in it.
    pub offset: u32,
    /// The first point.
    pub min_time: i64,
    /// The last point.
    pub max_time: i64,
}

/// A series of a block.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesEntry {
    /// The number that tombstones call it by.
    pub id: u64,
    /// The series.
    pub labels: Labels,
    /// Its chunks in order of time.
    pub chunks: Vec<ChunkPlace>,
}

/// What stands at a place of the series section.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesStep {
    /// A series, or what is wrong with it, and where the next place is.
    Series(Result<SeriesEntry>, u64),
    /// More bytes from the place on are needed, at least this many.
    Needs(usize),
    /// Padding up to this place.
    Padding(u64),
}

impl Index {
    /// Returns the version that the first bytes of an index say.
    ///
    /// # Errors
    /// `Corrupt` for another file, `Unsupported` for an unknown version.
    pub fn version(head: &[u8]) -> Result<u8> {
        let mut head = Bytes::new(head);
        if head.be32()? != MAGIC {
            return Err(Error::corrupt("this is no index of a block"));
        }
        match head.u8()? {
            version @ (1 | 2) => Ok(version),
            other => Err(Error::unsupported(format!("index version {other} is not known"))),
        }
    }

    /// Returns how many bytes the symbol section has, given its first four.
    pub fn section_bytes(length: [u8; 4]) -> u64 {
        LENGTH_BYTES + u64::from(u32::from_be_bytes(length)) + SUM_BYTES as u64
    }

    /// Reads the symbol section, which lies at `place` in the file.
    ///
    /// # Errors
    /// `Corrupt` when it is damaged.
    pub fn decode(version: u8, section: &[u8], place: u64) -> Result<Self> {
        let mut bytes = Bytes::new(section);
        let length = bytes.be32()? as usize;
        let content = bytes.take(length)?;
        check_sum("the index' symbols", content, bytes.be32()?)?;
        let mut content = Bytes::new(content);
        let count = content.be32()? as usize;
        // Every symbol takes a byte at least.
        if count > content.len() {
            return Err(Error::corrupt("the index promises more symbols than there is room for"));
        }
        let first = place + LENGTH_BYTES + 4;
        let total = content.len();
        let mut texts = String::with_capacity(total);
        let mut begins = Vec::with_capacity(count + 1);
        let mut places = Vec::with_capacity(if version == 1 { count } else { 0 });
        for _ in 0..count {
            if version == 1 {
                let at = first + (total - content.len()) as u64;
                places.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
            begins.push(texts.len() as u32);
            texts.push_str(content.text()?);
        }
        begins.push(texts.len() as u32);
        Ok(Index { version, texts, begins, places })
    }

    fn symbol(&self, number: u64) -> Result<&str> {
        let unknown = || Error::corrupt(format!("symbol {number} is not known"));
        let place = match self.version {
            1 => u32::try_from(number).ok().and_then(|at| self.places.binary_search(&at).ok()),
            _ => usize::try_from(number).ok(),
        };
        let place = place.filter(|place| *place + 1 < self.begins.len()).ok_or_else(unknown)?;
        let text = self.begins[place] as usize..self.begins[place + 1] as usize;
        self.texts.get(text).ok_or_else(unknown)
    }

    /// Reads what stands at `place` of the series section, of which `bytes` are the next.
    ///
    /// # Errors
    /// `Corrupt` when it is unknown where the next series begins.
    pub fn series(&self, bytes: &[u8], place: u64) -> Result<SeriesStep> {
        let mut reader = Bytes::new(bytes);
        let length = match reader.uvarint() {
            Ok(length) => length,
            Err(_) if bytes.len() < 10 => return Ok(SeriesStep::Needs(10)),
            Err(error) => return Err(error),
        };
        if length == 0 {
            return Ok(SeriesStep::Padding(self.aligned(place + 1)));
        }
        if length > MAX_ENTRY_BYTES {
            return Err(Error::corrupt(format!("a series of {length} bytes is too large")));
        }
        let length = length as usize;
        let head = bytes.len() - reader.len();
        let whole = head + length + SUM_BYTES;
        if bytes.len() < whole {
            return Ok(SeriesStep::Needs(whole));
        }
        let content = reader.take(length)?;
        let sum = reader.be32()?;
        let id = if self.version == 1 { place } else { place / ALIGNMENT };
        let entry = check_sum("a series", content, sum).and_then(|()| self.entry(id, content));
        Ok(SeriesStep::Series(entry, self.aligned(place + whole as u64)))
    }

    fn aligned(&self, place: u64) -> u64 {
        if self.version == 1 { place } else { place.next_multiple_of(ALIGNMENT) }
    }

    fn entry(&self, id: u64, content: &[u8]) -> Result<SeriesEntry> {
        let mut content = Bytes::new(content);
        let mut pairs = Vec::new();
        for _ in 0..content.count(2)? {
            let (name, value) = (content.uvarint()?, content.uvarint()?);
            pairs.push((self.symbol(name)?, self.symbol(value)?));
        }
        let labels = Labels::from_unique(&mut pairs)
            .map_err(|twice| Error::corrupt(format!("label {twice:?} stands there twice")))?;
        let count = content.count(3)?;
        let mut chunks = Vec::with_capacity(count);
        let (mut time, mut reference) = (0_i64, 0_i64);
        for number in 0..count {
            let min_time = match number {
                0 => content.varint()?,
                _ => time.wrapping_add(content.uvarint()? as i64),
            };
            let max_time = min_time.wrapping_add(content.uvarint()? as i64);
            reference = match number {
                0 => content.uvarint()? as i64,
                _ => reference.wrapping_add(content.varint()?),
            };
            time = max_time;
            let (segment, offset) = ((reference as u64 >> 32) as u32, reference as u32);
            chunks.push(ChunkPlace { segment, offset, min_time, max_time });
        }
        Ok(SeriesEntry { id, labels, chunks })
    }
}
