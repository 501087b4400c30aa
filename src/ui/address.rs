//! A page's address: its path, and its state as query pairs. The state is written with sorted keys,
//! so that one view has one address.

use std::fmt;

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;

use crate::base::error::{Error, Result};
use crate::http::error::plain;

/// Pairs beyond this many are not state of ours.
const MAX_PAIRS: usize = 200;

/// A path and its query pairs, in the order given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Address {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Address {
    /// Returns the address of a path without state.
    pub(crate) fn of(path: &str) -> Self {
        Address { path: path.to_owned(), pairs: Vec::new() }
    }

    /// Reads pairs as a query string or a form holds them; empty values are no state.
    ///
    /// # Errors
    /// `InvalidInput` for what is not encoded so.
    pub(crate) fn read(path: &str, pairs: &str) -> Result<Self> {
        let wrong = |_| Error::invalid("this is not a form as browsers send it");
        let uri: Uri = format!("{path}?{}", pairs.trim()).parse().map_err(wrong)?;
        Address::of_uri(&uri)
    }

    fn of_uri(uri: &Uri) -> Result<Self> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Error::invalid(error.body_text()))?;
        let given = pairs.into_iter().filter(|(_, value)| !value.trim().is_empty());
        Ok(Address { path: uri.path().to_owned(), pairs: given.take(MAX_PAIRS).collect() })
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the first value of `key`, or the empty text.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.all(key).next().unwrap_or("")
    }

    /// Returns every value of `key`.
    pub(crate) fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        let pairs = self.pairs.iter().filter(move |(own, _)| own == key);
        pairs.map(|(_, value)| value.as_str())
    }

    /// Returns the pairs whose key is none of `keys`.
    pub(crate) fn pairs_but(&self, keys: &[&str]) -> Vec<(String, String)> {
        let kept = self.pairs.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
        kept.cloned().collect()
    }

    /// Returns the address with `key` set to `value` alone; the empty value removes it.
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.pairs.retain(|(own, _)| own != key);
        if !value.is_empty() {
            self.pairs.push((key.to_owned(), value));
        }
        self
    }

    /// Returns the address with one more value of `key`.
    pub(crate) fn and(mut self, key: &str, value: impl Into<String>) -> Self {
        self.pairs.push((key.to_owned(), value.into()));
        self
    }

    /// Returns the address of another page that keeps time and scope.
    pub(crate) fn jump(&self, path: &str) -> Self {
        let kept = ["from", "to", "scope"];
        let pairs = self.pairs.iter().filter(|(key, _)| kept.contains(&key.as_str()));
        Address { path: path.to_owned(), pairs: pairs.cloned().collect() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        let mut pairs: Vec<&(String, String)> = self.pairs.iter().collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        for (index, (key, value)) in pairs.into_iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            write!(f, "{mark}{}={}", Escaped(key), Escaped(value))?;
        }
        Ok(())
    }
}

/// Text as a query string carries it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => {
                    write!(f, "{}", char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// Handlers take their address as an argument. Empty values are dropped: a form sends them.
impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Response> {
        Address::of_uri(&parts.uri).map_err(|error| plain(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_view_has_one_address() {
        let address = Address::of("/ui/metrics").with("to", "now").and("q", "up").and("q", "a+b");
        assert_eq!(address.to_string(), "/ui/metrics?q=up&q=a%2Bb&to=now");
        assert_eq!(address.clone().with("q", "").to_string(), "/ui/metrics?to=now");
        assert_eq!(address.jump("/ui/logs").to_string(), "/ui/logs?to=now");
    }

    #[test]
    fn a_form_is_read_as_a_query_string_is() {
        let form = Address::read("/ui/x", "m=a%3Db%0D%0Ac&why=a+b&empty=").unwrap();
        assert_eq!((form.get("m"), form.get("why")), ("a=b\r\nc", "a b"));
        assert_eq!(form.all("empty").count(), 0);
        assert!(Address::read("/ui/x", "a=\u{0}").is_err());
    }

    #[test]
    fn a_value_cannot_leave_its_place() {
        let address = Address::of("/ui/logs").with("q", "\"><script>&x=1#é");
        let text = address.to_string();
        assert_eq!(text, "/ui/logs?q=%22%3E%3Cscript%3E%26x%3D1%23%C3%A9");
    }
}
