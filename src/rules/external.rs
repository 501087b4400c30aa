//! What alerts say of the appliance that raised them.

use crate::model::labels::Labels;

/// The address and the labels that tell this appliance from others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct External {
    /// The URL under which people reach the appliance, without a slash at its end.
    pub url: String,
    /// Labels that every alert gets on its way out, unless it has them.
    pub labels: Labels,
}

impl External {
    /// Returns the path of the URL, without a slash at its end.
    pub(crate) fn path(&self) -> &str {
        let behind = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let path = behind.find('/').map_or("", |at| &behind[at..]);
        path.trim_end_matches('/')
    }

    /// Returns the address of the page that shows `expr`.
    pub(crate) fn generator_url(&self, expr: &str) -> String {
        format!("{}{}", self.url.trim_end_matches('/'), graph_path(expr, 1))
    }
}

/// Returns the path that shows `expr` as a graph (tab 0) or a table (tab 1).
pub(crate) fn graph_path(expr: &str, tab: u8) -> String {
    let mut query = String::with_capacity(expr.len() * 2);
    for byte in expr.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                query.push(char::from(byte));
            }
            b' ' => query.push('+'),
            other => query.push_str(&format!("%{other:02X}")),
        }
    }
    format!("/graph?g0.expr={query}&g0.tab={tab}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_expressions_lie_below_the_external_url() {
        let external = External { url: "https://x.example/obs/".into(), labels: Labels::empty() };
        assert_eq!(external.path(), "/obs");
        let expected = "https://x.example/obs/graph?g0.expr=up%7Ba%3D%22b+c%22%7D&g0.tab=1";
        assert_eq!(external.generator_url("up{a=\"b c\"}"), expected);
        assert_eq!(External::default().path(), "");
    }
}
