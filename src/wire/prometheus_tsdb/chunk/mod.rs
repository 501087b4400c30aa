//! Chunks: up to some hundred points of one series in as few bits as possible.

mod start;
mod floats;
mod floats_with_start;
mod histograms;
mod layout;

use crate::base::error::{Error, Result};
use crate::model::batch::SeriesWrite;

/// Adds the points of a chunk to `into`. After an error the points that came before the damage are
/// there.
///
/// # Errors
/// `Unsupported` for an unknown encoding or histogram schema, `Corrupt` for anything that cannot be
/// read.
pub fn decode(encoding: u8, data: &[u8], into: &mut SeriesWrite) -> Result<()> {
    match encoding {
        1 => floats::decode(data, into),
        2 => histograms::decode_counts(data, false, into),
        3 => histograms::decode_floats(data, false, into),
        4 => floats_with_start::decode(data, into),
        5 => histograms::decode_counts(data, true, into),
        6 => histograms::decode_floats(data, true, into),
        other => Err(Error::unsupported(format!("chunk encoding {other} is not known"))),
    }
}

#[cfg(test)]
mod tests;
