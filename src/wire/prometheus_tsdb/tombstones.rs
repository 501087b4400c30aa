//! `tombstones` of a block: which points of which series were deleted and not removed yet.

use crate::base::error::{Error, Result};
use crate::model::time::{TimeRange, TimestampMs};
use crate::wire::prometheus_tsdb::bytes::{Bytes, check_sum};
use crate::wire::prometheus_tsdb::record::Stone;

const MAGIC: u32 = 0x0130_BA30;

/// Reads the whole file.
///
/// # Errors
/// `Corrupt` when it is damaged, `Unsupported` for an unknown version.
pub fn decode(file: &[u8]) -> Result<Vec<Stone>> {
    let (content, sum) =
        file.split_last_chunk::<4>().ok_or_else(|| Error::corrupt("tombstones end too early"))?;
    let mut bytes = Bytes::new(content);
    if bytes.be32()? != MAGIC {
        return Err(Error::corrupt("this is no file of tombstones"));
    }
    let version = bytes.u8()?;
    // The checksum leaves out magic number and version.
    check_sum("the tombstones", &content[5..], u32::from_be_bytes(*sum))?;
    if version != 1 {
        return Err(Error::unsupported(format!("tombstones of version {version} are not known")));
    }
    let mut stones = Vec::new();
    while !bytes.is_empty() {
        let series = bytes.uvarint()?;
        let range = TimeRange::new(TimestampMs(bytes.varint()?), TimestampMs(bytes.varint()?));
        stones.push(Stone { series, range });
    }
    Ok(stones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stones_are_read_and_a_changed_bit_is_seen() {
        // Series 5, from 1 to 3.
        let content = [5, 2, 6];
        let mut file = vec![0x01, 0x30, 0xba, 0x30, 1];
        file.extend_from_slice(&content);
        file.extend_from_slice(&crc32c::crc32c(&content).to_be_bytes());
        let range = TimeRange::new(TimestampMs(1), TimestampMs(3));
        assert_eq!(decode(&file).unwrap(), [Stone { series: 5, range }]);
        file[6] ^= 1;
        assert!(decode(&file).is_err());
    }
}
