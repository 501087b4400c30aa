//! Finds the running appliance.

use std::path::Path;

use crate::app::Endpoint;
use crate::cli::arguments::Settings;
use crate::cli::outcome::Failure;

/// Where the appliance answers, and the token it gave to whoever can read its directory.
pub(crate) struct Running {
    /// The root of its HTTP address, without a slash at the end.
    pub(crate) url: String,
    /// The local token.
    pub(crate) token: Option<String>,
}

/// Returns the appliance at `url`, else the one that wrote `endpoint.json` into the data directory.
///
/// # Errors
/// When neither is there.
pub(crate) fn find(settings: &Settings, url: Option<&str>) -> Result<Running, Failure> {
    if let Some(url) = url {
        return Ok(Running { url: url.trim_end_matches('/').to_owned(), token: None });
    }
    in_directory(&settings.data_dir.clone().unwrap_or_else(|| "data".into()))
}

/// Returns the appliance that wrote `endpoint.json` into a data directory.
///
/// # Errors
/// When there is none.
pub(crate) fn in_directory(directory: &Path) -> Result<Running, Failure> {
    match Endpoint::read(directory)? {
        Some(endpoint) => Ok(Running { url: endpoint.http, token: Some(endpoint.token) }),
        None => Err(Failure::failed(format!(
            "no appliance runs on {}; start one with `belvedere serve`, or name it with --url",
            directory.display()
        ))),
    }
}
