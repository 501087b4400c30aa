//! Tests that need more than one room, in one binary so that they link once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it did not run"
)]

mod hours;
mod promql;
mod results;
