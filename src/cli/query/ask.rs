//! Asks the appliance, and says in the words of the command line why it refuses.

use serde::Deserialize;

use crate::cli::endpoint::Running;
use crate::cli::outcome::Failure;
use crate::cli::query::text::{columns, plain, plain_lines};

/// A way to ask one appliance.
pub(super) struct Asker<'a> {
    client: reqwest::Client,
    running: &'a Running,
}

/// What is common to the errors of all doors.
#[derive(Debug, Deserialize)]
struct Refusal {
    /// Prometheus' and our own API.
    error: Option<String>,
    /// Jaeger's.
    errors: Option<Vec<JaegerError>>,
}

#[derive(Debug, Deserialize)]
struct JaegerError {
    msg: String,
}

impl<'a> Asker<'a> {
    /// # Errors
    /// When the client cannot be built.
    pub(super) fn new(running: &'a Running) -> Result<Self, Failure> {
        let client = reqwest::Client::builder().no_proxy().build();
        let client = client.map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Asker { client, running })
    }

    /// Returns the body of the answer to `query`, which is shown where the appliance cannot read it.
    ///
    /// # Errors
    /// A usage failure when the question is wrong, with a caret under the place that the appliance
    /// names; others when it refuses or does not answer.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &str,
        pairs: &[(&str, String)],
    ) -> Result<String, Failure> {
        let mut request = self.client.get(format!("{}{path}", self.running.url)).query(pairs);
        if let Some(token) = &self.running.token {
            request = request.bearer_auth(token);
        }
        let silent = |error: reqwest::Error| {
            Failure::failed(format!("{} does not answer: {error}", self.running.url))
        };
        let answer = request.send().await.map_err(silent)?;
        let status = answer.status();
        let text = answer.text().await.map_err(silent)?;
        if status.is_success() {
            return Ok(text);
        }
        let words = refusal(&text).unwrap_or_else(|| format!("{status}: {}", text.trim()));
        match status.as_u16() {
            400 => Err(Failure::usage(pointed(query, &words))),
            _ => Err(Failure::failed(pointed(query, &words))),
        }
    }
}

/// Returns the words of an error that one of our doors wrote.
fn refusal(body: &str) -> Option<String> {
    let refusal: Refusal = serde_json::from_str(body).ok()?;
    let first = refusal.errors.and_then(|errors| errors.into_iter().next());
    refusal.error.or_else(|| first.map(|error| error.msg))
}

/// Puts the query above an error that names a place in it (`1:6: parse error: …`), and a caret below
/// that place.
fn pointed(query: &str, error: &str) -> String {
    let error = error.strip_prefix("invalid parameter \"query\": ").unwrap_or(error);
    let Some((line, column)) = place(error) else { return plain_lines(error) };
    let mut out = String::new();
    for (index, text) in query.split('\n').enumerate() {
        out.push_str(&plain(text));
        out.push('\n');
        if index + 1 == line {
            // Columns count bytes, from one.
            let whole = text.char_indices().take_while(|(at, _)| at + 1 < column);
            let before: String = whole.map(|(_, character)| character).collect();
            out.push_str(&" ".repeat(columns(&plain(&before))));
            out.push_str("^\n");
        }
    }
    out + &plain_lines(error)
}

/// Reads the line and column, both from one, that an error begins with.
fn place(error: &str) -> Option<(usize, usize)> {
    let mut parts = error.splitn(3, ':');
    let line = parts.next()?.parse().ok()?;
    let column = parts.next()?.parse().ok()?;
    parts.next().map(|_| (line, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_place_of_the_error() {
        let error = "invalid parameter \"query\": 1:9: parse error: unexpected \")\"";
        assert_eq!(
            pointed("sum(rate))", error),
            "sum(rate))\n        ^\n1:9: parse error: unexpected \")\""
        );
    }

    #[test]
    fn columns_count_bytes_and_lines_from_one() {
        let shown = pointed("sum(\n  \"é漢\" x\n)", "2:11: parse error: no");
        assert_eq!(shown, "sum(\n  \"é漢\" x\n        ^\n)\n2:11: parse error: no");
        assert_eq!(pointed("up", "1:3: parse error: end"), "up\n  ^\n1:3: parse error: end");
    }

    #[test]
    fn errors_without_a_place_and_hostile_ones_are_shown_as_text() {
        assert_eq!(pointed("up", "too many\u{1b}[2J series"), "too many\\u{1b}[2J series");
        assert_eq!(pointed("up\u{1b}", "1:1: no"), "up\\u{1b}\n^\n1:1: no");
    }

    #[test]
    fn every_doors_errors_are_understood() {
        assert_eq!(refusal(r#"{"status":"error","error":"a"}"#).as_deref(), Some("a"));
        assert_eq!(refusal(r#"{"data":null,"errors":[{"msg":"b"}]}"#).as_deref(), Some("b"));
        assert_eq!(refusal("<html>"), None);
    }
}
