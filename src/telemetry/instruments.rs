//! Instruments on the meter of the appliance.

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

/// The name of the appliance's meter and of its service.
pub const SERVICE: &str = "belvedere";

/// Returns the meter that is installed now.
pub fn meter() -> Meter {
    opentelemetry::global::meter(SERVICE)
}

/// Builds a counter on the meter that is installed now: call it in a constructor and keep the
/// result. Two counters of one name count together.
pub fn counter(name: &'static str, description: &'static str) -> Counter<u64> {
    meter().u64_counter(name).with_description(description).build()
}

/// Builds a gauge; as [`counter`].
pub fn gauge(name: &'static str, description: &'static str) -> Gauge<f64> {
    meter().f64_gauge(name).with_description(description).build()
}

/// Builds a histogram of seconds with `boundaries`, rising; as [`counter`].
pub fn histogram(
    name: &'static str,
    description: &'static str,
    boundaries: Vec<f64>,
) -> Histogram<f64> {
    meter().f64_histogram(name).with_description(description).with_boundaries(boundaries).build()
}
