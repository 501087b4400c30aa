//! Parameters of the address, or of a form.

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::Method;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::api::answer::ApiError;
use crate::base::error::{Error, Result};
use crate::http::body;
use crate::model::time::{TimeRange, TimestampMs, TimestampNs};
use crate::wire::prometheus_api::text::parse_form;

/// Bytes of a form, as sent and inflated.
const FORM_BYTES: usize = 10 << 20;

/// The pairs of a query string; handlers take them as an argument.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string, with or without its `?`.
    ///
    /// # Errors
    /// `InvalidInput` for what is no query string.
    pub(crate) fn parse(text: &str) -> Result<Params> {
        let wrong = || Error::invalid(format!("{text:?} is no query string"));
        let address = format!("/?{}", text.trim_start_matches('?'));
        let address = Uri::try_from(address).map_err(|_| wrong())?;
        let Query(pairs) = Query::try_from_uri(&address).map_err(|_| wrong())?;
        Ok(Params(pairs))
    }

    /// Returns the first value of `key`, or the empty text.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.all(key).next().unwrap_or("")
    }

    /// Returns every value of `key` that is not empty.
    pub(crate) fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.iter().filter(move |(own, _)| own == key);
        pairs.map(|(_, value)| value.as_str()).filter(|value| !value.trim().is_empty())
    }

    /// Returns a value that must be given.
    ///
    /// # Errors
    /// `InvalidInput` when it is not.
    pub(crate) fn needed(&self, key: &str) -> Result<&str> {
        match self.get(key) {
            "" => Err(Error::invalid(format!("the parameter {key:?} is missing"))),
            text => Ok(text),
        }
    }

    /// Returns a whole number between 1 and `most`, or `default`.
    ///
    /// # Errors
    /// `InvalidInput` for anything that is no number.
    pub(crate) fn count(&self, key: &str, default: usize, most: usize) -> Result<usize> {
        match self.get(key) {
            "" => Ok(default),
            text => {
                let wrong = |_| Error::invalid(format!("{key}={text:?} is no whole number"));
                Ok(text.parse::<usize>().map_err(wrong)?.clamp(1, most))
            }
        }
    }

    /// Returns the range `from` to `to`, epoch milliseconds; the last millisecond is whole.
    ///
    /// # Errors
    /// `InvalidInput` when an end is missing or wrong, or when they stand the wrong way round.
    pub(crate) fn range(&self) -> Result<TimeRange<TimestampNs>> {
        let (from, to) = (self.ms("from")?, self.ms("to")?);
        if from > to {
            return Err(Error::invalid("`from` is later than `to`"));
        }
        let last = to.to_ns().0.saturating_add(999_999);
        Ok(TimeRange::new(from.to_ns(), TimestampNs(last)))
    }

    fn ms(&self, key: &str) -> Result<TimestampMs> {
        let text = self.needed(key)?;
        let wrong = |_| Error::invalid(format!("{key}={text:?} is not epoch milliseconds"));
        Ok(TimestampMs(text.parse().map_err(wrong)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Response> {
        match Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) {
            Ok(Query(pairs)) => Ok(Params(pairs)),
            Err(error) => Err(ApiError::from(Error::invalid(error.body_text())).into_response()),
        }
    }
}

/// Parameters that may come as a form, which goes before the address; handlers that take it are for
/// GET and POST alike.
pub(crate) struct Form(pub(crate) Params);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> std::result::Result<Self, ApiError> {
        let address = request.uri().query().unwrap_or("").to_owned();
        let mut pairs = Vec::new();
        if request.method() == Method::POST {
            pairs = parse_form(&body::read(request, FORM_BYTES).await?)?;
        }
        pairs.extend(parse_form(address.as_bytes())?);
        Ok(Form(Params(pairs)))
    }
}
