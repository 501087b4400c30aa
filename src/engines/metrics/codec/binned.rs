//! Noisy numbers by pco: bins that adapt to the distribution, entropy-coded, one page a list.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};

use crate::base::error::{Error, Result};
use crate::engines::metrics::codec::bytes::{Reader, put_bytes};

/// Levels above cost more time than they save bytes.
const LEVEL: usize = 8;

/// Appends numbers, of which there is at least one, behind their length in bytes. Returns false, and
/// appends nothing, when pco refuses them.
pub(super) fn encode<T: Number>(numbers: &[T], out: &mut Vec<u8>) -> bool {
    match compress(numbers) {
        Ok(packed) => {
            put_bytes(out, &packed);
            true
        }
        Err(_) => false,
    }
}

fn compress<T: Number>(numbers: &[T]) -> pco::errors::PcoResult<Vec<u8>> {
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let file = FileCompressor::default();
    let mut packed = Vec::new();
    file.write_header(&mut packed)?;
    let mut chunk = file.chunk_compressor(numbers, &config)?;
    chunk.write_meta(&mut packed)?;
    for page in 0..chunk.n_per_page().len() {
        chunk.write_page(page, &mut packed)?;
    }
    Ok(packed)
}

/// Reads `count` numbers, which the caller has bounded and which are at least one.
pub(super) fn decode<T: Number + Default>(bytes: &mut Reader<'_>, count: usize) -> Result<Vec<T>> {
    let corrupt = |error: pco::errors::PcoError| Error::corrupt(format!("binned numbers: {error}"));
    let (file, rest) = FileDecompressor::new(bytes.bytes()?).map_err(corrupt)?;
    let (mut chunk, rest) = file.chunk_decompressor::<T, _>(rest).map_err(corrupt)?;
    let mut page = chunk.page_decompressor(rest, count).map_err(corrupt)?;
    let mut numbers = vec![T::default(); count];
    let progress = page.read(&mut numbers).map_err(corrupt)?;
    if progress.n_processed != count || !progress.finished || !page.into_src().is_empty() {
        return Err(Error::corrupt("binned numbers end at another place"));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_numbers_come_back(numbers in prop::collection::vec(any::<i64>(), 1..600), bits in prop::collection::vec(any::<u64>(), 1..600)) {
            let mut out = Vec::new();
            prop_assert!(encode(&numbers, &mut out));
            let floats: Vec<f64> = bits.iter().map(|bits| f64::from_bits(*bits)).collect();
            prop_assert!(encode(&floats, &mut out));
            let mut bytes = Reader::new(&out);
            prop_assert_eq!(decode::<i64>(&mut bytes, numbers.len()).unwrap(), numbers);
            let found = decode::<f64>(&mut bytes, floats.len()).unwrap();
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
            let _ = decode::<i64>(&mut Reader::new(&out), count);
        }
    }
}
