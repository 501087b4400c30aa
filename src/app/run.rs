//! The life of the appliance after its start, and its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::app::build::App;
use crate::app::endpoint::Endpoint;
use crate::app::own_routes::ReloadRequest;
use crate::app::signals::{Order, Signals};
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::shutdown::Phase;
use crate::config::Config;

/// The one deadline of the whole shutdown.
const DRAIN: Duration = Duration::from_secs(30);
/// The part of it that running requests may use up.
const REQUESTS: Duration = Duration::from_secs(20);

/// Loads the configuration again.
pub type Reload = Arc<dyn Fn() -> std::result::Result<Config, String> + Send + Sync>;

impl App {
    /// Serves until told to stop, then drains: readiness off, timers, requests, own telemetry,
    /// stores, each within one deadline. A second order to stop ends at once.
    ///
    /// # Errors
    /// `Timeout` that names who was late, `Unavailable` when a store could not close or a second
    /// signal cut the drain short.
    pub async fn run(mut self, mut signals: Signals, reload: Reload) -> Result<()> {
        let mut requests = self.reloads.take();
        loop {
            tokio::select! {
                order = signals.next() => match order {
                    Order::Stop => break,
                    Order::Reload => drop(self.reload(&reload).await),
                },
                answer = next_request(&mut requests) => {
                    // The asker may have gone away meanwhile.
                    let _ = answer.send(self.reload(&reload).await);
                }
            }
        }
        drop(requests);
        tracing::info!("draining");
        let drain = self.drain();
        tokio::pin!(drain);
        loop {
            tokio::select! {
                ended = &mut drain => return ended,
                order = signals.next() => if order == Order::Stop {
                    let text = "a second signal ended the drain; what was acknowledged is kept";
                    return Err(Error::new(ErrorKind::Unavailable, text));
                }
            }
        }
    }

    /// Applies what can change while running: receivers, scrape targets and rules.
    async fn reload(&self, reload: &Reload) -> std::result::Result<(), String> {
        let loaded = match reload() {
            Ok(config) => {
                let applied = self.alerting.apply(config.alerting.clone()).await;
                applied.map(|()| config).map_err(|error| error.to_string())
            }
            Err(why) => Err(why),
        };
        match loaded {
            Ok(config) => {
                self.scraper.apply(&config.scrape);
                self.ruler.apply(&config.rules.groups);
                let (targets, groups) = (self.scraper.targets().len(), config.rules.groups.len());
                tracing::info!(
                    targets,
                    groups,
                    "reloaded targets, rules and receivers; the rest needs a restart"
                );
                Ok(())
            }
            Err(why) => {
                tracing::error!(faults = why, "the configuration is wrong; going on with the old");
                Err(why)
            }
        }
    }

    async fn drain(self) -> Result<()> {
        let end = Instant::now() + DRAIN;
        let left = || end.saturating_duration_since(Instant::now());
        self.readiness.set(Phase::Draining);
        let mut late = self.timers.stop(left()).await;
        late.extend(self.servers.stop(left().min(REQUESTS)).await);
        late.extend(self.own.stop(left()).await);
        let mut failed = None;
        for (signal, store) in self.stores.lifecycles() {
            match tokio::time::timeout(left(), store.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failed = Some(error.context(format!("closing {signal}"))),
                Err(_) => late.push(signal),
            }
        }
        if let Err(error) = self.stores.close_log().await {
            failed = Some(error.context("closing the log"));
        }
        Endpoint::remove(self.data_dir.path());
        if let Some(error) = failed {
            return Err(error);
        }
        if late.is_empty() {
            tracing::info!("stopped");
            return Ok(());
        }
        late.sort_unstable();
        late.dedup();
        let text = format!("did not end in time: {}", late.join(", "));
        Err(Error::new(ErrorKind::Timeout, text))
    }
}

/// Waits for somebody who wants to reload.
async fn next_request(requests: &mut Option<mpsc::Receiver<ReloadRequest>>) -> ReloadRequest {
    if let Some(queue) = requests
        && let Some(request) = queue.recv().await
    {
        return request;
    }
    std::future::pending().await
}
