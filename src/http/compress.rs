//! Compresses answers for clients that ask for gzip, while they are sent.

use std::io;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use flate2::{Compress, Compression, FlushCompress, Status};
use futures_util::{Stream, StreamExt, stream};
use parking_lot::Mutex;

/// Smaller answers fit into one packet anyway.
const WORTH_BYTES: u64 = 1_400;
/// The types whose answers are finite texts. (An event stream must arrive event by event.)
const TEXTS: [&str; 4] = ["application/json", LINES, "text/plain", "text/html"];
/// The type whose every line is sent as soon as it is there.
const LINES: &str = "application/x-ndjson";

/// The layer.
pub(crate) async fn gzip(request: Request, next: Next) -> Response {
    let asked = accepts_gzip(request.headers());
    let response = next.run(request).await;
    if asked && is_worth_it(&response) { compressed(response) } else { response }
}

/// Whether `Accept-Encoding` names gzip without refusing it by `q=0`.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|choice| {
        let (name, weight) = choice.split_once(';').unwrap_or((choice, ""));
        let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
        let refused = matches!(weight, Some(Ok(0.0)));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn is_worth_it(response: &Response) -> bool {
    let headers = response.headers();
    let media_type = media_type(headers);
    // Elasticsearch's vendor types are JSON, too.
    let is_text = TEXTS.contains(&media_type) || media_type.ends_with("+json");
    let large = response.body().size_hint().exact().is_none_or(|bytes| bytes >= WORTH_BYTES);
    is_text && large && !headers.contains_key(CONTENT_ENCODING)
}

fn media_type(headers: &HeaderMap) -> &str {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.and_then(|text| text.split(';').next()).unwrap_or("").trim()
}

fn compressed(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let by_lines = media_type(&parts.headers) == LINES;
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    let pieces =
        Pieces { plain: Box::pin(body.into_data_stream()), encoder: Encoder::new(), by_lines };
    Response::from_parts(parts, Body::from_stream(stream::try_unfold(Some(pieces), next_piece)))
}

/// What is left to be compressed.
struct Pieces {
    plain: Pin<Box<dyn Stream<Item = Result<Bytes, axum::Error>> + Send>>,
    encoder: Encoder,
    /// Whether no byte of a piece may wait for the next one.
    by_lines: bool,
}

/// Returns the next compressed piece with the rest; the last one has none.
async fn next_piece(pieces: Option<Pieces>) -> io::Result<Option<(Bytes, Option<Pieces>)>> {
    let Some(mut pieces) = pieces else { return Ok(None) };
    while let Some(piece) = pieces.plain.next().await {
        let flush = if pieces.by_lines { FlushCompress::Sync } else { FlushCompress::None };
        let ready = pieces.encoder.push(&piece.map_err(io::Error::other)?, flush)?;
        if !ready.is_empty() {
            return Ok(Some((Bytes::from(ready), Some(pieces))));
        }
    }
    Ok(Some((Bytes::from(pieces.encoder.push(&[], FlushCompress::Finish)?), None)))
}

/// A gzip stream whose tables, a quarter of a MiB, come from an answer before: to make them takes
/// longer than to compress a small answer.
struct Encoder(Option<Compress>);

/// Tables that nobody uses.
static FREE: Mutex<Vec<Compress>> = Mutex::new(Vec::new());
/// How many are kept.
const MOST_FREE: usize = 4;
/// The window of deflate, as a power of two.
const WINDOW_BITS: u8 = 15;

impl Encoder {
    fn new() -> Self {
        let free = FREE.lock().pop();
        Encoder(Some(free.unwrap_or_else(|| Compress::new_gzip(Compression::fast(), WINDOW_BITS))))
    }

