//! Noisy numbers by pco: bins that adapt to the distribution, entropy-coded, one page a list.

use pco::data_types::Number;
use pco::metadata::DeltaEncoding;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec};

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_bytes};

/// Levels above cost more time than they save bytes.
const LEVEL: usize = 8;

/// How pco marks a chunk that begins with a dictionary.
const DICTIONARY: u32 = 4;
/// The farthest that pco looks back when it writes, as a power of two; it reads what looks back farther,
/// and takes memory for it.
const MAX_WINDOW_BITS: u32 = 15;

/// The highest order of differences that is looked at.
const MAX_ORDER: usize = 2;

/// Appends numbers, of which there is at least one, behind their length in bytes. Returns false, and
/// appends nothing, when pco refuses them.
pub(super) fn encode<T: Number>(numbers: &[T], out: &mut Vec<u8>) -> bool {
    append(compress(numbers, DeltaSpec::Auto), out)
}

/// Does the same with whole numbers, in the shorter of two ways: as pco finds from a few of them how
/// to take differences, and as all of them tell.
pub(super) fn encode_whole(numbers: &[i64], out: &mut Vec<u8>) -> bool {
    let delta = match best_order(numbers) {
        0 => DeltaSpec::NoOp,
        order => DeltaSpec::TryConsecutive(order),
    };
    let ways = [DeltaSpec::Auto, delta].map(|delta| compress(numbers, delta));
    append(ways.into_iter().flatten().min_by_key(Vec::len), out)
}

fn append(packed: Option<Vec<u8>>, out: &mut Vec<u8>) -> bool {
    packed.as_ref().inspect(|packed| put_bytes(out, packed)).is_some()
}

/// Returns how often to take differences until the numbers are smallest.
fn best_order(numbers: &[i64]) -> usize {
    let mut differences = numbers.to_vec();
    let (mut best, mut least) = (0, about_bits(&differences));
    for order in 1..=MAX_ORDER {
        differences = differences.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        let bits = about_bits(&differences);
        if bits < least {
            (best, least) = (order, bits);
        }
    }
    best
}

/// Returns about how many bits numbers take, counted from their middle.
fn about_bits(numbers: &[i64]) -> f64 {
    let middle =
        numbers.iter().map(|number| *number as f64).sum::<f64>() / numbers.len().max(1) as f64;
    numbers.iter().map(|number| ((*number as f64 - middle).abs() + 1.0).log2()).sum()
}

/// Returns `None` when pco refuses the numbers.
fn compress<T: Number>(numbers: &[T], delta: DeltaSpec) -> Option<Vec<u8>> {
    let config = ChunkConfig::default().with_compression_level(LEVEL).with_delta_spec(delta);
    let file = FileCompressor::default();
    let mut packed = Vec::new();
    file.write_header(&mut packed).ok()?;
    let mut chunk = file.chunk_compressor(numbers, &config).ok()?;
    chunk.write_meta(&mut packed).ok()?;
    for page in 0..chunk.n_per_page().len() {
        chunk.write_page(page, &mut packed).ok()?;
    }
    Some(packed)
}

/// Reads the first `wanted` of `count` numbers, which the caller has bounded and which are at least
/// one, or some more.
pub(super) fn decode<T: Number + Default>(
    bytes: &mut Reader<'_>,
    count: usize,
    wanted: usize,
) -> Result<Vec<T>> {
    let corrupt = |error: pco::errors::PcoError| Error::corrupt(format!("binned numbers: {error}"));
    let (file, rest) = FileDecompressor::new(bytes.bytes()?).map_err(corrupt)?;
    check_dictionary(rest)?;
    let (mut chunk, rest) = file.chunk_decompressor::<T, _>(rest).map_err(corrupt)?;
    if let DeltaEncoding::Lookback { config, .. } = &chunk.meta().delta_encoding
        && config.window_n_log > MAX_WINDOW_BITS
    {
        return Err(Error::corrupt("binned numbers look back farther than any that are written"));
    }
    let mut page = chunk.page_decompressor(rest, count).map_err(corrupt)?;
    let wanted = wanted.next_multiple_of(pco::FULL_BATCH_N).min(count);
    let mut numbers = vec![T::default(); wanted];
    let progress = page.read(&mut numbers).map_err(corrupt)?;
    let is_whole = || progress.finished && page.into_src().is_empty();
    if progress.n_processed != wanted || (wanted == count && !is_whole()) {
        return Err(Error::corrupt("binned numbers end at another place"));
    }
    Ok(numbers)
}

