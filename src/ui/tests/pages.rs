use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::access::{Caller, Scope, Scopes};
use crate::base::clock::ManualClock;
use crate::model::log::LogRecord;
use crate::model::time::TimestampNs;
use crate::service::NoTargets;
use crate::service::in_memory::InMemory;
use crate::ui::{UiState, routes};

/// 2026-11-23 12:00:00 UTC.
pub(crate) const NOON_MS: i64 = 1_795_435_200_000;

/// The pages for one caller.
pub(crate) struct Pages {
    router: Router,
    pub(crate) memory: InMemory,
}

/// An answer, taken apart.
pub(crate) struct Shown {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) html: String,
}

impl Pages {
    pub(crate) fn new() -> Self {
        Pages::of(Caller::local("test"))
    }

    fn of(caller: Caller) -> Self {
        let clock = ManualClock::at_ms(NOON_MS);
        let memory = InMemory::whole(clock.clone(), Arc::new(NoTargets));
        let state = UiState::new(memory.services.clone(), clock, None);
        let router = routes(state).layer(Extension(caller));
        Pages { router, memory }
    }

    pub(crate) async fn get(&self, address: &str, headers: &[(&str, &str)]) -> Shown {
        let mut request = Request::get(address).header("host", "mon.example.com:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let html = String::from_utf8_lossy(&bytes).into_owned();
        Shown { status: parts.status.as_u16(), headers: parts.headers, html }
    }
}

impl Shown {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The values of an attribute, in document order.
    fn attributes(&self, name: &str) -> Vec<&str> {
        let begin = format!(" {name}=\"");
        let mut pieces = self.html.split(&begin);
        pieces.next();
        pieces.map(|piece| piece.split('"').next().unwrap()).collect()
    }
}

#[tokio::test]
async fn every_page_of_the_navigation_answers_with_one_heading_and_strict_headers() {
    let pages = Pages::new();
    let home = pages.get("/ui/", &[]).await;
    let mut addresses = vec!["/ui/", "/ui/design", "/ui/licences"];
    let navigation = home.html.split("<nav").nth(1).unwrap().split("</nav>").next().unwrap();
    let links = navigation.split("<a href=\"").skip(1);
    addresses.extend(links.map(|link| link.split('"').next().unwrap()));
    for address in addresses {
        let shown = pages.get(address, &[]).await;
        assert_eq!(shown.status, 200, "{address}");
        assert_eq!(shown.html.matches("<h1").count(), 1, "{address}");
        assert!(shown.html.contains("<main id=\"main\""), "{address}");
        let policy = shown.header("content-security-policy");
        assert!(policy.contains("script-src 'self';"), "{address}: {policy}");
        assert_eq!(shown.header("cache-control"), "no-store", "{address}");
    }
}

#[tokio::test]
async fn no_page_names_another_host_or_holds_a_script_or_style_of_its_own() {
    let pages = Pages::new();
    for address in [
        "/ui/",
        "/ui/design",
        "/ui/licences",
        "/ui/logs",
        "/ui/metrics",
        "/ui/?from=%3Cscript%3Ealert(1)",
    ] {
        let shown = pages.get(address, &[]).await;
        for link in shown.attributes("href").iter().chain(&shown.attributes("src")) {
            let inside = link.starts_with('/') && !link.starts_with("//");
            assert!(inside || link.starts_with("data:") || link.starts_with('#'), "{link}");
        }
        assert!(!shown.html.contains(" style=\""), "{address}");
        assert!(!shown.html.contains("<script>"), "{address}");
        assert!(!shown.html.contains("onclick"), "{address}");
    }
}

#[tokio::test]
async fn browser_files_are_compressed_as_asked_and_kept_for_ever() {
    let pages = Pages::new();
    let home = pages.get("/ui/", &[]).await;
    let style = home.attributes("href").into_iter().find(|link| link.ends_with(".css")).unwrap();
    let plain = pages.get(style, &[]).await;
    assert_eq!((plain.status, plain.header("content-encoding")), (200, ""));
    assert!(plain.header("cache-control").contains("immutable"));
    assert_eq!(plain.header("content-type"), "text/css; charset=utf-8");
    if env!("BELVEDERE_WEB_BUILT") == "bundle" {
        let packed = pages.get(style, &[("accept-encoding", "gzip, br")]).await;
        assert_eq!(packed.header("content-encoding"), "br");
        assert!(packed.html.len() < plain.html.len());
    }
    assert_eq!(pages.get("/ui/static/manifest.json", &[]).await.status, 404);
    assert_eq!(pages.get("/ui/static/..%2fCargo.toml", &[]).await.status, 404);
}

#[tokio::test]
async fn the_theme_is_kept_in_a_cookie_and_leads_back_only_to_our_own_pages() {
    let pages = Pages::new();
    let chosen = pages.get("/ui/theme?theme=dark&back=%2Fui%2Fdesign", &[]).await;
    assert_eq!((chosen.status, chosen.header("location")), (303, "/ui/design"));
    assert!(chosen.header("set-cookie").starts_with("theme=dark;"));
    for evil in ["https://evil.com", "//evil.com", "/%5Cevil.com", "/ui/%5C..%0d%0aX:1"] {
        let chosen = pages.get(&format!("/ui/theme?theme=dark&back={evil}"), &[]).await;
        assert_eq!(chosen.header("location"), "/ui/", "{evil}");
    }
    let dark = pages.get("/ui/design", &[("cookie", "theme=dark")]).await;
    assert!(dark.html.contains("data-theme=\"dark\""));
}

#[tokio::test]
async fn a_caller_without_read_sees_a_page_that_says_so() {
    let pages = Pages::of(Caller::new("agent", Scopes::of(&[Scope::Ingest])));
    let shown = pages.get("/ui/", &[]).await;
    assert_eq!(shown.status, 403);
    assert!(shown.html.contains("scope `read`") && shown.html.contains("<h1"), "{}", shown.html);
}

#[tokio::test]
async fn an_empty_home_teaches_with_the_address_that_the_browser_used() {
    let shown = Pages::new().get("/ui/", &[]).await;
    assert!(shown.html.contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://mon.example.com:8080"));
    assert!(shown.html.contains("curl http://mon.example.com:8080/logs-demo/_doc"));
}

#[tokio::test]
async fn a_wrong_time_is_said_and_the_page_still_shows() {
    let shown = Pages::new().get("/ui/?from=soon", &[]).await;
    assert_eq!(shown.status, 200);
    assert!(shown.html.contains("is not a time known here"));
}

#[tokio::test]
async fn an_expression_shows_its_value_or_where_it_is_wrong_without_scripts() {
    let pages = Pages::new();
    let right = pages.get("/ui/metrics?q=1%2B1", &[]).await;
    assert!(right.html.contains("<td class=\"number\">2</td>"), "{}", right.html);
    let wrong = pages.get("/ui/metrics?q=sum(", &[]).await;
    assert_eq!(wrong.status, 200);
    assert!(wrong.html.contains("1:5: parse error"), "{}", wrong.html);
    let hostile = pages.get("/ui/metrics?q=%3Cscript%3Ealert(1)%3C/script%3E", &[]).await;
    assert!(!hostile.html.contains("<script>alert"));
}

#[tokio::test]
async fn lines_are_a_table_without_scripts_and_hostile_text_stays_text() {
    let pages = Pages::new();
    let empty = pages.get("/ui/logs", &[]).await;
    assert!(empty.html.contains("No logs in this time range"), "{}", empty.html);
    let at = TimestampNs((NOON_MS - 60_000) * 1_000_000);
    let mut record = LogRecord::new(at, "<script>alert(1)</script> \u{1b}[31mred");
    (record.index, record.id) = ("logs".to_owned(), "1".to_owned());
    pages.memory.log(record).await;
    let full = pages.get("/ui/logs?f=a!%3Db&f=~c%3Dd", &[]).await;
    assert!(full.html.contains("&#60;script&#62;alert(1)"), "{}", full.html);
    assert!(!full.html.contains("<script>alert"));
    assert!(full.html.contains("href=\"/ui/logs?f=~c%3Dd\""), "a pill can be removed");
    let none = pages.get("/ui/logs?q=nowhere", &[]).await;
    assert!(none.html.contains("Nothing matches"));
    let wrong = pages.get("/ui/logs?q=(", &[]).await;
    assert!(wrong.html.contains("The logs did not answer"));
}