    /// Adds bytes and returns those of the stream that are ready.
    fn push(&mut self, mut plain: &[u8], flush: FlushCompress) -> io::Result<Vec<u8>> {
        let mut ready = Vec::new();
        let Some(tables) = &mut self.0 else { return Ok(ready) };
        loop {
            ready.reserve(plain.len() / 4 + 256);
            let before = tables.total_in();
            let status = tables.compress_vec(plain, &mut ready, flush)?;
            let taken = usize::try_from(tables.total_in() - before).unwrap_or(usize::MAX);
            plain = plain.get(taken..).unwrap_or_default();
            let done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                // What has room left has nothing more to say.
                _ => plain.is_empty() && ready.len() < ready.capacity(),
            };
            if done {
                return Ok(ready);
            }
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let mut free = FREE.lock();
        if let Some(mut tables) = self.0.take()
            && free.len() < MOST_FREE
        {
            tables.reset();
            free.push(tables);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::routing::get;
    use axum::{Router, middleware};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(path: &str, accepts: &str) -> (Option<String>, Vec<u8>) {
        let json = || [(CONTENT_TYPE, "application/vnd.elasticsearch+json;compatible-with=8")];
        let parts = || (0..100).map(|part| Ok::<_, io::Error>(format!("{part:0>9999}")));
        let events = || [(CONTENT_TYPE, "text/event-stream")];
        let routes = Router::new()
            .route("/small", get(move || async move { (json(), "{}") }))
            .route("/large", get(move || async move { (json(), "x".repeat(9_999)) }))
            .route(
                "/parts",
                get(move || async move { (json(), Body::from_stream(stream::iter(parts()))) }),
            )
            .route("/events", get(move || async move { (events(), "x".repeat(9_999)) }))
            .layer(middleware::from_fn(gzip));
        let request = Request::builder().uri(path).header(ACCEPT_ENCODING, accepts);
        let answer = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let encoding = answer.headers().get(CONTENT_ENCODING);
        let encoding = encoding.map(|value| value.to_str().unwrap().to_owned());
        (encoding, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    fn inflated(bytes: &[u8]) -> String {
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[tokio::test]
    async fn large_texts_are_compressed_for_those_who_ask() {
        let (encoding, bytes) = ask("/large", "deflate, gzip;q=0.8").await;
        assert_eq!(encoding.as_deref(), Some("gzip"));
        assert_eq!(inflated(&bytes), "x".repeat(9_999));
        let (_, bytes) = ask("/parts", "gzip").await;
        assert_eq!(inflated(&bytes).len(), 999_900);
    }

    #[test]
    fn tables_are_used_again_and_remember_nothing() {
        for text in ["secret ".repeat(9_999), "other ".repeat(99), String::new()] {
            let mut encoder = Encoder::new();
            let mut bytes = encoder.push(text.as_bytes(), FlushCompress::None).unwrap();
            bytes.extend(encoder.push(b"end", FlushCompress::Sync).unwrap());
            bytes.extend(encoder.push(&[], FlushCompress::Finish).unwrap());
            assert_eq!(inflated(&bytes), text + "end");
            // A stream that is broken off leaves nothing behind either.
            let mut broken = Encoder::new();
            broken.push(b"left", FlushCompress::None).unwrap();
        }
    }

    #[tokio::test]
    async fn a_line_does_not_wait_for_the_next_one() {
        let lines = || {
            let first = stream::once(async { Ok::<_, io::Error>("{\"line\":1}\n") });
            ([(CONTENT_TYPE, LINES)], Body::from_stream(first.chain(stream::pending())))
        };
        let routes = Router::new()
            .route("/lines", get(move || async move { lines() }))
            .layer(middleware::from_fn(gzip));
        let request = Request::builder().uri("/lines").header(ACCEPT_ENCODING, "gzip");
        let answer = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip");
        let first = answer.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
        let mut text = [0; 11];
        flate2::read::GzDecoder::new(&first[..]).read_exact(&mut text).unwrap();
        assert_eq!(&text, b"{\"line\":1}\n");
    }

    #[tokio::test]
    async fn small_texts_events_and_other_askers_get_it_plain() {
        for (path, accepts) in
            [("/small", "gzip"), ("/events", "gzip"), ("/large", ""), ("/large", "gzip;q=0")]
        {
            assert_eq!(ask(path, accepts).await.0, None, "{path} {accepts}");
        }
    }
}
