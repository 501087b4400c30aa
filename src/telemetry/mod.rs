//! What the appliance says of itself: the names of its metrics and the way its events are written.
//!
//! In: calls from every room. Out: OpenTelemetry instruments, `tracing` events on standard error,
//! and the mark that keeps the appliance from observing its own observations.
//! Deliberately absent: where they are stored (`collect::own` brings them to the stores).

pub mod names;
pub mod instruments;
pub mod suppress;
pub mod logging;
