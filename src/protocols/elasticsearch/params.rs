//! What requests say besides their body: media types, query strings, index lists.

use std::collections::HashMap;

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde_json::Value;

use crate::base::error::Error;
use crate::http::body;
use crate::protocols::elasticsearch::MAX_BODY;
use crate::protocols::elasticsearch::error::{Fault, unreadable};

/// The parameters of a query string; of repeated ones the last counts.
pub type Query = HashMap<String, String>;

/// Reads a body after its media type was checked; gzip is inflated, both sizes are capped.
pub async fn read_body(request: Request) -> Result<(HeaderMap, Bytes), Fault> {
    let (parts, body) = request.into_parts();
    check_media_type(&parts.headers)?;
    let bytes = body::read_parts(&parts.headers, body, MAX_BODY).await.map_err(unreadable)?;
    Ok((parts.headers, bytes))
}

/// Accepts JSON, NDJSON and the vendor's forms of both, of any major version; and no type at all.
fn check_media_type(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let value = value.to_str().unwrap_or("?").to_ascii_lowercase();
    let kind = value.split(';').next().unwrap_or("").trim();
    let known = [
        "application/json",
        "application/x-ndjson",
        "application/vnd.elasticsearch+json",
        "application/vnd.elasticsearch+x-ndjson",
    ];
    if known.contains(&kind) {
        return Ok(());
    }
    debug_assert_eq!(StatusCode::UNSUPPORTED_MEDIA_TYPE.as_u16(), 415);
    Err(unreadable(Error::unsupported(format!(
        "Content-Type header [{value}] is not supported; send application/json or application/x-ndjson"
    ))))
}

/// Reads a JSON body; an empty one is null.
pub fn parse_json(body: &[u8]) -> Result<Value, Fault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body)
        .map_err(|error| Fault::bad_request("parsing_exception", format!("invalid JSON: {error}")))
}

/// Splits `a,b*,-c`.
pub fn index_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Checks the name of an index that is written to.
pub fn check_index(name: &str) -> Result<(), String> {
    let wrong = name.is_empty()
        || name.len() > 255
        || name.starts_with(['-', '_', '+'])
        || name == "."
        || name == ".."
        || name.chars().any(|character| {
            character.is_uppercase()
                || character.is_control()
                || "\\/*?\"<>| ,#:".contains(character)
        });
    match wrong {
        true => Err(format!(
            "Invalid index name [{name}]: it must be lower case, at most 255 bytes, without \\ / * ? \" < > | , # : or blanks, and must not begin with -, _ or +"
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_names_follow_elasticsearchs_rules() {
        for good in ["logs", "logs-2026.11.23", ".hidden", "fastmcp-logs-2026.11.23"] {
            assert_eq!(check_index(good), Ok(()));
        }
        for bad in ["", "Logs", "_all", "a b", "a*", "..", "a/b"] {
            assert!(check_index(bad).is_err(), "{bad}");
        }
    }
}
