//! The files that browsers load: hashed names, compressed twins, cached for ever.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::http::front::not_found;
use crate::ui::UiState;

mod embedded {
    // Written by build.rs: `pub(crate) struct Embedded` over OUT_DIR/web.
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}
use embedded::Embedded;

/// Where the files are served.
const PREFIX: &str = "/ui/static/";

/// What `build.mjs` says about its files.
#[derive(Debug, Clone, Default, Deserialize)]
struct Manifest {
    entries: BTreeMap<String, Entry>,
    style: String,
    icons: String,
    licences: String,
    fallback: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct Entry {
    script: String,
    imports: Vec<String>,
}

/// The browser files. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Assets {
    manifest: Arc<Manifest>,
    files: Option<PathBuf>,
}

/// What a page's head names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The style sheet.
    pub(crate) style: String,
    /// The file with the symbols.
    pub(crate) icons: String,
    /// Scripts to run.
    pub(crate) scripts: Vec<String>,
    /// Scripts that those import.
    pub(crate) preloads: Vec<String>,
    /// Whether there are no scripts, because the binary was built without Node.
    pub(crate) fallback: bool,
}

impl Assets {
    pub(crate) fn new(files: Option<PathBuf>) -> Self {
        let embedded = Embedded::get("manifest.json").map(|file| file.data.into_owned());
        Assets { manifest: Arc::new(read_manifest(embedded)), files }
    }

    /// The manifest in the binary, or while developing the one on disk as of now.
    fn manifest(&self) -> Arc<Manifest> {
        match &self.files {
            None => Arc::clone(&self.manifest),
            Some(files) => Arc::new(read_manifest(std::fs::read(files.join("manifest.json")).ok())),
        }
    }

    /// Returns what the head of a page names whose own script is `page`.
    pub(crate) fn head(&self, page: &str) -> Head {
        let manifest = self.manifest();
        let url = |file: &str| format!("{PREFIX}{file}");
        let mut head = Head {
            style: url(&manifest.style),
            icons: url(&manifest.icons),
            fallback: manifest.fallback,
            ..Head::default()
        };
        for entry in ["app", page].iter().filter_map(|name| manifest.entries.get(*name)) {
            head.scripts.push(url(&entry.script));
            let new = entry.imports.iter().map(|file| url(file));
            head.preloads.extend(new);
        }
        head.preloads.sort();
        head.preloads.dedup();
        head
    }

    /// Returns the licence texts of the packages inside; empty when there are none.
    pub(crate) fn licences(&self) -> String {
        let bytes = self.read(&self.manifest().licences).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn read(&self, name: &str) -> Option<Cow<'static, [u8]>> {
        match &self.files {
            None => Embedded::get(name).map(|file| file.data),
            Some(files) => std::fs::read(files.join(name)).ok().map(Cow::Owned),
        }
    }
}

fn read_manifest(bytes: Option<Vec<u8>>) -> Manifest {
    let read = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    read.unwrap_or_else(|| {
        tracing::error!("the manifest of the browser files cannot be read");
        Manifest { fallback: true, ..Manifest::default() }
    })
}

/// Answers one file, compressed as the browser likes it. A name holds the content's hash, so the
/// answer never changes.
pub(crate) async fn serve(
    State(state): State<UiState>,
    UrlPath(name): UrlPath<String>,
    headers: HeaderMap,
) -> Response {
    let Some(content_type) = content_type_of(&name) else { return not_found().await };
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    for (encoding, ending) in [("br", ".br"), ("gzip", ".gz"), ("", "")] {
        if !encoding.is_empty() && !accepts(accepted, encoding) {
            continue;
        }
        if let Some(bytes) = state.assets.read(&format!("{name}{ending}")) {
            return file(bytes, content_type, encoding);
        }
    }
    not_found().await
}

fn file(bytes: Cow<'static, [u8]>, content_type: &'static str, encoding: &'static str) -> Response {
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, forever);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if !encoding.is_empty() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Returns the type of a served file; `None` for names that are not served, such as paths.
fn content_type_of(name: &str) -> Option<&'static str> {
    if name.contains(['/', '\\', '\0']) || name.starts_with('.') {
        return None;
    }
    match Path::new(name).extension()?.to_str()? {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

/// Whether `Accept-Encoding` names an encoding without refusing it.
fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|choice| {
        let (name, weight) = choice.split_once(';').unwrap_or((choice, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|text| text.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(encoding) && weight != Some(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_of_known_types_are_served() {
        assert!(content_type_of("app-ABCD.js").is_some());
        for name in ["../secret.js", "a/b.js", "a\\b.js", ".js", "manifest.json", "app.js.br", "x"]
        {
            assert_eq!(content_type_of(name), None, "{name}");
        }
    }

    #[test]
    fn an_encoding_must_be_named_and_not_refused() {
        assert!(accepts("gzip, br", "br"));
        assert!(accepts("br;q=0.5", "br"));
        assert!(!accepts("br;q=0, gzip", "br"));
        assert!(!accepts("identity", "gzip"));
    }

    #[test]
    fn every_file_that_a_head_names_is_in_the_binary() {
        let assets = Assets::new(None);
        let head = assets.head("metrics");
        let names = head.scripts.iter().chain(&head.preloads).chain([&head.style, &head.icons]);
        for name in names {
            let name = name.strip_prefix(PREFIX).unwrap();
            assert!(assets.read(name).is_some(), "{name} is missing");
        }
    }
}
