//! `demo`: an appliance that has something to show.

use std::sync::Arc;

use crate::app::{self, Demo, DemoOptions};
use crate::base::clock::SystemClock;
use crate::cli::arguments::Settings;
use crate::cli::outcome::{Failure, complain};
use crate::cli::serve::runtime;

/// Builds and runs the demo. A configuration is only read when it is named: the demo must not
/// reach the receivers of the one that lies about.
///
/// # Errors
/// Usage failures for the configuration; others when it cannot start or could not end cleanly.
pub(crate) fn demo(settings: &Settings, seed: u64) -> Result<(), Failure> {
    let config = settings.load_named()?;
    let telemetry = app::install_telemetry(&config)?;
    let options = DemoOptions { seed, any_port: settings.listen.is_none() };
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        // Before anybody can see that it is ready, and tell it to stop.
        let mut signals = app::Signals::install()?;
        let demo = tokio::select! {
            biased;
            demo = Demo::build(config, options, Arc::new(SystemClock), telemetry) => demo?,
            () = signals.stopped() => return Ok(()),
        };
        complain(&demo.welcome());
        demo.run(signals).await
    });
    // Blocking calls that are still under way must not keep the process alive.
    runtime.shutdown_background();
    Ok(ended?)
}
