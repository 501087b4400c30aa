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

/// Expressions that one address of Prometheus' own page is read for.
const MAX_GRAPHS: usize = 20;

/// Redirects an address of Prometheus' own page (`/graph?g0.expr=…&g0.tab=1&g0.range_input=1h`), such
/// as alerts carry, to the page of metrics.
pub(crate) async fn graph(address: Address) -> Response {
    Redirect::to(&metrics(&address).to_string()).into_response()
}

fn metrics(address: &Address) -> Address {
    let asked = (0..MAX_GRAPHS).map(|place| address.get(&format!("g{place}.expr")));
    let asked = asked.filter(|text| !text.is_empty());
    let shown = asked.fold(Address::of("/ui/metrics"), |shown, text| shown.and("q", text));
    let shown = match address.get("g0.range_input") {
        "" => shown,
        length => shown.with("from", format!("now-{length}")),
    };
    match address.get("g0.tab") {
        "1" => shown.with("view", "table"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_prometheus_leads_to_the_same_expressions() {
        let address = Address::of("/graph").with("g0.expr", "up == 0").with("g0.tab", "1");
        assert_eq!(metrics(&address).to_string(), "/ui/metrics?q=up%20%3D%3D%200&view=table");
        let two = address.with("g0.tab", "0").with("g1.expr", "b").with("g0.range_input", "2h");
        let place = "/ui/metrics?from=now-2h&q=up%20%3D%3D%200&q=b";
        assert_eq!(metrics(&two).to_string(), place);
    }

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
