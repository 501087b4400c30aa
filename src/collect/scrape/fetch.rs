//! One scrape over HTTP.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};

use crate::base::error::{Error, ErrorKind, Result};
use crate::collect::scrape::job::{Protocol, ScrapeJob};
use crate::wire::exposition::{self, Format, Scrape};

/// The client that all targets share. Redirects are followed, proxies of the environment are not.
///
/// # Errors
/// `Internal` when no client can be built.
pub(crate) fn client() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("belvedere/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .connect_timeout(Duration::from_secs(10))
        .pool_idle_timeout(Duration::from_secs(330))
        .build()
        .map_err(|error| Error::internal(format!("cannot build the scrape client: {error}")))
}

/// Fetches and reads a target's metrics within the job's limits.
///
/// # Errors
/// `Unavailable`, `Timeout`, `LimitExceeded`, `InvalidInput`: the scrape failed, with a text for
/// `/api/v1/targets`.
pub(crate) async fn fetch(client: &reqwest::Client, job: &ScrapeJob, url: &str) -> Result<Scrape> {
    let mut request = client
        .get(url)
        .timeout(job.timeout)
        .header(ACCEPT, accepted(&job.protocols))
        .header("X-Prometheus-Scrape-Timeout-Seconds", job.timeout.as_secs_f64().to_string());
    if let Some(authorization) = &job.authorization {
        request = request.header(AUTHORIZATION, authorization.expose());
    }
    let answer = request.send().await.map_err(|error| failure(job, &error))?;
    let status = answer.status();
    if !status.is_success() {
        let text = format!("server returned HTTP status {status}");
        return Err(Error::new(ErrorKind::Unavailable, text));
    }
    let format = format(job, answer.headers().get(CONTENT_TYPE))?;
    let body = body(job, answer).await?;
    exposition::parse(&body, format)
}

/// Returns the `Accept` value for dialects, best first, weighted as Prometheus weights them.
fn accepted(protocols: &[Protocol]) -> String {
    let mut text = String::new();
    let mut weight = Protocol::ALL.len() + 1;
    for protocol in protocols {
        text.push_str(&format!("{};q=0.{weight},", protocol.media_type()));
        weight = weight.saturating_sub(1);
    }
    text.push_str(&format!("*/*;q=0.{weight}"));
    text
}

/// Chooses the dialect: by the content type, else by the job's fallback, as Prometheus 3 does.
fn format(job: &ScrapeJob, header: Option<&reqwest::header::HeaderValue>) -> Result<Format> {
    let named = header.and_then(|value| value.to_str().ok());
    let chosen = named.and_then(Format::from_content_type).or(job.fallback_format);
    let chosen = chosen.map(|format| match format {
        Format::Protobuf(_) => Format::Protobuf(job.histograms),
        Format::Text | Format::OpenMetrics => format,
    });
    chosen.ok_or_else(|| {
        let named = named.unwrap_or("");
        Error::invalid(format!(
            "the content type {named:?} is not Prometheus text, OpenMetrics or protobuf; set \
             fallback_scrape_protocol if it is one of them"
        ))
    })
}

/// Reads the body, which the client has inflated, up to the limit.
async fn body(job: &ScrapeJob, answer: reqwest::Response) -> Result<Vec<u8>> {
    let limit = usize::try_from(job.limits.body.0).unwrap_or(usize::MAX);
    let mut body = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| failure(job, &error))?;
        if body.len() + chunk.len() > limit {
            let text = format!("the body is larger than body_size_limit, {}", job.limits.body);
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failure(job: &ScrapeJob, error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        let limit = crate::base::duration::format_duration(job.timeout);
        return Error::new(ErrorKind::Timeout, format!("no whole answer within {limit}"));
    }
    // The innermost cause says most: "connection refused" rather than "error sending request".
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Error::new(ErrorKind::Unavailable, cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_asked_as_prometheus_asks_them() {
        let usual = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                     application/openmetrics-text;version=0.0.1;q=0.5,\
                     text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                     text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(accepted(&Protocol::ALL[1..]), usual);
        let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                      encoding=delimited;q=0.6,*/*;q=0.5";
        assert_eq!(accepted(&Protocol::ALL[..1]), native);
    }
}
