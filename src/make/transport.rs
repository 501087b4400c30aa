//! One HTTP exchange with Make.com: budget, deadline, size cap, error kinds, telemetry.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tracing::Instrument;

use crate::base::backoff::Backoff;
use crate::base::clock::SharedClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::make::MakeConfig;
use crate::make::budget::Budget;
use crate::telemetry::instruments::{counter, histogram};
use crate::telemetry::names;

/// The largest answer that is read.
const MAX_ANSWER: usize = 8 << 20;
/// Buckets of call durations, in seconds; Make.com waits up to 40 s for a scenario.
const BOUNDARIES: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// Tries of a request that may be repeated.
const TRIES: u32 = 3;
/// The longest wait for the rate budget or `Retry-After` within one call.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

pub(crate) struct Transport {
    http: reqwest::Client,
    config: MakeConfig,
    clock: SharedClock,
    budget: Budget,
    calls: Counter<u64>,
    seconds: Histogram<f64>,
}

/// One request; `endpoint` is the path's template, which labels metrics.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) endpoint: &'static str,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) timeout: Duration,
}

impl Transport {
    pub(crate) fn new(config: MakeConfig, clock: SharedClock) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("belvedere/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::internal(format!("no HTTP client: {error}")))?;
        let calls = counter(names::MAKE_CALLS, "Calls to Make.com, by endpoint and status.");
        let about = "Seconds of calls to Make.com, by endpoint.";
        let seconds = histogram(names::MAKE_DURATION, about, BOUNDARIES.to_vec());
        let budget = Budget::new(config.calls_per_minute, clock.now_ns());
        Ok(Transport { http, config, clock, budget, calls, seconds })
    }

    pub(crate) fn config(&self) -> &MakeConfig {
        &self.config
    }

    /// Sends a request. Reads are tried again after 429, 5xx and lost connections; a write only
    /// after 429, because then it was surely not carried out.
    ///
    /// # Errors
    /// By the last answer: 400 and 422 `InvalidInput`, 401 `Unauthenticated`, 403 `Forbidden`,
    /// 404 `NotFound`, 409 `Conflict`, 429 `RateLimited`, a passed deadline `Timeout`, the rest
    /// `Unavailable`.
    pub(crate) async fn send(&self, request: Request) -> Result<Value> {
        let mut backoff = Backoff::new(Duration::from_secs(1), LONGEST_WAIT, 0.2);
        let mut tries = 0;
        loop {
            tries += 1;
            self.wait_for_budget().await?;
            let error = match self.exchange(&request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let repeatable = match error.kind() {
                ErrorKind::RateLimited => true,
                ErrorKind::Unavailable | ErrorKind::Timeout => request.method == Method::GET,
                _ => false,
            };
            let wait = error.retry_after().unwrap_or_else(|| backoff.next_wait(rand::random()));
            if error.kind() == ErrorKind::RateLimited {
                self.budget.close_for(wait, self.clock.now_ns());
            }
            if !repeatable || tries == TRIES || wait > LONGEST_WAIT {
                return Err(error);
            }
            tracing::warn!(endpoint = request.endpoint, tries, %error, "make.com call will be tried again");
            self.clock.sleep(wait).await;
        }
    }

    async fn wait_for_budget(&self) -> Result<()> {
        loop {
            let Err(wait) = self.budget.spend(self.clock.now_ns()) else { return Ok(()) };
            if wait > LONGEST_WAIT {
                let text = "the rate budget for Make.com is spent; ask again later";
                return Err(Error::new(ErrorKind::RateLimited, text).with_retry_after(wait));
            }
            self.clock.sleep(wait).await;
        }
    }

    async fn exchange(&self, request: &Request) -> Result<Value> {
        let span = tracing::info_span!(
            "make.com call",
            otel.name = format!("{} {}", request.method, request.endpoint),
            otel.kind = "client",
            http.request.method = %request.method,
            http.response.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
        );
        let begin = self.clock.now_ns();
        let outcome = self.round_trip(request).instrument(span.clone()).await;
        let status = match &outcome {
            Ok((status, _)) => status.as_u16().to_string(),
            Err(error) => error.kind().as_str().to_owned(),
        };
        let seconds = self.clock.now_ns().saturating_sub(begin) as f64 / 1e9;
        let endpoint = KeyValue::new("endpoint", request.endpoint);
        span.record("http.response.status_code", status.as_str());
        self.seconds.record(seconds, std::slice::from_ref(&endpoint));
        self.calls.add(1, &[endpoint, KeyValue::new("status_code", status)]);
        let result = outcome.and_then(|(status, answer)| judge(status, answer));
        if let Err(error) = &result {
            span.record("error.type", error.kind().as_str());
        }
        result
    }

    async fn round_trip(&self, request: &Request) -> Result<(StatusCode, Answer)> {
        let base = self.config.base_url.trim_end_matches('/');
        let mut builder = self
            .http
            .request(request.method.clone(), format!("{base}{}", request.path))
            .query(&request.query)
            .timeout(request.timeout)
            .header("Authorization", authorization(self.config.token.expose()));
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let mut response = builder.send().await.map_err(lost)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                let text = format!("Make.com's answer is larger than {MAX_ANSWER} bytes");
                return Err(Error::new(ErrorKind::LimitExceeded, text));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, Answer { body, retry_after }))
    }
}

