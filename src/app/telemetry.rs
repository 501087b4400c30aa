//! Starts to observe the process, before anything else happens.

use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::base::clock::{SharedClock, SystemClock};
use crate::base::error::Result;
use crate::collect::own::{OwnMetrics, Recorder};
use crate::config::Config;
use crate::telemetry::{instruments, logging, names};

/// The process's own telemetry, to be joined to an [`crate::app::App`].
pub struct Telemetry {
    pub(crate) metrics: OwnMetrics,
    /// `None` when `telemetry.self` is off.
    pub(crate) recorder: Option<Recorder>,
}

impl Telemetry {
    /// Returns telemetry that observes nothing of the process, for tests that run many appliances
    /// in one.
    pub fn unobserved(clock: SharedClock) -> Self {
        Telemetry { metrics: OwnMetrics::new(clock), recorder: None }
    }
}

/// Installs the meter and the subscriber of this process.
///
/// # Errors
/// `Internal` when the process is observed already.
pub fn install(config: &Config) -> Result<Telemetry> {
    let clock: SharedClock = Arc::new(SystemClock);
    let metrics = OwnMetrics::new(Arc::clone(&clock));
    opentelemetry::global::set_meter_provider(metrics.provider());
    let (recorder, layers) = match config.own.enabled {
        true => {
            let (recorder, layers) =
                Recorder::new(metrics.clone(), config.log_level, config.own.sampling, clock);
            (Some(recorder), layers)
        }
        false => (None, Vec::new()),
    };
    logging::install(config.log_format, config.log_level, layers)?;
    let build = instruments::gauge(names::BUILD, "Always 1; tells the version.");
    let labels = [
        KeyValue::new("version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("storage", config.storage.as_str()),
    ];
    build.record(1.0, &labels);
    Ok(Telemetry { metrics, recorder })
}