/// Checks that the numbers of a dictionary are there before pco makes room for them: behind four bits
/// that say so, 25 say how many.
fn check_dictionary(chunk: &[u8]) -> Result<()> {
    let Some(head) = chunk.first_chunk().map(|head| u32::from_le_bytes(*head)) else {
        return Ok(());
    };
    let length = (head >> 4) & ((1 << 25) - 1);
    if head & 0xf == DICTIONARY && length as usize > chunk.len() / size_of::<u64>() {
        return Err(Error::corrupt("binned numbers say more of a dictionary than there is"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_says_much_and_holds_little_takes_no_memory() {
        let noise = |i: i64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> 20;
        let numbers: Vec<i64> = (0..400).map(|i| noise(i % 40)).collect();
        let packed = compress(&numbers, DeltaSpec::TryLookback).unwrap();
        let head = packed.len() - FileDecompressor::new(packed.as_slice()).unwrap().1.len();
        let refused = |change: fn(&mut [u8])| {
            let (mut damaged, mut entry) = (packed.clone(), Vec::new());
            change(&mut damaged[head..]);
            put_bytes(&mut entry, &damaged);
            decode::<i64>(&mut Reader::new(&entry), 400, 400).unwrap_err().message().to_owned()
        };
        assert_eq!(packed[head], 2 << 4, "no look back");
        let far = refused(|chunk| chunk[1] = (chunk[1] & !0x1f) | 21);
        assert!(far.contains("look back farther"), "{far}");
        let long = refused(|chunk| {
            chunk[..4].copy_from_slice(&(DICTIONARY | (0x1ff_ffff << 4)).to_le_bytes());
        });
        assert!(long.contains("dictionary"), "{long}");
    }

    #[test]
    fn the_order_of_differences_is_that_of_the_trend() {
        let noise = |i: i64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> 40) % 1_000;
        let order = |of: fn(i64, i64) -> i64| {
            best_order(&(0..2_000).map(|i| of(i, noise(i))).collect::<Vec<_>>())
        };
        assert_eq!(order(|_, noise| noise), 0);
        assert_eq!(order(|i, noise| i * 50_000 + noise), 1);
        assert_eq!(order(|i, noise| i * i * 50_000 + noise), 2);
        assert_eq!(best_order(&[]), 0);
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(numbers in prop::collection::vec(any::<i64>(), 1..600), bits in prop::collection::vec(any::<u64>(), 1..600)) {
            let mut out = Vec::new();
            prop_assert!(encode_whole(&numbers, &mut out));
            let floats: Vec<f64> = bits.iter().map(|bits| f64::from_bits(*bits)).collect();
            prop_assert!(encode(&floats, &mut out));
            let mut bytes = Reader::new(&out);
            prop_assert_eq!(decode::<i64>(&mut bytes, numbers.len(), numbers.len()).unwrap(), numbers);
            let found = decode::<f64>(&mut bytes, floats.len(), floats.len()).unwrap();
            prop_assert_eq!(found.into_iter().map(f64::to_bits).collect::<Vec<_>>(), bits);
            prop_assert!(bytes.rest().is_empty());
        }

        #[test]
        fn damaged_bytes_are_an_error_or_numbers(numbers in prop::collection::vec(any::<i16>(), 1..400), place in any::<usize>(), flip in 1_u8.., count in 1_usize..500) {
            let numbers: Vec<_> = numbers.into_iter().map(i64::from).collect();
            let mut out = Vec::new();
            prop_assert!(encode(&numbers, &mut out));
            let place = place % out.len();
            out[place] ^= flip;
            let _ = decode::<i64>(&mut Reader::new(&out), count, count);
            let _ = decode::<i64>(&mut Reader::new(&out), count, count / 2);
        }
    }
}
