//! Reads request bodies within caps: nothing is inflated before its compressed size is known, and
//! nothing inflates past its cap.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use futures_util::StreamExt;

use crate::base::decompress::{Encoding, decompress};
use crate::base::error::{Error, ErrorKind, Result};

/// How long the next piece of a body may take.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a whole body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(300);
/// Compressed bodies from this size on are inflated off the request threads.
const INFLATE_ASIDE: usize = 64 << 10;

/// Reads a body and inflates it by its `Content-Encoding`; neither form may exceed `cap` bytes.
///
/// # Errors
/// `LimitExceeded` past the cap, `Unsupported` for an unknown encoding, `InvalidInput` for a body
/// that breaks off or does not inflate, `Timeout` when it does not arrive.
pub async fn read(request: Request, cap: usize) -> Result<Bytes> {
    let (parts, body) = request.into_parts();
    read_parts(&parts.headers, body, cap).await
}

/// Does what [`read`] does for a request that was taken apart.
///
/// # Errors
/// Those of [`read`].
pub async fn read_parts(headers: &HeaderMap, body: Body, cap: usize) -> Result<Bytes> {
    let encoding = encoding_of(headers)?;
    let body = collect(headers, body, cap).await?;
    inflate(encoding, body, cap).await
}

/// Returns the body's encoding.
///
/// # Errors
/// `Unsupported` for one that is not known, a list of encodings among them.
pub fn encoding_of(headers: &HeaderMap) -> Result<Encoding> {
    let value = headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?"));
    Encoding::from_header(value.unwrap_or(""))
}

/// Reads a body as it was sent, at most `cap` bytes.
///
/// # Errors
/// `LimitExceeded`, `InvalidInput` and `Timeout` as in [`read`].
pub async fn collect(headers: &HeaderMap, body: Body, cap: usize) -> Result<Bytes> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced: Option<usize> = announced.and_then(|text| text.parse().ok());
    if announced.is_some_and(|length| length > cap) {
        return Err(too_large(cap));
    }
    // The announced length is a claim: memory is reserved for a megabyte of it at most.
    let collected = Vec::with_capacity(announced.unwrap_or(0).min(cap).min(1 << 20));
    let all = collect_pieces(body, collected, cap, PIECE_TIMEOUT);
    tokio::time::timeout(BODY_TIMEOUT, all).await.map_err(|_| too_slow())?
}

async fn collect_pieces(
    body: Body,
    mut collected: Vec<u8>,
    cap: usize,
    piece_timeout: Duration,
) -> Result<Bytes> {
    let mut pieces = body.into_data_stream();
    loop {
        let next = tokio::time::timeout(piece_timeout, pieces.next()).await;
        let next = next.map_err(|_| too_slow())?;
        let Some(piece) = next else { return Ok(Bytes::from(collected)) };
        let piece =
            piece.map_err(|error| Error::invalid(format!("the body broke off: {error}")))?;
        if collected.len() + piece.len() > cap {
            return Err(too_large(cap));
        }
        collected.extend_from_slice(&piece);
    }
}

/// Inflates a collected body; large ones on a thread for long computations.
///
/// # Errors
/// Those of [`decompress`].
pub async fn inflate(encoding: Encoding, body: Bytes, cap: usize) -> Result<Bytes> {
    if encoding == Encoding::Identity {
        return Ok(body);
    }
    if body.len() < INFLATE_ASIDE {
        return decompress(encoding, &body, cap).map(Bytes::from);
    }
    let inflated = tokio::task::spawn_blocking(move || decompress(encoding, &body, cap)).await;
    let failed = |error| Error::internal(format!("inflating the body failed: {error}"));
    inflated.map_err(failed)?.map(Bytes::from)
}

fn too_slow() -> Error {
    Error::new(ErrorKind::Timeout, "the body did not arrive in time")
}

fn too_large(cap: usize) -> Error {
    let text = format!("the body is larger than {cap} bytes; send smaller batches");
    Error::new(ErrorKind::LimitExceeded, text)
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

    async fn kind_of(encoding: &str, body: impl Into<Body>, cap: usize) -> Option<ErrorKind> {
        let request = Request::builder().header(CONTENT_ENCODING, encoding);
        let request = request.body(body.into()).unwrap();
        read(request, cap).await.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn a_chunked_gzip_body_arrives_whole() {
        let sent = gzip(&b"a line of text\n".repeat(100_000));
        let chunks: Vec<_> =
            sent.chunks(7).map(Bytes::copy_from_slice).map(Ok::<_, Error>).collect();
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let request = Request::builder().header(CONTENT_ENCODING, "gzip").body(body).unwrap();
        assert_eq!(read(request, 2 << 20).await.unwrap().len(), 1_500_000);
    }

    #[tokio::test]
    async fn caps_hold_for_the_sent_and_for_the_inflated_form() {
        let bomb = gzip(&vec![0; 4 << 20]);
        assert_eq!(kind_of("gzip", bomb, 1 << 20).await, Some(ErrorKind::LimitExceeded));
        assert_eq!(kind_of("", vec![0; 11], 10).await, Some(ErrorKind::LimitExceeded));
        assert_eq!(kind_of("", vec![0; 10], 10).await, None);
    }

    #[tokio::test]
    async fn an_announced_length_past_the_cap_is_refused_unread() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes>>());
        let request = Request::builder().header(CONTENT_LENGTH, "11").body(never).unwrap();
        assert_eq!(read(request, 10).await.unwrap_err().kind(), ErrorKind::LimitExceeded);
    }

    #[tokio::test]
    async fn broken_and_unknown_encodings_are_told_apart() {
        assert_eq!(kind_of("gzip", "not gzip", 100).await, Some(ErrorKind::InvalidInput));
        assert_eq!(kind_of("br", "x", 100).await, Some(ErrorKind::Unsupported));
    }

    #[tokio::test]
    async fn a_body_that_never_comes_times_out() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes>>());
        let error = collect_pieces(never, Vec::new(), 100, Duration::from_millis(1)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Timeout);
    }
}
