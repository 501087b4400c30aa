//! Duplicate slashes in paths, which clients make when they join a base URL with a path.

use axum::http::uri::PathAndQuery;
use axum::http::{Request, Uri};

/// Returns the request with runs of slashes in its path made one; the query stays.
pub fn collapse_slashes<B>(mut request: Request<B>) -> Request<B> {
    if request.uri().path().contains("//")
        && let Some(uri) = collapsed(request.uri())
    {
        *request.uri_mut() = uri;
    }
    request
}

fn collapsed(uri: &Uri) -> Option<Uri> {
    let mut target = String::with_capacity(uri.path().len());
    for character in uri.path().chars() {
        if character != '/' || !target.ends_with('/') {
            target.push(character);
        }
    }
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(uri: &str) -> String {
        let request = Request::builder().uri(uri).body(()).unwrap();
        collapse_slashes(request).uri().to_string()
    }

    #[test]
    fn only_runs_of_slashes_in_the_path_are_mended() {
        assert_eq!(mended("//api///v1/query?q=a//b"), "/api/v1/query?q=a//b");
        assert_eq!(mended("/api/v1/query?q=a//b"), "/api/v1/query?q=a//b");
        assert_eq!(mended("http://h/api//v1"), "http://h/api/v1");
        assert_eq!(mended("/label/%2F%2F/values//"), "/label/%2F%2F/values/");
    }
}
