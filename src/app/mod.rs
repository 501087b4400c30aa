//! Wiring and lifecycle: the only room that names engines and front doors together.
//!
//! In: the checked configuration, a clock. Out: a running appliance that drains when it is told to
//! stop. [`App::build`] is the one constructor; tests call it with their own clock, memory stores
//! and port 0. Deliberately absent: anything a request does.

mod telemetry;
mod data_dir;
mod endpoint;
mod stores;
mod upkeep;
mod memory;
mod process;
mod targets;
mod alerting;
mod rules;
mod own_routes;
mod doors;
mod listeners;
mod addresses;
mod signals;
mod backup;
mod build;
mod run;
mod welcome;
mod demo;

pub use addresses::Addresses;
pub use backup::{RestoreStep, restore};
pub use build::App;
pub use demo::{Demo, DemoOptions};
pub use endpoint::Endpoint;
pub use run::Reload;
pub use signals::Signals;
pub use telemetry::{Telemetry, install as install_telemetry};
