//! One POST of JSON.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;

use crate::alerting::config::HttpConfig;
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::secret::Secret;

/// How much of an answer is read.
const MAX_ANSWER: usize = 16 << 10;

/// Posts to one receiver.
pub(crate) struct Poster {
    client: reqwest::Client,
    authorization: Option<Secret>,
    timeout: Duration,
}

/// What a receiver answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status and the beginning of the body.
    pub(crate) text: String,
    /// The body, cut.
    pub(crate) body: String,
    /// Whether the body is JSON.
    pub(crate) is_json: bool,
}

impl Poster {
    /// Prepares a client; proxies of the environment are not used.
    ///
    /// # Errors
    /// `InvalidInput` for certificates and proxies that cannot be read.
    pub(crate) fn new(config: &HttpConfig, timeout: Duration) -> Result<Self> {
        let wrong = |what: &str| Error::invalid(format!("{what} cannot be used"));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("belvedere/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeout)
            .redirect(match config.refuse_redirects {
                true => Policy::none(),
                false => Policy::limited(10),
            });
        builder = match &config.proxy_url {
            None => builder.no_proxy(),
            Some(url) => builder.proxy(reqwest::Proxy::all(url).map_err(|_| wrong("proxy_url"))?),
        };
        if let Some(pem) = &config.tls.ca {
            let certificate =
                reqwest::Certificate::from_pem(pem).map_err(|_| wrong("tls_config.ca"))?;
            builder = builder.add_root_certificate(certificate);
        }
        if config.tls.accept_any {
            builder = builder.danger_accept_invalid_certs(true);
        }
        let client =
            builder.build().map_err(|error| Error::internal(format!("no HTTP client: {error}")))?;
        Ok(Poster { client, authorization: config.authorization.clone(), timeout })
    }

    /// Posts `body`; `key` is the same for every try, so that a receiver can tell repetitions.
    ///
    /// # Errors
    /// `Unavailable` and `Timeout` when it cannot be reached, 5xx and 408; `RateLimited` for 429;
    /// `InvalidInput` for other refusals. No error shows the URL, which may hold a secret.
    pub(crate) async fn post(&self, url: &Secret, key: &str, body: String) -> Result<Answer> {
        let mut request = self
            .client
            .post(url.expose())
            .timeout(self.timeout)
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", key)
            .body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.expose());
        }
        let mut answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let asked = retry_after(answer.headers());
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|value| value.starts_with("application/json"));
        let mut bytes = Vec::new();
        // The status decides; a body that breaks off changes nothing.
        while let Ok(Some(chunk)) = answer.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= MAX_ANSWER {
                bytes.truncate(MAX_ANSWER);
                break;
            }
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        let text = match body.trim() {
            "" => status.to_string(),
            body => format!("{status}: {}", body.chars().take(300).collect::<String>()),
        };
        if status.is_success() {
            return Ok(Answer { text, body, is_json });
        }
        let kind = match status.as_u16() {
            429 => ErrorKind::RateLimited,
            408 | 500..=599 => ErrorKind::Unavailable,
            _ => ErrorKind::InvalidInput,
        };
        let error = Error::new(kind, format!("the receiver answered {text}"));
        Err(match asked {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        })
    }
}

/// Reads `Retry-After` in seconds; its other form, a date, is not used by receivers we know.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn lost(error: reqwest::Error) -> Error {
    let error = error.without_url();
    if error.is_timeout() {
        return Error::new(ErrorKind::Timeout, "the receiver did not answer in time");
    }
    // The innermost cause says most: "connection refused" rather than "error sending request".
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Error::new(ErrorKind::Unavailable, format!("the receiver cannot be reached: {cause}"))
}
