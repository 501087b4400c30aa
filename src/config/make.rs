//! The section `make`.

use std::time::Duration;

use crate::base::secret::Secret;
use crate::base::yaml::reader::Section;
use crate::config::checked::{Make, MakeTools};
use crate::make::MakeConfig;

/// The Make.com account as far as file and environment name it.
pub(crate) struct MakeParts {
    /// Such as `eu1.make.com`.
    pub(crate) zone: Option<String>,
    /// Instead of the zone's.
    pub(crate) base_url: Option<String>,
    /// The API token.
    pub(crate) token: Option<Secret>,
    /// Whose scenarios.
    pub(crate) organization_id: Option<u64>,
    /// Whose scenarios.
    pub(crate) team_id: Option<u64>,
    /// What tools may do.
    pub(crate) tools: MakeTools,
}

/// Reads the section.
pub(crate) fn read(section: Option<Section<'_>>) -> MakeParts {
    let mut parts = MakeParts {
        zone: None,
        base_url: None,
        token: None,
        organization_id: None,
        team_id: None,
        tools: MakeTools::Read,
    };
    let Some(section) = section else { return parts };
    parts.zone = section.text("zone");
    parts.base_url = section.parsed("base_url", url);
    parts.token = section.secret("token", "token_file");
    parts.organization_id = section.number("organization_id");
    parts.team_id = section.number("team_id");
    let tools = section.parsed("tools", |word| {
        let level = MakeTools::ALL.into_iter().find(|level| level.as_str() == word);
        level.ok_or_else(|| format!("{word:?} is not one of off, read, write, run"))
    });
    parts.tools = tools.unwrap_or(MakeTools::Read);
    section.later("poll");
    section.finish();
    parts
}

/// Checks that `text` is an HTTP URL.
pub(crate) fn url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(format!("{text:?} is not an http or https URL")),
    }
}

impl MakeParts {
    /// Returns the account; without a token there is none.
    pub(crate) fn account(self) -> Option<Make> {
        let token = self.token.filter(|token| !token.expose().is_empty())?;
        let zone = self.zone.as_deref().unwrap_or("eu1.make.com");
        let base_url = self.base_url.unwrap_or_else(|| MakeConfig::zone_url(zone));
        let client = MakeConfig {
            base_url,
            token,
            organization_id: self.organization_id,
            team_id: self.team_id,
            calls_per_minute: 60,
            timeout: Duration::from_secs(30),
        };
        Some(Make { client, tools: self.tools })
    }
}
