//! A simulated shop and its Make.com account, so that every page has something to show.
//!
//! In: a seed, a clock, the door into the stores, and where the appliance answers. Out: an hour of
//! history and then continuous traffic - traces, log lines and metrics that belong together - with
//! incidents on a schedule; a Make.com API that answers as the real one does; and agents that call
//! the appliance's MCP tools over HTTP. The shop is a pure function of seed and time: the same seed
//! and start give the same telemetry. Deliberately absent: anything the appliance itself needs;
//! nothing here runs unless `belvedere demo` is asked for.

mod dice;
mod shop;
mod incident;
mod meters;
mod weave;
mod texts;
mod journeys;
mod checkout;
mod background;
mod machines;
mod traffic;
mod live;
mod account;
mod inbox;
mod mcp_client;
mod agents;

pub use account::{Account, TEAM_ID};
pub use agents::{Agents, McpEndpoint};
pub use inbox::inbox;
pub use incident::{Incident, Occurrence, Schedule};
pub use live::{LiveShop, Opening};
