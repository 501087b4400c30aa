//! Refuses requests that a foreign web page makes a browser send: DNS rebinding by the `Host`
//! header, cross-site requests by `Origin` and `Sec-Fetch-Site`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::Response;

use crate::base::error::{Error, ErrorKind, Result};
use crate::http::error::plain;

/// Which hosts and origins are ours. Loopback names always are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardPolicy {
    hosts: Vec<String>,
    /// With the path below which the origin is known; empty for every path.
    origins: Vec<(String, Origin)>,
}

/// Scheme, host and port of a web page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl GuardPolicy {
    /// Returns the policy that knows only loopback names.
    pub fn loopback() -> Self {
        GuardPolicy::default()
    }

    /// Adds a host, with or without a port; the port is not compared.
    pub fn allow_host(mut self, host: &str) -> Self {
        self.hosts.push(host_and_port(host).map_or_else(|| lower(host), |(host, _)| host));
        self
    }

    /// Adds the host and the origin of the URL under which people reach the appliance.
    ///
    /// # Errors
    /// `InvalidInput` when it is no `http` or `https` URL.
    pub fn allow_external_url(self, url: &str) -> Result<Self> {
        let uri: Uri = url.parse().map_err(|_| not_an_origin(url))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(not_an_origin(url));
        };
        self.allow_host(authority.as_str()).allow_origin(&format!("{scheme}://{authority}"))
    }

    /// Adds an origin such as `https://app.example.com`, whose pages may send requests.
    ///
    /// # Errors
    /// `InvalidInput` when it is none.
    pub fn allow_origin(self, origin: &str) -> Result<Self> {
        self.allow_origin_below("", origin)
    }

    /// Adds an origin whose pages may send requests to `path`, such as `/mcp`, and below it.
    ///
    /// # Errors
    /// `InvalidInput` when it is no origin.
    pub fn allow_origin_below(mut self, path: &str, origin: &str) -> Result<Self> {
        let known = Origin::parse(origin).ok_or_else(|| not_an_origin(origin))?;
        self.origins.push((path.trim_end_matches('/').to_owned(), known));
        Ok(self)
    }

    /// Decides about a request.
    ///
    /// # Errors
    /// `Forbidden` with the reason.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<()> {
        let forbidden = |text: String| Error::new(ErrorKind::Forbidden, text);
        let host = host_of(uri, headers)?;
        let (name, port) = host_and_port(host)
            .ok_or_else(|| forbidden(format!("the Host header {host:?} is not a host")))?;
        if !self.knows_host(&name) {
            return Err(forbidden(format!(
                "the host {name:?} is not known here; add it to listen.allowed_hosts"
            )));
        }
        let origin = text_of(headers, ORIGIN.as_str())?;
        if let Some(text) = origin {
            if !self.knows_origin(text, &name, port, uri.path()) {
                return Err(forbidden(format!("requests from the origin {text:?} are refused")));
            }
        } else if text_of(headers, "sec-fetch-site")? == Some("cross-site") {
            return Err(forbidden("requests from other sites are refused".to_owned()));
        }
        Ok(())
    }

    fn knows_host(&self, name: &str) -> bool {
        is_loopback(name) || self.hosts.iter().any(|host| host == name)
    }

    /// An origin is known when it is the very host and port the request went to (loopback names
    /// stand for each other), or when it was configured.
    fn knows_origin(&self, text: &str, host: &str, port: Option<u16>, path: &str) -> bool {
        let Some(origin) = Origin::parse(text) else { return false };
        let default_port = if origin.scheme == "https" { 443 } else { 80 };
        let same_name = origin.host == host || (is_loopback(&origin.host) && is_loopback(host));
        let own = same_name && origin.port == port.unwrap_or(default_port);
        let configured = |(below, known): &(String, Origin)| {
            let inside = path.strip_prefix(below.as_str());
            *known == origin && inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        own || self.origins.iter().any(configured)
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.trim_end_matches('/').split_once("://")?;
        let scheme = lower(scheme);
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let (host, port) = host_and_port(authority)?;
        Some(Origin { scheme, host, port: port.unwrap_or(default_port) })
    }
}

/// The layer: answers 403 to what [`GuardPolicy::check`] refuses.
pub(crate) async fn check(
    State(policy): State<Arc<GuardPolicy>>,
    request: Request,
    next: Next,
) -> Response {
    match policy.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => {
            tracing::debug!(error = error.message(), "request refused");
            plain(&error)
        }
    }
}

