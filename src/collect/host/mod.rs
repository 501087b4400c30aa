//! Metrics of this machine, under node exporter's names.
//!
//! In: the system, through sysinfo and, for what it does not tell, `/proc`. Out: a batch each
//! interval with the labels `job="belvedere-host"` and `instance="<host name>"`, so that the series
//! of a node exporter on the same machine stay apart. On systems without `/proc` fewer families
//! come. Deliberately absent: containers, hardware sensors.

mod measured;
mod system;
mod proc;
mod collector;

pub use collector::start;
