//! The implementations of the ports, strangers to each other, sharing `kit`.

pub mod kit;
pub mod logs;
pub mod metrics;
pub mod traces;
pub mod state;
