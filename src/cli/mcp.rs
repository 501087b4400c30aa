//! `mcp`: speaks MCP over standard input and output.
//!
//! There is one MCP server, the one behind `/mcp` of an appliance; this command carries messages
//! between it and the pipe. Where no appliance runs, it is one itself for as long as the pipe
//! lives, on loopback and a free port, so that what an agent does is observed all the same.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::{self, App, Signals};
use crate::base::clock::SystemClock;
use crate::base::task::STACK_BYTES;
use crate::cli::arguments::Settings;
use crate::cli::bridge::Bridge;
use crate::cli::endpoint::{self, Running};
use crate::cli::outcome::Failure;

/// How long a living appliance may take to say so.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);

/// Bridges until standard input ends.
///
/// # Errors
/// When the named appliance does not answer, or the data directory cannot be opened.
pub(crate) fn mcp(settings: &Settings, url: Option<&str>) -> Result<(), Failure> {
    let running = match url {
        Some(url) => Some(endpoint::find(settings, Some(url))?),
        None => endpoint::find(settings, None).ok(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("belvedere")
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let ended = runtime.block_on(async {
        match running {
            Some(running) if url.is_some() || answers(&running).await => carry(running).await,
            _ => be_the_appliance(settings).await,
        }
    });
    // A read of standard input cannot be called back.
    runtime.shutdown_background();
    ended
}

async fn carry(running: Running) -> Result<(), Failure> {
    Bridge::new(running)?.run(tokio::io::stdin(), tokio::io::stdout()).await
}

/// Whether the appliance of `endpoint.json` still lives; one that was killed left the file behind.
async fn answers(running: &Running) -> bool {
    let client = reqwest::Client::builder().no_proxy().build();
    let Ok(client) = client else { return false };
    let asked = client.get(format!("{}/-/healthy", running.url));
    let token = running.token.as_deref().unwrap_or_default();
    let answer = asked.bearer_auth(token).timeout(HEALTH_DEADLINE).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

async fn be_the_appliance(settings: &Settings) -> Result<(), Failure> {
    let mut config = settings.load()?;
    config.listen.http = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    config.listen.otlp_http = None;
    config.listen.otlp_grpc = None;
    config.listen.compat.clear();
    let directory = config.data_dir.clone();
    let mut signals = Signals::install()?;
    let telemetry = app::install_telemetry(&config)?;
    let app = App::build(config, Arc::new(SystemClock), telemetry).await?;
    let running = endpoint::in_directory(&directory)?;
    let settings = settings.clone();
    let reload = Arc::new(move || settings.load().map_err(|failure| failure.message));
    let stop = CancellationToken::new();
    let carried = async {
        let carried = tokio::select! {
            carried = carry(running) => carried,
            () = signals.stopped() => Ok(()),
        };
        stop.cancel();
        carried
    };
    let appliance = app.run(Signals::from_token(stop.clone()), reload);
    let (carried, ended) = tokio::join!(carried, appliance);
    carried.and(ended.map_err(Failure::from))
}
