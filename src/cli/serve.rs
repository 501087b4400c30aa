//! `serve`: runs the appliance until it is told to stop.

use std::sync::Arc;

use crate::app::{self, App};
use crate::base::clock::SystemClock;
use crate::base::task::STACK_BYTES;
use crate::cli::arguments::Settings;
use crate::cli::outcome::{Failure, complain};

/// Builds and runs the appliance.
///
/// # Errors
/// Usage failures for the configuration; others when it cannot start or could not end cleanly.
pub(crate) fn serve(settings: &Settings) -> Result<(), Failure> {
    let config = settings.load()?;
    let telemetry = app::install_telemetry(&config)?;
    let runtime = runtime()?;
    let reload = {
        let settings = settings.clone();
        Arc::new(move || settings.load().map_err(|failure| failure.message))
    };
    let ended = runtime.block_on(async {
        // Before anybody can see that it is ready, and tell it to stop.
        let mut signals = app::Signals::install()?;
        let app = tokio::select! {
            biased;
            app = App::build(config, Arc::new(SystemClock), telemetry) => app?,
            // Nothing was served yet, and opening stores bears to be broken off anywhere.
            () = signals.stopped() => return Ok(()),
        };
        complain(&app.welcome());
        app.run(signals, reload).await
    });
    // Blocking calls that are still under way must not keep the process alive.
    runtime.shutdown_background();
    Ok(ended?)
}

/// Returns the runtime that an appliance lives in.
///
/// # Errors
/// When the system gives no threads.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("belvedere")
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))
}
