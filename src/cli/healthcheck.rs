//! `healthcheck`, for container runtimes and scripts.

use std::time::Duration;

use crate::cli::arguments::Settings;
use crate::cli::endpoint;
use crate::cli::outcome::{Failure, say};

const DEADLINE: Duration = Duration::from_secs(5);

/// Asks `/-/ready`.
///
/// # Errors
/// When there is no appliance, or it is not ready.
pub(crate) fn healthcheck(settings: &Settings, url: Option<&str>) -> Result<(), Failure> {
    let running = endpoint::find(settings, url)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build();
        let client = client.map_err(|error| Failure::failed(error.to_string()))?;
        let mut request = client.get(format!("{}/-/ready", running.url));
        if let Some(token) = &running.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|error| {
            Failure::failed(format!("{} does not answer: {error}", running.url))
        })?;
        let status = answer.status();
        if status.is_success() {
            return say("ready\n");
        }
        let text = answer.text().await.unwrap_or_default();
        Err(Failure::failed(format!("not ready: {status}: {}", text.trim())))
    })
}
