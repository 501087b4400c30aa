//! Inflates hostile bytes within a cap: a bomb costs at most the cap.

use std::io::Read;

use crate::base::error::{Error, ErrorKind, Result};

/// The encodings that a request body may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, as HTTP's `deflate` means it.
    Deflate,
    /// Zstandard.
    Zstd,
    /// Snappy's block format, as remote write uses it.
    Snappy,
}

impl Encoding {
    /// Reads a `Content-Encoding` value; empty means identity.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] names the encoding and what is accepted.
    pub fn from_header(value: &str) -> Result<Self> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Encoding::Identity),
            "gzip" | "x-gzip" => Ok(Encoding::Gzip),
            "deflate" => Ok(Encoding::Deflate),
            "zstd" => Ok(Encoding::Zstd),
            "snappy" => Ok(Encoding::Snappy),
            other => Err(Error::unsupported(format!(
                "content encoding {other:?} is not supported; send gzip, deflate, zstd, snappy or identity"
            ))),
        }
    }
}

/// Inflates `body`; the result never exceeds `cap` bytes.
///
/// # Errors
/// [`ErrorKind::LimitExceeded`] past the cap, [`ErrorKind::InvalidInput`] on broken streams.
pub fn decompress(encoding: Encoding, body: &[u8], cap: usize) -> Result<Vec<u8>> {
    match encoding {
        Encoding::Identity => {
            if body.len() > cap {
                return Err(too_large(cap));
            }
            Ok(body.to_vec())
        }
        Encoding::Gzip => read_capped(flate2::read::MultiGzDecoder::new(body), cap, "gzip"),
        Encoding::Deflate => read_capped(flate2::read::ZlibDecoder::new(body), cap, "deflate"),
        Encoding::Zstd => {
            let reader = zstd::stream::read::Decoder::new(body)
                .map_err(|error| Error::invalid(format!("invalid zstd body: {error}")))?;
            read_capped(reader, cap, "zstd")
        }
        Encoding::Snappy => decompress_snappy(body, cap),
    }
}

fn decompress_snappy(body: &[u8], cap: usize) -> Result<Vec<u8>> {
    let invalid = |error: snap::Error| Error::invalid(format!("invalid snappy body: {error}"));
    let length = snap::raw::decompress_len(body).map_err(invalid)?;
    if length > cap {
        return Err(too_large(cap));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(invalid)
}

fn read_capped(reader: impl Read, cap: usize, name: &str) -> Result<Vec<u8>> {
    let mut inflated = Vec::new();
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    reader
        .take(limit)
        .read_to_end(&mut inflated)
        .map_err(|error| Error::invalid(format!("invalid {name} body: {error}")))?;
    if inflated.len() > cap {
        return Err(too_large(cap));
    }
    Ok(inflated)
}

fn too_large(cap: usize) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!("the body is larger than {cap} bytes after decompression; send smaller batches"),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_bomb_stops_at_the_cap() {
        let bomb = gzip(&vec![0; 10 << 20]);
        assert!(bomb.len() < 20_000);
        let error = decompress(Encoding::Gzip, &bomb, 1 << 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn a_truncated_stream_is_invalid_input() {
        let whole = gzip(b"hello hello hello");
        let error = decompress(Encoding::Gzip, &whole[..whole.len() - 9], 100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn a_snappy_length_lie_is_refused_before_allocating() {
        let lie = [0xff, 0xff, 0xff, 0xff, 0x0f];
        let error = decompress(Encoding::Snappy, &lie, 1 << 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
}
