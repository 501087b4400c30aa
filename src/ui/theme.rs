//! Keeps the choice of light or dark in a cookie, for browsers without scripts.

use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};

use crate::ui::address::Address;

/// Sets the cookie and returns to the page.
pub(crate) async fn choose(address: Address) -> Response {
    let back = address.get("back");
    // A path of ours, never another host: `//evil` and `/\evil` are hosts to a browser.
    let own = back.starts_with("/ui/") && !back.contains(['\\', '\r', '\n']);
    let mut response = Redirect::to(if own { back } else { "/ui/" }).into_response();
    let cookie = match address.get("theme") {
        "dark" => "theme=dark; Path=/ui; Max-Age=31536000; SameSite=Strict",
        "light" => "theme=light; Path=/ui; Max-Age=31536000; SameSite=Strict",
        _ => "theme=; Path=/ui; Max-Age=0; SameSite=Strict",
    };
    response.headers_mut().insert(SET_COOKIE, HeaderValue::from_static(cookie));
    response
}
