//! Series of a day file, many to a row.
//!
//! ```text
//! version u8 = 1, series count, length of the list, zstd of the list
//! list: canonical labels of each series behind their length
//! ```
//! The row's key is the number of its first series, four bytes, big-endian. Names and values that
//! repeat among the series of a block cost next to nothing compressed, so there is no table of
//! symbols.

use crate::base::decompress::{Encoding, decompress};
use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_bytes, put_varint};
use crate::engines::metrics::record::read_labels;
use crate::model::labels::Labels;

const VERSION: u8 = 1;

/// The most series of one block.
pub(super) const MAX_BLOCK_SERIES: usize = 1_024;

/// The longest list that is read back.
const MAX_LIST: usize = 256 << 20;

const ZSTD_LEVEL: i32 = 3;

/// Encodes up to [`MAX_BLOCK_SERIES`] series.
///
/// # Errors
/// `Internal` when the compressor fails.
pub(super) fn encode(series: &[Labels]) -> Result<Vec<u8>> {
    let mut list = Vec::new();
    series.iter().for_each(|labels| put_bytes(&mut list, labels.as_bytes()));
    let mut out = vec![VERSION];
    put_varint(&mut out, series.len() as u64);
    put_varint(&mut out, list.len() as u64);
    out.extend(zstd::bulk::compress(&list, ZSTD_LEVEL)?);
    Ok(out)
}

/// Decodes a block.
///
/// # Errors
/// `Corrupt` when the bytes are none, `Unsupported` when a newer version wrote them.
pub(super) fn decode(block: &[u8]) -> Result<Vec<Labels>> {
    let mut bytes = Reader::new(block);
    let version = bytes.byte()?;
    if version != VERSION {
        return Err(Error::unsupported(format!("series block of version {version}")));
    }
    let count = bytes.count(MAX_BLOCK_SERIES)?;
    let length = bytes.count(MAX_LIST)?;
    // The length is a claim: no more is reserved than what really comes out.
    let list = decompress(Encoding::Zstd, bytes.rest(), length)
        .map_err(|error| Error::corrupt(format!("a series block does not inflate: {error}")))?;
    let mut list = Reader::new(&list);
    (0..count).map(|_| read_labels(&mut list)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_come_back_in_order_and_repeated_texts_cost_little() {
        let name = |i: usize| format!("pod-{i}");
        let series: Vec<_> = (0..1_000)
            .map(|i| {
                let pod = name(i);
                let long = "a_long_metric_name_that_repeats_in_every_series_of_this_block";
                Labels::from_pairs([("__name__", long), ("job", "api"), ("pod", pod.as_str())])
            })
            .collect();
        let block = encode(&series).unwrap();
        assert_eq!(decode(&block).unwrap(), series);
        assert!(block.len() < 8 * series.len(), "{} bytes", block.len());
        assert!(decode(&block[..block.len() / 2]).is_err());
    }
}
