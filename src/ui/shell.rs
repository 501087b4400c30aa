//! What stands around every page: head, bar, navigation.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

use crate::model::time::TimestampMs;
use crate::ui::UiState;
use crate::ui::address::Address;
use crate::ui::headers;
use crate::ui::range::Range;

/// A page of the navigation; its key is also its icon and its script.
struct NavPage {
    key: &'static str,
    title: &'static str,
    path: &'static str,
}

/// The navigation in its groups.
const NAV: [(&str, &[NavPage]); 3] = [("Observe", &OBSERVE), ("Watch", &WATCH), ("Run", &RUN)];
const OBSERVE: [NavPage; 5] = [
    NavPage { key: "home", title: "Home", path: "/ui/" },
    NavPage { key: "services", title: "Services", path: "/ui/services" },
    NavPage { key: "metrics", title: "Metrics", path: "/ui/metrics" },
    NavPage { key: "logs", title: "Logs", path: "/ui/logs" },
    NavPage { key: "traces", title: "Traces", path: "/ui/traces" },
];
const WATCH: [NavPage; 3] = [
    NavPage { key: "alerts", title: "Alerts", path: "/ui/alerts" },
    NavPage { key: "infrastructure", title: "Infrastructure", path: "/ui/infrastructure" },
    NavPage { key: "mcp", title: "MCP", path: "/ui/mcp" },
];
const RUN: [NavPage; 2] = [
    NavPage { key: "ingest", title: "Ingest", path: "/ui/ingest" },
    NavPage { key: "health", title: "Health", path: "/ui/health" },
];

/// A page's name and what it offers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    /// The key of the navigation entry, and of the page's script.
    pub(crate) page: &'static str,
    /// The title.
    pub(crate) title: &'static str,
    /// Whether the page has a time range.
    pub(crate) has_range: bool,
    /// How often it refreshes unless its address says otherwise.
    pub(crate) refresh: &'static str,
}

/// What `shell.html` shows.
pub(crate) struct Shell {
    pub(crate) title: String,
    pub(crate) page: &'static str,
    /// The key of the navigation entry that the page belongs to.
    pub(crate) section: &'static str,
    /// `light`, `dark`, or empty for the browser's choice.
    pub(crate) theme: &'static str,
    pub(crate) nonce: String,
    pub(crate) style: String,
    pub(crate) icons: String,
    pub(crate) favicon: &'static str,
    pub(crate) scripts: Vec<String>,
    pub(crate) preloads: Vec<String>,
    pub(crate) fallback: bool,
    pub(crate) nav: Vec<NavGroup>,
    pub(crate) home: String,
    pub(crate) here: String,
    pub(crate) has_range: bool,
    pub(crate) range: Range,
    pub(crate) version: &'static str,
}

/// A group of the navigation.
pub(crate) struct NavGroup {
    pub(crate) title: &'static str,
    pub(crate) items: Vec<NavItem>,
}

/// A link of the navigation.
pub(crate) struct NavItem {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) href: String,
}

/// The tower of the brand, as small as browsers show it.
const FAVICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%230b62c4'/%3E%3Cpath d='M3.5 12.5h9M4.5 12.5V8h7v4.5M3.5 8h9L8 3.5z' fill='none' stroke='%23fff' stroke-width='1.3' stroke-linejoin='round'/%3E%3C/svg%3E";

impl Shell {
    /// Builds what surrounds a page at `address`.
    pub(crate) fn new(
        state: &UiState,
        request: &HeaderMap,
        address: &Address,
        about: About,
    ) -> Self {
        let head = state.assets.head(about.page);
        let now = TimestampMs(state.clock.now_ms());
        Shell {
            title: about.title.to_owned(),
            page: about.page,
            section: section_of(about.page),
            theme: theme_of(request),
            nonce: headers::nonce(),
            style: head.style,
            icons: head.icons,
            favicon: FAVICON,
            scripts: head.scripts,
            preloads: head.preloads,
            fallback: head.fallback,
            nav: navigation(address),
            home: address.jump("/ui/").to_string(),
            here: address.to_string(),
            has_range: about.has_range,
            range: Range::of(address, now, about.refresh),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// The theme that the switch leads to. Without a choice of ours the script knows what is shown.
    pub(crate) fn other_theme(&self) -> &'static str {
        if self.theme == "dark" { "light" } else { "dark" }
    }

    /// Whether the page heeds the scope.
    pub(crate) fn has_scope(&self) -> bool {
        ["home", "metrics", "logs", "traces"].contains(&self.page)
    }

    /// The symbol of that theme.
    pub(crate) fn theme_icon(&self) -> &'static str {
        if self.theme == "dark" { "sun" } else { "moon" }
    }
}

/// A page of one thing belongs to the page of all of them.
fn section_of(page: &'static str) -> &'static str {
    match page {
        "trace" => "traces",
        "service" => "services",
        "rule" => "alerts",
        page => page,
    }
}

fn navigation(address: &Address) -> Vec<NavGroup> {
    let item = |page: &NavPage| NavItem {
        key: page.key,
        title: page.title,
        href: address.jump(page.path).to_string(),
    };
    let group = |(title, pages): &(&'static str, &[NavPage])| NavGroup {
        title,
        items: pages.iter().map(item).collect(),
    };
    NAV.iter().map(group).collect()
}

/// The theme that the browser's cookie names.
fn theme_of(request: &HeaderMap) -> &'static str {
    let cookies = request.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).map(str::trim);
    match pairs.find_map(|pair| pair.strip_prefix("theme=")) {
        Some("dark") => "dark",
        Some("light") => "light",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_themes_are_taken_from_the_cookie() {
        let theme = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, text.parse().unwrap());
            theme_of(&headers)
        };
        assert_eq!(theme("a=b; theme=dark"), "dark");
        assert_eq!(theme("theme=light"), "light");
        assert_eq!(theme("theme=\"><script>"), "");
        assert_eq!(theme("xtheme=dark"), "");
    }

    #[test]
    fn navigation_keeps_time_and_scope_and_drops_the_rest() {
        let address = Address::of("/ui/x").with("from", "now-2h").with("q", "up");
        for item in navigation(&address).iter().flat_map(|group| &group.items) {
            assert!(item.href.ends_with("?from=now-2h"), "{}", item.href);
        }
    }
}
