//! Templates become answers; failures become pages that say what to do.

use askama::Template;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::base::error::{Error, ErrorKind};
use crate::http::error::{add_retry_after, plain, status_of};
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::headers;
use crate::ui::shell::{About, Shell};

/// Answers a page with its headers; `nonce` is the one its shell holds.
pub(crate) fn page(template: &impl Template, nonce: &str) -> Response {
    page_with(StatusCode::OK, template, nonce)
}

fn page_with(status: StatusCode, template: &impl Template, nonce: &str) -> Response {
    match template.render() {
        Ok(html) => {
            let text = [(CONTENT_TYPE, "text/html; charset=utf-8")];
            let mut response = (status, text, html).into_response();
            headers::protect(response.headers_mut(), nonce);
            response
        }
        Err(error) => plain(&Error::internal(format!("the page cannot be written: {error}"))),
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    shell: Shell,
    heading: &'static str,
    advice: &'static str,
    message: String,
}

/// Answers a page that failed as a whole: what happened, and what to do.
pub(crate) fn failure(
    state: &UiState,
    request: &HeaderMap,
    address: &Address,
    error: &Error,
) -> Response {
    let about =
        About { page: "failure", title: "Something is wrong", has_range: false, refresh: "off" };
    let shell = Shell::new(state, request, address, about);
    let nonce = shell.nonce.clone();
    let (heading, advice) = words_of(error.kind());
    let message = error.message().to_owned();
    let template = FailurePage { shell, heading, advice, message };
    let mut response = page_with(status_of(error.kind()), &template, &nonce);
    add_retry_after(error, response.headers_mut());
    response
}

/// What happened and what to do, for people.
pub(crate) fn words_of(kind: ErrorKind) -> (&'static str, &'static str) {
    match kind {
        ErrorKind::InvalidInput => ("That cannot be understood", "Correct what the text names."),
        ErrorKind::Unauthenticated => {
            ("Who are you?", "Reload the page and sign in with a user or a token.")
        }
        ErrorKind::Forbidden => ("This is not open to you", "Use a token with the scope `read`."),
        ErrorKind::NotFound => {
            ("Nothing is here", "It may have been removed by retention, or the address is wrong.")
        }
        ErrorKind::Conflict => ("That contradicts what is stored", "Look at the newest state."),
        ErrorKind::LimitExceeded => {
            ("That is too much at once", "Take a shorter time range or a narrower filter.")
        }
        ErrorKind::RateLimited => ("Too many requests", "Wait a moment and try again."),
        ErrorKind::Unsupported => ("That is not built", "Ask in another way."),
        ErrorKind::Timeout => {
            ("It took too long", "Take a shorter time range or a narrower filter.")
        }
        ErrorKind::Unavailable => ("Not ready", "Wait a moment and try again."),
        ErrorKind::Corrupt => {
            ("Stored data is damaged", "The damaged part is put aside; the log names it.")
        }
        ErrorKind::Internal => ("Something went wrong here", "The log of the appliance says more."),
    }
}

/// The address that snippets name: what the browser itself used.
pub(crate) fn origin_of(request: &HeaderMap) -> String {
    let host = request.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1:8080");
    let proto = request.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    let scheme = if proto == Some("https") { "https" } else { "http" };
    format!("{scheme}://{host}")
}

/// Writes a value as a JSON block of a page: no character in it can end the element.
pub(crate) fn json_block(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_block_cannot_end_its_element() {
        let text = json_block(&"</script><script>alert(1)&");
        assert!(!text.contains(['<', '>', '&']), "{text}");
        let back: String = serde_json::from_str(&text).unwrap();
        assert_eq!(back, "</script><script>alert(1)&");
    }
}