/// HTTP/2 sends the host as `:authority`, which hyper puts into the URI.
fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str> {
    let missing = || Error::new(ErrorKind::Forbidden, "the request has no Host header");
    if headers.get_all(HOST).iter().count() > 1 {
        return Err(Error::new(ErrorKind::Forbidden, "the request has several Host headers"));
    }
    match text_of(headers, HOST.as_str())? {
        Some(host) => Ok(host),
        None => uri.authority().map(Authority::as_str).ok_or_else(missing),
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>> {
    let unreadable = |_| Error::new(ErrorKind::Forbidden, format!("the header {name} is not text"));
    headers.get(name).map(|value| value.to_str().map_err(unreadable)).transpose()
}

/// Returns the host in lower case, without brackets and final dot, and the port.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = text.parse().ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
    let host = lower(bare.strip_suffix('.').unwrap_or(bare));
    let port = match authority.as_str().strip_prefix(authority.host())? {
        "" => None,
        rest => Some(rest.strip_prefix(':')?.parse().ok()?),
    };
    (!host.is_empty()).then_some((host, port))
}

fn is_loopback(host: &str) -> bool {
    let by_address = || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    host == "localhost" || host.ends_with(".localhost") || by_address()
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

fn not_an_origin(text: &str) -> Error {
    Error::invalid(format!("{text:?} is not an origin such as https://example.com"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(policy: &GuardPolicy, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            map.insert(name, value.parse().unwrap());
        }
        policy.check(&Uri::from_static("/x"), &map).is_ok()
    }

    #[test]
    fn only_loopback_and_configured_hosts_are_served() {
        let policy = GuardPolicy::loopback().allow_host("Mon.example.com:8080");
        for good in [
            "localhost:8080",
            "127.0.0.1",
            "127.9.9.9:1",
            "[::1]:8080",
            "a.localhost",
            "LOCALHOST.",
            "mon.example.com",
            "mon.example.com:9",
        ] {
            assert!(decide(&policy, &[("host", good)]), "{good}");
        }
        for bad in [
            "evil.com",
            "localhost.evil.com",
            "127.0.0.1.evil.com",
            "10.0.0.1",
            "user@localhost",
            "localhost:99999",
            "",
        ] {
            assert!(!decide(&policy, &[("host", bad)]), "{bad}");
        }
        assert!(!decide(&policy, &[]), "no host at all");
    }

    #[test]
    fn the_authority_of_http2_counts_as_host() {
        let policy = GuardPolicy::loopback();
        let none = HeaderMap::new();
        assert!(policy.check(&Uri::from_static("http://127.0.0.1:4317/x"), &none).is_ok());
        assert!(policy.check(&Uri::from_static("http://evil.com/x"), &none).is_err());
    }

    #[test]
    fn an_origin_must_be_the_own_one_or_configured() {
        let policy = GuardPolicy::loopback().allow_origin("https://app.example.com").unwrap();
        let from = |origin| decide(&policy, &[("host", "127.0.0.1:8080"), ("origin", origin)]);
        for good in ["http://127.0.0.1:8080", "http://localhost:8080", "https://app.example.com"] {
            assert!(from(good), "{good}");
        }
        for bad in [
            "http://localhost:3000",
            "https://evil.com",
            "null",
            "",
            "http://app.example.com",
            "https://app.example.com.evil.com",
        ] {
            assert!(!from(bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_of_one_path_is_foreign_to_the_others() {
        let origin = "https://app.example.com";
        let policy = GuardPolicy::loopback().allow_origin_below("/mcp", origin).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "localhost".parse().unwrap());
        headers.insert(ORIGIN, origin.parse().unwrap());
        let from = |path| policy.check(&Uri::from_static(path), &headers).is_ok();
        assert!(from("/mcp") && from("/mcp/x?y"));
        assert!(!from("/mcpx") && !from("/") && !from("/api/v1/query"));
    }

    #[test]
    fn a_cross_site_request_needs_a_configured_origin() {
        let policy = GuardPolicy::loopback().allow_origin("https://app.example.com").unwrap();
        let host = ("host", "localhost:8080");
        assert!(!decide(&policy, &[host, ("sec-fetch-site", "cross-site")]));
        assert!(decide(&policy, &[host, ("sec-fetch-site", "same-origin")]));
        let origin = ("origin", "https://app.example.com");
        assert!(decide(&policy, &[host, origin, ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn the_external_url_is_a_host_and_an_origin() {
        let policy =
            GuardPolicy::loopback().allow_external_url("https://mon.example.com/x").unwrap();
        let headers = [("host", "mon.example.com"), ("origin", "https://mon.example.com")];
        assert!(decide(&policy, &headers));
        assert!(GuardPolicy::loopback().allow_external_url("mon.example.com").is_err());
    }
}
