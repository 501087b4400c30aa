//! The MCP server: the appliance's questions and Make.com's scenarios as tools for agents.
//!
//! In: tool calls over streamable HTTP (protocol 2025-11-25 with sessions and 2026-07-28 without).
//! Out: structured results within a token budget, which say what was cut. Every call is a span, a
//! metric and a log line of the appliance itself. Telemetry in results is text from outside:
//! labelled as such and stripped of control characters. Deliberately absent: how anything is
//! answered (`service`), the caller's credentials beyond its scopes.

mod text;
mod catalogue;
mod tools;
mod observe;
mod server;
mod endpoint;

pub use crate::mcp::endpoint::{McpOptions, routes};
pub use crate::mcp::server::McpServer;
