//! The search box: recognises what was typed and leads to the page that shows it.

use axum::response::{IntoResponse, Redirect, Response};

use crate::service::Expression;
use crate::ui::address::Address;

/// Redirects to what `q` names.
pub(crate) async fn go(address: Address) -> Response {
    Redirect::to(&target(&address).to_string()).into_response()
}

fn target(address: &Address) -> Address {
    let text = address.get("q").trim();
    if text.is_empty() {
        return address.jump("/ui/");
    }
    if let Some(words) = text.strip_prefix('/') {
        return address.jump("/ui/logs").with("q", words.trim());
    }
    if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return address.jump(&format!("/ui/traces/{}", text.to_ascii_lowercase()));
    }
    // Any single word reads as PromQL, too; what looks like a metric or a call is taken for one.
    let looks_like_metric = text.contains(['_', '(', '{', '[']) || text == "up";
    if looks_like_metric && Expression::parse(text).is_ok() {
        return address.jump("/ui/metrics").with("q", text);
    }
    address.jump("/ui/logs").with("q", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_decides_the_page() {
        let hex = "4BF92F3577B34DA6A3CE929D0E0E4736";
        for (typed, place) in [
            ("", "/ui/?from=now-2h"),
            (hex, "/ui/traces/4bf92f3577b34da6a3ce929d0e0e4736?from=now-2h"),
            ("http_requests_total", "/ui/metrics?from=now-2h&q=http_requests_total"),
            ("rate(x[5m])", "/ui/metrics?from=now-2h&q=rate%28x%5B5m%5D%29"),
            ("rate(x[5m", "/ui/logs?from=now-2h&q=rate%28x%5B5m"),
            ("payment failed", "/ui/logs?from=now-2h&q=payment%20failed"),
            ("/up", "/ui/logs?from=now-2h&q=up"),
        ] {
            let address = Address::of("/ui/go").with("q", typed).with("from", "now-2h");
            assert_eq!(target(&address).to_string(), place, "{typed}");
        }
    }
}
