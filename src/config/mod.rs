//! From `belvedere.yaml`, the environment and flags to the checked configuration of every room.
//!
//! In: the file's text, environment variables, flags. Out: a [`Config`] whose parts are the rooms'
//! own types, or every [`Fault`] at once, each with its line and full key; and the effective
//! configuration as text without secrets. Deliberately absent: defaults that depend on what is
//! installed beside us, reloading (`app` loads again and compares), foreign files.

mod address;
mod listen;
mod access;
mod alerting;
mod limits;
mod ingest;
mod relabel;
mod scrape;
mod glob;
mod rules;
mod make;
mod environment;
mod load;
mod checked;
mod print;

pub use crate::base::yaml::fault::{Fault, Faults};
pub use crate::telemetry::logging::{LogFormat, LogLevel};
pub use address::{CompatDoor, CompatListener, parse_address};
pub use alerting::read_alertmanager;
pub use checked::{
    Budget, Config, Global, Host, Listen, Make, MakeTools, Mcp, Metrics, Retention, Rules,
    StorageKind,
};
pub use load::{ConfigFile, Flags, Sources, load};
pub use print::print;
pub use rules::{RuleTests, check_rule_file};
