//! The real binary, as people, clients and service managers meet it. One test binary: what one test
//! waits for, another uses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells its seed and figures"
)]

mod appliance;
mod sinks;

mod bad_input;
mod budget;
mod crash;
mod delivery;
mod demo;
mod life;
mod overload;
mod queries;
mod results;
mod query;
