//! The appliance that a command works with: the one that runs, or one of its own for as long as the
//! command takes, on loopback and a free port, so that there is one way into the stores.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::{self, App, Signals};
use crate::base::clock::SystemClock;
use crate::cli::arguments::Settings;
use crate::cli::endpoint::{self, Running};
use crate::cli::outcome::Failure;

/// How long a living appliance may take to say so.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);

/// Runs `work` with the appliance at `url`, else the one of the data directory, else one of its own;
/// a signal ends that one, and the command with `stopped`.
///
/// # Errors
/// When the data directory cannot be opened, and those of `work`.
pub(crate) async fn with<T, F>(
    settings: &Settings,
    url: Option<&str>,
    stopped: Result<T, Failure>,
    work: impl FnOnce(Running) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let running = match url {
        Some(url) => Some(endpoint::find(settings, Some(url))?),
        None => endpoint::find(settings, None).ok(),
    };
    match running {
        Some(running) if url.is_some() || answers(&running).await => work(running).await,
        _ => with_own(settings, stopped, work).await,
    }
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

async fn with_own<T, F>(
    settings: &Settings,
    stopped: Result<T, Failure>,
    work: impl FnOnce(Running) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
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
    let worked = async {
        let worked = tokio::select! {
            worked = work(running) => worked,
            () = signals.stopped() => stopped,
        };
        stop.cancel();
        worked
    };
    let appliance = app.run(Signals::from_token(stop.clone()), reload);
    let (worked, ended) = tokio::join!(worked, appliance);
    let worked = worked?;
    ended?;
    Ok(worked)
}
