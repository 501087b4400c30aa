//! Parameters of the HTTP API: from the query and, for POST and PUT, from a form before it.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;

use crate::base::error::{Error, Result};
use crate::http::body;
use crate::model::time::{TimeRange, TimestampMs};
use crate::protocols::prometheus::PrometheusState;
use crate::protocols::prometheus::error::ApiError;
use crate::wire::prometheus_api::text::{parse_form, parse_seconds, parse_time};

/// The parameters of a request in the order sent, those of the form first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequest<PrometheusState> for Params {
    type Rejection = ApiError;

    async fn from_request(
        request: Request,
        state: &PrometheusState,
    ) -> std::result::Result<Self, ApiError> {
        let mut params = Params::default();
        let query = request.uri().query().unwrap_or("").to_owned();
        if matches!(*request.method(), Method::POST | Method::PUT) && is_form(&request) {
            let form = body::read(request, state.limits.form_bytes).await?;
            params.add(&form)?;
        }
        params.add(query.as_bytes())?;
        Ok(params)
    }
}

impl Params {
    #[cfg(test)]
    pub(crate) fn of(encoded: &str) -> Result<Self> {
        let mut params = Params::default();
        params.add(encoded.as_bytes())?;
        Ok(params)
    }

    fn add(&mut self, encoded: &[u8]) -> Result<()> {
        self.0.extend(parse_form(encoded)?);
        Ok(())
    }

    /// Returns the first value of `name` that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, value)| own == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// Returns every value of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Reads an instant.
    pub(crate) fn time(&self, name: &str) -> std::result::Result<Option<TimestampMs>, ApiError> {
        let read = |text| {
            parse_time(text).ok_or_else(|| {
                let problem = format!(
                    "invalid time value for '{name}': cannot parse {text:?} to a valid timestamp"
                );
                ApiError::parameter(name, problem)
            })
        };
        self.get(name).map(read).transpose()
    }

    /// Reads an instant that must be there.
    pub(crate) fn required_time(&self, name: &str) -> std::result::Result<TimestampMs, ApiError> {
        let text = self.get(name).unwrap_or("");
        parse_time(text).ok_or_else(|| {
            ApiError::parameter(name, format!("cannot parse {text:?} to a valid timestamp"))
        })
    }

    /// Reads a duration in seconds or in Prometheus' syntax; it may be negative.
    pub(crate) fn seconds(&self, name: &str) -> std::result::Result<Option<f64>, ApiError> {
        let read = |text| {
            parse_seconds(text).ok_or_else(|| {
                ApiError::parameter(name, format!("cannot parse {text:?} to a valid duration"))
            })
        };
        self.get(name).map(read).transpose()
    }

    /// Reads the time a query may take.
    pub(crate) fn timeout(&self) -> std::result::Result<Option<Duration>, ApiError> {
        let read = |seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| ApiError::parameter("timeout", "it is negative or too long"))
        };
        self.seconds("timeout")?.map(read).transpose()
    }

    /// Reads how far selectors look back; what is not positive means as far as always.
    pub(crate) fn lookback(&self) -> std::result::Result<Option<Duration>, ApiError> {
        let Some(text) = self.get("lookback_delta").filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let seconds = parse_seconds(text).ok_or_else(|| {
            let problem = format!("cannot parse {text:?} to a valid duration");
            Error::invalid(format!("error parsing lookback delta duration: {problem}"))
        })?;
        Ok(Duration::try_from_secs_f64(seconds).ok().filter(|lookback| !lookback.is_zero()))
    }

    /// Reads `limit`; 0 means none.
    pub(crate) fn limit(&self) -> std::result::Result<Option<usize>, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(None) };
        let limit: i64 = text.parse().map_err(|_| {
            let problem = format!("strconv.Atoi: parsing {text:?}: invalid syntax");
            ApiError::parameter("limit", problem)
        })?;
        let limit = usize::try_from(limit)
            .map_err(|_| ApiError::parameter("limit", "limit must be non-negative"))?;
        Ok((limit > 0).then_some(limit))
    }

    /// Reads `start` and `end`; a missing end reaches to the end of time. A range that ends before
    /// it starts holds nothing.
    pub(crate) fn range(&self) -> std::result::Result<TimeRange<TimestampMs>, ApiError> {
        let start = self.time("start")?.unwrap_or(TimeRange::<TimestampMs>::ALL.start);
        let end = self.time("end")?.unwrap_or(TimeRange::<TimestampMs>::ALL.end);
        Ok(TimeRange::new(start, end))
    }
}

fn is_form(request: &Request) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        let media_type = value.split(';').next().unwrap_or("").trim();
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// Decodes a label name that a client escaped as `U__…` because it is not a plain word; anything
/// else is returned as it is.
pub(crate) fn unescape_label(name: &str) -> String {
    let Some(escaped) = name.strip_prefix("U__") else { return name.to_owned() };
    unescape(escaped).unwrap_or_else(|| name.to_owned())
}

/// `__` stands for `_`, `_2e_` for the character U+002E.
fn unescape(escaped: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        plain.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let end = tail.find('_')?;
        match &tail[..end] {
            "" => plain.push('_'),
            code if code.len() <= 6 && code.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                plain.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
            }
            _ => return None,
        }
        rest = &tail[end + 1..];
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_label_names_are_decoded_and_others_left_alone() {
        assert_eq!(unescape_label("U__http_2e_status"), "http.status");
        assert_eq!(unescape_label("U__a__b_1f980_"), "a_b🦀");
        assert_eq!(unescape_label("job"), "job");
        for wrong in ["U__a_b", "U__a_zz_", "U__a_+2e_", "U__a_110000_", "U__a_0000000_"] {
            assert_eq!(unescape_label(wrong), wrong);
        }
    }

    #[test]
    fn forms_repeat_names_and_refuse_what_does_not_decode() {
        let mut params = Params::default();
        params.add(b"match[]=a%7B%7D&match%5B%5D=b+c&x&y=").unwrap();
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["a{}", "b c"]);
        assert_eq!(params.get("y"), None);
        for wrong in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%ff"] {
            assert!(Params::default().add(wrong).is_err());
        }
    }
}
