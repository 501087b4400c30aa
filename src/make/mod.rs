//! The Make.com client.
//!
//! In: what a tool wants to know of scenarios. Out: Make.com's own JSON, plain, and errors by kind.
//! Every call is counted and timed under the origin's names, spends from one rate budget, and is
//! tried again only where that is safe. Deliberately absent: MCP, and the caller's credentials
//! (the token is the appliance's own).

mod budget;
mod client;
mod transport;

pub use crate::make::client::{MakeClient, RunAnswer, ScenarioPage};

use std::time::Duration;

use crate::base::secret::Secret;

/// How to reach Make.com.
#[derive(Debug, Clone)]
pub struct MakeConfig {
    /// The API's root, such as `https://eu1.make.com/api/v2`.
    pub base_url: String,
    /// The API token.
    pub token: Secret,
    /// The organization whose scenarios are listed, where no team is given.
    pub organization_id: Option<u64>,
    /// The team whose scenarios are listed.
    pub team_id: Option<u64>,
    /// Calls a minute that this client may make.
    pub calls_per_minute: u32,
    /// The longest wait for one answer; running a scenario gets 15 s more than Make.com's own 40 s.
    pub timeout: Duration,
}

impl MakeConfig {
    /// Returns the API's root for a zone such as `eu1.make.com`.
    pub fn zone_url(zone: &str) -> String {
        format!("https://{zone}/api/v2")
    }
}