struct Answer {
    body: Vec<u8>,
    retry_after: Option<Duration>,
}

/// API tokens are UUIDs; everything else is an OAuth access token.
fn authorization(token: &str) -> String {
    let is_uuid = token.len() == 36 && token.bytes().filter(|byte| *byte == b'-').count() == 4;
    format!("{} {token}", if is_uuid { "Token" } else { "Bearer" })
}

/// The address may hold no secret, but a query could: the error shows neither.
fn lost(error: reqwest::Error) -> Error {
    let error = error.without_url();
    match error.is_timeout() {
        true => Error::new(ErrorKind::Timeout, "Make.com did not answer in time"),
        false => Error::new(ErrorKind::Unavailable, format!("Make.com cannot be reached: {error}")),
    }
}

fn judge(status: StatusCode, answer: Answer) -> Result<Value> {
    if status.is_success() {
        return serde_json::from_slice(&answer.body).map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("Make.com's answer is not JSON: {error}"))
        });
    }
    let kind = match status.as_u16() {
        400 | 422 => ErrorKind::InvalidInput,
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        _ => ErrorKind::Unavailable,
    };
    let error = Error::new(kind, format!("Make.com answered {status}: {}", reason(&answer.body)));
    Err(match answer.retry_after {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    })
}

/// Make.com's errors are `{message, detail, code, suberrors: [{message}]}`.
fn reason(body: &[u8]) -> String {
    let Ok(error) = serde_json::from_slice::<Value>(body) else {
        return "no reason given".to_owned();
    };
    let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
    let suberrors = error.get("suberrors").and_then(Value::as_array).into_iter().flatten();
    let parts: Vec<String> = [text(&error, "message"), text(&error, "detail")]
        .into_iter()
        .chain(suberrors.map(|suberror| text(suberror, "message")))
        .flatten()
        .collect();
    let joined = if parts.is_empty() { "no reason given".to_owned() } else { parts.join("; ") };
    joined.chars().filter(|character| !character.is_control()).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_from_oauth() {
        assert!(authorization("12345678-1234-1234-1234-123456789abc").starts_with("Token "));
        assert!(authorization("eyJhbGciOi").starts_with("Bearer "));
    }

    #[test]
    fn reasons_are_joined_and_cleaned() {
        let body = br#"{"message":"Not \u001b[31mallowed","suberrors":[{"message":"b"}]}"#;
        assert_eq!(reason(body), "Not [31mallowed; b");
        assert_eq!(reason(b"<html>"), "no reason given");
    }
}
