//! What the appliance says of itself, brought into its own stores.
//!
//! In: OpenTelemetry instruments and spans, `tracing` events. Out: batches through `ingest` and the
//! text of `/metrics`. Everything that this room writes is written under `telemetry::suppress`, and
//! nothing under that mark is observed, so the appliance never feeds on itself. Queues are bounded;
//! what does not fit is counted and lost, for telemetry must not slow its source. Deliberately
//! absent: export to other systems.

mod losses;
mod families;
mod recorder;
mod pump;
mod instruments;
mod process;
mod events;
mod spans;

pub use instruments::OwnMetrics;
pub use pump::{OwnTelemetry, start};
pub use recorder::Recorder;
