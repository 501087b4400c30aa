//! `mcp`: speaks MCP over standard input and output.
//!
//! There is one MCP server, the one behind `/mcp` of an appliance; this command carries messages
//! between it and the pipe. Where no appliance runs, it is one itself for as long as the pipe
//! lives, on loopback and a free port, so that what an agent does is observed all the same.

use crate::cli::appliance;
use crate::cli::arguments::Settings;
use crate::cli::bridge::Bridge;
use crate::cli::endpoint::Running;
use crate::cli::outcome::Failure;
use crate::cli::serve;

/// Bridges until standard input ends.
///
/// # Errors
/// When the named appliance does not answer, or the data directory cannot be opened.
pub(crate) fn mcp(settings: &Settings, url: Option<&str>) -> Result<(), Failure> {
    let runtime = serve::runtime()?;
    let ended = runtime.block_on(appliance::with(settings, url, Ok(()), carry));
    // A read of standard input cannot be called back.
    runtime.shutdown_background();
    ended
}

async fn carry(running: Running) -> Result<(), Failure> {
    Bridge::new(running)?.run(tokio::io::stdin(), tokio::io::stdout()).await
}
